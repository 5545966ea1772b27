//! The path of a client's message to its handler and back, and the beginning and end of its
//! session.

use std::net::SocketAddr;

use bytes::Bytes;

use super::Host;
use super::calls::{Origin, Step};
use super::clients::WAITING_MAX;
use crate::envelope::{AppError, Destination, Invoke, InvokeKind, Payload};
use crate::ids::{Logged, SessionId, SessionKey, Uid};
use crate::servers::ServerLogic;
use crate::servers::filter::{self, FilterCall};
use crate::servers::outbox::{Effect, Outbox};
use crate::time::Time;
use crate::wire::{Message, MessageError, MessageKind, WireRoute};

impl<L: ServerLogic> Host<L> {
    pub(super) fn opened(&mut self, session: SessionId, peer: Option<SocketAddr>) {
        log::debug!(
            "session opened server={} session={session} peer={}",
            self.id(),
            peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string())
        );
        let key = SessionKey { frontend: self.id().clone(), session };
        self.clients.open(self.now, key, peer);
    }

    pub(super) fn closed(&mut self, session: SessionId, out: &mut Outbox) {
        let Some(mut client) = self.clients.remove(session) else { return };
        let over = client.begin_binding();
        let session = client.session;
        let uid = session.uid.clone();
        log::log!(
            if uid.is_some() { log::Level::Info } else { log::Level::Debug },
            "session closed server={} session={} uid={}",
            self.id(),
            session.key.session,
            Logged(uid.as_ref().map_or("-", Uid::as_str))
        );
        let key = session.key.session;
        self.hook(Some(session), out, L::session_closed);
        // Leave after the hook: its messages must not arrive after another session takes the uid.
        if let Some(uid) = uid {
            self.leave(key, over, uid, out);
        }
    }

    /// Gives back a uid that a session gave up, once the two have no call in flight.
    pub(super) fn leave(&mut self, session: SessionId, over: (u32, usize), uid: Uid, out: &mut Outbox) {
        if let Some(uid) = self.clients.leave(session, over, uid) {
            self.unbind(session, uid, out);
        }
    }

    pub(super) fn unbind(&self, session: SessionId, uid: Uid, out: &mut Outbox) {
        let session = SessionKey { frontend: self.id().clone(), session };
        out.send(self.id(), Destination::Router, Payload::Unbind { session, uid });
    }

    /// Takes a client's message: runs it now, or after the frontend's own handler has finished the
    /// previous one.
    pub(super) fn message(&mut self, session: SessionId, (bytes, since): (Bytes, Time), out: &mut Outbox) {
        let Some(client) = self.clients.get_mut(session) else {
            self.counters.late_answers += 1;
            return;
        };
        let per_second_max = self.setup.limits.messages_per_second_max;
        if let Some(max) = per_second_max.filter(|max| !client.may_send(self.now, *max)) {
            let why = format!("at most {max} messages a second (--rate-limit)");
            self.refuse_busy(session, &bytes, &why, out);
        } else if self.calls.len() >= self.setup.limits.calls_max {
            let why = format!("{} requests are in flight already (--calls-max)", self.calls.len());
            self.refuse_busy(session, &bytes, &why, out);
        } else if !client.busy {
            self.dispatch(session, (bytes, since), out);
        } else if let Err(bytes) = client.wait(bytes, since) {
            self.refuse_busy(session, &bytes, &format!("{WAITING_MAX} of your messages wait already"), out);
        }
    }

    /// Refuses a message over a limit. A request is answered with 503.
    fn refuse_busy(&mut self, session: SessionId, bytes: &[u8], why: &str, out: &mut Outbox) {
        self.counters.refused += 1;
        if let Ok(message) = Message::decode(bytes)
            && let MessageKind::Request { id } = message.kind
        {
            let route = self.route_name(&message).unwrap_or_default().to_owned();
            let error = AppError::new(format!("busy: {why}")).with_code(503);
            // Not timed: a quick refusal says nothing about the latency of accepted requests.
            self.respond(session, (id, None), &route, Err(error), out);
        }
        out.effects.push(Effect::Done { session });
    }

    /// Runs the messages that waited. If the logic fails at one, the others wait for its restart.
    pub(super) fn release(&mut self, session: SessionId, out: &mut Outbox) {
        while !self.crashes.pending
            && let Some(client) = self.clients.get_mut(session)
            && let Some(waited) = client.next_waiting()
        {
            self.dispatch(session, waited, out);
        }
        out.follow(None);
    }

    pub(super) fn filter_after(
        &mut self,
        route: &str,
        session: SessionId,
        result: &mut Result<Bytes, AppError>,
    ) {
        let session = self.clients.get(session).map(|client| &client.session);
        for next in self.filters.iter().rev() {
            filter::after(&**next, route, session, result);
        }
    }

    /// Answers a client if it waits for an answer. With `since`, the time from then on counts as
    /// latency.
    pub(super) fn respond(
        &mut self,
        session: SessionId,
        (request, since): (u64, Option<Time>),
        route: &str,
        mut result: Result<Bytes, AppError>,
        out: &mut Outbox,
    ) {
        let Some(client) = self.clients.get(session) else {
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
                Logged(client.session.uid.as_ref().map_or("-", Uid::as_str)),
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

    /// Decodes a message, and runs its handler here or forwards it to the server that its route
    /// chooses.
    fn dispatch(&mut self, session: SessionId, (bytes, since): (Bytes, Time), out: &mut Outbox) {
        self.counters.messages += 1;
        out.follow(None);
        let message = match Message::decode(&bytes) {
            Ok(message) => message,
            Err(MessageError::UnknownType(_)) => return self.ignore(session, out),
            Err(error) => {
                out.effects.push(Effect::Reject { session, error: error.to_string() });
                return self.closed(session, out);
            }
        };
        let request = match message.kind {
            MessageKind::Request { id } => id,
            // A push from a client counts as a notify, as in the original.
            MessageKind::Notify | MessageKind::Push => 0,
            MessageKind::Response { .. } => return self.ignore(session, out),
        };
        let Some(name) = self.route_name(&message) else { return self.ignore(session, out) };
        let body = bytes.slice_ref(message.body);
        self.begin_trace(since, session, name, (request, &body), out);
        let resolved = match self.setup.handlers.resolve(name) {
            Ok(resolved) => resolved.clone(),
            Err(error) => {
                let name = name.to_owned();
                return self.refuse(session, (request, since), &name, error, out);
            }
        };
        let deadline = self.now + self.setup.request_timeout;
        let body = match self.before(session, &resolved.route, body) {
            Ok(body) => body,
            Err(error) => return self.refuse(session, (request, since), &resolved.route, error, out),
        };
        let Some(client) = self.clients.get_mut(session) else { return };
        let local = resolved.server_type == self.setup.spec.server_type;
        client.busy = local;
        // A forwarded notify is a call too: the frontend learns when it is done, and counts it to
        // the client's messages in flight.
        let call = (!local).then(|| self.calls.next_id());
        let invoke = Invoke {
            call,
            kind: InvokeKind::Handler,
            route: resolved.handler,
            session: Some(client.session.clone()),
            body,
            since: self.now,
            deadline,
            key: None,
        };
        let origin =
            Origin::Client { session, request, route: resolved.route, local, since, trail: out.trail() };
        if local {
            return self.run_handler(origin, invoke, out);
        }
        let to = Destination::Route { server_type: resolved.server_type, key: None };
        let payload = Payload::Invoke(Box::new(invoke));
        out.send(self.id(), to, payload);
        if let Some(call) = call {
            self.wait_for(call, origin, None, deadline, Step::Forward);
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

    /// The route in words. None for a code that the dictionary maps to no handler. Pomelo drops
    /// such a message, so a client with another dictionary gets no error that its handler failed.
    fn route_name<'m>(&'m self, message: &'m Message<'_>) -> Option<&'m str> {
        match message.route.as_ref()? {
            WireRoute::Name(name) => Some(name),
            WireRoute::Code(code) => {
                let dictionary = self.setup.codec.dictionary.as_ref()?;
                dictionary.route(*code).filter(|name| name.contains('.'))
            }
        }
    }

    /// Decodes the body and runs the global filters.
    fn before(&self, session: SessionId, route: &str, body: Bytes) -> Result<Bytes, AppError> {
        let mut body = self.setup.codec.decode(route, body)?;
        let session = self.clients.get(session).map(|client| &client.session);
        for next in &self.setup.global_filters {
            filter::before(&**next, &mut FilterCall { route, session, body: &mut body })?;
        }
        Ok(body)
    }
}
