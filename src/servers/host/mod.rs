//! One server as a state machine: deliveries in, effects out.
//!
//! ```text
//!   delivery ─▶ Host::take ─┬─ messages ──┐                     ┌─▶ finish ─▶ Effect
//!                           ├─ envelope ──┴─▶ run: the logic ───┤
//!                           │                     ▲             └─▶ a call is made: Calls
//!                           └─ answers, deadlines ┴─────────────────────┘
//! ```
//!
//! The host wires parts that own its state: `Calls` (in flight), `Clients` (a frontend's sessions) and
//! `Down` (a server that starts again). The other files are what the host does with them.

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

/// What runs a server, whatever its type.
pub trait Server {
    /// Takes one delivery at the time `now`, and appends to `out` what is to be done.
    fn deliver(&mut self, now: Time, delivery: Delivery, out: &mut Outbox);

    /// When the server wants a [`Delivery::Tick`], if nothing happens before.
    fn next_deadline(&self) -> Option<Time>;

    /// The server's account of itself.
    fn snapshot(&self) -> ServerSnapshot;

    /// What it has counted since it started.
    fn counters(&self) -> HostCounters;

    /// How long what it was asked took: on a frontend from a client's request to the response, on others from the moment at
    /// which the caller sent the call to the answer.
    fn latency(&self) -> Histogram {
        Histogram::default()
    }

    /// The channels that it holds; none when it can hold none.
    fn channels(&self) -> Option<&Channels> {
        None
    }

    /// All that it holds, one by one: for the audit.
    fn holdings(&self) -> Holdings;
}

/// What a host needs besides its logic; shared by all servers but for `spec`.
#[derive(Clone)]
pub struct HostSetup {
    /// The server as configured, with its real ports.
    pub spec: ServerSpec,
    /// Every handler of the cluster.
    pub handlers: Arc<HandlerTable>,
    /// Dictionary and protobuf of the cluster.
    pub codec: Codec,
    /// Around everything that clients of a frontend ask for.
    pub global_filters: Vec<Arc<dyn Filter>>,
    /// Around this type's handlers, after those that the type registers itself.
    pub filters: Vec<Arc<dyn Filter>>,
    /// How long a request may take before it is answered with an error.
    pub request_timeout: Duration,
    /// What it takes of its clients at most.
    pub limits: SessionLimits,
    /// The session setting that names the room of a session: traces show it.
    pub room_setting: &'static str,
    /// How often a server of this id was made before: answers to an earlier one are not taken for its own.
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
    /// On a frontend, how long its clients' requests took; on others, calls from their sending to the answer.
    latency: Histogram,
    /// The time of the present delivery: what is answered in it, is answered then.
    now: Time,
}

impl<L: ServerLogic> Host<L> {
    /// A server that has not started.
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
            // The first is asked for by one who has started again, and is up by now; the others are for the router, which
            // never hands them on.
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

    /// Another server asks for a handler or a remote of this one.
    fn invoke(&mut self, from: ServerId, mut invoke: Invoke, out: &mut Outbox) {
        self.counters.invocations += 1;
        // A session of this very frontend: what the caller holds is a copy, and may be old.
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
            // Whoever asked has been told that it failed: now it must not happen.
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
