//! The trace of a server's work while a watch is on: the current message, and the steps taken for
//! it.

use crate::envelope::{Destination, InvokeKind, Payload};
use crate::ids::ServerId;
use crate::servers::outbox::Outbox;
use crate::time::Time;
use crate::trace::{TraceId, Trail, Watch, What, bounded};

/// The tracing part of an [`Outbox`]. Without a watch it stays empty.
#[derive(Default, Debug)]
pub(super) struct Tracing {
    watch: Option<Watch>,
    /// The trace that the server works for now, if any.
    trail: Option<Trail>,
    /// Steps not written down yet. They are buffered because a handler that panics takes its steps
    /// back.
    steps: Vec<(TraceId, What)>,
}

impl Outbox {
    /// Makes an outbox whose server begins traces while `watch` is on.
    pub fn watched(watch: Watch) -> Self {
        Self { tracing: Tracing { watch: Some(watch), ..Tracing::default() }, ..Self::default() }
    }

    /// The watch, if it is on.
    pub(super) fn watch(&self) -> Option<&Watch> {
        self.tracing.watch.as_ref().filter(|watch| watch.is_on())
    }

    /// Sets the trace that the server works for from now on, or none.
    pub(super) fn follow(&mut self, trail: Option<Trail>) {
        self.tracing.trail = trail;
    }

    /// The trace for which the server works.
    pub(super) fn trail(&self) -> Option<Trail> {
        self.tracing.trail
    }

    /// Notes a step if the server works for a trace.
    pub(super) fn step(&mut self, what: impl FnOnce(Trail) -> What) {
        if let Some(trail) = self.tracing.trail {
            self.tracing.steps.push((trail.trace, what(trail)));
        }
    }

    /// Notes a push with its route in words: the frame may contain only a dictionary code.
    pub(super) fn step_pushed(&mut self, route: &str, frontend: &str, recipients: Option<usize>) {
        self.step(|_| What::Pushed { route: bounded(route), frontend: bounded(frontend), recipients });
    }

    /// The number of noted steps, for [`forget_steps`](Self::forget_steps).
    pub(super) fn steps(&self) -> usize {
        self.tracing.steps.len()
    }

    /// Removes all steps after the first `after`.
    pub(super) fn forget_steps(&mut self, after: usize) {
        self.tracing.steps.truncate(after);
    }

    /// Ends the delivery and writes its steps down.
    pub(super) fn end_delivery(&mut self, now: Time, server: &ServerId) {
        self.tracing.trail = None;
        if let Some(watch) = self.tracing.watch.as_ref().filter(|_| !self.tracing.steps.is_empty()) {
            watch.note(now, server, self.tracing.steps.drain(..));
        }
    }

    /// Notes a call to another server. Returns the trace that the envelope belongs to.
    pub(super) fn trace_sent(&mut self, to: &Destination, payload: &Payload) -> Option<TraceId> {
        let Trail { trace, .. } = self.tracing.trail?;
        let called = match payload {
            Payload::Invoke(invoke) if invoke.kind == InvokeKind::Remote => Some(bounded(&invoke.route)),
            Payload::Locate { server_type, .. } => Some(bounded(&format!("locate {server_type}"))),
            Payload::Bind { uid, .. } => Some(bounded(&format!("bind {uid}"))),
            _ => None,
        };
        if let Some(route) = called {
            let to = match to {
                Destination::Server(id) => id.as_str(),
                Destination::Route { server_type, .. } | Destination::All(server_type) => {
                    server_type.as_str()
                }
                Destination::Router => "router",
            };
            self.step(|_| What::Called { to: bounded(to), route });
        }
        Some(trace)
    }
}
