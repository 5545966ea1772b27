//! Why a scenario cannot be run on the virtual clock.

use thiserror::Error;

use crate::cluster::PlanError;
use crate::config::ConfigError;
use crate::ids::ServerId;

/// See the module.
#[derive(Debug, Error)]
pub enum VirtualError {
    /// It has another model than the engine runs.
    #[error("expected a scenario with the model `{expected}`, and it has none")]
    Model {
        /// Which model it should have.
        expected: &'static str,
    },
    /// A number is out of its range.
    #[error("{field}: expected {expected}, got {got}")]
    Number {
        /// The field's path.
        field: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What came.
        got: f64,
    },
    /// An event cannot happen in this model, does not fit its servers, or is not one change.
    #[error("events[{index}]: {reason}")]
    Event {
        /// Which, from 0.
        index: usize,
        /// What was expected.
        reason: String,
    },
    /// Two servers have the same id.
    #[error("two servers are called {0}")]
    Twice(ServerId),
    /// More is under way than fits into memory.
    #[error(
        "{count} jobs or timeouts are under way {at_s} s after the start: expected fewer arrivals, more servers, a queue_max, or a shorter timeout_ms"
    )]
    TooMany {
        /// How many.
        count: usize,
        /// When.
        at_s: f64,
    },
    /// The servers.json that it names is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its servers are no cluster.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There are more servers than a run can have.
    #[error("servers: expected at most {most}, those that events add included, got {got}")]
    TooManyServers {
        /// The bound.
        most: usize,
        /// How many it has.
        got: usize,
    },
    /// Something that is asked for is not simulated at the scenario's level.
    #[error("{0} is not simulated at this level")]
    Unsupported(&'static str),
}
