//! The storm: faults drawn from a seed while users chat over real sockets; then all is healed, and
//! every law must hold.
//!
//! ```text
//! cargo test --test storm                                      three seeds and a fresh one, short
//! cargo test --test storm -- --seed 7 --steps 400 --users 300
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod arguments;
mod converge;
mod executor;
mod schedule;
#[path = "../support/mod.rs"]
mod support;

use std::any::Any;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use arguments::Arguments;
use executor::{Journal, Storm, wait};
use pomelo_sim::judge::Verdict;
use schedule::Schedule;
use support::fragile::keep_panics_on_purpose_quiet;

/// Lines of the journal that a failure shows.
const TAIL: usize = 15;

/// A storm that takes so much longer than its steps hangs.
const HANG: Duration = support::LONG;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    if arguments.list {
        println!("storm: test\n\n1 test, 0 benchmarks");
        return ExitCode::SUCCESS;
    }
    // To look for a fault, use the cluster's log: RUST_LOG=debug.
    let _ = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).try_init();
    keep_panics_on_purpose_quiet();
    let seeds = arguments.seeds(getrandom::u32().map_or(4, u64::from));
    let mut failed = Vec::new();
    for seed in &seeds {
        if !one(*seed, &arguments) {
            failed.push(*seed);
        }
    }
    failed.iter().for_each(|seed| println!("to run it again: {}", arguments.replay(*seed)));
    println!("{} passed, {} failed", seeds.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a storm on its own thread, and reports the result.
fn one(seed: u64, arguments: &Arguments) -> bool {
    println!("storm: {}", arguments.replay(seed));
    let journal = Journal::new(arguments.verbose);
    let (begun, budget) = (Instant::now(), HANG + 4 * arguments.steps as u32 * arguments.step());
    let (sender, ended) = mpsc::channel();
    let thread = std::thread::spawn({
        let (arguments, journal) = (arguments.clone(), journal.clone());
        move || {
            // The receiver may have given up.
            let _ = sender.send(run(seed, &arguments, journal));
        }
    });
    let outcome = match ended.recv_timeout(budget) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("it hangs: no end in {budget:?}")),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(thread.join().map_or_else(|panic| words(&*panic), |()| "it ended without a word".to_owned()))
        }
    };
    match outcome {
        Ok(verdict) => println!("seed {seed}: well in {:.1?}; {verdict}", begun.elapsed()),
        Err(why) => {
            println!("seed {seed}: FAILED: {why}\nthe last steps before it:");
            journal.tail(TAIL).iter().for_each(|line| println!("  {line}"));
            return false;
        }
    }
    true
}

fn run(seed: u64, arguments: &Arguments, journal: Journal) -> Result<Verdict, String> {
    let schedule = Schedule::draw(seed, arguments.steps, arguments.kinds());
    println!("seed {seed}: {}", schedule.setup);
    let mut storm = Storm::start(seed, arguments, &schedule.setup, journal)?;
    // Most users are in before the first fault; late ones meet it while they log in.
    let inside = |storm: &Storm| storm.load.status().inside.load(Ordering::Relaxed);
    if !wait(support::PATIENCE, || inside(&storm) == arguments.users) {
        return Err(format!("not all users come in on a calm cluster: {:#?}", storm.load.who_is_out()));
    }
    storm.rage(&schedule, arguments.step())?;
    converge::converge(storm)
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
