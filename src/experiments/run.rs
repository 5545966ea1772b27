//! Runs an experiment: units in parallel, saved as they are done, merged in order.

use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::error::RunError;
use super::results::{Mode, RESULTS_FILE, Results, SCHEMA};
use super::unit::{Ground, Shelf};
use super::{answer, summary, verdicts, warmup};
use crate::scenario::Scenario;
use crate::stats::Outcome;
use crate::strategies::StrategySpec;
use crate::whole_file::{ORDINARY, write_whole};

/// Bound on the replications that `target_half_width` may add.
const ADDED_UP_TO: u32 = 64;

/// Computes a unit's outcome from scenario, strategy, replication (from 0), and warm-up in seconds.
pub type Engine<'a> = dyn Fn(&Scenario, &StrategySpec, u32, f64) -> Result<Outcome, String> + Sync + 'a;

/// How to run an experiment. Only the mode affects the figures.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory for units and results, where saved units are found again. Without it, nothing is
    /// saved.
    pub out: Option<PathBuf>,
    /// Units run at a time.
    pub threads: usize,
    /// Whether to run units again that are already saved.
    pub fresh: bool,
    /// The clock.
    pub mode: Mode,
    /// The machine, when figures depend on it.
    pub machine: Option<String>,
    /// Identifies this build of the program: units saved by another build are not reused.
    pub build: String,
    /// The command that reproduces the results.
    pub replay: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            out: None,
            threads: thread::available_parallelism().map_or(1, usize::from),
            fresh: false,
            mode: Mode::Virtual,
            machine: None,
            build: program(),
            replay: String::new(),
        }
    }
}

/// Progress of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Finished units, including reused ones.
    pub done: usize,
    /// Of these, the reused ones.
    pub kept: usize,
    /// All units, as far as known.
    pub total: usize,
}

/// Runs an experiment. `progress` is called after each unit, on the thread that ran it.
///
/// # Errors
/// The engine refuses a unit, or a file cannot be written; units finished by then are saved.
pub fn run(
    scenario: &Scenario,
    engine: &Engine<'_>,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Results, RunError> {
    let cluster = scenario.chat.as_ref().map(|chat| chat.spec()).transpose()?;
    let ground = Ground { build: options.build.clone(), mode: options.mode, cluster };
    let shelf =
        options.out.as_deref().map(|out| Shelf::open(out).map_err(|error| unwritable(out.display(), error)));
    let warmup_s = warmup::length(scenario, engine)?;
    let mut run = Run {
        scenario,
        engine,
        options,
        progress,
        ground,
        shelf: shelf.transpose()?,
        warmup_s,
        outcomes: Vec::new(),
        kept: 0,
    };
    let mut replications = scenario.replications;
    loop {
        run.extend(replications)?;
        match run.wanted() {
            Some(more) if more > replications => replications = more,
            _ => break,
        }
    }
    let results = run.results();
    if let Some(out) = &options.out {
        let path = out.join(RESULTS_FILE);
        let json = serde_json::to_vec_pretty(&results).map_err(io::Error::from);
        let written = json.and_then(|json| write_whole(&path, &[&json[..], b"\n"].concat(), ORDINARY));
        written.map_err(|error| unwritable(path.display(), error))?;
    }
    Ok(results)
}

/// Name and version of the program, as recorded in results.
pub fn program() -> String {
    concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned()
}

struct Run<'a> {
    scenario: &'a Scenario,
    engine: &'a Engine<'a>,
    options: &'a Options,
    progress: &'a (dyn Fn(Progress) + Sync),
    ground: Ground,
    shelf: Option<Shelf>,
    warmup_s: f64,
    /// By replication, then by strategy.
    outcomes: Vec<Vec<Outcome>>,
    kept: usize,
}

impl Run<'_> {
    /// Runs all units up to this number of replications. They are ordered by replication, so that
    /// an interrupted run can still be compared.
    fn extend(&mut self, replications: u32) -> Result<(), RunError> {
        let strategies = &self.scenario.strategies;
        let first = u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX);
        let units: Vec<(u32, &StrategySpec)> = (first..replications)
            .flat_map(|replication| strategies.iter().map(move |strategy| (replication, strategy)))
            .collect();
        let before = self.outcomes.len() * strategies.len();
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (done, kept) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let finished = Mutex::new(Vec::with_capacity(units.len()));
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((replication, strategy)) = units.get(index) else { break };
                let unit = self.unit(strategy, *replication);
                if let Ok((_, was_kept)) = &unit {
                    kept.fetch_add(usize::from(*was_kept), Ordering::Relaxed);
                    (self.progress)(Progress {
                        done: before + done.fetch_add(1, Ordering::Relaxed) + 1,
                        kept: self.kept + kept.load(Ordering::Relaxed),
                        total: before + units.len(),
                    });
                } else {
                    failed.store(true, Ordering::Relaxed);
                }
                // Nothing panics while holding this lock.
                if let Ok(mut finished) = finished.lock() {
                    finished.push((index, unit));
                }
            }
        };
        thread::scope(|scope| {
            // The current thread is one of them.
            for _ in 1..self.options.threads.min(units.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut finished = finished.into_inner().unwrap_or_default();
        finished.sort_by_key(|(index, _)| *index);
        let outcomes = finished.into_iter().map(|(_, unit)| unit.map(|(outcome, _)| outcome));
        let mut outcomes = outcomes.collect::<Result<Vec<Outcome>, RunError>>()?.into_iter();
        self.kept += kept.into_inner();
        for _ in first..replications {
            let row: Vec<Outcome> = outcomes.by_ref().take(self.scenario.strategies.len()).collect();
            self.outcomes.push(row);
        }
        Ok(())
    }

    /// Runs or reuses one unit; the flag tells whether it was reused.
    fn unit(&self, strategy: &StrategySpec, replication: u32) -> Result<(Outcome, bool), RunError> {
        let digest = self.ground.unit_digest(self.scenario, strategy, replication, self.warmup_s);
        let kept = self.shelf.as_ref().filter(|_| !self.options.fresh);
        if let Some(outcome) = kept.and_then(|shelf| shelf.take(strategy, replication, &digest)) {
            return Ok((lean(outcome, replication), true));
        }
        let mut outcome = ask(self.engine, self.scenario, strategy, replication, self.warmup_s)?;
        outcome.metrics.retain(|_, value| value.is_finite());
        if let Some(shelf) = &self.shelf {
            outcome = shelf
                .put(strategy, replication, digest, outcome)
                .map_err(|error| unwritable(format!("unit {replication} of {strategy}"), error))?;
        }
        Ok((lean(outcome, replication), false))
    }

    /// Replications needed for the scenario's target, estimated so far: at most twice the current
    /// number.
    fn wanted(&self) -> Option<u32> {
        let target = self.scenario.target_half_width?;
        let have = u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX);
        let strategies = self.summary();
        let metric = answer::metric(self.scenario, &strategies);
        let widest = strategies
            .iter()
            .filter_map(|of| of.figures.get(&metric))
            .map(|figure| figure.estimate.relative_half_width().unwrap_or(f64::INFINITY))
            .fold(0.0, f64::max);
        if widest <= target {
            return None;
        }
        let needed = (f64::from(have) * (widest / target).powi(2)).ceil();
        let needed = needed.clamp(f64::from(have + 1), f64::from(have.saturating_mul(2).max(3)));
        Some((needed as u32).min(ADDED_UP_TO))
    }

    fn summary(&self) -> Vec<super::StrategyResults> {
        summary::of(&self.scenario.strategies, &self.outcomes)
    }

    fn results(self) -> Results {
        let strategies = self.summary();
        let metric = answer::metric(self.scenario, &strategies);
        let program = program();
        Results {
            schema: SCHEMA,
            digest: self.ground.run_digest(&program, self.scenario),
            program,
            mode: self.options.mode,
            machine: self.options.machine.clone(),
            scenario: self.scenario.clone(),
            warmup_s: self.warmup_s,
            replications: u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX),
            answer: answer::sentence(&metric, &strategies),
            verdicts: verdicts::of(&self.scenario.expect, &strategies),
            metric,
            strategies,
            replay: self.options.replay.clone(),
        }
    }
}

/// Runs the engine, and turns a panic into an error.
pub(super) fn ask(
    engine: &Engine<'_>,
    scenario: &Scenario,
    strategy: &StrategySpec,
    replication: u32,
    warmup_s: f64,
) -> Result<Outcome, RunError> {
    // The engine's state is discarded, so unwinding cannot expose a broken invariant.
    let answer = catch_unwind(AssertUnwindSafe(|| engine(scenario, strategy, replication, warmup_s)));
    let answer = answer.unwrap_or_else(|_| Err("the engine panicked: a defect of the program".to_owned()));
    answer.map_err(|reason| RunError::Engine { strategy: strategy.to_string(), replication, reason })
}

/// Keeps curves over time for the first replication only; those of the others stay in their files.
fn lean(mut outcome: Outcome, replication: u32) -> Outcome {
    if replication > 0 {
        (outcome.servers, outcome.marks) = (Vec::new(), Vec::new());
    }
    outcome
}

fn unwritable(file: impl Display, reason: io::Error) -> RunError {
    RunError::Unwritable { file: file.to_string(), reason }
}
