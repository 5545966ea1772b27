//! Changes of a type's list or strategy that are in progress: which keys are between two servers.
//!
//! Each old server of a change is waited for in two steps:
//!
//! ```text
//!   Drain is sent ──▶ Draining ──(it says Drained, or is gone)──▶ Arriving ──(nothing older is on a link)──▶ done
//! ```
//!
//! A server that is gone when the change begins is not asked. What it sent is known, and the rest
//! has not happened.

use std::collections::BTreeMap;

use crate::ids::ServerId;
use crate::strategies::Strategy;

/// Changes in progress, oldest first.
#[derive(Default)]
pub(super) struct Changes(Vec<Change>);

/// A change in progress.
struct Change {
    drain: u64,
    /// The state before it.
    before: Before,
    /// The old servers that still keep their keys.
    waiting: BTreeMap<ServerId, Wait>,
    /// What has moved since it began, until it ends or another change begins.
    moved: (u64, u64),
}

/// How keys belonged to servers.
pub(super) struct Before {
    pub(super) servers: Vec<ServerId>,
    pub(super) strategy: Box<dyn Strategy>,
}

/// What a change waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    /// The server confirms that it has processed everything sent to it before.
    Draining,
    /// What it had sent, up to that number, arrives.
    Arriving(u64),
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins a change. Returns the old servers that are up, which must be asked to drain. `serial`
    /// is the number of the last envelope on the links.
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

    /// Whether a key, which now belongs to `owner`, is between two servers: an old owner may still
    /// send something about it.
    pub(super) fn hold(&self, key: &str, owner: Option<&ServerId>) -> bool {
        self.0.iter().any(|Change { before, waiting, .. }| {
            let old = before.strategy.peek(key).and_then(|index| before.servers.get(index));
            old.is_some_and(|old| Some(old) != owner && waiting.contains_key(old))
        })
    }

    /// Whether a change waits for a server.
    pub(super) fn wait_for(&self, id: &ServerId) -> bool {
        self.0.iter().any(|change| change.waiting.contains_key(id))
    }

    /// A server has drained. Without a number it is gone, and sends nothing more.
    pub(super) fn drained(&mut self, id: &ServerId, drain: Option<u64>, serial: u64) {
        for change in self.0.iter_mut().filter(|change| drain.is_none_or(|drain| drain == change.drain)) {
            if let Some(wait) = change.waiting.get_mut(id).filter(|wait| **wait == Wait::Draining) {
                *wait = Wait::Arriving(serial);
            }
        }
    }

    /// Ends the waits that are over. `is_on_its_way` tells whether an envelope that a server sent,
    /// up to that number, is still in flight. Returns whether anything ended.
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

    /// Counts rooms and members that moved, for the latest change: it decides where they belong.
    pub(super) fn count_moved(&mut self, rooms: u64, members: u64) {
        if let Some(last) = self.0.last_mut() {
            last.moved = (last.moved.0 + rooms, last.moved.1 + members);
        }
    }

    /// Removes the changes that are over. Returns how many rooms and members each of them moved, if
    /// Removes the changes that are over. Returns how many rooms and members each of them moved, if
    /// any.
    pub(super) fn end(&mut self) -> impl Iterator<Item = (u64, u64)> {
        let over = self.0.extract_if(.., |change| change.waiting.is_empty());
        over.map(|change| change.moved).filter(|(rooms, _)| *rooms > 0)
    }
}
