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

/// Most replications that `target_half_width` may take.
const ADDED_UP_TO: u32 = 64;

/// What gives a unit's outcome: scenario, strategy, replication from 0, warm-up in seconds.
pub type Engine<'a> = dyn Fn(&Scenario, &StrategySpec, u32, f64) -> Result<Outcome, String> + Sync + 'a;

/// How an experiment is run; none of it changes the figures but the mode.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where units and results are kept, and found again; nowhere without it.
    pub out: Option<PathBuf>,
    /// How many units run at a time.
    pub threads: usize,
    /// Whether units that are kept there are done again all the same.
    pub fresh: bool,
    /// On which clock.
    pub mode: Mode,
    /// The machine, when figures depend on it.
    pub machine: Option<String>,
    /// What tells this build of the program from others: units of another build are not taken.
    pub build: String,
    /// The command that gives the same again.
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

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Units that are done, those that were kept included.
    pub done: usize,
    /// Of these, those that were kept from before.
    pub kept: usize,
    /// Units in all, as far as it is known.
    pub total: usize,
}

/// Runs it. `progress` hears of each unit that is done, from whichever thread did it.
///
/// # Errors
/// The engine refuses a unit, or nothing can be written; what was done until then is kept.
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

/// What results say made them.
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
    /// Does all units up to that many replications. Units come by replication, so that what is there after an interruption
    /// can be compared.
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
                // Nobody panics while holding it.
                if let Ok(mut finished) = finished.lock() {
                    finished.push((index, unit));
                }
            }
        };
        thread::scope(|scope| {
            // This thread is one of them.
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

    /// One unit, and whether it was kept from before.
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

    /// How many replications the scenario's target needs, by what is known so far: at most twice as many as there are.
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

/// Asks the engine. One that panics has refused, in its way.
pub(super) fn ask(
    engine: &Engine<'_>,
    scenario: &Scenario,
    strategy: &StrategySpec,
    replication: u32,
    warmup_s: f64,
) -> Result<Outcome, RunError> {
    // What it was at is thrown away.
    let answer = catch_unwind(AssertUnwindSafe(|| engine(scenario, strategy, replication, warmup_s)));
    let answer = answer.unwrap_or_else(|_| Err("the engine panicked: a defect of the program".to_owned()));
    answer.map_err(|reason| RunError::Engine { strategy: strategy.to_string(), replication, reason })
}

/// Only the first replication's curves over time are shown; the others' stay in their files.
fn lean(mut outcome: Outcome, replication: u32) -> Outcome {
    if replication > 0 {
        (outcome.servers, outcome.marks) = (Vec::new(), Vec::new());
    }
    outcome
}

fn unwritable(file: impl Display, reason: io::Error) -> RunError {
    RunError::Unwritable { file: file.to_string(), reason }
}
