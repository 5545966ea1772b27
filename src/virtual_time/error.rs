//! Reasons why a scenario cannot run on the virtual clock.

use thiserror::Error;

use crate::cluster::PlanError;
use crate::config::ConfigError;
use crate::ids::ServerId;

/// Why a scenario cannot run on the virtual clock.
#[derive(Debug, Error)]
pub enum VirtualError {
    /// The scenario lacks the model that this engine runs.
    #[error("expected a scenario with a `{expected}` model, got one without")]
    Model {
        /// The model that the engine runs.
        expected: &'static str,
    },
    /// A number is out of range.
    #[error("{field}: expected {expected}, got {got}")]
    Number {
        /// Path of the field.
        field: &'static str,
        /// The accepted range, in words.
        expected: &'static str,
        /// The rejected value.
        got: f64,
    },
    /// An event does not apply to this model or its servers, or is not exactly one change.
    #[error("events[{index}]: {reason}")]
    Event {
        /// Index of the event, from 0.
        index: usize,
        /// What was expected.
        reason: String,
    },
    /// Two servers share an id.
    #[error("expected unique server ids, got {0} twice")]
    Twice(ServerId),
    /// More jobs are in flight than memory allows.
    #[error(
        "{count} jobs or timeouts are in flight {at_s} s after the start: expected fewer arrivals, more servers, a queue_max, or a shorter timeout_ms"
    )]
    TooMany {
        /// Jobs, attempts and pending timeouts, whichever is over the bound.
        count: usize,
        /// Virtual time of the failure, in seconds.
        at_s: f64,
    },
    /// The scenario's servers.json is missing or invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The scenario's servers do not form a cluster.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The scenario has more servers than a run supports.
    #[error("servers: expected at most {most}, including those that events add, got {got}")]
    TooManyServers {
        /// The bound.
        most: usize,
        /// Servers of the scenario, including those that events add.
        got: usize,
    },
    /// The scenario uses a feature that its level does not simulate.
    #[error("{0} is not simulated at this level")]
    Unsupported(&'static str),
}
