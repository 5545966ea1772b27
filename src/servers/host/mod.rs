//! One server as a state machine: deliveries in, effects out.
//!
//! ```text
//!   delivery ─▶ Host::take ─┬─ messages ──┐                     ┌─▶ finish ─▶ Effect
//!                           ├─ envelope ──┴─▶ run: the logic ───┤
//!                           │                     ▲             └─▶ a call is made: Calls
//!                           └─ answers, deadlines ┴─────────────────────┘
//! ```
//!
//! The host connects the parts that own its state: `Calls` (in flight), `Clients` (a frontend's
//! sessions) and `Down` (a server that restarts). The other files implement its behaviour.

mod answers;
mod calls;
mod clients;
mod down;
mod messages;
mod restart;
mod rooms;
mod run;
mod tracing;

use std::sync::Arc;
use std::time::Duration;

use self::calls::{Calls, Origin};
use self::clients::Clients;
use self::down::{Crashes, Down};
use super::ServerLogic;
use super::codec::Codec;
use super::filter::Filter;
use super::handlers::HandlerTable;
use super::limits::SessionLimits;
use super::outbox::{Delivery, Effect, Outbox};
use super::registry::Registry;
use super::snapshot::{Holdings, HostCounters, ServerSnapshot};
use crate::channels::{Channel, Channels};
use crate::config::ServerSpec;
use crate::envelope::{AppError, Envelope, Invoke, InvokeKind, Payload, Session};
use crate::ids::ServerId;
use crate::stats::Histogram;
use crate::time::Time;
use crate::trace::{Trail, What};

/// A running server of any type.
pub trait Server {
    /// Takes one delivery at the time `now`, and appends its effects to `out`.
    fn deliver(&mut self, now: Time, delivery: Delivery, out: &mut Outbox);

    /// The time of the next [`Delivery::Tick`] that the server needs if nothing happens before.
    fn next_deadline(&self) -> Option<Time>;

    /// The server's present state.
    fn snapshot(&self) -> ServerSnapshot;

    /// The counters since the server's start.
    fn counters(&self) -> HostCounters;

    /// The latency of the server's work: on a frontend from a client's request to its response, on
    /// a backend from the sending of a call to its answer.
    fn latency(&self) -> Histogram {
        Histogram::default()
    }

    /// The server's channels, or none if its kind has no channels.
    fn channels(&self) -> Option<&Channels> {
        None
    }

    /// Everything that the server holds, item by item, for the audit.
    fn holdings(&self) -> Holdings;
}

/// The configuration of a host. All servers share it except `spec`.
#[derive(Clone)]
pub struct HostSetup {
    /// The server as configured, with its real ports.
    pub spec: ServerSpec,
    /// Every handler of the cluster.
    pub handlers: Arc<HandlerTable>,
    /// Dictionary and protobuf of the cluster.
    pub codec: Codec,
    /// Filters around all messages of a frontend's clients.
    pub global_filters: Vec<Arc<dyn Filter>>,
    /// Filters around this type's handlers, after those that the type registers itself.
    pub filters: Vec<Arc<dyn Filter>>,
    /// The longest time of a request before it is answered with an error.
    pub request_timeout: Duration,
    /// The limits on its clients.
    pub limits: SessionLimits,
    /// The session setting that names the room of a session: traces show it.
    pub room_setting: &'static str,
    /// How many servers with this id existed before. It keeps answers to an earlier server's calls
    /// from matching this one's.
    pub generation: u32,
}

/// Runs one server of the type `L`.
pub struct Host<L: ServerLogic> {
    setup: HostSetup,
    logic: L,
    registry: Registry<L>,
    filters: Vec<Arc<dyn Filter>>,
    channels: Channels,
    clients: Clients,
    calls: Calls<L>,
    down: Option<Down>,
    crashes: Crashes,
    counters: HostCounters,
    /// On a frontend the latency of its clients' requests; on a backend that of calls, from sending
    /// to answer.
    latency: Histogram,
    /// The time of the present delivery. All its answers carry this time.
    now: Time,
}

impl<L: ServerLogic> Host<L> {
    /// Makes a server that has not started.
    pub fn new(setup: HostSetup) -> Self {
        let mut registry = Registry::default();
        L::register(&mut registry);
        let logic = L::create(&setup.spec);
        let filters = registry.filters().iter().chain(&setup.filters).cloned().collect();
        let calls = Calls::new(setup.generation);
        Self {
            setup,
            logic,
            registry,
            filters,
            channels: Channels::default(),
            clients: Clients::default(),
            calls,
            down: None,
            crashes: Crashes::default(),
            counters: HostCounters::default(),
            latency: Histogram::default(),
            now: Time::START,
        }
    }

    fn id(&self) -> &ServerId {
        &self.setup.spec.id
    }

    fn envelope(&mut self, envelope: Envelope, out: &mut Outbox) {
        let from = envelope.from;
        out.follow(envelope.trace.map(|trace| Trail { trace, waited: Duration::ZERO }));
        match envelope.payload {
            Payload::Invoke(invoke) => self.invoke(from, *invoke, out),
            Payload::Answer { call, result } => self.answered(call, result, out),
            Payload::Push { sessions, frame } => {
                out.step(|_| What::Delivered { sessions: sessions.as_slice().len() });
                out.effects.push(Effect::Push { sessions, frame });
            }
            Payload::Broadcast { frame } => {
                out.step(|_| What::Delivered { sessions: self.clients.all().len() });
                out.effects.push(Effect::Broadcast { frame });
            }
            Payload::Kick { session, reason } => {
                if self.clients.get(session).is_some() {
                    out.effects.push(Effect::Kick { session, reason });
                    self.closed(session, out);
                }
            }
            Payload::SessionSet { session, key, value } => {
                if let Some(client) = self.clients.get_mut(session) {
                    client.session.set(&key, *value);
                }
            }
            Payload::Gone { channel, key, member } => self.gone(channel, key, member, out),
            Payload::Drain { change } => {
                self.calls.drain(change);
                self.end_drains(out);
            }
            Payload::Release { rooms } => self.release_rooms(&rooms),
            Payload::Adopt { rooms } => self.adopt(rooms),
            // `Restored` reaches only a server that is down, and this one is up by now. The others
            // are for the router, which never forwards them.
            Payload::Restored { .. }
            | Payload::Locate { .. }
            | Payload::Bind { .. }
            | Payload::Unbind { .. }
            | Payload::Joined { .. }
            | Payload::Left { .. }
            | Payload::Drained { .. }
            | Payload::Restarted
            | Payload::PushToUids { .. } => self.counters.ignored += 1,
        }
    }

    /// Runs a handler or remote for another server.
    fn invoke(&mut self, from: ServerId, mut invoke: Invoke, out: &mut Outbox) {
        self.counters.invocations += 1;
        // The session belongs to this frontend: the caller's copy may be stale, so use the
        // original.
        if let Some(session) = &mut invoke.session
            && session.key.frontend == *self.id()
            && let Some(client) = self.clients.get(session.key.session)
        {
            *session = client.session.clone();
        }
        let Invoke { call, kind, route, session, key, .. } = &invoke;
        let (call, kind, route, session) = (*call, *kind, Arc::clone(route), session.clone());
        let work = self.calls.number(key.clone());
        let since = invoke.since;
        let trail = out.trail().map(|trail| Trail { waited: self.now.since(since), ..trail });
        let origin = Origin::Server { server: from, call, kind, route, session, work, since, trail };
        if call.is_some() && invoke.deadline <= self.now {
            // The caller already got a timeout error: the call must not run now.
            self.counters.expired += 1;
            let error = AppError::timed_out(&invoke.route);
            return self.finish(origin, Err(error), out);
        }
        if kind == InvokeKind::Handler && self.setup.spec.frontend {
            let server_type = &self.setup.spec.server_type;
            let error = AppError::new(format!(
                "{server_type} servers are frontends, and serve only their own clients"
            ));
            return self.finish(origin, Err(error), out);
        }
        self.run_handler(origin, invoke, out);
    }

    fn take(&mut self, delivery: Delivery, out: &mut Outbox) {
        match delivery {
            Delivery::Started => self.hook(None, out, L::after_start),
            Delivery::AllStarted => self.hook(None, out, L::after_start_all),
            Delivery::GivingUp => self.give_up(out),
            Delivery::Stopping => self.hook(None, out, L::before_shutdown),
            Delivery::Opened { session, peer } => self.opened(session, peer),
            Delivery::Message { session, bytes, since } => self.message(session, (bytes, since), out),
            Delivery::Closed { session } => self.closed(session, out),
            Delivery::Envelope(envelope) => self.envelope(envelope, out),
            Delivery::Tick => self.expire(out),
        }
    }
}

impl<L: ServerLogic> Server for Host<L> {
    fn deliver(&mut self, now: Time, delivery: Delivery, out: &mut Outbox) {
        self.now = now;
        match self.down {
            None => self.take(delivery, out),
            Some(_) => self.take_while_down(delivery, out),
        }
        if std::mem::take(&mut self.crashes.pending) {
            self.go_down(out);
        }
        out.end_delivery(now, &self.setup.spec.id);
    }

    fn next_deadline(&self) -> Option<Time> {
        let back = self.down.as_ref().and_then(|down| down.back_at);
        [self.calls.next_deadline(), back].into_iter().flatten().min()
    }

    fn snapshot(&self) -> ServerSnapshot {
        ServerSnapshot {
            id: self.id().clone(),
            server_type: self.setup.spec.server_type.clone(),
            sessions: self.clients.all().len(),
            bound: self.clients.all().filter(|client| client.session.uid.is_some()).count(),
            channels: self.channels.len(),
            members: self.channels.members(),
            calls_pending: self.calls.len(),
            is_restarting: self.down.is_some(),
            counters: self.counters,
        }
    }

    fn counters(&self) -> HostCounters {
        self.counters
    }

    fn latency(&self) -> Histogram {
        self.latency.clone()
    }

    fn channels(&self) -> Option<&Channels> {
        Some(&self.channels)
    }

    fn holdings(&self) -> Holdings {
        let mut sessions: Vec<Session> = self.clients.all().map(|client| client.session.clone()).collect();
        sessions.sort_by_key(|session| session.key.session);
        let members =
            |(name, channel): (&str, &Channel)| (name.to_owned(), channel.with_sessions().collect());
        Holdings { sessions, channels: self.channels.iter().map(members).collect() }
    }
}
