//! Why a scenario cannot be run on the virtual clock.

use thiserror::Error;

use crate::cluster::PlanError;
use crate::config::ConfigError;
use crate::ids::ServerId;
use crate::strategies::UnknownStrategy;

/// See the module.
#[derive(Debug, Error)]
pub enum VirtualError {
    /// It is of the other model.
    #[error("scenario {scenario}: expected a {expected:?} model, got none")]
    OtherModel {
        /// The scenario's name.
        scenario: String,
        /// What was to be run.
        expected: &'static str,
    },
    /// The servers.json that it names is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its servers are no cluster.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A strategy's name is not taken back by those who gave it.
    #[error(transparent)]
    Strategy(#[from] UnknownStrategy),
    /// There is no server to run.
    #[error("scenario {scenario}: expected `servers` or `config`, got neither")]
    NoServers {
        /// The scenario's name.
        scenario: String,
    },
    /// There are more servers than a run can have.
    #[error("scenario {scenario}: expected at most {most} servers, events' included, got {got}")]
    TooManyServers {
        /// The scenario's name.
        scenario: String,
        /// The bound.
        most: usize,
        /// How many it has.
        got: usize,
    },
    /// An event does not fit the cluster.
    #[error("scenario {scenario}: events[{index}]: {reason}")]
    Event {
        /// The scenario's name.
        scenario: String,
        /// Which event, from 0.
        index: usize,
        /// What was expected, and what came.
        reason: String,
    },
    /// Something that is asked for is not there.
    #[error("scenario {scenario}: {what} is not simulated at this level")]
    Unsupported {
        /// The scenario's name.
        scenario: String,
        /// What.
        what: &'static str,
    },
    /// A server of a type that has no code.
    #[error("server {0}: no code for its type")]
    Unserved(ServerId),
    /// A number is out of its range.
    #[error("scenario {scenario}: {field}: expected {expected}, got {got}")]
    Number {
        /// The scenario's name.
        scenario: String,
        /// The field's path.
        field: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What came.
        got: f64,
    },
    /// Two servers have the same id.
    #[error("scenario {scenario}: two servers are called {id}")]
    Twice {
        /// The scenario's name.
        scenario: String,
        /// Their id.
        id: ServerId,
    },
    /// More is under way than memory should hold.
    #[error(
        "scenario {scenario}: {count} jobs or timeouts are under way {at_s} s after the start: expected fewer arrivals, more servers, a queue_max, or a shorter timeout_ms"
    )]
    TooMany {
        /// The scenario's name.
        scenario: String,
        /// How many.
        count: usize,
        /// When.
        at_s: f64,
    },
}
