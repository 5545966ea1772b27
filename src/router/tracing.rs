//! The router's part in traces: which server it chose, and why; and what it keeps for a while.

use super::Router;
use crate::ids::{ServerId, ServerType};
use crate::time::Time;
use crate::trace::{TraceId, Watch, What, bounded};

impl Router {
    /// Steps of envelopes that belong to a trace are written there from now on.
    pub fn set_watch(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// Where they are written.
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Notes a step of a trace, done for the server that sent the envelope.
    pub(super) fn step(&self, trace: Option<TraceId>, from: &ServerId, what: impl FnOnce() -> What) {
        note(&self.watch, self.now, trace, from, what);
    }

    /// Notes that a server was chosen by a key.
    pub(super) fn step_routed(
        &self,
        trace: Option<TraceId>,
        from: &ServerId,
        server_type: &ServerType,
        key: &str,
        to: &ServerId,
    ) {
        let Some(replicas) = trace.and_then(|_| self.types.get(server_type)) else { return };
        self.step(trace, from, || What::Routed {
            to: to.clone(),
            key: bounded(key),
            server_type: server_type.clone(),
            strategy: bounded(&replicas.spec.to_string()),
            why: bounded(&replicas.strategy.explain(key)),
        });
    }
}

/// The same, where a part of the router is borrowed.
pub(super) fn note(
    watch: &Option<Watch>,
    now: Time,
    trace: Option<TraceId>,
    from: &ServerId,
    what: impl FnOnce() -> What,
) {
    if let Some((trace, watch)) = trace.zip(watch.as_ref()) {
        watch.note(now, from, [(trace, what())]);
    }
}
