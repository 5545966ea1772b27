//! Traces of a running cluster: the way of single messages, for as long as somebody wants to see it.

use std::time::Duration;

use crate::live::control::ControlError;
use crate::live::running::RunningCluster;
use crate::trace::{Filter, TapeView};

impl RunningCluster {
    /// The steps of traces from that number on, and whether traces begin.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn trace(&self, since: u64) -> Result<TapeView, ControlError> {
        self.look(async move |observer| observer.watch.read(observer.clock.now(), since))
    }

    /// Traces the messages that `filter` wants from now on, for so long; what was traced before is forgotten.
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

    /// No message is traced any more; what was is kept.
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
