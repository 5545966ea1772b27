//! The time of a run.

use std::time::Instant;

use crate::time::Time;

/// Tells how long the run has been going on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    /// A run that starts now.
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    pub(super) fn now(self) -> Time {
        Time::START + self.0.elapsed()
    }
}
