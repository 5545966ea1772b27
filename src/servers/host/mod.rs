//! One server as a state machine: deliveries in, effects out.

mod calls;
mod clients;
mod restart;
mod rooms;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::calls::{Calls, Step, Waiting};
use self::clients::Client;
use self::restart::{Crashes, Down};
use self::rooms::{Drain, Leaving};
use super::ServerLogic;
use super::codec::Codec;
use super::context::{Cx, not_its_frontend};
use super::filter::{self, Filter, FilterCall};
use super::handlers::HandlerTable;
use super::outbox::{Delivery, Effect, Outbox};
use super::registry::Registry;
use super::reply::{Pending, Reply, Request};
use super::snapshot::{Holdings, HostCounters, ServerSnapshot};
use crate::channels::{Channel, Channels};
use crate::config::ServerSpec;
use crate::envelope::{AppError, CallId, Destination, Envelope, Invoke, InvokeKind, Payload, Session};
use crate::ids::{ServerId, SessionId, Uid};
use crate::time::Time;

/// What runs a server, whatever its type.
pub trait Server {
    /// Takes one delivery at the time `now`, and appends to `out` what is to be done.
    fn deliver(&mut self, now: Time, delivery: Delivery, out: &mut Outbox);

    /// When the server wants a [`Delivery::Tick`], if nothing happens before.
    fn next_deadline(&self) -> Option<Time>;

    /// The server's account of itself.
    fn snapshot(&self) -> ServerSnapshot;

    /// Messages from clients and calls of other servers that it has taken since it started.
    fn messages(&self) -> u64;

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
    clients: HashMap<SessionId, Client>,
    calls: Calls<L>,
    /// Sessions that are closed, while calls of theirs are under way: what these do must not come after the leave.
    leaving: HashMap<SessionId, Leaving>,
    /// Changes of the list of servers that wait for what is under way here.
    drains: Vec<Drain>,
    /// Number of the last message that came by a key.
    last_work: u64,
    down: Option<Down>,
    crashes: Crashes,
    counters: HostCounters,
}

/// Who waits for the outcome of a handler.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A client of this frontend; `request` 0 is a notify. `local`: the handler runs here, so that the session's later
    /// messages wait for it.
    Client { session: SessionId, request: u64, route: Arc<str>, local: bool },
    /// Another server.
    Server {
        server: ServerId,
        call: Option<CallId>,
        kind: InvokeKind,
        route: Arc<str>,
        session: Option<Session>,
        work: Option<Work>,
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
            clients: HashMap::new(),
            calls,
            leaving: HashMap::new(),
            drains: Vec::new(),
            last_work: 0,
            down: None,
            crashes: Crashes::default(),
            counters: HostCounters::default(),
        }
    }

    fn id(&self) -> &ServerId {
        &self.setup.spec.id
    }

    fn envelope(&mut self, now: Time, envelope: Envelope, out: &mut Outbox) {
        let from = envelope.from;
        match envelope.payload {
            Payload::Invoke(invoke) => self.invoke(now, from, invoke, out),
            Payload::Answer { call, result } => self.answered(now, call, result, out),
            Payload::Push { sessions, frame } => out.effects.push(Effect::Push { sessions, frame }),
            Payload::Broadcast { frame } => out.effects.push(Effect::Broadcast { frame }),
            Payload::Kick { session, reason } => {
                if self.clients.contains_key(&session) {
                    out.effects.push(Effect::Kick { session, reason });
                    self.closed(now, session, out);
                }
            }
            Payload::SessionSet { session, key, value } => {
                if let Some(client) = self.clients.get_mut(&session) {
                    client.session.set(&key, value);
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
        let origin = Origin::Server { server: from, call, kind, route, session, work };
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

    /// Filters, then the handler or remote.
    fn run_handler(&mut self, now: Time, origin: Origin, invoke: Invoke, out: &mut Outbox) {
        let Invoke { kind, route, session, mut body, deadline, .. } = invoke;
        if kind == InvokeKind::Handler {
            let mut call = FilterCall { route: &route, session: session.as_ref(), body: &mut body };
            let refused = self.filters.iter().find_map(|next| filter::before(&**next, &mut call).err());
            if let Some(error) = refused {
                return self.finish(origin, Err(error), out);
            }
        }
        // The handler is looked up inside, where the registry can be borrowed beside the logic.
        self.run(now, deadline, origin, session, out, move |logic, registry, cx| {
            match registry.find(kind, &route) {
                Ok(handler) => handler(logic, cx, &body),
                Err(error) => Reply::Done(Err(error)),
            }
        });
    }

    /// Runs a piece of the logic, and whatever it asks for, until it is done or waits for an answer.
    fn run(
        &mut self,
        now: Time,
        deadline: Time,
        origin: Origin,
        session: Option<Session>,
        out: &mut Outbox,
        step: impl FnOnce(&mut L, &Registry<L>, &mut Cx<'_>) -> Reply<L, Bytes>,
    ) {
        let key = origin.work().map(|work| Arc::clone(&work.key));
        let (mut reply, mut session) = self.step(now, deadline, session, key.clone(), out, step);
        loop {
            match reply {
                Reply::Done(result) => return self.finish(origin, result, out),
                Reply::Later(Pending { request, then }) => match self
                    .request(now, deadline, &session, request, out)
                {
                    Ok((call, bind)) => {
                        let waiting = Waiting { origin, session, deadline, step: Step::Then { then, bind } };
                        return self.wait_for(call, waiting);
                    }
                    // Nothing could be asked: the logic hears so at once.
                    Err(error) => {
                        (reply, session) =
                            self.step(now, deadline, session, key.clone(), out, |logic, _, cx| {
                                then(logic, cx, Err(error))
                            });
                    }
                },
            }
        }
    }

    /// One call into the logic. A panic in it is an error like any other: nobody waits in vain, and what it had done so far
    /// has not happened.
    fn step(
        &mut self,
        now: Time,
        deadline: Time,
        session: Option<Session>,
        key: Option<Arc<str>>,
        out: &mut Outbox,
        step: impl FnOnce(&mut L, &Registry<L>, &mut Cx<'_>) -> Reply<L, Bytes>,
    ) -> (Reply<L, Bytes>, Option<Session>) {
        let Self { setup, logic, registry, channels, counters, .. } = self;
        let (before, counted, unchanged) = (out.effects.len(), *counters, session.clone());
        let mut cx = Cx {
            server: &setup.spec,
            session,
            channels,
            codec: &setup.codec,
            out,
            counters,
            now,
            deadline,
            key,
        };
        let reply = catch_unwind(AssertUnwindSafe(|| step(logic, registry, &mut cx)));
        let mut session = cx.session;
        if reply.is_err() {
            out.effects.truncate(before);
            *counters = counted;
            session = unchanged;
        }
        // On a frontend the context held the session itself.
        if let Some(changed) = &session
            && changed.key.frontend == setup.spec.id
            && let Some(client) = self.clients.get_mut(&changed.key.session)
        {
            client.session = changed.clone();
        }
        let reply = reply.unwrap_or_else(|_| {
            counters.panics += 1;
            log::error!("handler panicked server={}", setup.spec.id);
            self.crashes.pending = true;
            Reply::Done(Err(AppError::new("the handler failed: its server's log says where")))
        });
        (reply, session)
    }

    /// Sends what the logic asks for.
    fn request(
        &mut self,
        now: Time,
        deadline: Time,
        session: &Option<Session>,
        request: Request,
        out: &mut Outbox,
    ) -> Result<(CallId, Option<Uid>), AppError> {
        if deadline <= now {
            return Err(AppError::timed_out("the request"));
        }
        let call = self.calls.next_id();
        let mut binds = None;
        let (to, payload) = match request {
            Request::Remote { to, route, body } => {
                let invoke = Invoke {
                    call: Some(call),
                    kind: InvokeKind::Remote,
                    route,
                    session: session.clone(),
                    body: body?,
                    deadline,
                    key: None,
                };
                (to, Payload::Invoke(invoke))
            }
            Request::Locate { server_type, key } => {
                (Destination::Router, Payload::Locate { call, server_type, key })
            }
            Request::Bind { uid } => {
                let session = session.as_ref().filter(|session| session.key.frontend == *self.id());
                let session = session.ok_or_else(not_its_frontend)?;
                if let Some(bound) = &session.uid {
                    return Err(AppError::new(format!("the session is bound to {bound} already")));
                }
                binds = Some(uid.clone());
                (Destination::Router, Payload::Bind { call, session: session.key.clone(), uid })
            }
        };
        out.send(self.id(), to, payload);
        Ok((call, binds))
    }

    /// Gives the outcome to whoever waits for it.
    fn finish(&mut self, origin: Origin, mut result: Result<Bytes, AppError>, out: &mut Outbox) {
        match origin {
            Origin::Client { session, request, route, local } => {
                if local {
                    self.filter_after(&route, session, &mut result);
                }
                self.respond(session, request, &route, result, out);
                out.effects.push(Effect::Done { session });
                if local && let Some(client) = self.clients.get_mut(&session) {
                    client.busy = false;
                }
            }
            Origin::Server { server, call, kind, route, session, .. } => {
                if kind == InvokeKind::Handler {
                    for next in self.filters.iter().rev() {
                        filter::after(&**next, &route, session.as_ref(), &mut result);
                    }
                }
                self.counters.errors += u64::from(result.is_err());
                if let Err(error) = &result {
                    log::debug!(
                        "handler refused server={} route={route:?} error={:?}",
                        self.id(),
                        error.message
                    );
                }
                if let Some(call) = call {
                    out.send(self.id(), Destination::Server(server), Payload::Answer { call, result });
                }
            }
            Origin::Nobody => {}
        }
    }

    fn take(&mut self, now: Time, delivery: Delivery, out: &mut Outbox) {
        match delivery {
            Delivery::Started => self.hook(now, None, out, L::after_start),
            Delivery::AllStarted => self.hook(now, None, out, L::after_start_all),
            Delivery::Stopping => self.hook(now, None, out, L::before_shutdown),
            Delivery::Opened { session, peer } => self.opened(now, session, peer),
            Delivery::Message { session, bytes } => self.message(now, session, bytes, out),
            Delivery::Closed { session } => self.closed(now, session, out),
            Delivery::Envelope(envelope) => self.envelope(now, envelope, out),
            Delivery::Tick => self.expire(now, out),
        }
    }

    fn hook(&mut self, now: Time, session: Option<Session>, out: &mut Outbox, hook: fn(&mut L, &mut Cx<'_>)) {
        let deadline = now + self.setup.request_timeout;
        self.run(now, deadline, Origin::Nobody, session, out, |logic, _, cx| {
            hook(logic, cx);
            Reply::Done(Ok(Bytes::new()))
        });
    }
}

impl<L: ServerLogic> Server for Host<L> {
    fn deliver(&mut self, now: Time, delivery: Delivery, out: &mut Outbox) {
        match self.down {
            None => self.take(now, delivery, out),
            Some(_) => self.take_while_down(now, delivery, out),
        }
        if std::mem::take(&mut self.crashes.pending) {
            self.go_down(now, out);
        }
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
            members: self.channels.iter().map(|(_, channel)| channel.len()).sum(),
            calls_pending: self.calls.len(),
            is_restarting: self.down.is_some(),
            counters: self.counters,
        }
    }

    fn messages(&self) -> u64 {
        self.counters.messages + self.counters.invocations
    }

    fn holdings(&self) -> Holdings {
        let mut sessions: Vec<Session> = self.clients.values().map(|client| client.session.clone()).collect();
        sessions.sort_by_key(|session| session.key.session);
        let members =
            |(name, channel): (&str, &Channel)| (name.to_owned(), channel.with_sessions().collect());
        Holdings { sessions, channels: self.channels.iter().map(members).collect() }
    }
}
