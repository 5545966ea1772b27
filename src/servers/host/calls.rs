//! Calls that a server has made and that wait for their answers, each with a deadline.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use super::{Host, Origin};
use crate::envelope::{AppError, CallId, Destination, Payload, Session};
use crate::ids::{SessionId, SessionKey, Uid};
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
    waiting: HashMap<CallId, Waiting<L>>,
    deadlines: BTreeSet<(Time, CallId)>,
}

/// A call under way.
pub(super) struct Waiting<L> {
    pub(super) origin: Origin,
    pub(super) session: Option<Session>,
    pub(super) deadline: Time,
    pub(super) step: Step<L>,
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
        Self { last, waiting: HashMap::new(), deadlines: BTreeSet::new() }
    }

    /// Whether a message that came by a key, up to that number, waits for an answer.
    pub(super) fn hold_work(&self, up_to: u64) -> bool {
        let works = self.waiting.values().filter_map(|waiting| waiting.origin.work());
        works.into_iter().any(|work| work.number <= up_to)
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
        result: Result<Bytes, AppError>,
        out: &mut Outbox,
    ) {
        let Some(Waiting { origin, session, deadline, step }) = self.calls.take(call) else {
            self.counters.late_answers += 1;
            return;
        };
        let client = origin.client();
        let local_client = match &origin {
            Origin::Client { session, local: true, .. } => Some(*session),
            _ => None,
        };
        match step {
            Step::Forward => self.finish(origin, result, out),
            Step::Then { then, bind } => match self.resume_session(session, local_client, bind, &result, out)
            {
                Ok(session) => {
                    self.run(now, deadline, origin, session, out, |logic, _, cx| then(logic, cx, result));
                }
                Err(Gone) => self.counters.late_answers += 1,
            },
        }
        if let Some(session) = local_client {
            self.release(now, session, out);
        }
        if let Some(session) = client {
            self.call_done(session, out);
        }
        self.end_drains(out);
    }

    /// Waits for the answer to a call.
    pub(super) fn wait_for(&mut self, call: CallId, waiting: Waiting<L>) {
        if let Some(client) = waiting.origin.client().and_then(|session| self.clients.get_mut(&session)) {
            client.calls += 1;
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

    /// Answers every call whose deadline has come with an error.
    pub(super) fn expire(&mut self, now: Time, out: &mut Outbox) {
        while let Some((deadline, call)) = self.calls.deadlines.first().copied()
            && deadline <= now
        {
            self.counters.timeouts += 1;
            let what = match self.calls.waiting.get(&call).map(|waiting| &waiting.origin) {
                Some(Origin::Client { route, .. } | Origin::Server { route, .. }) => route.to_string(),
                Some(Origin::Nobody) | None => "a call".to_owned(),
            };
            log::warn!("request timed out server={} route={what}", self.id());
            self.answered(now, call, Err(AppError::timed_out(&what)), out);
        }
    }

    /// The session as it is now, bound if the answer was to a bind.
    fn resume_session(
        &mut self,
        copy: Option<Session>,
        client: Option<SessionId>,
        bind: Option<Uid>,
        result: &Result<Bytes, AppError>,
        out: &mut Outbox,
    ) -> Result<Option<Session>, Gone> {
        let Some(id) = client else { return Ok(copy) };
        let client = self.clients.get_mut(&id);
        if let Some(uid) = bind {
            match (&client, result) {
                (Some(_), Ok(_)) => {}
                // The client left while the router granted the uid, or the grant came too late: it goes back. From a
                // session that does not have it, the router takes nothing.
                _ => {
                    let server = &self.setup.spec.id;
                    let session = SessionKey { frontend: server.clone(), session: id };
                    out.send(server, Destination::Router, Payload::Unbind { session, uid: uid.clone() });
                }
            }
            if let (Some(client), Ok(_)) = (client, result) {
                log::info!("session bound server={} session={id} uid={uid}", self.setup.spec.id);
                client.session.uid = Some(uid);
                return Ok(Some(client.session.clone()));
            }
        }
        self.clients.get(&id).map(|client| Some(client.session.clone())).ok_or(Gone)
    }
}

/// The client has left.
struct Gone;
