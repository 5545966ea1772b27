//! `pomelo-sim experiment place`: places millions of keys under every strategy.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;

use clap::{Args, ValueEnum};

use crate::cli::output::{Outcome, pretty, print, table};
use crate::cli::progress;
use crate::placement::{Ids, KeySet, Moved, PlacementPlan, PlacementReport, place};
use crate::strategies::{ALL, Parameter, StrategySpec};

/// Place millions of keys under every strategy, without a cluster: balance, moved keys, lookup
/// time, memory
///
/// Users are placed on connectors and rooms on chat servers, --servers of each. For each strategy
/// the table shows how evenly the keys are spread, and which share moves when a server is appended
/// to the list, when the last is removed, and when one in the middle is removed. In parentheses are
/// unforced moves: both servers were there before and after. Room sizes follow Zipf's law; MEMBERS
/// is the balance of their members.
///
/// Strategies that choose anew at each pick, such as two-choices, take the keys placed so far as
/// the load.
///
/// Exit code: 0 with the tables, 2 for bad input.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct PlaceArgs {
    /// Users to place: user0, user1 and so on
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = clap::value_parser!(u64).range(0..=KEYS_MAX))]
    users: u64,
    /// Rooms to place: room0, room1 and so on
    #[arg(long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u64).range(0..=KEYS_MAX))]
    rooms: u64,
    /// Skew of the room sizes: the k-th room is as large as 1/k to this power
    #[arg(long, value_name = "S", default_value = "1", value_parser = skew)]
    zipf: f64,
    /// Servers to place them on
    #[arg(long, value_name = "N", default_value = "100")]
    servers: usize,
    /// How keys are numbered; a CRC spreads sequential ones unusually well
    #[arg(long, value_enum, default_value = "sequential")]
    ids: IdsArg,
    /// Strategies to compare, such as ring(100) [default: all]
    #[arg(long, value_name = "NAME", num_args = 1..)]
    strategies: Vec<StrategySpec>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Threads to use [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How keys are numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum IdsArg {
    /// One after the other.
    Sequential,
    /// By random 64-bit numbers.
    Random,
    /// Both, one after the other.
    Both,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim experiment place
      a million users and a hundred thousand rooms on a hundred servers
  pomelo-sim experiment place --users 10000000 --rooms 1000000 --ids both
      ten times as many, and what random ids change
  pomelo-sim experiment place --servers 3 --strategies pomelo-crc rendezvous 'ring(160)' jump
      the shipped cluster: what a fourth chat server would move";

/// Most keys of a set: a strategy that remembers keys can hold this many.
const KEYS_MAX: u64 = 100_000_000;

fn skew(text: &str) -> Result<f64, String> {
    let skew = text.parse().ok().filter(|skew| (0.0..=10.0).contains(skew));
    skew.ok_or_else(|| "expected a number from 0 to 10".to_owned())
}

/// Runs the command.
pub(super) fn run(args: &PlaceArgs) -> Outcome {
    let plan = plan(args);
    let bar = progress::bar("{percent} %");
    let result = place(&plan, &|done, all| progress::show(&bar, done, all));
    bar.finish_and_clear();
    let report = result.map_err(|error| format!("place: {error}"))?;
    print(&if args.json { pretty(&report)? } else { as_text(&report) })
}

fn plan(args: &PlaceArgs) -> PlacementPlan {
    let ids: &[Ids] = match args.ids {
        IdsArg::Sequential => &[Ids::Sequential],
        IdsArg::Random => &[Ids::Random],
        IdsArg::Both => &[Ids::Sequential, Ids::Random],
    };
    let set = |prefix: &str, count, zipf, ids| KeySet { prefix: prefix.to_owned(), count, ids, zipf };
    let sets = ids
        .iter()
        .flat_map(|&ids| [set("user", args.users, 0.0, ids), set("room", args.rooms, args.zipf, ids)]);
    let strategies = if args.strategies.is_empty() { all() } else { args.strategies.clone() };
    PlacementPlan {
        servers: args.servers,
        strategies,
        sets: sets.filter(|set| set.count > 0).collect(),
        seed: args.seed,
        threads: args.threads.or(thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
    }
}

/// Every strategy that takes no other as its parameter.
fn all() -> Vec<StrategySpec> {
    let alone = ALL.iter().filter(|entry| entry.parameter != Parameter::Inner);
    alone.filter_map(|entry| entry.name.parse().ok()).collect()
}

fn as_text(report: &PlacementReport) -> String {
    let mut text = String::new();
    let sets: BTreeSet<usize> = (0..report.placed.len()).filter(|&row| is_first(report, row)).collect();
    for first in sets {
        let keys = &report.placed[first].keys;
        let ids = match keys.ids {
            Ids::Sequential => "sequential",
            Ids::Random => "random",
        };
        let skewed = keys.zipf > 0.0;
        let zipf = if skewed { format!(", sizes by Zipf {}", keys.zipf) } else { String::new() };
        text += &format!("{} {ids} {}s on {} servers{zipf}\n\n", keys.count, keys.prefix, report.servers);
        let rows: Vec<Vec<String>> = report
            .placed
            .iter()
            .filter(|row| row.keys == *keys)
            .map(|row| {
                let mut cells = vec![
                    row.strategy.to_string(),
                    format!("{:.4}", row.balance.peak_to_mean),
                    format!("{:.4}", row.balance.min_to_mean),
                    format!("{:.4}", row.balance.cv),
                ];
                if skewed {
                    cells.push(format!("{:.3}", row.weighted.peak_to_mean));
                }
                cells.extend([row.added, row.removed_last, row.removed_middle].map(moved));
                cells.push(format!("{:.0}", row.pick_ns));
                cells.push(bytes(row.bytes));
                cells
            })
            .collect();
        let mut header = vec!["STRATEGY", "PEAK/MEAN", "MIN/MEAN", "CV"];
        if skewed {
            header.push("MEMBERS");
        }
        header.extend(["+1 MOVES", "-LAST MOVES", "-MIDDLE MOVES", "NS", "MEMORY"]);
        text += &table(&header, &rows);
        text.push('\n');
    }
    text
}

fn is_first(report: &PlacementReport, row: usize) -> bool {
    report.placed[..row].iter().all(|before| before.keys != report.placed[row].keys)
}

/// `25.0 % (0.4)`: the share that moves, and in parentheses the unforced part of it.
fn moved(moved: Option<Moved>) -> String {
    let Some(Moved { share, unforced }) = moved else { return "-".to_owned() };
    let unforced = if unforced > 0.0 { format!(" ({:.2})", unforced * 100.0) } else { String::new() };
    format!("{:.2} %{unforced}", share * 100.0)
}

fn bytes(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.0} KB", bytes as f64 / 1e3),
        _ => format!("{:.0} MB", bytes as f64 / 1e6),
    }
}
