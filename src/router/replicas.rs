//! The servers of one type: which there are, which of them a key belongs to, and what waits for keys between two.

use rustc_hash::FxHashMap;

use super::backlog::Backlog;
use super::changes::Change;
use super::loads::{Census, Promises};
use super::route::{Route, RouteKey};
use super::unsettled::Sweep;
use crate::envelope::{AppError, Located};
use crate::ids::{ServerId, ServerType};
use crate::strategies::{Candidate, Look, Needs, Strategy, StrategySpec};

/// Most keys that a directory remembers though nothing is there: clients can ask for endless names.
const UNSETTLED_MAX: usize = 100_000;

/// See the module.
pub(super) struct Replicas {
    /// In list order.
    pub(super) servers: Vec<Located>,
    /// Every server that there is, or that may come back, on the list or not.
    pub(super) known: FxHashMap<ServerId, Known>,
    pub(super) key: RouteKey,
    /// As it was asked for.
    pub(super) spec: StrategySpec,
    /// A change goes on with another one, and keeps this until it is over.
    pub(super) strategy: Box<dyn Strategy>,
    pub(super) needs: Needs,
    pub(super) promises: Promises,
    /// Changes of the list that are not over, oldest first.
    pub(super) changes: Vec<Change>,
    /// What is for keys that are between two servers, in order.
    pub(super) held: Backlog<()>,
    pub(super) sweep: Sweep,
    loads: Vec<u32>,
}

/// What a strategy, or the choice of one, depends on.
pub(super) struct Known {
    pub(super) weight: f64,
    pub(super) frontend: bool,
}

impl Replicas {
    /// The servers of a type that has none yet. `seed` is what the strategy's chance comes of.
    pub(super) fn new(Route { key, strategy: spec }: Route, seed: u64) -> Self {
        let strategy = spec.make(seed);
        let mut replicas = Self {
            servers: Vec::new(),
            known: FxHashMap::default(),
            key,
            spec,
            needs: strategy.needs(),
            strategy,
            promises: Promises::default(),
            changes: Vec::new(),
            held: Backlog::default(),
            sweep: Sweep::default(),
            loads: Vec::new(),
        };
        replicas.rebuild();
        replicas
    }

    /// Tells the strategy which servers there are.
    pub(super) fn rebuild(&mut self) {
        let candidates = self.candidates();
        self.strategy.rebuild(&candidates);
        self.promises.retain(|id| self.servers.iter().any(|server| server.id == *id));
    }

    /// The servers to choose from, in list order.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let weight = |id: &ServerId| self.known.get(id).map_or(1.0, |known| known.weight);
        let candidate = |server: &Located| Candidate { id: server.id.clone(), weight: weight(&server.id) };
        self.servers.iter().map(candidate).collect()
    }

    /// The server for a key. A choice that nothing shows yet counts as a load of that server.
    pub(super) fn pick(
        &mut self,
        server_type: &ServerType,
        key: &str,
        census: Census<'_>,
    ) -> Result<&Located, AppError> {
        let mut look = Look { now: census.now, loads: &[] };
        let is_new = (self.needs.loads || self.needs.placements) && self.strategy.peek(key).is_none();
        if is_new && self.needs.placements && self.strategy.unsettled() >= UNSETTLED_MAX {
            let busy = format!("busy: too many new keys of {server_type} at once");
            return Err(AppError::new(busy).with_code(503));
        }
        if is_new && self.needs.loads {
            let promises = &mut self.promises;
            let load = |server| census.of(server).saturating_add(promises.to(census.now, &server.id));
            self.loads.clear();
            self.loads.extend(self.servers.iter().map(load));
            look.loads = &self.loads;
        }
        let chosen = self.strategy.pick(key, &look).and_then(|index| self.servers.get(index));
        let chosen = chosen.ok_or_else(|| AppError::new(format!("no {server_type} server is left")))?;
        if is_new && self.needs.loads {
            self.promises.give(census.now, &chosen.id);
        }
        Ok(chosen)
    }

    /// The server that a key belongs to, if that is certain without choosing.
    pub(super) fn owner(&self, key: &str) -> Option<&ServerId> {
        let index = self.strategy.peek(key)?;
        self.servers.get(index).map(|server| &server.id)
    }

    /// The same for a key that has a room: where rooms are remembered, one is chosen for it if it has none.
    pub(super) fn new_owner(
        &mut self,
        server_type: &ServerType,
        key: &str,
        census: Census<'_>,
    ) -> Option<ServerId> {
        match self.owner(key) {
            None if self.needs.placements => {
                self.pick(server_type, key, census).ok().map(|server| server.id.clone())
            }
            owner => owner.cloned(),
        }
    }

    /// The place on the list of a server.
    pub(super) fn index(&self, id: &ServerId) -> Option<usize> {
        self.servers.iter().position(|server| server.id == *id)
    }
}
