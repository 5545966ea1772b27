//! Calls in flight: each with its deadline, its message, and the step that its answer triggers.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::envelope::{CallId, InvokeKind, Session};
use crate::ids::{ServerId, SessionId, Uid};
use crate::servers::reply::Then;
use crate::time::Time;
use crate::trace::Trail;

/// The calls in flight, by number and by deadline.
pub(super) struct Calls<L> {
    last: u64,
    in_flight: FxHashMap<CallId, Waiting<L>>,
    deadlines: BTreeSet<(Time, CallId)>,
    /// Number of the last keyed message.
    last_work: u64,
    /// Pending changes of the server list, each with the number of the last keyed message that it
    /// waits for.
    drains: Vec<(u64, u64)>,
}

/// A call in flight.
pub(super) struct Waiting<L> {
    pub(super) origin: Origin,
    pub(super) session: Option<Session>,
    pub(super) deadline: Time,
    pub(super) step: Step<L>,
    /// The binding of the client that the call counts to.
    pub(super) binding: u32,
}

/// The step that an answer triggers.
pub(super) enum Step<L> {
    /// Forward the answer to the client.
    Forward,
    /// End the call only: its caller already knows that this server stops.
    GivenUp,
    /// Continue the logic. After a bind, first bind the session to `bind`.
    Then { then: Then<L, Bytes>, bind: Option<Uid> },
}

/// The receiver of a handler's outcome.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A client of this frontend; `request` 0 is a notify. `local`: the handler runs here, so the
    /// session's later messages wait for it.
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
    /// No receiver: the handler is a hook.
    Nobody,
}

/// A keyed message while it is in flight here.
#[derive(Clone, Debug)]
pub(super) struct Work {
    number: u64,
    pub(super) key: Arc<str>,
}

impl Origin {
    pub(super) fn work(&self) -> Option<&Work> {
        match self {
            Origin::Server { work, .. } => work.as_ref(),
            _ => None,
        }
    }

    /// The trace that the message belongs to.
    pub(super) fn trail(&self) -> Option<Trail> {
        match self {
            Origin::Client { trail, .. } | Origin::Server { trail, .. } => *trail,
            Origin::Nobody => None,
        }
    }

    pub(super) fn client(&self) -> Option<SessionId> {
        match self {
            Origin::Client { session, .. } => Some(*session),
            _ => None,
        }
    }

    /// The requested route, for error messages.
    pub(super) fn route(&self) -> &str {
        match self {
            Origin::Client { route, .. } | Origin::Server { route, .. } => route,
            Origin::Nobody => "a call",
        }
    }
}

impl<L> Waiting<L> {
    /// The rest of the call after its server stopped waiting for the answer.
    pub(super) fn given_up(&self) -> Self {
        let Self { origin, deadline, binding, .. } = self;
        let (origin, deadline, binding) = (origin.clone(), *deadline, *binding);
        Self { origin, session: None, deadline, step: Step::GivenUp, binding }
    }
}

impl<L> Calls<L> {
    /// Makes an empty table. Numbers of earlier generations are not reused: late answers to their
    /// calls must match nothing.
    pub(super) fn new(generation: u32) -> Self {
        const NUMBERS_OF_A_GENERATION: u64 = 1 << 40;
        Self {
            last: u64::from(generation) * NUMBERS_OF_A_GENERATION,
            in_flight: FxHashMap::default(),
            deadlines: BTreeSet::new(),
            last_work: 0,
            drains: Vec::new(),
        }
    }

    pub(super) fn next_id(&mut self) -> CallId {
        self.last += 1;
        CallId(self.last)
    }

    pub(super) fn add(&mut self, call: CallId, waiting: Waiting<L>) {
        self.deadlines.insert((waiting.deadline, call));
        self.in_flight.insert(call, waiting);
    }

    pub(super) fn take(&mut self, call: CallId) -> Option<Waiting<L>> {
        let waiting = self.in_flight.remove(&call)?;
        self.deadlines.remove(&(waiting.deadline, call));
        Some(waiting)
    }

    pub(super) fn get_mut(&mut self, call: CallId) -> Option<&mut Waiting<L>> {
        self.in_flight.get_mut(&call)
    }

    pub(super) fn len(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The next call that is due.
    pub(super) fn next_due(&self, now: Time) -> Option<CallId> {
        self.deadlines.first().filter(|(deadline, _)| *deadline <= now).map(|(_, call)| *call)
    }

    /// All calls due at `by`, in order of deadline.
    pub(super) fn due(&self, by: Time) -> Vec<CallId> {
        self.deadlines.iter().take_while(|(due, _)| *due <= by).map(|(_, call)| *call).collect()
    }

    /// The client that a call is in flight for.
    pub(super) fn client(&self, call: CallId) -> Option<SessionId> {
        self.in_flight.get(&call).and_then(|waiting| waiting.origin.client())
    }

    /// Whether a call is in flight whose answer does not reach the logic.
    pub(super) fn needs_no_logic(&self, call: CallId) -> bool {
        self.in_flight.get(&call).is_some_and(|waiting| !matches!(waiting.step, Step::Then { .. }))
    }

    /// Whether the caller already got an error because the server stops.
    pub(super) fn is_given_up(&self, call: CallId) -> bool {
        self.in_flight.get(&call).is_some_and(|waiting| matches!(waiting.step, Step::GivenUp))
    }

    /// Numbers a message, and returns its number if it has a key.
    pub(super) fn number(&mut self, key: Option<Arc<str>>) -> Option<Work> {
        self.last_work += 1;
        key.map(|key| Work { number: self.last_work, key })
    }

    /// Makes a change of the server list wait for all keyed messages received so far.
    pub(super) fn drain(&mut self, change: u64) {
        self.drains.push((change, self.last_work));
    }

    /// Ends the drains that wait for nothing any more.
    pub(super) fn end_drains(&mut self, mut drained: impl FnMut(u64)) {
        let in_flight = &self.in_flight;
        self.drains.retain(|(change, up_to)| {
            let mut works = in_flight.values().filter_map(|waiting| waiting.origin.work());
            let waits = works.any(|work| work.number <= *up_to);
            if !waits {
                drained(*change);
            }
            waits
        });
    }
}
