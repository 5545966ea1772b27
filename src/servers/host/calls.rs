//! Calls that a server has made and that wait for their answers, each with a deadline.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::{Host, Origin};
use crate::envelope::{AppError, CallId, Destination, Payload, Session};
use crate::ids::{SessionId, Uid};
use crate::servers::ServerLogic;
use crate::servers::outbox::Outbox;
use crate::servers::reply::Then;
use crate::time::Time;

/// How often a server that stops answers what is under way: oftener than a session may have messages waiting, each of
/// which may call twice.
const GIVE_UP_ROUNDS: usize = 256;

/// The calls under way, by number and by deadline.
pub(super) struct Calls<L> {
    last: u64,
    waiting: FxHashMap<CallId, Waiting<L>>,
    deadlines: BTreeSet<(Time, CallId)>,
}

/// A call under way.
pub(super) struct Waiting<L> {
    pub(super) origin: Origin,
    pub(super) session: Option<Session>,
    pub(super) deadline: Time,
    pub(super) step: Step<L>,
    /// Which of its client's bindings it is of.
    pub(super) binding: u32,
}

/// What the answer is for.
pub(super) enum Step<L> {
    /// It is the client's answer.
    Forward,
    /// The logic goes on; after a bind, the session is first bound to `bind`.
    Then { then: Then<L, Bytes>, bind: Option<Uid> },
}

impl<L> Calls<L> {
    /// No call is under way. Numbers of an earlier generation are not used again, so that answers to its calls, which may
    /// still be on their way, find nobody.
    pub(super) fn new(generation: u32) -> Self {
        const NUMBERS_OF_A_GENERATION: u64 = 1 << 40;
        let last = u64::from(generation) * NUMBERS_OF_A_GENERATION;
        Self { last, waiting: FxHashMap::default(), deadlines: BTreeSet::new() }
    }

    /// Whether a message that came by a key, up to that number, waits for an answer.
    pub(super) fn hold_work(&self, up_to: u64) -> bool {
        let works = self.waiting.values().filter_map(|waiting| waiting.origin.work());
        works.into_iter().any(|work| work.number <= up_to)
    }

    /// The client for whom a call is under way.
    pub(super) fn client(&self, call: CallId) -> Option<SessionId> {
        self.waiting.get(&call).and_then(|waiting| waiting.origin.client())
    }

    /// Whether the answer to a call is the client's own.
    pub(super) fn is_forwarded(&self, call: CallId) -> bool {
        self.waiting.get(&call).is_some_and(|waiting| matches!(waiting.step, Step::Forward))
    }

    pub(super) fn next_id(&mut self) -> CallId {
        self.last += 1;
        CallId(self.last)
    }

    pub(super) fn add(&mut self, call: CallId, waiting: Waiting<L>) {
        self.deadlines.insert((waiting.deadline, call));
        self.waiting.insert(call, waiting);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn take(&mut self, call: CallId) -> Option<Waiting<L>> {
        let waiting = self.waiting.remove(&call)?;
        self.deadlines.remove(&(waiting.deadline, call));
        Some(waiting)
    }
}

impl<L: ServerLogic> Host<L> {
    /// An answer came, or the deadline did.
    pub(super) fn answered(
        &mut self,
        now: Time,
        call: CallId,
        mut result: Result<Bytes, AppError>,
        out: &mut Outbox,
    ) {
        let Some(Waiting { origin, session, deadline, step, binding }) = self.calls.take(call) else {
            self.counters.late_answers += 1;
            return;
        };
        out.follow(origin.trail());
        let client = origin.client();
        let local_client = match &origin {
            Origin::Client { session, local: true, .. } => Some(*session),
            _ => None,
        };
        match step {
            Step::Forward => self.finish(origin, result, out),
            Step::Then { then, bind } => {
                let session = self.resume_session(session, bind, &mut result, out);
                if local_client.is_some_and(|client| !self.clients.contains_key(&client)) {
                    self.counters.late_answers += 1;
                } else {
                    self.run(now, deadline, origin, session, out, |logic, _, cx| then(logic, cx, result));
                }
            }
        }
        // What waited behind it is of traces of its own.
        out.follow(None);
        if let Some(session) = local_client {
            self.release(now, session, out);
        }
        if let Some(session) = client {
            self.call_done(session, binding, out);
        }
        self.end_drains(out);
    }

    /// Waits for the answer to a call.
    pub(super) fn wait_for(&mut self, call: CallId, mut waiting: Waiting<L>) {
        if let Some(client) = waiting.origin.client().and_then(|session| self.clients.get_mut(&session)) {
            waiting.binding = client.add_call();
        }
        self.calls.add(call, waiting);
    }

    /// Answers every call with an error, since the server stops.
    pub(super) fn give_up(&mut self, now: Time, out: &mut Outbox) {
        // What waited behind such a call is done then, and may make another; a handler that tries for ever is left alone.
        for _ in 0..GIVE_UP_ROUNDS {
            let calls: Vec<CallId> = self.calls.deadlines.iter().map(|(_, call)| *call).collect();
            if calls.is_empty() {
                return;
            }
            for call in calls {
                self.answered(
                    now,
                    call,
                    Err(AppError::new("the server stops, and the answer has not come")),
                    out,
                );
            }
        }
    }

    /// Answers every call whose deadline has come with an error. When the logic fails at one, the others wait until it has
    /// started again.
    pub(super) fn expire(&mut self, now: Time, out: &mut Outbox) {
        while !self.crashes.pending
            && let Some((deadline, call)) = self.calls.deadlines.first().copied()
            && deadline <= now
        {
            self.counters.timeouts += 1;
            let what = match self.calls.waiting.get(&call).map(|waiting| &waiting.origin) {
                Some(Origin::Client { route, .. } | Origin::Server { route, .. }) => route.to_string(),
                Some(Origin::Nobody) | None => "a call".to_owned(),
            };
            log::warn!("request timed out (--request-timeout) server={} route={what}", self.id());
            self.answered(now, call, Err(AppError::timed_out(&what)), out);
        }
    }

    /// The same while there is no logic. What the logic would do on hearing so, it does when it has started again; but
    /// whoever waits for the outcome is told now.
    pub(super) fn expire_while_down(&mut self, now: Time, out: &mut Outbox) {
        let due: Vec<CallId> =
            self.calls.deadlines.iter().take_while(|(due, _)| *due <= now).map(|(_, call)| *call).collect();
        for call in due {
            let Some(waiting) = self.calls.waiting.get_mut(&call) else { continue };
            out.follow(waiting.origin.trail());
            match (&waiting.step, &mut waiting.origin) {
                (Step::Forward, origin) => {
                    self.counters.timeouts += 1;
                    let error = match origin {
                        Origin::Client { route, .. } | Origin::Server { route, .. } => {
                            AppError::timed_out(route)
                        }
                        Origin::Nobody => AppError::timed_out("a call"),
                    };
                    self.answered(now, call, Err(error), out);
                }
                (Step::Then { .. }, Origin::Client { session, request, route, since, .. }) => {
                    let (session, route, since) = (*session, Arc::clone(route), Some(*since));
                    let request = std::mem::take(request);
                    if request != 0 {
                        self.respond(
                            session,
                            (request, since),
                            &route,
                            Err(AppError::timed_out(&route)),
                            out,
                        );
                    }
                    self.pass_late(session, out);
                }
                (Step::Then { .. }, Origin::Server { server, call, route, since, .. }) => {
                    if let Some(call) = call.take() {
                        let (to, result) = (server.clone(), Err(AppError::timed_out(route)));
                        let since = *since;
                        self.time_call(since);
                        out.send(self.id(), Destination::Server(to), Payload::Answer { call, result });
                    }
                }
                (Step::Then { .. }, Origin::Nobody) => {}
            }
        }
    }

    /// The session as it is now, if it is one of this frontend's, and bound if the answer was to a bind.
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
        let mut client = self.clients.get_mut(&session.session).map(|client| &mut client.session);
        if let Some(uid) = bind {
            let bound = client.as_ref().and_then(|client| client.uid.clone());
            match &mut client {
                Some(client) if result.is_ok() && bound.as_ref().is_none_or(|bound| *bound == uid) => {
                    log::info!("session bound server={server} session={} uid={uid}", session.session);
                    client.uid = Some(uid);
                }
                // The client left while the router granted the uid, or has got another one, or the grant came too late: it
                // goes back. From a session that does not have it, the router takes nothing.
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
