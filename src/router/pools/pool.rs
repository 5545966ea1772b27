//! The servers of one type: which there are, which of them a key belongs to, and what waits for
//! keys between two.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::changes::{Before, Changes};
use super::loads::Promises;
use super::sweep::Sweep;
use crate::config::ServerSpec;
use crate::envelope::{AppError, Envelope, Located, Payload, Room};
use crate::ids::{ServerId, ServerType};
use crate::router::backlog::{Backlog, key_of};
use crate::router::fabric::Fabric;
use crate::router::route::{Route, RouteInput, RouteKey};
use crate::strategies::{Candidate, Look, Needs, Placements, Strategy, StrategySpec};
use crate::time::Time;
use crate::trace::{What, bounded};

/// Most keys that a directory remembers though no room is there: clients can ask for endless names.
const UNSETTLED_MAX: usize = 100_000;

/// What a server holds: bound sessions of a frontend, members of the rooms of any other. Asked only
/// where the strategy wants to know.
pub(in crate::router) type Load<'a> = &'a dyn Fn(&Located) -> usize;

/// See the module.
pub(in crate::router) struct Pool {
    pub(super) server_type: ServerType,
    /// In list order.
    servers: Vec<Located>,
    /// Every server that there is, or that may come back, on the list or not.
    known: FxHashMap<ServerId, Known>,
    key: RouteKey,
    /// As it was asked for.
    spec: StrategySpec,
    /// A change goes on with another one, and keeps this until it is over.
    strategy: Box<dyn Strategy>,
    needs: Needs,
    /// Whether the strategy has placements: asked once, not at each pick.
    remembers: bool,
    promises: Promises,
    pub(super) changes: Changes,
    /// What is for keys that are between two servers, in order.
    held: Backlog<()>,
    pub(super) sweep: Sweep,
    seed: u64,
    request_timeout: Duration,
    pub(super) expired: u64,
    /// Kept for its memory.
    loads: Vec<u32>,
}

/// What a strategy, or the choice of one, depends on.
struct Known {
    weight: f64,
    frontend: bool,
}

/// The server that was chosen for an envelope.
pub(in crate::router) struct Chosen {
    pub(in crate::router) key: Arc<str>,
    pub(in crate::router) server: ServerId,
    /// The key had no server, while a change is not over: rooms of it may wait elsewhere.
    pub(in crate::router) is_new: bool,
}

impl Pool {
    /// The servers of a type that has none yet. `seed` is what the strategy's chance comes from.
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
            promises: Promises::default(),
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

    pub(super) fn strike(&mut self, id: &ServerId) {
        self.known.remove(id);
    }

    /// Changes the list. Gives what it was, when it is another one.
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

    /// Goes on with another strategy. One that remembers keys is told where the rooms are; where
    /// one of a key was left behind on another server, the one counts that is found. Gives what
    /// there was before.
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
            self.promises = Promises::default();
        }
        self.sweep = Sweep::default();
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

    /// Finds the key of an envelope, as its sender gave it or as the type's route finds it; and
    /// chooses the server.
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
        let server = self.pick(&key, now, load)?.id.clone();
        Ok(Chosen { key, server, is_new })
    }

    fn find_key(&self, input: &RouteInput<'_>) -> Result<Arc<str>, AppError> {
        // A route is code of whoever builds a cluster; its panic fails one message, not the router.
        let found = catch_unwind(AssertUnwindSafe(|| (self.key)(input)));
        let found = found.unwrap_or_else(|_| Err(AppError::new("its route function panicked")));
        found
            .map(|key| Arc::from(&*key))
            .map_err(|error| AppError::new(format!("no route to {}: {}", self.server_type, error.message)))
    }

    /// The server for a key that somebody asks for.
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

    /// The same, where no room need come of it. A choice of which nothing is to be seen yet counts
    /// as a load of the server.
    fn pick_only(&mut self, key: &str, now: Time, load: Load<'_>) -> Result<&Located, AppError> {
        let mut look = Look { now, loads: &[] };
        let is_new = (self.needs.loads || self.remembers) && self.strategy.peek(key).is_none();
        if is_new && self.remembers && self.unsettled() >= UNSETTLED_MAX {
            let busy = format!("busy: too many new keys of {} at once", self.server_type);
            return Err(AppError::new(busy).with_code(503));
        }
        if is_new && self.needs.loads {
            let promises = &mut self.promises;
            let load = |server: &Located| {
                let held = u32::try_from(load(server)).unwrap_or(u32::MAX);
                held.saturating_add(promises.to(now, &server.id))
            };
            self.loads.clear();
            self.loads.extend(self.servers.iter().map(load));
            look.loads = &self.loads;
        }
        let chosen = self.strategy.pick(key, &look).and_then(|index| self.servers.get(index));
        let chosen =
            chosen.ok_or_else(|| AppError::new(format!("no {} server is left", self.server_type)))?;
        if is_new && self.needs.loads {
            self.promises.give(now, &chosen.id);
        }
        Ok(chosen)
    }

    /// The server that a key belongs to, if that is certain without choosing.
    pub(in crate::router) fn owner(&self, key: &str) -> Option<&ServerId> {
        let index = self.strategy.peek(key)?;
        self.servers.get(index).map(|server| &server.id)
    }

    /// The server to which a room of a key goes; none while the key is between two. Where rooms are
    /// remembered, a server is chosen for the key if it has none.
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

    /// Holds an envelope until its key is not between two servers any more. Gives it back when too
    /// much waits.
    pub(in crate::router) fn hold(&mut self, envelope: Envelope) -> Option<Envelope> {
        self.held.push((), envelope)
    }

    /// Puts envelopes before all that is held: they are older.
    pub(in crate::router) fn hold_first(&mut self, envelopes: Vec<Envelope>) {
        self.held.put_before(envelopes.into_iter().map(|envelope| ((), envelope)).collect());
    }

    /// What was held for keys that are not between two servers any more, in order. Calls whose
    /// deadline has come are dropped: the sender has given up, and nobody would hear the answer.
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

    /// Drops what a server that is gone has sent, for which `unwanted` says so.
    pub(super) fn discard_from(&mut self, id: &ServerId, unwanted: impl Fn(&Payload) -> bool) {
        self.held.extract(|held| held.from == *id && unwanted(&held.payload));
    }

    /// What is held, in order.
    pub(super) fn held(&self) -> impl Iterator<Item = &Envelope> {
        self.held.envelopes()
    }

    /// Rooms have come to a server.
    pub(in crate::router) fn moved(&mut self, to: &ServerId, rooms: &[Room]) {
        rooms.iter().filter_map(|room| room.key.as_ref()).for_each(|key| self.settle(to, key));
        let members = rooms.iter().map(|room| room.members.len() as u64).sum();
        self.changes.count_moved(rooms.len() as u64, members);
    }

    /// A room of a key has its first member, or another.
    pub(in crate::router) fn settle(&mut self, server: &ServerId, key: &Arc<str>) {
        if !self.remembers {
            return;
        }
        match self.owner(key) {
            Some(owner) if owner == server => {}
            // The room is still where the key was before.
            Some(_) => return,
            // It has come by a choice of an earlier strategy, and nobody has asked for it since.
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
            self.promises.keep(server);
        }
    }

    /// A server has no room of a key any more.
    pub(in crate::router) fn unsettle(&mut self, server: &ServerId, key: &Arc<str>, now: Time) {
        if self.remembers
            && self.owner(key) == Some(server)
            && let Some(placements) = self.strategy.placements_mut()
        {
            placements.unsettle(now, key);
            self.sweep.expect(now, self.request_timeout);
        }
    }

    /// How many keys are remembered at which no room is, or none yet.
    pub(super) fn unsettled(&self) -> usize {
        self.strategy.placements().map_or(0, Placements::unsettled)
    }

    /// Begins a sweep, in which these servers are asked to drain: those that are off the list, too,
    /// since they may have rooms.
    pub(super) fn begin_sweep(&mut self, drain: u64, waiting: BTreeSet<ServerId>, now: Time) {
        if let Some(placements) = self.strategy.placements_mut() {
            placements.mark_stale(Sweep::stale_since(now, self.request_timeout));
        }
        self.sweep = Sweep::Draining { drain, waiting };
    }

    /// Forgets what is still marked, when all servers have drained.
    pub(super) fn end_sweep(&mut self, fabric: &Fabric, load: Load<'_>) {
        if !self.sweep.is_over() {
            return;
        }
        // A key that something is on its way for is asked for.
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
        self.sweep = Sweep::Idle;
        if self.unsettled() > 0 {
            self.sweep.expect(fabric.now(), self.request_timeout);
        }
    }

    /// A server took so long for a call.
    pub(super) fn learn(&mut self, now: Time, server: &ServerId, since: Time) {
        if let Some(index) = self.index(server) {
            self.strategy.learn(now, index, now.since(since));
        }
    }

    /// A session that was located, perhaps, has come to a server.
    pub(in crate::router) fn keep_promise(&mut self, frontend: &ServerId) {
        self.promises.keep(frontend);
    }

    /// A step of a trace: a server was chosen by a key.
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

    /// The servers that can be chosen, in list order.
    pub(in crate::router) fn servers(&self) -> &[Located] {
        &self.servers
    }

    pub(in crate::router) fn ids(&self) -> Vec<ServerId> {
        self.servers.iter().map(|server| server.id.clone()).collect()
    }

    /// The place of a server on the list.
    pub(in crate::router) fn index(&self, id: &ServerId) -> Option<usize> {
        self.servers.iter().position(|server| server.id == *id)
    }

    /// The servers to choose from, in list order.
    pub(in crate::router) fn candidates(&self) -> Vec<Candidate> {
        let candidate =
            |server: &Located| Candidate { id: server.id.clone(), weight: self.weight(&server.id) };
        self.servers.iter().map(candidate).collect()
    }

    pub(in crate::router) fn weight(&self, id: &ServerId) -> f64 {
        self.known.get(id).map_or(1.0, |known| known.weight)
    }

    /// Of each server, whether clients connect to it.
    pub(super) fn are_frontends(&self) -> impl Iterator<Item = bool> {
        self.known.values().map(|known| known.frontend)
    }

    /// Whether clients connect to all servers of the type, and there are some.
    pub(in crate::router) fn is_of_frontends(&self) -> bool {
        !self.known.is_empty() && self.are_frontends().all(|frontend| frontend)
    }

    /// Whether a change of the list or the strategy is not over.
    pub(in crate::router) fn is_changing(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Another strategy for the same servers.
    pub(in crate::router) fn make(&self, spec: &StrategySpec) -> Box<dyn Strategy> {
        let mut strategy = spec.make(self.seed);
        strategy.rebuild(&self.candidates());
        strategy
    }

    /// Tells the strategy which servers there are.
    fn rebuild(&mut self) {
        let candidates = self.candidates();
        self.strategy.rebuild(&candidates);
        self.promises.retain(|id| self.servers.iter().any(|server| server.id == *id));
    }
}
