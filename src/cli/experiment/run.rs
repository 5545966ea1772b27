//! `pomelo-sim experiment run`: runs a scenario, shows what came of it, judges its claims.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use indicatif::ProgressBar;

use super::{find, interrupt, table};
use crate::cli::output::{Outcome, pretty, print_found};
use crate::cli::progress;
use crate::experiments::{self, Mode, Options, Progress, Results, Verdict, VerdictKind, report};
use crate::program::quoted;
use crate::scenario::Scenario;
use crate::strategies::StrategySpec;

/// Run a scenario under each of its strategies, and say which is best and how sure that is
///
/// Each replication of each strategy is saved when it is done; an interrupted run continues with
/// the same command, and a run with more strategies, replications or claims takes what it has. DIR
/// gets results.json, and of it report.html, plots and CSV.
///
/// What the servers of a run log is not shown, unless RUST_LOG says so.
///
/// In the table ± is the 95 % interval over the replications; n.s. marks what does not differ
/// significantly from the first strategy.
///
/// Exit code: 0 when all is well, 1 when a claim of the scenario fails, 2 for bad input, 130 after
/// Ctrl-C.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct RunArgs {
    /// A scenario file, or the name of one in --dir or of one that comes with the program
    #[arg(value_name = "FILE|NAME")]
    scenario: String,
    /// Strategies to compare, instead of the scenario's; the first is the one that the others are
    /// held against
    #[arg(long, value_name = "NAME", num_args = 1..)]
    strategies: Vec<StrategySpec>,
    /// On the virtual clock, repeatable to the byte, or live: real sockets and robots on this
    /// machine
    #[arg(long, value_enum, default_value = "virtual")]
    mode: Mode,
    /// Runs for each strategy, instead of the scenario's number
    #[arg(long, value_name = "N")]
    replications: Option<u32>,
    /// Adds replications, up to 64, until the interval is that narrow: 2% or 0.02
    #[arg(long, value_name = "SHARE", value_parser = share)]
    target_half_width: Option<f64>,
    /// Seed of all chance, instead of the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where results are kept [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Do again what is there already
    #[arg(long)]
    fresh: bool,
    /// Runs at a time [default: as many as there are cores; live, one]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Where scenarios are found by name [default: config/experiments, or without it those that
    /// come with the program]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print results.json instead of a table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim experiment run add-a-chat-server
  pomelo-sim experiment run hot-room --strategies pomelo-crc rendezvous 'directory(two-choices)' --replications 20
  pomelo-sim experiment run my.json --target-half-width 1% --out results/mine
  pomelo-sim experiment run seed-3x3 --mode live
      the same on real sockets";

/// Most replications that run live when nobody says how many: each takes as long as it is.
const LIVE_REPLICATIONS: u32 = 3;

/// Runs the command.
pub(super) fn run(args: &RunArgs) -> Outcome {
    let (scenario, file) = scenario(args)?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("results").join(&scenario.name));
    let live = args.mode == Mode::Live;
    let mut options = Options {
        out: Some(out.clone()),
        fresh: args.fresh,
        mode: args.mode,
        machine: live.then(machine),
        build: build(),
        replay: replay(args, &scenario, &file),
        ..Options::default()
    };
    if let Some(threads) = args.threads.map(NonZeroUsize::get).or(live.then_some(1)) {
        options.threads = threads;
    }
    interrupt::say_how_to_go_on(&out)?;
    if std::env::var_os("RUST_LOG").is_none() {
        // Servers in distress are what an experiment is about; a line for each of their warnings
        // would drown what it says.
        log::set_max_level(log::LevelFilter::Error);
    }
    let bar = progress::bar("{pos}/{len} runs");
    let engine = experiments::engine(&scenario, args.mode);
    let results = experiments::run(&scenario, &*engine, &options, &|progress| show(&bar, progress));
    bar.finish_and_clear();
    let results = results.map_err(|error| format!("experiment {}: {error}", scenario.name))?;
    report::write_all(&results, &out)?;
    print_results(&results, args.json, &format!("\nin {}\n", out.display()))
}

/// Prints results as JSON, or as a table with a last line. Exit code 1 when a claim fails.
pub(super) fn print_results(results: &Results, json: bool, last: &str) -> Outcome {
    let text = if json { pretty(results)? } else { table::text(results, table::Look::of_stdout()) + last };
    let fails = |verdict: &Verdict| verdict.verdict == VerdictKind::Fails;
    print_found(&text, !results.verdicts.iter().any(fails))
}

/// The scenario with what flags change, and what it is called.
fn scenario(args: &RunArgs) -> Result<(Scenario, String), String> {
    let (mut scenario, file) = find(&args.scenario, args.dir.as_deref())?;
    if !args.strategies.is_empty() {
        scenario.strategies = args.strategies.clone();
        // What is claimed of others is not asked.
        let compared =
            |named: &Option<StrategySpec>| named.as_ref().is_none_or(|named| args.strategies.contains(named));
        scenario.expect.retain(|claim| compared(&claim.strategy) && compared(&claim.relative_to));
    }
    if args.mode == Mode::Live && args.replications.is_none() {
        scenario.replications = scenario.replications.min(LIVE_REPLICATIONS);
    }
    scenario.replications = args.replications.unwrap_or(scenario.replications);
    scenario.target_half_width = args.target_half_width.or(scenario.target_half_width);
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    scenario.check(&format!("{file} with these flags")).map_err(|error| error.to_string())?;
    Ok((scenario, file))
}

/// The command that gives the same results again, wherever they are put.
fn replay(args: &RunArgs, scenario: &Scenario, file: &str) -> String {
    let mut words = vec!["pomelo-sim experiment run".to_owned(), quoted(file)];
    if !args.strategies.is_empty() {
        words.push("--strategies".to_owned());
        words.extend(args.strategies.iter().map(|strategy| quoted(&strategy.to_string())));
    }
    if args.mode == Mode::Live {
        words.push("--mode live".to_owned());
    }
    words.push(format!("--replications {}", scenario.replications));
    words.extend(scenario.target_half_width.map(|share| format!("--target-half-width {share}")));
    words.push(format!("--seed {}", scenario.seed));
    words.join(" ")
}

fn share(text: &str) -> Result<f64, String> {
    let number = text
        .strip_suffix('%')
        .map_or_else(|| text.parse(), |percent| percent.parse().map(|p: f64| p / 100.0));
    let share = number.ok().filter(|share| (1e-4..=1.0).contains(share));
    share.ok_or_else(|| "expected a share such as 2% or 0.02, from 0.01% to 100%".to_owned())
}

/// What tells this build from another: who writes a strategy and runs again wants it run, not what
/// was kept.
fn build() -> String {
    let of = || -> io::Result<String> {
        let file = std::fs::metadata(std::env::current_exe()?)?;
        let made = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{} of {} bytes and {} ns", experiments::program(), file.len(), made.as_nanos()))
    };
    of().unwrap_or_else(|_| experiments::program())
}

/// What live figures were measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    format!("{cores} × {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

fn show(bar: &ProgressBar, Progress { done, kept, total }: Progress) {
    if kept == done {
        // What was kept took no time, and must not make the rest look quick.
        bar.reset_eta();
    }
    if kept > 0 {
        bar.set_message(format!("{kept} from before"));
    }
    progress::show(bar, done as u64, total as u64);
}
