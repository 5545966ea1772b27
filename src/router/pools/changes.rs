//! Changes of the list or strategy of a type that are not over: which keys are between two servers.
//!
//! Each old server of a change is waited for in two steps:
//!
//! ```text
//!   Drain is sent ──▶ Draining ──(it says Drained, or is gone)──▶ Arriving ──(nothing older is on a link)──▶ done
//! ```
//!
//! A server that is gone already when the change begins is not asked: what it has said is known,
//! and the rest has not happened.

use std::collections::BTreeMap;

use crate::ids::ServerId;
use crate::strategies::Strategy;

/// See the module; the oldest first.
#[derive(Default)]
pub(super) struct Changes(Vec<Change>);

/// A change that is not over.
struct Change {
    drain: u64,
    /// As it was before.
    before: Before,
    /// The old servers whose keys cannot go yet.
    waiting: BTreeMap<ServerId, Wait>,
    /// What has moved since it began, until it is over or another one begins.
    moved: (u64, u64),
}

/// How keys belonged to servers.
pub(super) struct Before {
    pub(super) servers: Vec<ServerId>,
    pub(super) strategy: Box<dyn Strategy>,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    /// The server's word that it has done what was sent to it before.
    Draining,
    /// The arrival of what it had sent, up to that number.
    Arriving(u64),
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins one. Gives the old servers that are up, which are to be asked to drain. `serial` is
    /// that of the last envelope on the links.
    pub(super) fn begin(
        &mut self,
        drain: u64,
        before: Before,
        serial: u64,
        is_up: impl Fn(&ServerId) -> bool,
    ) -> Vec<ServerId> {
        let wait = |id: &ServerId| if is_up(id) { Wait::Draining } else { Wait::Arriving(serial) };
        let waiting = before.servers.iter().map(|id| (id.clone(), wait(id))).collect();
        let asked = before.servers.iter().filter(|id| is_up(id)).cloned().collect();
        self.0.push(Change { drain, before, waiting, moved: (0, 0) });
        asked
    }

    /// Whether a key, which now belongs to `owner`, is between two servers: an old one may still
    /// have something to say about it.
    pub(super) fn hold(&self, key: &str, owner: Option<&ServerId>) -> bool {
        self.0.iter().any(|Change { before, waiting, .. }| {
            let old = before.strategy.peek(key).and_then(|index| before.servers.get(index));
            old.is_some_and(|old| Some(old) != owner && waiting.contains_key(old))
        })
    }

    /// Whether a server is waited for.
    pub(super) fn wait_for(&self, id: &ServerId) -> bool {
        self.0.iter().any(|change| change.waiting.contains_key(id))
    }

    /// A server has drained; without a number: is gone, and says nothing more.
    pub(super) fn drained(&mut self, id: &ServerId, drain: Option<u64>, serial: u64) {
        for change in self.0.iter_mut().filter(|change| drain.is_none_or(|drain| drain == change.drain)) {
            if let Some(wait) = change.waiting.get_mut(id).filter(|wait| **wait == Wait::Draining) {
                *wait = Wait::Arriving(serial);
            }
        }
    }

    /// Ends what waits for nothing any more. `is_on_its_way` says whether something that a server
    /// has sent, up to that number, has not arrived. Says whether there is anything new.
    pub(super) fn proceed(&mut self, is_on_its_way: impl Fn(&ServerId, u64) -> bool) -> bool {
        let mut is_new = false;
        for Change { waiting, .. } in &mut self.0 {
            let before = waiting.len();
            waiting.retain(|id, wait| match wait {
                Wait::Draining => true,
                Wait::Arriving(serial) => is_on_its_way(id, *serial),
            });
            is_new |= waiting.len() < before || waiting.is_empty();
        }
        is_new
    }

    /// Rooms have moved, with so many members: by the last change, since it decides where they
    /// belong.
    pub(super) fn count_moved(&mut self, rooms: u64, members: u64) {
        if let Some(last) = self.0.last_mut() {
            last.moved = (last.moved.0 + rooms, last.moved.1 + members);
        }
    }

    /// Forgets those that wait for nothing. Gives how many rooms and members each of them has
    /// moved, if any.
    pub(super) fn end(&mut self) -> impl Iterator<Item = (u64, u64)> {
        let over = self.0.extract_if(.., |change| change.waiting.is_empty());
        over.map(|change| change.moved).filter(|(rooms, _)| *rooms > 0)
    }
}
