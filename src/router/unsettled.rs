//! Keys that a directory has chosen a server for, and that come to nothing: how they are forgotten.
//!
//! A key is remembered from its first message on, since the room that this makes must be found again. Not every message
//! makes one, and rooms end. A key at which nothing is may be forgotten only when nothing that was sent to its server can
//! make a room there any more: else it would be chosen anew, and have two. So, now and then, keys that nobody has asked for
//! in a while are marked; each server is asked to say when it has done all that was sent to it before; and what is still
//! marked then, since nobody has asked for it and no room has come, is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::backlog::Backlog;
use super::loads::Census;
use super::replicas::Replicas;
use super::{Routed, Router};
use crate::envelope::Payload;
use crate::ids::{ServerId, ServerType};
use crate::time::Time;

/// Between two sweeps, at least.
const PATIENCE_MIN: Duration = Duration::from_millis(100);

/// Where a type is in this.
#[derive(Default)]
pub(super) enum Sweep {
    /// No key is unsettled, as far as is known.
    #[default]
    Idle,
    /// Some are; they are looked at then.
    At(Time),
    /// The servers that have not said yet that they have done what was sent to them before.
    Draining { number: u64, waiting: BTreeSet<ServerId> },
}

impl Replicas {
    /// Some key may have become unsettled.
    pub(super) fn expect_sweep(&mut self, now: Time, patience: Duration) {
        if matches!(self.sweep, Sweep::Idle) {
            self.sweep = Sweep::At(now + patience.max(PATIENCE_MIN));
        }
    }
}

impl Router {
    /// How many keys are remembered at which nothing is, or nothing yet.
    pub fn unsettled(&self) -> usize {
        self.types.values().map(|replicas| replicas.strategy.unsettled()).sum()
    }

    /// A room of a key has its first member, or another.
    pub(super) fn settle(&mut self, server: &ServerId, key: Option<&Arc<str>>) {
        let Some((key, replicas)) = key.zip(self.remembering(server)) else { return };
        match replicas.owner(key) {
            Some(owner) if owner == server => {}
            // The room is still where the key was before.
            Some(_) => return,
            // It has come by a choice of an earlier strategy, and nobody has asked for it since.
            None => {
                if let Some(index) = replicas.index(server) {
                    replicas.strategy.place(key, index);
                }
                return;
            }
        }
        let before = replicas.strategy.unsettled();
        replicas.strategy.settle(key);
        if replicas.strategy.unsettled() < before {
            replicas.promises.keep(server);
        }
    }

    /// A room of a key has lost a member, perhaps the last.
    pub(super) fn unsettle(&mut self, server: &ServerId, key: Option<&Arc<str>>) {
        let (now, patience) = (self.now, self.request_timeout);
        let Some(key) = key.filter(|key| !self.directory.has_key(server, key)) else { return };
        let key = Arc::clone(key);
        let Some(replicas) = self.remembering(server) else { return };
        if replicas.owner(&key) == Some(server) {
            replicas.strategy.unsettle(now, &key);
            replicas.expect_sweep(now, patience);
        }
    }

    /// When keys are looked at next.
    pub(super) fn next_sweep(&self) -> Option<Time> {
        let at = |replicas: &Replicas| match replicas.sweep {
            Sweep::At(at) => Some(at),
            _ => None,
        };
        self.types.values().filter_map(at).min()
    }

    /// Begins what is due.
    pub(super) fn sweep(&mut self, out: &mut Vec<Routed>) {
        let now = self.now;
        let patience = self.request_timeout.max(PATIENCE_MIN);
        let is_due = |replicas: &Replicas| matches!(replicas.sweep, Sweep::At(at) if at <= now);
        let due: Vec<ServerType> =
            self.types.iter().filter(|(_, replicas)| is_due(replicas)).map(|(of, _)| of.clone()).collect();
        for server_type in due {
            self.last_change += 1;
            let number = self.last_change;
            let Some(replicas) = self.types.get_mut(&server_type) else { continue };
            let patience_ago = now.as_nanos().saturating_sub(patience.as_nanos() as u64);
            replicas.strategy.mark_stale(Time::from_nanos(patience_ago));
            // Those that are off the list and still up, too: they may have rooms.
            let waiting: BTreeSet<ServerId> = self
                .homes
                .iter()
                .filter(|(_, home)| home.server_type == server_type)
                .map(|(id, _)| id.clone())
                .collect();
            replicas.sweep = Sweep::Draining { number, waiting: waiting.clone() };
            for id in waiting {
                self.tell(id, Payload::Drain { change: number }, out);
            }
            self.end_sweep(&server_type);
        }
    }

    /// A server has done what was sent to it before, or is no more.
    pub(super) fn is_swept(&mut self, server: &ServerId, done: Option<u64>) {
        let mut over = Vec::new();
        for (server_type, replicas) in &mut self.types {
            if let Sweep::Draining { number, waiting } = &mut replicas.sweep
                && done.is_none_or(|done| done == *number)
                && waiting.remove(server)
            {
                over.push(server_type.clone());
            }
        }
        over.iter().for_each(|server_type| self.end_sweep(server_type));
    }

    /// Forgets what is still marked, when all servers have answered.
    fn end_sweep(&mut self, server_type: &ServerType) {
        let (now, patience) = (self.now, self.request_timeout);
        let Some(replicas) = self.types.get_mut(server_type) else { return };
        if !matches!(&replicas.sweep, Sweep::Draining { waiting, .. } if waiting.is_empty()) {
            return;
        }
        // What is on its way still is asked for.
        let mut under_way: BTreeSet<Arc<str>> = replicas.held.keys().collect();
        for server in &replicas.servers {
            under_way.extend(self.links.keys_to(&server.id));
            let waits = self.homes.get(&server.id).and_then(|home| home.paused.as_ref());
            under_way.extend(waits.into_iter().flat_map(Backlog::keys));
        }
        let census = Census { now, uids: &self.uids, directory: &self.directory };
        for key in under_way {
            if replicas.owner(&key).is_some() {
                let _ = replicas.pick(server_type, &key, census);
            }
        }
        replicas.strategy.drop_stale();
        replicas.sweep = Sweep::Idle;
        if replicas.strategy.unsettled() > 0 {
            replicas.expect_sweep(now, patience);
        }
    }

    /// The servers of a server's type, if their strategy remembers where keys are.
    fn remembering(&mut self, server: &ServerId) -> Option<&mut Replicas> {
        let server_type = self.homes.get(server).map(|home| &home.server_type);
        let server_type = server_type.or_else(|| self.orphans.get(server))?;
        self.types.get_mut(server_type).filter(|replicas| replicas.needs.placements)
    }
}
