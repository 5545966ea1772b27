//! Chooses the engine that runs a scenario.

use std::sync::atomic::AtomicBool;

use super::live::run_live;
use super::results::Mode;
use super::run::Engine;
use crate::scenario::Scenario;
use crate::stats::Outcome;
use crate::strategies::StrategySpec;
use crate::virtual_time::{VirtualError, run_chat, run_queue};

/// The engine for the scenario's model and the mode's clock.
pub fn engine(scenario: &Scenario, mode: Mode) -> Box<Engine<'static>> {
    match (mode, &scenario.queue) {
        (Mode::Live, _) => {
            // Ctrl-C ends the process; finished units are already saved.
            let stop = AtomicBool::new(false);
            Box::new(move |scenario, strategy, replication, warmup_s| {
                run_live(scenario, strategy, replication, warmup_s, &stop).map_err(|error| error.to_string())
            })
        }
        (Mode::Virtual, Some(_)) => virtually(run_queue),
        (Mode::Virtual, None) => virtually(run_chat),
    }
}

type Run = fn(&Scenario, &StrategySpec, u32, f64) -> Result<Outcome, VirtualError>;

fn virtually(run: Run) -> Box<Engine<'static>> {
    Box::new(move |scenario, strategy, replication, warmup_s| {
        run(scenario, strategy, replication, warmup_s).map_err(|error| error.to_string())
    })
}
