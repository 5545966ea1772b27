//! Traces of a running cluster: the paths of single messages, while a trace is on.

use std::time::Duration;

use crate::live::control::ControlError;
use crate::live::running::RunningCluster;
use crate::trace::{Filter, TapeView};

impl RunningCluster {
    /// The trace steps from number `since` on, and whether tracing is on.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn trace(&self, since: u64) -> Result<TapeView, ControlError> {
        self.look(async move |observer| observer.watch.read(observer.clock.now(), since))
    }

    /// Traces the messages that match `filter` from now on, for as long as `lasts`. Older traces
    /// are discarded.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn trace_on(&self, filter: Filter, lasts: Duration) -> Result<TapeView, ControlError> {
        self.look(async move |observer| {
            let now = observer.clock.now();
            let next = observer.watch.read(now, u64::MAX).next;
            observer.watch.turn_on(now, filter, lasts);
            observer.watch.read(now, next)
        })
    }

    /// Stops tracing; the steps so far are kept.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn trace_off(&self) -> Result<TapeView, ControlError> {
        self.look(async move |observer| {
            observer.watch.turn_off();
            let now = observer.clock.now();
            observer.watch.read(now, u64::MAX)
        })
    }
}
