//! The length of the warm-up: as given, or found by MSER-5 in pilot runs.

use super::error::RunError;
use super::run::{Engine, ask};
use crate::scenario::{Scenario, Warmup};
use crate::stats::{ServerSeries, mser_5};

/// Replication number of the pilot runs: its random numbers are those of no measured one.
const PILOT: u32 = u32::MAX;

/// Seconds of warm-up. The rule runs each strategy once over the scenario's duration without
/// warm-up, applies MSER-5 to the load of all servers together, and takes the longest cut, so that
/// all strategies are measured over the same time.
pub(super) fn length(scenario: &Scenario, engine: &Engine<'_>) -> Result<f64, RunError> {
    match scenario.warmup_s {
        Warmup::Seconds(seconds) => Ok(seconds),
        Warmup::Rule(_) => scenario.strategies.iter().try_fold(0.0, |longest, strategy| {
            let outcome = ask(engine, scenario, strategy, PILOT, 0.0)?;
            let unsettled =
                || RunError::Unsettled { strategy: strategy.to_string(), seconds: scenario.duration_s };
            let (load, step_s) = together(&outcome.servers);
            if load.is_empty() {
                return Err(RunError::NoSeries);
            }
            let left_out = mser_5(&load).ok_or_else(unsettled)?;
            Ok(f64::max(longest, left_out as f64 * step_s))
        }),
    }
}

/// The total load of all servers in each step, and the length of a step.
fn together(servers: &[ServerSeries]) -> (Vec<f64>, f64) {
    let mut load = vec![0.0; servers.iter().map(|series| series.in_system.len()).max().unwrap_or(0)];
    for series in servers {
        load.iter_mut().zip(&series.in_system).for_each(|(sum, value)| *sum += value);
    }
    (load, servers.first().map_or(0.0, |series| series.step_s))
}
