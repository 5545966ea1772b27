//! One server as a state machine: deliveries in, effects out.

mod calls;
mod clients;
mod restart;
mod rooms;
mod run;
mod tracing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use self::calls::Calls;
use self::clients::Client;
use self::restart::{Crashes, Down};
use self::rooms::{Drain, Leaving};
use super::ServerLogic;
use super::codec::Codec;
use super::filter::Filter;
use super::handlers::HandlerTable;
use super::outbox::{Delivery, Effect, Outbox};
use super::registry::Registry;
use super::snapshot::{Holdings, HostCounters, ServerSnapshot};
use crate::channels::{Channel, Channels};
use crate::config::ServerSpec;
use crate::envelope::{AppError, CallId, Envelope, Invoke, InvokeKind, Payload, Session};
use crate::ids::{ServerId, SessionId};
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
    /// Messages that a session may send in a second; none: no limit.
    pub messages_per_second_max: Option<u32>,
    /// Calls that the server may wait for before it refuses its clients' messages.
    pub calls_max: usize,
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
    clients: FxHashMap<SessionId, Client>,
    calls: Calls<L>,
    /// Uids that sessions have given up, by session and its binding, while calls of theirs are under way: what these do must not
    /// come after the leave.
    leaving: HashMap<(SessionId, u32), Leaving>,
    /// Changes of the list of servers that wait for what is under way here.
    drains: Vec<Drain>,
    /// Number of the last message that came by a key.
    last_work: u64,
    down: Option<Down>,
    crashes: Crashes,
    counters: HostCounters,
    /// On a frontend, how long its clients' requests took; on others, calls from their sending to the answer.
    latency: Histogram,
    /// When the delivery at hand is done: what is answered in it, is answered then.
    now: Time,
}

/// Who waits for the outcome of a handler.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A client of this frontend; `request` 0 is a notify. `local`: the handler runs here, so that the session's later
    /// messages wait for it.
    Client {
        session: SessionId,
        request: u64,
        route: Arc<str>,
        local: bool,
        since: Time,
        trail: Option<Trail>,
    },
    /// Another server.
    Server {
        server: ServerId,
        call: Option<CallId>,
        kind: InvokeKind,
        route: Arc<str>,
        session: Option<Session>,
        work: Option<Work>,
        since: Time,
        trail: Option<Trail>,
    },
    /// Nobody: a hook.
    Nobody,
}

/// A message that came by a key, for as long as it is under way here.
#[derive(Clone, Debug)]
pub(super) struct Work {
    number: u64,
    key: Arc<str>,
}

impl Origin {
    fn work(&self) -> Option<&Work> {
        match self {
            Origin::Server { work, .. } => work.as_ref(),
            _ => None,
        }
    }

    /// The trace that the message belongs to.
    fn trail(&self) -> Option<Trail> {
        match self {
            Origin::Client { trail, .. } | Origin::Server { trail, .. } => *trail,
            Origin::Nobody => None,
        }
    }

    fn client(&self) -> Option<SessionId> {
        match self {
            Origin::Client { session, .. } => Some(*session),
            _ => None,
        }
    }
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
            clients: FxHashMap::default(),
            calls,
            leaving: HashMap::new(),
            drains: Vec::new(),
            last_work: 0,
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

    fn envelope(&mut self, now: Time, envelope: Envelope, out: &mut Outbox) {
        let from = envelope.from;
        out.follow(envelope.trace.map(|trace| Trail { trace, waited: Duration::ZERO }));
        match envelope.payload {
            Payload::Invoke(invoke) => self.invoke(now, from, *invoke, out),
            Payload::Answer { call, result } => self.answered(now, call, result, out),
            Payload::Push { sessions, frame } => {
                out.step(|_| What::Delivered { sessions: sessions.as_slice().len() });
                out.effects.push(Effect::Push { sessions, frame });
            }
            Payload::Broadcast { frame } => {
                out.step(|_| What::Delivered { sessions: self.clients.len() });
                out.effects.push(Effect::Broadcast { frame });
            }
            Payload::Kick { session, reason } => {
                if self.clients.contains_key(&session) {
                    out.effects.push(Effect::Kick { session, reason });
                    self.closed(now, session, out);
                }
            }
            Payload::SessionSet { session, key, value } => {
                if let Some(client) = self.clients.get_mut(&session) {
                    client.session.set(&key, *value);
                }
            }
            Payload::Gone { channel, key, member } => self.gone(now, channel, key, member, out),
            Payload::Drain { change } => self.drain(change, out),
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
    fn invoke(&mut self, now: Time, from: ServerId, mut invoke: Invoke, out: &mut Outbox) {
        self.counters.invocations += 1;
        // A session of this very frontend: what the caller holds is a copy, and may be old.
        if let Some(session) = &mut invoke.session
            && session.key.frontend == *self.id()
            && let Some(client) = self.clients.get(&session.key.session)
        {
            *session = client.session.clone();
        }
        let Invoke { call, kind, route, session, key, .. } = &invoke;
        let (call, kind, route, session) = (*call, *kind, Arc::clone(route), session.clone());
        self.last_work += 1;
        let work = key.clone().map(|key| Work { number: self.last_work, key });
        let since = invoke.since;
        let trail = out.trail().map(|trail| Trail { waited: now.since(since), ..trail });
        let origin = Origin::Server { server: from, call, kind, route, session, work, since, trail };
        if call.is_some() && invoke.deadline <= now {
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
        self.run_handler(now, origin, invoke, out);
    }

    fn take(&mut self, now: Time, delivery: Delivery, out: &mut Outbox) {
        match delivery {
            Delivery::Started => self.hook(now, None, out, L::after_start),
            Delivery::AllStarted => self.hook(now, None, out, L::after_start_all),
            Delivery::GivingUp => self.give_up(now, out),
            Delivery::Stopping => self.hook(now, None, out, L::before_shutdown),
            Delivery::Opened { session, peer } => self.opened(now, session, peer),
            Delivery::Message { session, bytes, since } => self.message(now, session, (bytes, since), out),
            Delivery::Closed { session } => self.closed(now, session, out),
            Delivery::Envelope(envelope) => self.envelope(now, envelope, out),
            Delivery::Tick => self.expire(now, out),
        }
    }
}

impl<L: ServerLogic> Server for Host<L> {
    fn deliver(&mut self, now: Time, delivery: Delivery, out: &mut Outbox) {
        self.now = now;
        match self.down {
            None => self.take(now, delivery, out),
            Some(_) => self.take_while_down(now, delivery, out),
        }
        if std::mem::take(&mut self.crashes.pending) {
            self.go_down(now, out);
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
            sessions: self.clients.len(),
            bound: self.clients.values().filter(|client| client.session.uid.is_some()).count(),
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
        let mut sessions: Vec<Session> = self.clients.values().map(|client| client.session.clone()).collect();
        sessions.sort_by_key(|session| session.key.session);
        let members =
            |(name, channel): (&str, &Channel)| (name.to_owned(), channel.with_sessions().collect());
        Holdings { sessions, channels: self.channels.iter().map(members).collect() }
    }
}
