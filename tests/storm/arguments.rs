//! The storm's command line, next to that of `cargo test`.

use std::time::Duration;

use clap::Parser;

use crate::schedule::{KINDS, Kind};

/// Seeds of a run without arguments. One more is drawn afresh.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Flags of the standard test harness, which cargo passes on; they are ignored here.
const LIBTEST_FLAGS: [&str; 8] = [
    "--nocapture",
    "--no-capture",
    "--show-output",
    "--quiet",
    "-q",
    "--include-ignored",
    "--exact",
    "--force-run-in-process",
];
const LIBTEST_OPTIONS: [&str; 7] =
    ["--test-threads", "--color", "--format", "--logfile", "-Z", "--skip", "--shuffle-seed"];

/// Faults drawn from a seed, while users chat over real sockets; then all is healed, and every law
/// must hold.
#[derive(Clone, Parser, Debug)]
#[command(name = "storm", bin_name = "cargo test --test storm --")]
pub struct Arguments {
    /// Which storm; may be given several times [default: 1, 2, 3 and a fresh one]
    #[arg(long)]
    seed: Vec<u64>,
    /// Faults, and calm moments between them
    #[arg(long, default_value_t = 60)]
    pub steps: usize,
    /// Users who chat
    #[arg(long, default_value_t = 60, value_parser = at_least_one)]
    pub users: usize,
    /// Milliseconds from one fault to the next
    #[arg(long, default_value_t = 40, value_name = "MS")]
    pub step_ms: u64,
    /// Milliseconds that a user waits between two messages, on average
    #[arg(long, default_value_t = 40, value_name = "MS")]
    pub pause_ms: u64,
    /// Only these kinds of faults, of those that the seed draws; comma-separated
    #[arg(long, value_delimiter = ',', value_parser = kind, value_name = "KIND")]
    pub only: Vec<Kind>,
    /// One line a step
    #[arg(long, short)]
    pub verbose: bool,
    /// Names of tests to run: this one is called storm
    #[arg(hide = true)]
    filters: Vec<String>,
    /// Only names the tests
    #[arg(long, hide = true)]
    pub list: bool,
    /// Only those that are ignored: there are none
    #[arg(long, hide = true)]
    ignored: bool,
}

impl Arguments {
    /// What was asked for; ends the program on `--help` and on what is unknown.
    pub fn read() -> Self {
        Self::parse_from(without_libtest_flags(std::env::args()))
    }

    /// The seeds to run; none when cargo's filter names other tests.
    pub fn seeds(&self, fresh: u64) -> Vec<u64> {
        let meant = self.filters.is_empty() || self.filters.iter().any(|filter| "storm".contains(&**filter));
        if !meant || self.ignored {
            return Vec::new();
        }
        if self.seed.is_empty() { SEEDS.into_iter().chain([fresh]).collect() } else { self.seed.clone() }
    }

    /// The kinds of faults that there may be.
    pub fn kinds(&self) -> &[Kind] {
        if self.only.is_empty() { &KINDS } else { &self.only }
    }

    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.pause_ms)
    }

    pub fn step(&self) -> Duration {
        Duration::from_millis(self.step_ms)
    }

    /// What runs this storm again.
    pub fn replay(&self, seed: u64) -> String {
        let Self { steps, users, step_ms, pause_ms, only, .. } = self;
        let mut command = format!(
            "cargo test --test storm -- --seed {seed} --steps {steps} --users {users} --step-ms {step_ms} \
             --pause-ms {pause_ms}"
        );
        if !only.is_empty() {
            let only: Vec<String> = only.iter().map(|kind| name(*kind)).collect();
            command += &format!(" --only {}", only.join(","));
        }
        command
    }
}

fn without_libtest_flags(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let flag = argument.split('=').next().unwrap_or_default();
        if LIBTEST_OPTIONS.contains(&flag) {
            // Its value, unless it has it already.
            if !argument.contains('=') {
                arguments.next();
            }
        } else if !LIBTEST_FLAGS.contains(&flag) {
            kept.push(argument);
        }
    }
    kept
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "expected at least 1".to_owned())
}

fn name(kind: Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = || KINDS.map(name).join(", ");
    let found = KINDS.into_iter().find(|kind| name(*kind) == text.to_lowercase());
    found.ok_or_else(|| format!("expected one of {}", known()))
}
