//! What strategies that look at loads and latencies are told: what servers have in hand, what was promised to them and is
//! on its way, and how long they take.
//!
//! Only types whose strategy asks for it cost anything here.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Router;
use super::directory::Directory;
use super::uids::Uids;
use crate::envelope::{CallId, Located, Payload};
use crate::ids::{ServerId, ServerType};
use crate::time::Time;

/// How long a server that was chosen is taken to have one more to come: longer than a client takes from the gate's answer
/// to its login.
const PROMISE_LASTS: Duration = Duration::from_secs(5);

/// Most promises to one server, and most calls that are timed at once: with more the oldest are forgotten.
const REMEMBERED_MAX: usize = 65_536;

/// What is where, at one moment.
#[derive(Clone, Copy)]
pub(super) struct Census<'a> {
    pub(super) now: Time,
    pub(super) uids: &'a Uids,
    pub(super) directory: &'a Directory,
}

impl Census<'_> {
    /// Bound sessions of a frontend, members of the rooms of any other.
    pub(super) fn of(&self, server: &Located) -> u32 {
        let count = match server.port {
            Some(_) => self.uids.bound_at(&server.id),
            None => self.directory.members_at(&server.id),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// Choices of which nothing is to be seen yet: a client that was located has not logged in, a key has no room. Without
/// them, three hundred who ask at once would all be sent to the one server that had the least.
#[derive(Default)]
pub(super) struct Promises {
    /// When each ends, in order.
    until: FxHashMap<ServerId, VecDeque<Time>>,
}

impl Promises {
    pub(super) fn give(&mut self, now: Time, server: &ServerId) {
        let until = self.until.entry(server.clone()).or_default();
        if until.len() == REMEMBERED_MAX {
            until.pop_front();
        }
        until.push_back(now + PROMISE_LASTS);
    }

    /// Something that was promised has come; if it was not, one that was is still to come, and ends sooner.
    pub(super) fn keep(&mut self, server: &ServerId) {
        if let Some(until) = self.until.get_mut(server) {
            until.pop_front();
        }
    }

    /// How many are still to come.
    pub(super) fn to(&mut self, now: Time, server: &ServerId) -> u32 {
        let Some(until) = self.until.get_mut(server) else { return 0 };
        while until.front().is_some_and(|until| *until <= now) {
            until.pop_front();
        }
        until.len() as u32
    }

    /// A server is off the list.
    pub(super) fn retain(&mut self, is_listed: impl Fn(&ServerId) -> bool) {
        self.until.retain(|server, _| is_listed(server));
    }
}

/// Calls under way, and since when.
#[derive(Default)]
pub(super) struct Stopwatch {
    under_way: FxHashMap<(ServerId, CallId), Timed>,
    /// In the order in which they began; some have ended.
    begun: VecDeque<(Time, ServerId, CallId)>,
}

/// A call that is timed.
pub(super) struct Timed {
    pub(super) since: Time,
    pub(super) server_type: ServerType,
    pub(super) server: ServerId,
}

impl Stopwatch {
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Calls to servers of a type are not timed any more.
    pub(super) fn forget(&mut self, server_type: &ServerType) {
        self.under_way.retain(|_, timed| timed.server_type != *server_type);
    }

    pub(super) fn begin(&mut self, caller: &ServerId, call: CallId, timed: Timed) {
        self.begun.push_back((timed.since, caller.clone(), call));
        self.under_way.insert((caller.clone(), call), timed);
        if self.begun.len() > REMEMBERED_MAX
            && let Some((_, caller, call)) = self.begun.pop_front()
        {
            self.under_way.remove(&(caller, call));
        }
    }

    pub(super) fn end(&mut self, caller: &ServerId, call: CallId) -> Option<Timed> {
        self.under_way.remove(&(caller.clone(), call))
    }

    /// The next one that began before `then` and has had no answer.
    pub(super) fn overdue(&mut self, then: Time) -> Option<Timed> {
        while self.begun.front().is_some_and(|(since, ..)| *since < then) {
            let (_, caller, call) = self.begun.pop_front()?;
            let timed = self.under_way.remove(&(caller, call));
            if timed.is_some() {
                return timed;
            }
        }
        None
    }
}

impl Router {
    /// A session that was located, perhaps, has come.
    pub(super) fn keep_promise(&mut self, frontend: &ServerId) {
        let replicas = self.homes.get(frontend).and_then(|home| self.types.get_mut(&home.server_type));
        if let Some(replicas) = replicas {
            replicas.promises.keep(frontend);
        }
    }

    /// An answer passes: its server took so long.
    pub(super) fn learn(&mut self, caller: &ServerId, payload: &Payload) {
        if self.stopwatch.is_idle() {
            return;
        }
        if let Payload::Answer { call, .. } = payload
            && let Some(timed) = self.stopwatch.end(caller, *call)
        {
            self.tell_strategy(&timed);
        }
    }

    /// A server that does not answer took at least as long as its callers have waited.
    pub(super) fn learn_of_silence(&mut self) {
        if self.stopwatch.is_idle() {
            return;
        }
        let timeout = self.request_timeout.as_nanos() as u64;
        let then = Time::from_nanos(self.now.as_nanos().saturating_sub(timeout));
        while let Some(timed) = self.stopwatch.overdue(then) {
            self.tell_strategy(&timed);
        }
    }

    fn tell_strategy(&mut self, Timed { since, server_type, server }: &Timed) {
        let Some(replicas) = self.types.get_mut(server_type) else { return };
        if let Some(index) = replicas.index(server) {
            replicas.strategy.learn(self.now, index, self.now.since(*since));
        }
    }
}
