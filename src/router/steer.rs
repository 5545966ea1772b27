//! Another strategy for the servers of a type while they run, and what it would move.
//!
//! A change of strategy is a change in which the list stays and the strategy is another: see `changes.rs`. Rooms whose key
//! now belongs elsewhere are handed over, the rest stays; a directory takes every room where it is.

use thiserror::Error;

use super::replicas::Replicas;
use super::{Routed, Router};
use crate::ids::{ServerId, ServerType};
use crate::strategies::{Strategy, StrategySpec};
use crate::time::Time;

/// A type whose servers hold rooms is to be chosen anew at each message.
#[derive(Clone, PartialEq, Debug, Error)]
#[error(
    "strategy {strategy} of {server_type}: each pick is a new choice, but rooms on a backend must be found again; \
     write directory({strategy})"
)]
pub struct NotSticky {
    /// The type.
    pub server_type: ServerType,
    /// What was asked for it.
    pub strategy: StrategySpec,
}

impl NotSticky {
    /// Only where all servers are frontends, to which no message finds its way by a key, may each pick be a new choice.
    /// `are_frontends` says so of each server of the type.
    ///
    /// # Errors
    /// It is such a choice, and a server is none, or there is none.
    pub fn check(
        server_type: &ServerType,
        strategy: &StrategySpec,
        are_frontends: impl IntoIterator<Item = bool>,
    ) -> Result<(), NotSticky> {
        let mut are_frontends = are_frontends.into_iter().peekable();
        if strategy.is_sticky() || are_frontends.peek().is_some() && are_frontends.all(|frontend| frontend) {
            return Ok(());
        }
        Err(NotSticky { server_type: server_type.clone(), strategy: strategy.clone() })
    }
}

/// Why a type does not get another strategy.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum StrategyError {
    /// No server can be of that type.
    #[error("no server type {server_type}: expected one of {}", names(known))]
    UnknownType {
        /// The type that was asked for.
        server_type: ServerType,
        /// Those that there are.
        known: Vec<ServerType>,
    },
    /// The strategy does not find keys again, and must.
    #[error(transparent)]
    NotSticky(#[from] NotSticky),
}

impl Replicas {
    /// Whether clients connect to all servers of the type, and there are some.
    pub(super) fn is_of_frontends(&self) -> bool {
        !self.known.is_empty() && self.are_frontends().all(|frontend| frontend)
    }

    fn are_frontends(&self) -> impl Iterator<Item = bool> {
        self.known.values().map(|known| known.frontend)
    }

    /// Goes on with another strategy, and gives the one until now.
    fn take_up(&mut self, spec: StrategySpec, seed: u64) -> Box<dyn Strategy> {
        let before = std::mem::replace(&mut self.strategy, spec.make(seed));
        let loads_counted = self.needs.loads;
        self.needs = self.strategy.needs();
        self.spec = spec;
        if !(loads_counted && self.needs.loads) {
            self.promises = Default::default();
        }
        self.sweep = Default::default();
        self.rebuild();
        before
    }
}

impl Router {
    /// Servers of a type are chosen by another strategy from now on. Rooms whose key now belongs to another server go
    /// there with their members, and nobody is told that anybody left; their traffic waits meanwhile, in its order. A
    /// directory takes every room where it is.
    ///
    /// # Errors
    /// The type is unknown, or the strategy does not find keys again and must.
    pub fn set_strategy(
        &mut self,
        now: Time,
        server_type: &ServerType,
        strategy: StrategySpec,
        out: &mut Vec<Routed>,
    ) -> Result<(), StrategyError> {
        self.now = now;
        if self.check_strategy(server_type, &strategy)?.spec == strategy {
            return Ok(());
        }
        log::info!("strategy changed type={server_type} strategy={strategy}");
        let Some(replicas) = self.types.get_mut(server_type) else { return Ok(()) };
        let servers: Vec<ServerId> = replicas.servers.iter().map(|server| server.id.clone()).collect();
        let before = replicas.take_up(strategy, self.seed);
        self.stopwatch.forget(server_type);
        self.settle_where_they_are(server_type, &servers, &*before);
        let asked = self.begin_change(server_type, servers, before);
        self.follow_change(server_type, Vec::new(), asked, out);
        Ok(())
    }

    /// The type, if it may have that strategy.
    pub(super) fn check_strategy(
        &self,
        server_type: &ServerType,
        strategy: &StrategySpec,
    ) -> Result<&Replicas, StrategyError> {
        let replicas = self.types.get(server_type).ok_or_else(|| StrategyError::UnknownType {
            server_type: server_type.clone(),
            known: self.types.keys().cloned().collect(),
        })?;
        NotSticky::check(server_type, strategy, replicas.are_frontends())?;
        Ok(replicas)
    }

    /// A new directory is told where the rooms are. Where one of a key was left behind on another server, the one counts
    /// that is found.
    fn settle_where_they_are(
        &mut self,
        server_type: &ServerType,
        servers: &[ServerId],
        before: &dyn Strategy,
    ) {
        let Some(replicas) = self.types.get_mut(server_type).filter(|replicas| replicas.needs.placements)
        else {
            return;
        };
        for (index, holder) in servers.iter().enumerate() {
            for key in self.directory.keys(holder) {
                if replicas.strategy.peek(key).is_none() || before.peek(key) == Some(index) {
                    replicas.strategy.place(key, index);
                }
            }
        }
    }
}

fn names(types: &[ServerType]) -> String {
    types.iter().map(ServerType::as_str).collect::<Vec<_>>().join(", ")
}
