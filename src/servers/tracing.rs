//! How what a server does is noted, while somebody watches: for which message it works now, and the steps that it took.

use crate::envelope::{Destination, InvokeKind, Payload};
use crate::ids::ServerId;
use crate::servers::outbox::Outbox;
use crate::time::Time;
use crate::trace::{TraceId, Trail, Watch, What, bounded};

/// Part of an [`Outbox`]. Without anybody who watches it is empty, and stays so.
#[derive(Default, Debug)]
pub(super) struct Tracing {
    watch: Option<Watch>,
    /// The trace for which the server works at the moment, if for one.
    trail: Option<Trail>,
    /// Not written down yet: what a handler did that panics has not happened.
    steps: Vec<(TraceId, What)>,
}

impl Outbox {
    /// One in whose server traces begin while `watch` is on.
    pub fn watched(watch: Watch) -> Self {
        Self { tracing: Tracing { watch: Some(watch), ..Tracing::default() }, ..Self::default() }
    }

    /// Who watches, if somebody does.
    pub(super) fn watch(&self) -> Option<&Watch> {
        self.tracing.watch.as_ref().filter(|watch| watch.is_on())
    }

    /// From now on the server works for that trace, or for none.
    pub(super) fn follow(&mut self, trail: Option<Trail>) {
        self.tracing.trail = trail;
    }

    /// The trace for which the server works.
    pub(super) fn trail(&self) -> Option<Trail> {
        self.tracing.trail
    }

    /// Notes a step, if the server works for a trace.
    pub(super) fn step(&mut self, what: impl FnOnce(Trail) -> What) {
        if let Some(trail) = self.tracing.trail {
            self.tracing.steps.push((trail.trace, what(trail)));
        }
    }

    /// Notes a push, which carries its route in a form that not everybody can read.
    pub(super) fn step_pushed(&mut self, route: &str, frontend: &str, recipients: Option<usize>) {
        self.step(|_| What::Pushed { route: bounded(route), frontend: bounded(frontend), recipients });
    }

    /// How many steps are noted, to go back to.
    pub(super) fn steps(&self) -> usize {
        self.tracing.steps.len()
    }

    /// Forgets all steps after so many.
    pub(super) fn forget_steps(&mut self, after: usize) {
        self.tracing.steps.truncate(after);
    }

    /// The delivery is done with: writes its steps down.
    pub(super) fn end_delivery(&mut self, now: Time, server: &ServerId) {
        self.tracing.trail = None;
        if let Some(watch) = self.tracing.watch.as_ref().filter(|_| !self.tracing.steps.is_empty()) {
            watch.note(now, server, self.tracing.steps.drain(..));
        }
    }

    /// Notes what is asked of others. Gives the trace that the envelope belongs to.
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
