//! Pools: the servers of each type, which of them owns a key, and what is buffered while that
//! changes.
//!
//! A key belongs to the server that the strategy picks. When the list or the strategy changes, so
//! may its server. The new server receives nothing for that key before the old one has processed
//! everything sent to it and its results have arrived. Then the rooms of the key move with their
//! members, and the buffered traffic follows. So a room is on one server at a time, its messages
//! keep their order, and its members notice nothing.
//!
//! ```text
//!   a key:    with its server ──(list or strategy changes, and it belongs to another)──▶ between two servers
//!                    ▲                                                                      │ its traffic is buffered,
//!                    │                                                                      │ the old server drains
//!                    └── Release to the old, Adopt to the new, then the buffered traffic ◀──┘ and what it sent arrives
//!
//!   a server: admit ──▶ known ──join──▶ on the list ──retire──▶ known ──remove_from_order──▶ forgotten
//!                         ▲   (in its old place)      (also by a crash)│
//!                         └──────────── it comes back ─────────────────┘
//! ```

mod changes;
mod loads;
mod pool;
mod reservations;
mod steer;
mod sweep;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::changes::Before;
use self::loads::Stopwatch;
use super::backlog::key_of;
use super::counters::RouterCounters;
use super::fabric::Fabric;
use super::route::Route;
use crate::config::ServerSpec;
use crate::envelope::{AppError, CallId, Envelope, Located, Payload};
use crate::ids::{ServerId, ServerType};
use crate::strategies::StrategySpec;
use crate::time::Time;

pub(super) use self::loads::Timed;
pub(super) use self::pool::{Chosen, Load, Pool};
pub use self::steer::{NotSticky, StrategyError};

/// Changes that have ended and were not asked for yet.
const MOVED_MAX: usize = 64;

/// A change of a list that has ended, and that moved rooms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The type.
    pub server_type: ServerType,
    /// Rooms moved.
    pub rooms: u64,
    /// Their members.
    pub members: u64,
}

/// The servers that a change asks to drain.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) drain: u64,
    pub(super) servers: Vec<ServerId>,
}

/// The pools of all types.
#[derive(Default)]
pub(super) struct Pools {
    pools: BTreeMap<ServerType, Pool>,
    /// Servers in the order in which they were first admitted. A list has this order, and a server
    /// that comes back returns to its place.
    ranks: BTreeMap<ServerId, usize>,
    last_rank: usize,
    /// Calls to servers whose strategy uses latencies.
    stopwatch: Stopwatch,
    /// Changes that have ended and moved rooms, until they are asked for.
    moved: VecDeque<Moved>,
    rooms_stay: bool,
    seed: u64,
    request_timeout: Duration,
    changes: u64,
}

impl Pools {
    pub(super) fn new(rooms_stay: bool, seed: u64, request_timeout: Duration) -> Self {
        Self { rooms_stay, seed, request_timeout, ..Self::default() }
    }

    pub(super) fn add_type(&mut self, server_type: ServerType, route: Route) {
        let pool = Pool::new(server_type.clone(), route, self.seed, self.request_timeout);
        self.pools.insert(server_type, pool);
    }

    /// Admits a server. No route picks it yet.
    ///
    /// # Errors
    /// The server's type is unknown; the error is the type.
    pub(super) fn admit(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        let pool = self.pools.get_mut(&server.server_type).ok_or_else(|| server.server_type.clone())?;
        pool.know(server);
        if !self.ranks.contains_key(&server.id) {
            self.last_rank += 1;
            self.ranks.insert(server.id.clone(), self.last_rank);
        }
        Ok(())
    }

    /// Puts a server on its type's list before anything runs, when nothing can have to move.
    pub(super) fn list(&mut self, server: &ServerSpec) {
        if let Some(pool) = self.pools.get_mut(&server.server_type) {
            pool.relist(|servers| servers.push(located(server)));
        }
    }

    /// Puts a server on its type's list, in its old place if it had one.
    pub(super) fn join(&mut self, server: &ServerSpec, fabric: &mut Fabric) -> Asked {
        let before = self.pools.get_mut(&server.server_type).and_then(|pool| {
            pool.relist(|servers| {
                servers.push(located(server));
                servers.sort_by_key(|server| self.ranks.get(&server.id));
            })
        });
        self.begin(&server.server_type, before, fabric)
    }

    /// Puts the lists in this order. Servers that are not up yet will join in their places; servers
    /// that `order` does not name stand behind the others.
    pub(super) fn arrange(&mut self, order: &[ServerId]) {
        let mut behind: Vec<(usize, ServerId)> =
            self.ranks.iter().map(|(id, rank)| (*rank, id.clone())).collect();
        behind.sort();
        let behind = behind.into_iter().map(|(_, id)| id).filter(|id| !order.contains(id));
        for id in order.iter().cloned().chain(behind) {
            self.last_rank += 1;
            self.ranks.insert(id, self.last_rank);
        }
    }

    /// Sorts a type's list by the places of its servers.
    pub(super) fn sort(&mut self, server_type: &ServerType, fabric: &mut Fabric) -> Asked {
        let pool = self.pools.get_mut(server_type);
        let sort = |servers: &mut Vec<Located>| servers.sort_by_key(|server| self.ranks.get(&server.id));
        let before = pool.and_then(|pool| pool.relist(sort));
        self.begin(server_type, before, fabric)
    }

    /// Takes a server off its type's list.
    pub(super) fn retire(&mut self, server_type: &ServerType, id: &ServerId, fabric: &mut Fabric) -> Asked {
        let pool = self.pools.get_mut(server_type);
        let before = pool.and_then(|pool| pool.relist(|servers| servers.retain(|server| server.id != *id)));
        self.begin(server_type, before, fabric)
    }

    /// Forgets the place of a server that is gone. If it comes back, it stands at the end.
    pub(super) fn remove_from_order(&mut self, id: &ServerId) {
        self.ranks.remove(id);
        self.pools.values_mut().for_each(|pool| pool.remove_from_order(id));
    }

    /// Switches the strategy of a type. `keys_at` gives the keys of a server's rooms.
    pub(super) fn steer(
        &mut self,
        server_type: &ServerType,
        spec: StrategySpec,
        keys_at: impl Fn(&ServerId) -> Vec<Arc<str>>,
        fabric: &mut Fabric,
    ) -> Asked {
        let before = self.pools.get_mut(server_type).map(|pool| pool.take_up(spec, keys_at));
        // The latencies measured so far came from the picks of another strategy.
        self.stopwatch.forget(server_type);
        self.begin(server_type, before, fabric)
    }

    /// The pool of the type, if it may have that strategy.
    pub(super) fn check(
        &self,
        server_type: &ServerType,
        spec: &StrategySpec,
    ) -> Result<&Pool, StrategyError> {
        let pool = self.pools.get(server_type).ok_or_else(|| StrategyError::UnknownType {
            server_type: server_type.clone(),
            known: self.pools.keys().cloned().collect(),
        })?;
        NotSticky::check(server_type, spec, pool.are_frontends())?;
        Ok(pool)
    }

    /// Begins a change from `before`.
    fn begin(&mut self, server_type: &ServerType, before: Option<Before>, fabric: &mut Fabric) -> Asked {
        let Some((pool, before)) = self.pools.get_mut(server_type).zip(before) else {
            return Asked::default();
        };
        self.changes += 1;
        if self.rooms_stay {
            return Asked::default();
        }
        let drain = fabric.next_drain();
        let is_up = |id: &ServerId| fabric.is_up(id);
        Asked { drain, servers: pool.changes.begin(drain, before, fabric.last_serial(), is_up) }
    }

    /// A server has drained; without a number, it is gone. Changes continue when what it sent has
    /// arrived.
    pub(super) fn drained(&mut self, id: &ServerId, drain: Option<u64>, fabric: &Fabric) {
        let serial = fabric.last_serial();
        self.pools.values_mut().for_each(|pool| pool.changes.drained(id, drain, serial));
    }

    /// The types that have keys which are not between two servers any more.
    pub(super) fn proceed(&mut self, fabric: &Fabric) -> Vec<ServerType> {
        let changing = self.pools.values_mut().filter(|pool| pool.is_changing());
        let is_on_its_way = |id: &ServerId, serial| fabric.holds_from(id, serial);
        let new =
            changing.filter_map(|pool| pool.changes.proceed(is_on_its_way).then(|| pool.server_type.clone()));
        new.collect()
    }

    /// Removes the changes of a type that are over, and remembers what they moved.
    pub(super) fn end_changes(&mut self, server_type: &ServerType) {
        let Some(pool) = self.pools.get_mut(server_type) else { return };
        for (rooms, members) in pool.changes.end() {
            if self.moved.len() == MOVED_MAX {
                self.moved.pop_front();
            }
            self.moved.push_back(Moved { server_type: server_type.clone(), rooms, members });
        }
    }

    pub(super) fn take_moved(&mut self) -> Vec<Moved> {
        self.moved.drain(..).collect()
    }

    /// Drops the `unwanted` envelopes of a server that is gone.
    pub(super) fn discard_from(&mut self, id: &ServerId, unwanted: impl Fn(&Payload) -> bool) {
        self.pools.values_mut().for_each(|pool| pool.discard_from(id, &unwanted));
    }

    /// How many keys are remembered that have no room, or none yet.
    pub(super) fn unsettled(&self) -> usize {
        self.pools.values().map(Pool::unsettled).sum()
    }

    /// When the next sweep begins.
    pub(super) fn next_sweep(&self) -> Option<Time> {
        self.pools.values().filter_map(|pool| pool.sweep.due()).min()
    }

    /// Begins the sweeps that are due.
    pub(super) fn sweep(&mut self, fabric: &mut Fabric, load: Load<'_>) {
        for pool in self.pools.values_mut() {
            if pool.sweep.due().is_none_or(|due| due > fabric.now()) {
                continue;
            }
            let (drain, waiting) = (fabric.next_drain(), fabric.servers(Some(&pool.server_type)));
            pool.begin_sweep(drain, waiting.clone(), fabric.now());
            waiting.into_iter().for_each(|id| fabric.send(id, Payload::Drain { change: drain }));
            pool.end_sweep(fabric, load);
        }
    }

    /// A server has drained; without a number, it is gone. Sweeps may end.
    pub(super) fn swept(&mut self, id: &ServerId, drain: Option<u64>, fabric: &Fabric, load: Load<'_>) {
        for pool in self.pools.values_mut() {
            if pool.sweep.drained(id, drain) {
                pool.end_sweep(fabric, load);
            }
        }
    }

    /// A call goes to a server whose strategy uses latencies.
    pub(super) fn time(&mut self, caller: &ServerId, call: CallId, timed: Timed) {
        self.stopwatch.begin(caller, call, timed);
    }

    /// An answer passes: the server took this long.
    pub(super) fn learn(&mut self, caller: &ServerId, payload: &Payload, now: Time) {
        if self.stopwatch.is_idle() {
            return;
        }
        if let Payload::Answer { call, .. } = payload
            && let Some(timed) = self.stopwatch.end(caller, *call)
        {
            self.tell_strategy(&timed, now);
        }
    }

    /// A server that does not answer took at least as long as its callers have waited.
    pub(super) fn learn_of_silence(&mut self, now: Time) {
        if self.stopwatch.is_idle() {
            return;
        }
        let timeout = self.request_timeout.as_nanos() as u64;
        let then = Time::from_nanos(now.as_nanos().saturating_sub(timeout));
        while let Some(timed) = self.stopwatch.overdue(then) {
            self.tell_strategy(&timed, now);
        }
    }

    fn tell_strategy(&mut self, Timed { since, server_type, server }: &Timed, now: Time) {
        if let Some(pool) = self.pools.get_mut(server_type) {
            pool.learn(now, server, *since);
        }
    }

    pub(super) fn get(&self, server_type: &ServerType) -> Option<&Pool> {
        self.pools.get(server_type)
    }

    pub(super) fn get_mut(&mut self, server_type: &ServerType) -> Option<&mut Pool> {
        self.pools.get_mut(server_type)
    }

    /// The pool of the type that an envelope names.
    ///
    /// # Errors
    /// The type is unknown.
    pub(super) fn asked(&mut self, server_type: &ServerType) -> Result<&mut Pool, AppError> {
        let pool = self.pools.get_mut(server_type);
        pool.ok_or_else(|| AppError::new(format!("no server type {server_type}")))
    }

    /// All pools, by type.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ServerType, &Pool)> {
        self.pools.iter()
    }

    /// Whether the type has a server on its list.
    pub(super) fn has_servers(&self, server_type: &ServerType) -> bool {
        self.pools.get(server_type).is_some_and(|pool| !pool.servers().is_empty())
    }

    /// Whether a change waits for a server.
    pub(super) fn wait_for(&self, id: &ServerId) -> bool {
        self.pools.values().any(|pool| pool.changes.wait_for(id))
    }

    /// The buffered envelopes, each with the server that owns its key now.
    pub(super) fn held(&self) -> impl Iterator<Item = (&Envelope, &ServerId)> {
        self.pools
            .values()
            .flat_map(|pool| pool.held().filter_map(|held| Some((held, pool.owner(key_of(&held.payload)?)?))))
    }

    pub(super) fn count(&self, counters: &mut RouterCounters) {
        counters.changes = self.changes;
        counters.expired = self.pools.values().map(|pool| pool.expired).sum();
    }
}

fn located(server: &ServerSpec) -> Located {
    Located {
        id: server.id.clone(),
        host: server.advertised_host().to_owned(),
        port: server.client_port.filter(|_| server.frontend),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
