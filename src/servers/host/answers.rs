//! Answers to a server's calls, and the deadlines of calls without one.

use std::sync::Arc;

use bytes::Bytes;

use super::Host;
use super::calls::{Origin, Step, Waiting};
use super::clients::Client;
use crate::envelope::{AppError, CallId, Destination, Payload, Recipients, Session};
use crate::ids::{Logged, Uid};
use crate::servers::ServerLogic;
use crate::servers::outbox::{Effect, Outbox};
use crate::time::Time;

/// The rounds in which a stopping server answers calls in flight. This exceeds the calls of the 64
/// messages that the port lets a session have in flight: each message may call twice.
const GIVE_UP_ROUNDS: usize = 256;

impl<L: ServerLogic> Host<L> {
    /// Ends a call: its answer came, or its deadline passed.
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

    /// Passes the outcome of a call to its caller or its continuation.
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
        // Messages that waited behind this call belong to other traces.
        out.follow(None);
        if let Some(session) = local_client {
            self.release(session, out);
        }
    }

    /// Registers a call whose answer is pending.
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

    /// Answers every call with an error because the server stops. Another server may still run such
    /// a call and let its client enter a room. So the call stays in flight for the client's uid: if
    /// the uid were free now, its next session could enter the room first.
    pub(super) fn give_up(&mut self, out: &mut Outbox) {
        // Messages that waited behind such a call run now and may call again. The bound ends
        // handlers that retry forever.
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
                self.conclude(waiting, Err(AppError::stopped()), out);
            }
        }
        self.end_drains(out);
    }

    /// Answers every call past its deadline with an error. If the logic fails at one, the others
    /// wait for its restart.
    pub(super) fn expire(&mut self, out: &mut Outbox) {
        while !self.crashes.pending
            && let Some(call) = self.calls.next_due(self.now)
        {
            let waiting = self.calls.get_mut(call);
            let what = waiting.map_or_else(String::new, |waiting| waiting.origin.route().to_owned());
            if !self.calls.is_given_up(call) {
                self.counters.timeouts += 1;
                log::warn!(
                    "request timed out (--request-timeout) server={} route={}",
                    self.id(),
                    Logged(&what)
                );
            }
            self.answered(call, Err(AppError::timed_out(&what)), out);
        }
    }

    /// Expires calls while the logic is down. The logic's continuations run after the restart, but
    /// the waiting client or server gets its error now.
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

    /// Returns the current session if it belongs to this frontend, after binding it if the answer
    /// was to a bind.
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
                    log::info!(
                        "session bound server={server} session={} uid={}",
                        session.session,
                        Logged(uid.as_str())
                    );
                    client.uid = Some(uid);
                }
                // The client left while the router granted the uid, has another uid by now, or the
                // grant came too late: return the uid. The router ignores an unbind from a session
                // that does not own the uid.
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
