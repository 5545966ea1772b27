//! The servers of one type: which exist, which of them owns a key, and what is buffered for keys
//! between two servers.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::changes::{Before, Changes};
use super::loads::PendingAssignments;
use super::reservations::Reservations;
use super::sweep::Sweep;
use crate::config::ServerSpec;
use crate::envelope::{AppError, Asker, Envelope, Located, Payload, Room};
use crate::ids::{ServerId, ServerType};
use crate::router::backlog::{Backlog, key_of};
use crate::router::fabric::Fabric;
use crate::router::route::{Route, RouteInput, RouteKey};
use crate::strategies::{Candidate, Look, Needs, Placements, Strategy, StrategySpec};
use crate::time::Time;
use crate::trace::{What, bounded};

/// Most keys that a directory remembers without a room: clients can ask for endless names.
const UNSETTLED_MAX: usize = 100_000;

/// The load of a server: bound sessions of a frontend, members of the rooms of any other. Asked for
/// only if the strategy uses loads.
pub(in crate::router) type Load<'a> = &'a dyn Fn(&Located) -> usize;

/// The servers of one type.
pub(in crate::router) struct Pool {
    pub(super) server_type: ServerType,
    /// In list order.
    servers: Vec<Located>,
    /// Every server that is up or may come back, on the list or not.
    known: FxHashMap<ServerId, Known>,
    key: RouteKey,
    /// The strategy as it was asked for.
    spec: StrategySpec,
    /// A change continues with a copy, and keeps this one until it ends.
    strategy: Box<dyn Strategy>,
    needs: Needs,
    /// Whether the strategy has placements: asked once, not at each pick.
    remembers: bool,
    pending: PendingAssignments,
    /// Of a strategy that remembers keys.
    pub(super) reservations: Reservations,
    pub(super) changes: Changes,
    /// Envelopes for keys between two servers, in order.
    held: Backlog<()>,
    pub(super) sweep: Sweep,
    seed: u64,
    request_timeout: Duration,
    pub(super) expired: u64,
    /// Reused for its memory.
    loads: Vec<u32>,
}

/// What a strategy, or its choice, depends on.
struct Known {
    weight: f64,
    frontend: bool,
}

/// The server picked for an envelope.
pub(in crate::router) struct Chosen {
    pub(in crate::router) key: Arc<str>,
    pub(in crate::router) server: ServerId,
    /// The key had no server while a change is in progress: its rooms may wait elsewhere.
    pub(in crate::router) is_new: bool,
}

impl Pool {
    /// A type without servers. `seed` is the seed of the strategy's chance.
    pub(super) fn new(
        server_type: ServerType,
        Route { key, strategy: spec }: Route,
        seed: u64,
        request_timeout: Duration,
    ) -> Self {
        let strategy = spec.make(seed);
        let mut pool = Self {
            server_type,
            servers: Vec::new(),
            known: FxHashMap::default(),
            key,
            spec,
            needs: strategy.needs(),
            remembers: strategy.placements().is_some(),
            strategy,
            pending: PendingAssignments::default(),
            reservations: Reservations::default(),
            changes: Changes::default(),
            held: Backlog::default(),
            sweep: Sweep::default(),
            seed,
            request_timeout,
            expired: 0,
            loads: Vec::new(),
        };
        pool.rebuild();
        pool
    }

    pub(super) fn know(&mut self, server: &ServerSpec) {
        let known = Known { weight: server.weight, frontend: server.frontend };
        self.known.insert(server.id.clone(), known);
    }

    pub(super) fn remove_from_order(&mut self, id: &ServerId) {
        self.known.remove(id);
    }

    /// Changes the list. Returns the state before, if the list differs.
    pub(super) fn relist(&mut self, change: impl FnOnce(&mut Vec<Located>)) -> Option<Before> {
        let servers = self.ids();
        change(&mut self.servers);
        if self.servers.iter().map(|server| &server.id).eq(&servers) {
            return None;
        }
        let strategy = self.strategy.boxed();
        self.rebuild();
        Some(Before { servers, strategy })
    }

    /// Switches the strategy. One that remembers keys learns where the rooms are; if rooms of a key
    /// were left behind on other servers, the room that is found counts. Returns the state before.
    pub(super) fn take_up(
        &mut self,
        spec: StrategySpec,
        keys_at: impl Fn(&ServerId) -> Vec<Arc<str>>,
    ) -> Before {
        let new = self.make(&spec);
        let strategy = std::mem::replace(&mut self.strategy, new);
        let loads_counted = self.needs.loads;
        (self.needs, self.remembers) = (self.strategy.needs(), self.strategy.placements().is_some());
        self.spec = spec;
        if !(loads_counted && self.needs.loads) {
            self.pending = PendingAssignments::default();
        }
        self.sweep = Sweep::default();
        self.reservations = Reservations::default();
        let servers = self.ids();
        for (index, holder) in servers.iter().enumerate().filter(|_| self.remembers) {
            for key in keys_at(holder) {
                if (self.strategy.peek(&key).is_none() || strategy.peek(&key) == Some(index))
                    && let Some(placements) = self.strategy.placements_mut()
                {
                    placements.place(&key, index);
                }
            }
        }
        Before { servers, strategy }
    }

    /// Finds the key of an envelope, as its sender gave it or as the type's route computes it, and
    /// picks the server.
    pub(in crate::router) fn choose(
        &mut self,
        key: Option<Arc<str>>,
        payload: &Payload,
        now: Time,
        load: Load<'_>,
    ) -> Result<Chosen, AppError> {
        let key = match (key, payload) {
            (Some(key), _) => key,
            (None, Payload::Invoke(invoke)) => {
                let session = invoke.session.as_ref();
                self.find_key(&RouteInput { session, route: &invoke.route, body: &invoke.body })?
            }
            (None, _) => Arc::from(""),
        };
        let is_new = !self.changes.is_empty() && self.remembers && self.owner(&key).is_none();
        self.reservations.used(&key);
        let server = self.pick(&key, now, load)?.id.clone();
        Ok(Chosen { key, server, is_new })
    }

    fn find_key(&self, input: &RouteInput<'_>) -> Result<Arc<str>, AppError> {
        // A route is the code of the cluster's author. Its panic fails one message, not the router.
        let found = catch_unwind(AssertUnwindSafe(|| (self.key)(input)));
        let found = found.unwrap_or_else(|_| Err(AppError::new("its route function panicked")));
        found
            .map(|key| Arc::from(&*key))
            .map_err(|error| AppError::new(format!("no route to {}: {}", self.server_type, error.message)))
    }

    /// Picks the server for a key that a client asks for before it logs in there. A client that has
    /// as many such keys as it may have loses its oldest.
    pub(in crate::router) fn locate(
        &mut self,
        asker: Option<&Asker>,
        key: &str,
        now: Time,
        load: Load<'_>,
    ) -> Result<&Located, AppError> {
        if let Some(asker) = asker.filter(|_| self.remembers) {
            let is_new = self.strategy.peek(key).is_none();
            for displaced in self.reservations.add(asker, key, is_new) {
                if let Some(server) = self.owner(&displaced).cloned() {
                    self.pending.keep(&server);
                }
                if let Some(placements) = self.strategy.placements_mut() {
                    placements.forget(&displaced);
                }
            }
        }
        self.pick(key, now, load)
    }

    /// Picks the server for a key that somebody asks for.
    pub(in crate::router) fn pick(
        &mut self,
        key: &str,
        now: Time,
        load: Load<'_>,
    ) -> Result<&Located, AppError> {
        if self.remembers {
            self.sweep.expect(now, self.request_timeout);
        }
        self.pick_only(key, now, load)
    }

    /// Picks a server without expecting a room. A pick that does not show in the loads yet counts
    /// as load of the server.
    fn pick_only(&mut self, key: &str, now: Time, load: Load<'_>) -> Result<&Located, AppError> {
        let mut look = Look { now, loads: &[] };
        let is_new = (self.needs.loads || self.remembers) && self.strategy.peek(key).is_none();
        if is_new && self.remembers && self.unsettled() >= UNSETTLED_MAX {
            let busy = format!("busy: too many new keys of {} at once", self.server_type);
            return Err(AppError::new(busy).with_code(503));
        }
        if is_new && self.needs.loads {
            let pending = &mut self.pending;
            let load = |server: &Located| {
                let held = u32::try_from(load(server)).unwrap_or(u32::MAX);
                held.saturating_add(pending.to(now, &server.id))
            };
            self.loads.clear();
            self.loads.extend(self.servers.iter().map(load));
            look.loads = &self.loads;
        }
        let chosen = self.strategy.pick(key, &look).and_then(|index| self.servers.get(index));
        let chosen =
            chosen.ok_or_else(|| AppError::new(format!("no {} server is left", self.server_type)))?;
        if is_new && self.needs.loads {
            self.pending.give(now, &chosen.id);
        }
        Ok(chosen)
    }

    /// The server that owns a key, if that is certain without choosing.
    pub(in crate::router) fn owner(&self, key: &str) -> Option<&ServerId> {
        let index = self.strategy.peek(key)?;
        self.servers.get(index).map(|server| &server.id)
    }

    /// The server to which the room of a key goes; `None` while the key is between two. A strategy
    /// that remembers rooms picks a server for a key that has none.
    pub(in crate::router) fn new_owner(&mut self, key: &str, now: Time, load: Load<'_>) -> Option<ServerId> {
        if self.is_between(key) {
            return None;
        }
        match self.owner(key) {
            None if self.remembers => self.pick_only(key, now, load).ok().map(|server| server.id.clone()),
            owner => owner.cloned(),
        }
    }

    /// Whether the key is between two servers.
    pub(in crate::router) fn is_between(&self, key: &str) -> bool {
        !self.changes.is_empty() && self.changes.hold(key, self.owner(key))
    }

    /// Buffers an envelope until its key is no longer between two servers. Returns it if the buffer
    /// is full.
    pub(in crate::router) fn hold(&mut self, envelope: Envelope) -> Option<Envelope> {
        self.held.push((), envelope)
    }

    /// Puts envelopes in front of everything buffered: they are older.
    pub(in crate::router) fn hold_first(&mut self, envelopes: Vec<Envelope>) {
        self.held.put_before(envelopes.into_iter().map(|envelope| ((), envelope)).collect());
    }

    /// Removes the buffered envelopes of keys that are no longer between two servers, in order. A
    /// call whose deadline has passed is dropped: its caller was answered, and must not see it done
    /// afterwards.
    pub(in crate::router) fn release_held(&mut self, now: Time) -> Vec<Envelope> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let mut held = std::mem::take(&mut self.held);
        let free: BTreeSet<Arc<str>> = held.keys().filter(|key| !self.is_between(key)).collect();
        let is_free = |envelope: &Envelope| key_of(&envelope.payload).is_some_and(|key| free.contains(key));
        let released = held.extract(is_free);
        self.held = held;
        let count = released.len();
        let is_in_time = |envelope: &Envelope| match &envelope.payload {
            Payload::Invoke(invoke) => invoke.call.is_none() || invoke.deadline > now,
            _ => true,
        };
        let released: Vec<Envelope> =
            released.into_iter().map(|(_, envelope)| envelope).filter(is_in_time).collect();
        self.expired += (count - released.len()) as u64;
        released
    }

    /// Drops the `unwanted` envelopes of a server that is gone.
    pub(super) fn discard_from(&mut self, id: &ServerId, unwanted: impl Fn(&Payload) -> bool) {
        self.held.extract(|held| held.from == *id && unwanted(&held.payload));
    }

    /// The buffered envelopes, in order.
    pub(super) fn held(&self) -> impl Iterator<Item = &Envelope> {
        self.held.envelopes()
    }

    /// Rooms have moved to a server.
    pub(in crate::router) fn moved(&mut self, to: &ServerId, rooms: &[Room]) {
        rooms.iter().filter_map(|room| room.key.as_ref()).for_each(|key| self.settle(to, key));
        let members = rooms.iter().map(|room| room.members.len() as u64).sum();
        self.changes.count_moved(rooms.len() as u64, members);
    }

    /// A room of a key has a first or another member.
    pub(in crate::router) fn settle(&mut self, server: &ServerId, key: &Arc<str>) {
        if !self.remembers {
            return;
        }
        self.reservations.used(key);
        match self.owner(key) {
            Some(owner) if owner == server => {}
            // The room is still on the previous owner of the key.
            Some(_) => return,
            // A pick of an earlier strategy made the room, and nobody has asked for the key since.
            None => {
                if let (Some(index), Some(placements)) = (self.index(server), self.strategy.placements_mut())
                {
                    placements.place(key, index);
                }
                return;
            }
        }
        let Some(placements) = self.strategy.placements_mut() else { return };
        let before = placements.unsettled();
        placements.settle(key);
        if placements.unsettled() < before {
            self.pending.keep(server);
        }
    }

    /// A server has no more rooms of a key.
    pub(in crate::router) fn unsettle(&mut self, server: &ServerId, key: &Arc<str>, now: Time) {
        if self.remembers
            && self.owner(key) == Some(server)
            && let Some(placements) = self.strategy.placements_mut()
        {
            placements.unsettle(now, key);
            self.sweep.expect(now, self.request_timeout);
        }
    }

    /// How many keys are remembered that have no room, or none yet.
    pub(super) fn unsettled(&self) -> usize {
        self.strategy.placements().map_or(0, Placements::unsettled)
    }

    /// Begins a sweep, in which these servers are asked to drain. Servers off the list are asked
    /// too, since they may have rooms.
    pub(super) fn begin_sweep(&mut self, drain: u64, waiting: BTreeSet<ServerId>, now: Time) {
        if let Some(placements) = self.strategy.placements_mut() {
            placements.mark_stale(Sweep::stale_since(now, self.request_timeout));
        }
        self.sweep = Sweep::Draining { drain, waiting };
    }

    /// Forgets the keys that are still marked, once all servers have drained.
    pub(super) fn end_sweep(&mut self, fabric: &Fabric, load: Load<'_>) {
        if !self.sweep.is_over() {
            return;
        }
        // A key with an envelope in flight counts as asked for.
        let mut asked_for: BTreeSet<Arc<str>> = self.held.keys().collect();
        for server in &self.servers {
            asked_for.extend(fabric.keys_to(&server.id));
        }
        for key in asked_for {
            if self.owner(&key).is_some() {
                let _ = self.pick_only(&key, fabric.now(), load);
            }
        }
        if let Some(placements) = self.strategy.placements_mut() {
            placements.drop_stale();
        }
        self.reservations.retain(|key| self.strategy.peek(key).is_some());
        self.sweep = Sweep::Idle;
        if self.unsettled() > 0 {
            self.sweep.expect(fabric.now(), self.request_timeout);
        }
    }

    /// A server took this long for a call.
    pub(super) fn learn(&mut self, now: Time, server: &ServerId, since: Time) {
        if let Some(index) = self.index(server) {
            self.strategy.learn(now, index, now.since(since));
        }
    }

    /// A session that may have been located has arrived at a server.
    pub(in crate::router) fn confirm_assignment(&mut self, frontend: &ServerId) {
        self.pending.keep(frontend);
    }

    /// A step of a trace: the server picked by a key.
    pub(in crate::router) fn routed(&self, key: &str, to: &ServerId) -> What {
        What::Routed {
            to: to.clone(),
            key: bounded(key),
            server_type: self.server_type.clone(),
            strategy: bounded(&self.spec.to_string()),
            why: bounded(&self.strategy.explain(key)),
        }
    }

    pub(in crate::router) fn spec(&self) -> &StrategySpec {
        &self.spec
    }

    pub(in crate::router) fn strategy(&self) -> &dyn Strategy {
        &*self.strategy
    }

    pub(in crate::router) fn needs(&self) -> Needs {
        self.needs
    }

    /// The servers that can be picked, in list order.
    pub(in crate::router) fn servers(&self) -> &[Located] {
        &self.servers
    }

    pub(in crate::router) fn ids(&self) -> Vec<ServerId> {
        self.servers.iter().map(|server| server.id.clone()).collect()
    }

    /// The index of a server on the list.
    pub(in crate::router) fn index(&self, id: &ServerId) -> Option<usize> {
        self.servers.iter().position(|server| server.id == *id)
    }

    /// The servers to pick from, in list order.
    pub(in crate::router) fn candidates(&self) -> Vec<Candidate> {
        let candidate =
            |server: &Located| Candidate { id: server.id.clone(), weight: self.weight(&server.id) };
        self.servers.iter().map(candidate).collect()
    }

    pub(in crate::router) fn weight(&self, id: &ServerId) -> f64 {
        self.known.get(id).map_or(1.0, |known| known.weight)
    }

    /// For each server, whether clients connect to it.
    pub(super) fn are_frontends(&self) -> impl Iterator<Item = bool> {
        self.known.values().map(|known| known.frontend)
    }

    /// Whether clients connect to all servers of the type, and it has some.
    pub(in crate::router) fn is_of_frontends(&self) -> bool {
        !self.known.is_empty() && self.are_frontends().all(|frontend| frontend)
    }

    /// Whether a change of the list or the strategy is in progress.
    pub(in crate::router) fn is_changing(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Another strategy for the same servers.
    pub(in crate::router) fn make(&self, spec: &StrategySpec) -> Box<dyn Strategy> {
        let mut strategy = spec.make(self.seed);
        strategy.rebuild(&self.candidates());
        strategy
    }

    /// Gives the strategy the list of servers.
    fn rebuild(&mut self) {
        let candidates = self.candidates();
        self.strategy.rebuild(&candidates);
        self.pending.retain(|id| self.servers.iter().any(|server| server.id == *id));
    }
}
