//! What is wrong with a scenario that cannot be played.

use thiserror::Error;

use crate::ids::ServerId;

/// Why a scenario could not be played on the virtual clock.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum VirtualError {
    /// It has another model than the engine plays.
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
    /// An event cannot happen in this model, or is not one change.
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
        "{count} jobs are under way {at_s} s after the start: expected fewer arrivals, more servers, or a queue_max"
    )]
    TooMany {
        /// How many.
        count: usize,
        /// When.
        at_s: f64,
    },
}
