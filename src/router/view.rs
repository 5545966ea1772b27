//! What queries read of the router.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Router;
use super::counters::RouterCounters;
use super::fabric::EdgeView;
use super::links::LinkRule;
use super::pools::Pool;
use super::sessions::Sessions;
use crate::envelope::Room;
use crate::ids::{ServerId, ServerType};
use crate::strategies::StrategySpec;
use crate::time::Time;
use crate::trace::Watch;

/// The servers of a type.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeView {
    /// The type.
    pub server_type: ServerType,
    /// Its strategy.
    pub strategy: StrategySpec,
    /// The servers that can be picked, in list order.
    pub listed: Vec<ServerId>,
    /// Whether a change of the list or strategy is in progress: the traffic of keys that move is
    /// buffered.
    pub is_changing: bool,
}

impl Router {
    /// Every type that has code, by name.
    pub fn types(&self) -> Vec<TypeView> {
        let view = |(server_type, pool): (&ServerType, &Pool)| TypeView {
            server_type: server_type.clone(),
            strategy: pool.spec().clone(),
            listed: pool.ids(),
            is_changing: pool.is_changing(),
        };
        self.pools.iter().map(view).collect()
    }

    /// The router's counters.
    pub fn counters(&self) -> RouterCounters {
        let mut counters = RouterCounters {
            envelopes: self.envelopes,
            from_the_dead: self.from_the_dead,
            uids_unknown: self.uids_unknown,
            ..RouterCounters::default()
        };
        self.sessions.count(&mut counters);
        self.rooms.count(&mut counters);
        self.pools.count(&mut counters);
        self.fabric.count(&mut counters);
        counters
    }

    /// The session of each uid.
    pub fn uids(&self) -> &Sessions {
        &self.sessions
    }

    /// The rooms of every server, as the router knows them. Ownerless rooms are under a name that
    /// no server has.
    pub fn rooms(&self) -> BTreeMap<ServerId, Vec<Room>> {
        self.rooms.all().map(|(holder, rooms)| (holder.shown(), rooms)).collect()
    }

    /// The server that owns a key of a type; `None` if each pick is a new choice, or if none was
    /// made.
    pub fn owner(&self, server_type: &ServerType, key: &str) -> Option<ServerId> {
        self.pools.get(server_type)?.owner(key).cloned()
    }

    /// The strategy of a type.
    pub fn strategy(&self, server_type: &ServerType) -> Option<&StrategySpec> {
        self.pools.get(server_type).map(Pool::spec)
    }

    /// The servers of a type that can be picked, in list order.
    pub fn listed(&self, server_type: &ServerType) -> Vec<ServerId> {
        self.pools.get(server_type).map_or_else(Vec::new, Pool::ids)
    }

    /// The type of a server that receives envelopes.
    pub fn type_of(&self, server: &ServerId) -> Option<&ServerType> {
        self.fabric.type_of(server)
    }

    /// Whether a retired server has nothing left that another server could take: no room, and no
    /// change waits for it.
    pub fn is_empty_handed(&self, id: &ServerId) -> bool {
        let has_others = self.fabric.type_of(id).is_some_and(|of| self.pools.has_servers(of));
        let can_move = has_others && !self.rooms.stay() && self.rooms.keys(id).next().is_some();
        !can_move && !self.pools.wait_for(id)
    }

    /// Whether a change of a list is in progress.
    pub fn is_changing(&self) -> bool {
        self.pools.iter().any(|(_, pool)| pool.is_changing())
    }

    /// How many keys are remembered that have no room, or none yet.
    pub fn unsettled(&self) -> usize {
        self.pools.unsettled()
    }

    /// When the router wants a [`tick`](Self::tick).
    pub fn next_deadline(&self) -> Option<Time> {
        let due = [self.fabric.next_due(), self.sessions.next_deadline(), self.pools.next_sweep()];
        due.into_iter().flatten().min()
    }

    /// The link rules that have a description, in the order in which they are asked.
    pub fn rules(&self) -> Vec<LinkRule> {
        self.fabric.rules()
    }

    /// Where the steps of traces are recorded.
    pub fn watch(&self) -> Option<&Watch> {
        self.fabric.watch()
    }

    /// What each server has sent to each other server, by name. The router's own messages cross no
    /// link and are not counted.
    pub fn edges(&self) -> Vec<EdgeView> {
        let mut edges = self.fabric.edges();
        for (envelope, to) in self.pools.held() {
            edges.entry((&envelope.from, to)).or_default().1 += 1;
        }
        let others = edges.into_iter().filter(|((from, to), _)| from != to);
        let view = |((from, to), (envelopes, held)): ((&ServerId, &ServerId), _)| EdgeView {
            from: from.clone(),
            to: to.clone(),
            envelopes,
            held,
        };
        others.map(view).collect()
    }

    /// How many envelopes are buffered for a paused server.
    pub fn waiting_for(&self, server: &ServerId) -> usize {
        self.fabric.waiting_for(server)
    }
}
