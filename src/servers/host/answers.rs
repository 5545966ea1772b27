//! Answers to a server's calls, and deadlines at which there are none.

use std::sync::Arc;

use bytes::Bytes;

use super::Host;
use super::calls::{Origin, Step, Waiting};
use super::clients::Client;
use crate::envelope::{AppError, CallId, Destination, Payload, Recipients, Session};
use crate::ids::Uid;
use crate::servers::ServerLogic;
use crate::servers::outbox::{Effect, Outbox};
use crate::time::Time;

/// How often a server that stops answers what is in flight: oftener than a session may have messages
/// waiting, each of which may call twice.
const GIVE_UP_ROUNDS: usize = 256;

impl<L: ServerLogic> Host<L> {
    /// An answer came, or the deadline did.
    pub(super) fn answered(&mut self, call: CallId, result: Result<Bytes, AppError>, out: &mut Outbox) {
        let Some(waiting) = self.calls.take(call) else {
            self.counters.late_answers += 1;
            return;
        };
        let (client, binding) = (waiting.origin.client(), waiting.binding);
        self.conclude(waiting, result, out);
        if let Some(session) = client
            && let Some(uid) = self.clients.end_call(session, binding)
        {
            self.unbind(session, uid, out);
        }
        self.end_drains(out);
    }

    /// Does what is to be done with the outcome of a call.
    fn conclude(&mut self, waiting: Waiting<L>, mut result: Result<Bytes, AppError>, out: &mut Outbox) {
        let Waiting { origin, session, deadline, step, .. } = waiting;
        out.follow(origin.trail());
        let local_client = match &origin {
            Origin::Client { session, local: true, .. } => Some(*session),
            _ => None,
        };
        match step {
            Step::Forward => self.finish(origin, result, out),
            Step::GivenUp => {}
            Step::Then { then, bind } => {
                let session = self.resume_session(session, bind, &mut result, out);
                if local_client.is_some_and(|client| self.clients.get(client).is_none()) {
                    self.counters.late_answers += 1;
                } else {
                    self.run(deadline, origin, session, out, |logic, _, cx| then(logic, cx, result));
                }
            }
        }
        // What waited behind it is of traces of its own.
        out.follow(None);
        if let Some(session) = local_client {
            self.release(session, out);
        }
    }

    /// Waits for the answer to a call.
    pub(super) fn wait_for(
        &mut self,
        call: CallId,
        origin: Origin,
        session: Option<Session>,
        deadline: Time,
        step: Step<L>,
    ) {
        let client = origin.client().and_then(|session| self.clients.get_mut(session));
        let binding = client.map_or(0, Client::begin_call);
        self.calls.add(call, Waiting { origin, session, deadline, step, binding });
    }

    /// Answers every call with an error, since the server stops. Another server may still carry such
    /// a call out, and let its client enter a room. So the call stays in flight for the client's uid:
    /// if the uid were free now, its next session could enter the room first.
    pub(super) fn give_up(&mut self, out: &mut Outbox) {
        // What waited behind such a call is done then, and may make another; a handler that tries for
        // ever is left alone.
        for _ in 0..GIVE_UP_ROUNDS {
            let mut calls = self.calls.due(Time::from_nanos(u64::MAX));
            calls.retain(|call| !self.calls.is_given_up(*call));
            if calls.is_empty() {
                break;
            }
            for call in calls {
                let Some(waiting) = self.calls.take(call) else { continue };
                if waiting.origin.client().is_some() {
                    self.calls.add(call, waiting.given_up());
                }
                let error = AppError::new("the server stops, and the answer has not come");
                self.conclude(waiting, Err(error), out);
            }
        }
        self.end_drains(out);
    }

    /// Answers every call whose deadline has come with an error. When the logic fails at one, the
    /// others wait until it has started again.
    pub(super) fn expire(&mut self, out: &mut Outbox) {
        while !self.crashes.pending
            && let Some(call) = self.calls.next_due(self.now)
        {
            let waiting = self.calls.get_mut(call);
            let what = waiting.map_or_else(String::new, |waiting| waiting.origin.route().to_owned());
            if !self.calls.is_given_up(call) {
                self.counters.timeouts += 1;
                log::warn!("request timed out (--request-timeout) server={} route={what}", self.id());
            }
            self.answered(call, Err(AppError::timed_out(&what)), out);
        }
    }

    /// The same while there is no logic. What the logic would do on hearing so, it does when it has
    /// started again; but the client or server that waits for the outcome is told now.
    pub(super) fn expire_while_down(&mut self, out: &mut Outbox) {
        for call in self.calls.due(self.now) {
            let Some(waiting) = self.calls.get_mut(call) else { continue };
            out.follow(waiting.origin.trail());
            let error = AppError::timed_out(waiting.origin.route());
            match (&waiting.step, &mut waiting.origin) {
                (Step::GivenUp, _) => self.answered(call, Err(error), out),
                (Step::Forward, _) => {
                    self.counters.timeouts += 1;
                    self.answered(call, Err(error), out);
                }
                (Step::Then { .. }, Origin::Client { session, request, route, since, .. }) => {
                    let (session, route, since) = (*session, Arc::clone(route), Some(*since));
                    let request = std::mem::take(request);
                    if request != 0 {
                        self.respond(session, (request, since), &route, Err(error), out);
                    }
                    let late = self.down.as_mut().map_or_else(Vec::new, |down| down.pass_late(session));
                    let push = |frame| Effect::Push { sessions: Recipients::One(session), frame };
                    out.effects.extend(late.into_iter().map(push));
                }
                (Step::Then { .. }, Origin::Server { server, call, since, .. }) => {
                    if let Some(call) = call.take() {
                        let (to, since) = (Destination::Server(server.clone()), *since);
                        self.time_call(since);
                        out.send(self.id(), to, Payload::Answer { call, result: Err(error) });
                    }
                }
                (Step::Then { .. }, Origin::Nobody) => {}
            }
        }
    }

    /// The session as it is now, if it is one of this frontend's, and bound if the answer was to a
    /// bind.
    fn resume_session(
        &mut self,
        copy: Option<Session>,
        bind: Option<Uid>,
        result: &mut Result<Bytes, AppError>,
        out: &mut Outbox,
    ) -> Option<Session> {
        let server = &self.setup.spec.id;
        let key = copy.as_ref().map(|session| session.key.clone()).filter(|key| key.frontend == *server);
        let Some(session) = key else { return copy };
        let mut client = self.clients.get_mut(session.session).map(|client| &mut client.session);
        if let Some(uid) = bind {
            let bound = client.as_ref().and_then(|client| client.uid.clone());
            match &mut client {
                Some(client) if result.is_ok() && bound.as_ref().is_none_or(|bound| *bound == uid) => {
                    log::info!("session bound server={server} session={} uid={uid}", session.session);
                    client.uid = Some(uid);
                }
                // The client left while the router granted the uid, or has got another one, or the
                // grant came too late: it goes back. From a session that does not have it, the router
                // takes nothing.
                _ if bound.as_ref() != Some(&uid) => {
                    if result.is_ok() {
                        *result = Err(AppError::new("the session is closed, or bound to another uid by now"));
                    }
                    out.send(server, Destination::Router, Payload::Unbind { session, uid });
                }
                _ => {}
            }
        }
        client.map(|client| client.clone()).or(copy)
    }
}
