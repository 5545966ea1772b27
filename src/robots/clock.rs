//! The time of a run.

use std::time::Instant;

use crate::time::Time;

/// Measures the time since the run's start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub(super) fn now(self) -> Time {
        Time::START + self.0.elapsed()
    }
}
