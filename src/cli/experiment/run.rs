//! `pomelo-sim experiment run`: runs a scenario, shows the results, checks its claims.

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

/// Run a scenario under each of its strategies, and compare the results
///
/// Each replication of each strategy is saved when it is done. The same command continues an
/// interrupted run; a run with more strategies, replications or claims reuses the saved ones. DIR
/// gets results.json, report.html, plots and CSV.
///
/// The log of the simulated servers is hidden, unless RUST_LOG is set.
///
/// In the table ± is the 95 % confidence interval over the replications; n.s. marks figures that do
/// not differ significantly from those of the first strategy.
///
/// Exit code: 0 when all is well, 1 when a claim of the scenario fails, 2 for bad input, 130 after
/// Ctrl-C.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct RunArgs {
    /// A scenario file, or the name of a scenario in --dir or of a built-in one
    #[arg(value_name = "FILE|NAME")]
    scenario: String,
    /// Strategies to compare, instead of those of the scenario; the first is the baseline
    #[arg(long, value_name = "NAME", num_args = 1..)]
    strategies: Vec<StrategySpec>,
    /// On the virtual clock, repeatable byte for byte, or live: real sockets and robots on this
    /// machine
    #[arg(long, value_enum, default_value = "virtual")]
    mode: Mode,
    /// Runs for each strategy, instead of the scenario's number
    #[arg(long, value_name = "N")]
    replications: Option<u32>,
    /// Add replications, up to 64, until the interval is this narrow: 2% or 0.02
    #[arg(long, value_name = "SHARE", value_parser = share)]
    target_half_width: Option<f64>,
    /// Seed of all randomness, instead of the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Directory of the results [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Repeat saved replications
    #[arg(long)]
    fresh: bool,
    /// Runs at once [default: the number of cores; live: 1]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Directory of scenarios [default: config/experiments, or without it the built-in scenarios]
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

/// Default number of live replications at most: each takes its full time.
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
        // Experiments put servers under stress: a line for each of their warnings would hide the
        // results.
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

/// The scenario with the changes of the flags, and its name.
fn scenario(args: &RunArgs) -> Result<(Scenario, String), String> {
    let (mut scenario, file) = find(&args.scenario, args.dir.as_deref())?;
    if !args.strategies.is_empty() {
        scenario.strategies = args.strategies.clone();
        // Claims about strategies that do not run are not checked.
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

/// The command that reproduces the results.
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

/// The identity of this build: after a change to a strategy, saved replications must not be reused.
fn build() -> String {
    let of = || -> io::Result<String> {
        let file = std::fs::metadata(std::env::current_exe()?)?;
        let made = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{} of {} bytes and {} ns", experiments::program(), file.len(), made.as_nanos()))
    };
    of().unwrap_or_else(|_| experiments::program())
}

/// The machine that live figures were measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    format!("{cores} × {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

fn show(bar: &ProgressBar, Progress { done, kept, total }: Progress) {
    if kept == done {
        // Reused replications took no time: they must not make the rest look quick.
        bar.reset_eta();
    }
    if kept > 0 {
        bar.set_message(format!("{kept} reused"));
    }
    progress::show(bar, done as u64, total as u64);
}
