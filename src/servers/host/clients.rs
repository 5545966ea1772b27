//! A frontend's clients: their sessions, and the way of a client's message to its handler and back.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::calls::{Step, Waiting};
use super::{Host, Origin};
use crate::envelope::{AppError, Destination, Invoke, InvokeKind, Payload, Session};
use crate::ids::{SessionId, SessionKey, Uid};
use crate::servers::ServerLogic;
use crate::servers::filter::{self, FilterCall};
use crate::servers::outbox::{Effect, Outbox};
use crate::time::Time;
use crate::wire::{Message, MessageError, MessageKind, WireRoute};

/// How many messages of a session may wait for a handler of the frontend itself. Its port stops reading long before;
/// only one who crams thousands into one piece comes this far, and is answered with 503.
const WAITING_MAX: usize = 4096;

/// A client of this frontend.
pub(super) struct Client {
    pub(super) session: Session,
    /// A handler of this frontend works for it: later messages wait, so that a `send` right behind an `enter` finds
    /// its room.
    pub(super) busy: bool,
    /// How often it has given up a uid.
    binding: u32,
    /// Calls that are under way for it, since then.
    calls: usize,
    /// With when they came.
    waiting: VecDeque<(Bytes, Time)>,
    allowance: Allowance,
}

/// A token bucket: what a session may still send. It holds one second's worth.
struct Allowance {
    messages: f64,
    since: Time,
}

impl Allowance {
    /// Takes one message, if there is one left.
    fn take(&mut self, now: Time, per_second_max: u32) -> bool {
        let most = f64::from(per_second_max);
        self.messages = (self.messages + now.since(self.since).as_secs_f64() * most).min(most);
        self.since = now;
        let allowed = self.messages >= 1.0;
        if allowed {
            self.messages -= 1.0;
        }
        allowed
    }
}

impl Client {
    /// A call is under way for it. Gives the binding to which it counts.
    pub(super) fn add_call(&mut self) -> u32 {
        self.calls += 1;
        self.binding
    }

    /// Whether it has never given up a uid.
    pub(super) fn is_on_its_first_binding(&self) -> bool {
        self.binding == 0
    }

    /// A call of a binding has come to its end. False when that binding is over.
    pub(super) fn end_call(&mut self, binding: u32) -> bool {
        let is_of_now = self.binding == binding;
        if is_of_now {
            self.calls = self.calls.saturating_sub(1);
        }
        is_of_now
    }

    /// It has given up its uid: calls count anew. Gives the binding that is over, and its calls.
    pub(super) fn begin_binding(&mut self) -> (u32, usize) {
        self.binding = self.binding.wrapping_add(1);
        (self.binding.wrapping_sub(1), std::mem::take(&mut self.calls))
    }
}

impl<L: ServerLogic> Host<L> {
    pub(super) fn opened(&mut self, now: Time, session: SessionId, peer: Option<SocketAddr>) {
        log::debug!(
            "session opened server={} session={session} peer={}",
            self.id(),
            peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string())
        );
        let key = SessionKey { frontend: self.id().clone(), session };
        let allowance = Allowance { messages: f64::INFINITY, since: now };
        let client = Client {
            session: Session::new(key),
            busy: false,
            binding: 0,
            calls: 0,
            waiting: VecDeque::new(),
            allowance,
        };
        self.clients.insert(session, client);
    }

    pub(super) fn closed(&mut self, now: Time, session: SessionId, out: &mut Outbox) {
        let Some(mut client) = self.clients.remove(&session) else { return };
        let over = client.begin_binding();
        let session = client.session;
        let uid = session.uid.clone();
        log::log!(
            if uid.is_some() { log::Level::Info } else { log::Level::Debug },
            "session closed server={} session={} uid={}",
            self.id(),
            session.key.session,
            uid.as_ref().map_or("-", Uid::as_str)
        );
        let key = session.key.clone();
        self.hook(now, Some(session), out, L::session_closed);
        // After the hook: its messages overtake nobody who takes the uid next.
        if let Some(uid) = uid {
            self.leave_when_done(key.session, over, uid, out);
        }
    }

    /// A message from a client: now, or when the frontend's own handler is done with the one before.
    pub(super) fn message(
        &mut self,
        now: Time,
        session: SessionId,
        (bytes, since): (Bytes, Time),
        out: &mut Outbox,
    ) {
        let Some(client) = self.clients.get_mut(&session) else {
            self.counters.late_answers += 1;
            return;
        };
        let per_second_max = self.setup.messages_per_second_max;
        if let Some(max) = per_second_max.filter(|max| !client.allowance.take(now, *max)) {
            self.refuse_busy(
                session,
                &bytes,
                &format!("at most {max} messages a second (--rate-limit)"),
                out,
            );
        } else if self.calls.len() >= self.setup.calls_max {
            let why = format!("{} requests are in flight already (--calls-max)", self.calls.len());
            self.refuse_busy(session, &bytes, &why, out);
        } else if !client.busy {
            self.dispatch(now, session, (bytes, since), out);
        } else if client.waiting.len() < WAITING_MAX {
            client.waiting.push_back((bytes, since));
        } else {
            self.refuse_busy(session, &bytes, &format!("{WAITING_MAX} of your messages wait already"), out);
        }
    }

    /// Answers a message that there is no room for, if it wants an answer, with 503.
    fn refuse_busy(&mut self, session: SessionId, bytes: &[u8], why: &str, out: &mut Outbox) {
        self.counters.refused += 1;
        if let Ok(message) = Message::decode(bytes)
            && let MessageKind::Request { id } = message.kind
        {
            let route = self.route_name(&message).unwrap_or_default().to_owned();
            let error = AppError::new(format!("busy: {why}")).with_code(503);
            // Not timed: that it was quick would say little of those that there was room for.
            self.respond(session, (id, None), &route, Err(error), out);
        }
        out.effects.push(Effect::Done { session });
    }

    /// Takes up the messages that waited. When the logic fails at one, the others wait until it has started again.
    pub(super) fn release(&mut self, now: Time, session: SessionId, out: &mut Outbox) {
        while !self.crashes.pending
            && let Some(client) = self.clients.get_mut(&session)
            && !client.busy
            && let Some(waited) = client.waiting.pop_front()
        {
            self.dispatch(now, session, waited, out);
        }
        out.follow(None);
    }

    /// The same for all sessions, when the logic has started again.
    pub(super) fn release_all(&mut self, now: Time, out: &mut Outbox) {
        let waits = |(_, client): &(&SessionId, &Client)| !client.busy && !client.waiting.is_empty();
        let mut sessions: Vec<SessionId> = self.clients.iter().filter(waits).map(|(id, _)| *id).collect();
        sessions.sort();
        for session in sessions {
            self.release(now, session, out);
        }
    }

    pub(super) fn filter_after(
        &mut self,
        route: &str,
        session: SessionId,
        result: &mut Result<Bytes, AppError>,
    ) {
        let session = self.clients.get(&session).map(|client| &client.session);
        for next in self.filters.iter().rev() {
            filter::after(&**next, route, session, result);
        }
    }

    /// Answers a client, if it waits for an answer; times that, when it is said since when it has waited.
    pub(super) fn respond(
        &mut self,
        session: SessionId,
        (request, since): (u64, Option<Time>),
        route: &str,
        mut result: Result<Bytes, AppError>,
        out: &mut Outbox,
    ) {
        let Some(client) = self.clients.get(&session) else {
            self.counters.late_answers += 1;
            return;
        };
        for next in self.setup.global_filters.iter().rev() {
            filter::after(&**next, route, Some(&client.session), &mut result);
        }
        let result = result.and_then(|body| self.setup.codec.encode_response(route, body));
        if request != 0
            && let Some(since) = since
        {
            self.step_answered(since, result.as_ref().err(), out);
        }
        let body = result.unwrap_or_else(|error| {
            self.counters.errors += 1;
            log::debug!(
                "request refused server={} session={session} uid={} route={route:?} error={:?}",
                self.setup.spec.id,
                client.session.uid.as_ref().map_or("-", Uid::as_str),
                error.message
            );
            self.setup.codec.encode_refusal(route, &error)
        });
        if request != 0 {
            out.effects.push(Effect::Respond { session, request, body });
            if let Some(since) = since {
                self.latency.record(self.now.since(since));
            }
        }
    }

    /// Decodes a message, and runs its handler here or forwards it to the server that its route chooses.
    fn dispatch(&mut self, now: Time, session: SessionId, (bytes, since): (Bytes, Time), out: &mut Outbox) {
        self.counters.messages += 1;
        out.follow(None);
        let message = match Message::decode(&bytes) {
            Ok(message) => message,
            Err(MessageError::UnknownType(_)) => return self.ignore(session, out),
            Err(error) => {
                out.effects.push(Effect::Reject { session, error: error.to_string() });
                return self.closed(now, session, out);
            }
        };
        let request = match message.kind {
            MessageKind::Request { id } => id,
            // A push from a client is handled as the original does: like a notify.
            MessageKind::Notify | MessageKind::Push => 0,
            MessageKind::Response { .. } => return self.ignore(session, out),
        };
        let Some(name) = self.route_name(&message) else { return self.ignore(session, out) };
        let body = bytes.slice_ref(message.body);
        self.begin_trace((now, since), session, name, (request, &body), out);
        let resolved = match self.setup.handlers.resolve(name) {
            Ok(resolved) => resolved.clone(),
            Err(error) => {
                let name = name.to_owned();
                return self.refuse(session, (request, since), &name, error, out);
            }
        };
        let deadline = now + self.setup.request_timeout;
        let body = match self.before(session, &resolved.route, body) {
            Ok(body) => body,
            Err(error) => return self.refuse(session, (request, since), &resolved.route, error, out),
        };
        let Some(client) = self.clients.get_mut(&session) else { return };
        let local = resolved.server_type == self.setup.spec.server_type;
        client.busy = local;
        // A notify is a call too: it is known when it is done, and no client can have more under way than it may.
        let call = (!local).then(|| self.calls.next_id());
        let invoke = Invoke {
            call,
            kind: InvokeKind::Handler,
            route: resolved.handler,
            session: Some(client.session.clone()),
            body,
            since: now,
            deadline,
            key: None,
        };
        let origin =
            Origin::Client { session, request, route: resolved.route, local, since, trail: out.trail() };
        if local {
            return self.run_handler(now, origin, invoke, out);
        }
        let to = Destination::Route { server_type: resolved.server_type, key: None };
        let payload = Payload::Invoke(Box::new(invoke));
        out.send(self.id(), to, payload);
        if let Some(call) = call {
            let waiting = Waiting { origin, session: None, deadline, step: Step::Forward, binding: 0 };
            self.wait_for(call, waiting);
        }
    }

    fn ignore(&mut self, session: SessionId, out: &mut Outbox) {
        self.counters.ignored += 1;
        out.effects.push(Effect::Done { session });
    }

    fn refuse(
        &mut self,
        session: SessionId,
        (request, since): (u64, Time),
        route: &str,
        error: AppError,
        out: &mut Outbox,
    ) {
        self.respond(session, (request, Some(since)), route, Err(error), out);
        out.effects.push(Effect::Done { session });
    }

    /// The route in words. None: a code that the dictionary has for no handler; Pomelo drops such a message, and so a
    /// client that knows another dictionary is not told that its handler failed.
    fn route_name<'m>(&'m self, message: &'m Message<'_>) -> Option<&'m str> {
        match message.route.as_ref()? {
            WireRoute::Name(name) => Some(name),
            WireRoute::Code(code) => {
                let dictionary = self.setup.codec.dictionary.as_ref()?;
                dictionary.route(*code).filter(|name| name.contains('.'))
            }
        }
    }

    /// Protobuf and the global filters.
    fn before(&self, session: SessionId, route: &str, body: Bytes) -> Result<Bytes, AppError> {
        let mut body = self.setup.codec.decode(route, body)?;
        let session = self.clients.get(&session).map(|client| &client.session);
        for next in &self.setup.global_filters {
            filter::before(&**next, &mut FilterCall { route, session, body: &mut body })?;
        }
        Ok(body)
    }
}
