//! Loads and latencies for strategies: pending assignments, and how long servers take for calls.
//!
//! This costs nothing for types whose strategy does not ask for it.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::envelope::CallId;
use crate::ids::{ServerId, ServerType};
use crate::time::Time;

/// How long an assignment stays pending: longer than a client takes from the gate's answer to its
/// login.
const ASSIGNMENT_LASTS: Duration = Duration::from_secs(5);

/// Most pending assignments of one server, and most calls timed at once. Over that, the oldest are
/// forgotten.
const REMEMBERED_MAX: usize = 65_536;

/// Picks that do not show in the loads yet: a client that was located has not logged in, a key has
/// no room. Without them, three hundred clients that ask at once would all go to the server that
/// had the least load.
#[derive(Default)]
pub(super) struct PendingAssignments {
    /// When each expires, in order.
    until: FxHashMap<ServerId, VecDeque<Time>>,
}

impl PendingAssignments {
    pub(super) fn give(&mut self, now: Time, server: &ServerId) {
        let until = self.until.entry(server.clone()).or_default();
        if until.len() == REMEMBERED_MAX {
            until.pop_front();
        }
        until.push_back(now + ASSIGNMENT_LASTS);
    }

    /// An assignment has arrived. If it was not pending, a pending one expires sooner than it
    /// should.
    pub(super) fn keep(&mut self, server: &ServerId) {
        if let Some(until) = self.until.get_mut(server) {
            until.pop_front();
        }
    }

    /// How many are pending.
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

/// Calls in flight, with their start.
#[derive(Default)]
pub(super) struct Stopwatch {
    in_flight: FxHashMap<(ServerId, CallId), Timed>,
    /// In order of their start; some have ended.
    begun: VecDeque<(Time, ServerId, CallId)>,
}

/// A timed call.
pub(in crate::router) struct Timed {
    pub(in crate::router) since: Time,
    pub(in crate::router) server_type: ServerType,
    pub(in crate::router) server: ServerId,
}

impl Stopwatch {
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Stops timing calls to servers of a type.
    pub(super) fn forget(&mut self, server_type: &ServerType) {
        self.in_flight.retain(|_, timed| timed.server_type != *server_type);
    }

    pub(super) fn begin(&mut self, caller: &ServerId, call: CallId, timed: Timed) {
        self.begun.push_back((timed.since, caller.clone(), call));
        self.in_flight.insert((caller.clone(), call), timed);
        if self.begun.len() > REMEMBERED_MAX
            && let Some((_, caller, call)) = self.begun.pop_front()
        {
            self.in_flight.remove(&(caller, call));
        }
    }

    pub(super) fn end(&mut self, caller: &ServerId, call: CallId) -> Option<Timed> {
        self.in_flight.remove(&(caller.clone(), call))
    }

    /// The next call that began before `then` and has no answer.
    pub(super) fn overdue(&mut self, then: Time) -> Option<Timed> {
        while self.begun.front().is_some_and(|(since, ..)| *since < then) {
            let (_, caller, call) = self.begun.pop_front()?;
            let timed = self.in_flight.remove(&(caller, call));
            if timed.is_some() {
                return timed;
            }
        }
        None
    }
}
