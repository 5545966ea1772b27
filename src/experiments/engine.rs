//! Which engine gives a scenario's outcomes.

use std::sync::atomic::AtomicBool;

use super::live::run_live;
use super::results::Mode;
use super::run::Engine;
use crate::scenario::Scenario;

/// The engine of that scenario's model on that clock.
pub fn engine(scenario: &Scenario, mode: Mode) -> Box<Engine<'static>> {
    match (mode, &scenario.queue) {
        (Mode::Live, _) => {
            // Ctrl-C ends the process: what is done is saved.
            let stop = AtomicBool::new(false);
            Box::new(move |scenario, strategy, replication, warmup_s| {
                run_live(scenario, strategy, replication, warmup_s, &stop).map_err(|error| error.to_string())
            })
        }
        (Mode::Virtual, Some(_)) => {
            Box::new(|_, _, _, _| Err("the queue model has no engine yet".to_owned()))
        }
        (Mode::Virtual, None) => Box::new(|_, _, _, _| Err("the chat model has no engine yet".to_owned())),
    }
}
