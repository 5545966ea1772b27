//! What strategies that look at loads and latencies are told: how much was promised to servers and
//! is on its way, and how long they take.
//!
//! Only types whose strategy asks for it cost anything here.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::envelope::CallId;
use crate::ids::{ServerId, ServerType};
use crate::time::Time;

/// How long a server that was chosen is taken to have one more to come: longer than a client takes
/// from the gate's answer to its login.
const PROMISE_LASTS: Duration = Duration::from_secs(5);

/// Most promises to one server, and most calls that are timed at once: with more the oldest are
/// forgotten.
const REMEMBERED_MAX: usize = 65_536;

/// Choices of which nothing is to be seen yet: a client that was located has not logged in, a key
/// has no room. Without them, three hundred who ask at once would all be sent to the one server
/// that had the least.
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

    /// Something that was promised has come; if it was not, one that was is still to come, and ends
    /// sooner.
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
pub(in crate::router) struct Timed {
    pub(in crate::router) since: Time,
    pub(in crate::router) server_type: ServerType,
    pub(in crate::router) server: ServerId,
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
