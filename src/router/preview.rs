//! What another strategy would move, counted before it does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Router;
use super::pools::{Pool, StrategyError};
use crate::ids::{ServerId, ServerType, Uid};
use crate::strategies::{Look, StrategySpec};

/// The effect of another strategy on a running type.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The type.
    pub server_type: ServerType,
    /// Its current strategy.
    pub from: StrategySpec,
    /// The other strategy.
    pub to: StrategySpec,
    /// Rooms of the type's servers.
    pub rooms: usize,
    /// Rooms that would move to another server.
    pub rooms_moved: usize,
    /// Members of the rooms; a session in two rooms counts twice.
    pub members: usize,
    /// Members of the rooms that move.
    pub members_moved: usize,
    /// Bound users of a type of frontends. Their sessions stay where they are.
    pub users: usize,
    /// Users that would go to another server at their next login.
    pub users_moved: usize,
    /// Every server of the type: first those that can be picked, in list order.
    pub servers: Vec<ServerLoad>,
    /// Whether the strategy is already in use; otherwise the preview is of a change that might be
    /// made.
    pub applied: bool,
    /// What the numbers do not show.
    pub warnings: Vec<String>,
}

/// The load of a server: bound users of a frontend, members of the rooms of any other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerLoad {
    /// The server.
    pub id: ServerId,
    /// Under the current strategy.
    pub load_before: usize,
    /// Under the other strategy; for frontends, once all users have logged in again.
    pub load_after: usize,
}

/// How much load moves, from a server that is up to another.
type Move<'a> = (Option<&'a ServerId>, &'a ServerId, usize);

impl Router {
    /// Computes what [`set_strategy`](Self::set_strategy) would do now. `login_key` gives the key
    /// by which the user of a bound uid gets a frontend.
    ///
    /// # Errors
    /// As for [`set_strategy`](Self::set_strategy).
    pub fn preview(
        &self,
        server_type: &ServerType,
        strategy: &StrategySpec,
        login_key: impl Fn(&Uid) -> &str,
    ) -> Result<Preview, StrategyError> {
        let pool = self.pools.check(server_type, strategy)?;
        let mut preview = Preview {
            server_type: server_type.clone(),
            from: pool.spec().clone(),
            to: strategy.clone(),
            rooms: 0,
            rooms_moved: 0,
            members: 0,
            members_moved: 0,
            users: 0,
            users_moved: 0,
            servers: self.loads_of(server_type, pool),
            applied: false,
            warnings: self.warnings(server_type, pool, strategy),
        };
        let mut moves = Vec::new();
        self.count_rooms(pool, &mut preview, &mut moves);
        if pool.is_of_frontends() {
            self.count_users(pool, &mut preview, login_key, &mut moves);
        }
        for (from, to, load) in moves {
            for server in &mut preview.servers {
                if Some(&server.id) == from {
                    server.load_after = server.load_after.saturating_sub(load);
                }
                if server.id == *to {
                    server.load_after += load;
                }
            }
        }
        Ok(preview)
    }

    fn loads_of(&self, server_type: &ServerType, pool: &Pool) -> Vec<ServerLoad> {
        let listed = pool.servers().iter().map(|server| &server.id);
        let servers = self.fabric.servers(Some(server_type));
        let unlisted = servers.iter().filter(|id| pool.index(id).is_none());
        let load = |id: &ServerId| match pool.is_of_frontends() {
            true => self.sessions.bound_at(id),
            false => self.rooms.members_at(id),
        };
        let of = |id: &ServerId| ServerLoad { id: id.clone(), load_before: load(id), load_after: load(id) };
        listed.chain(unlisted).map(of).collect()
    }

    /// Counts the rooms, and those that the other strategy puts elsewhere.
    fn count_rooms<'a>(&'a self, pool: &'a Pool, preview: &mut Preview, moves: &mut Vec<Move<'a>>) {
        let is_new = preview.to != preview.from;
        let mut strategy = pool.make(&preview.to);
        let counts_members = !pool.is_of_frontends();
        for (holder, key, rooms, members) in self.rooms.sizes(&preview.server_type) {
            preview.rooms += rooms;
            preview.members += members;
            let keeps =
                strategy.placements().is_some() && holder.server().is_some_and(|id| pool.index(id).is_some());
            let Some(key) = key.as_ref().filter(|_| is_new && !keeps && !self.rooms.stay()) else { continue };
            let index = strategy.pick(key, &Look::BLIND);
            let owner = index.and_then(|index| pool.servers().get(index)).map(|server| &server.id);
            if let Some(owner) = owner.filter(|owner| Some(*owner) != holder.server()) {
                preview.rooms_moved += rooms;
                preview.members_moved += members;
                if counts_members {
                    moves.push((holder.server(), owner, members));
                }
            }
        }
    }

    /// Counts the bound users of frontends, and those that the other strategy sends elsewhere.
    fn count_users<'a>(
        &'a self,
        pool: &'a Pool,
        preview: &mut Preview,
        login_key: impl Fn(&Uid) -> &str,
        moves: &mut Vec<Move<'a>>,
    ) {
        // A directory does not remember logins for long: the strategy inside decides for its users.
        let chooses_by_key = preview.to.innermost().is_sticky().then(|| preview.to.innermost());
        let strategy = chooses_by_key.map(|spec| pool.make(spec));
        let mut flows: BTreeMap<(&ServerId, &ServerId), usize> = BTreeMap::new();
        for (uid, session) in self.sessions.iter() {
            if self.fabric.type_of(&session.frontend) != Some(&preview.server_type) {
                continue;
            }
            preview.users += 1;
            let index = strategy.as_ref().and_then(|strategy| strategy.peek(login_key(uid)));
            let server = index.and_then(|index| pool.servers().get(index)).map(|server| &server.id);
            if let Some(server) = server.filter(|server| **server != session.frontend) {
                preview.users_moved += 1;
                *flows.entry((&session.frontend, server)).or_default() += 1;
            }
        }
        moves.extend(flows.into_iter().map(|((from, to), users)| (Some(from), to, users)));
    }

    fn warnings(&self, server_type: &ServerType, pool: &Pool, strategy: &StrategySpec) -> Vec<String> {
        let mut warnings = Vec::new();
        if *pool.spec() == *strategy {
            warnings.push(format!("{server_type} has {strategy} already: nothing changes"));
        }
        if pool.is_of_frontends() && !strategy.innermost().is_sticky() {
            let of = if strategy.needs().loads { ", by the loads of that moment" } else { "" };
            warnings.push(format!(
                "{strategy} chooses anew at each login{of}: where users would be sent cannot be said"
            ));
        }
        if self.rooms.stay() && !pool.is_of_frontends() {
            warnings.push(
                "rooms stay where they are (--rebalance off): who enters one whose key belongs elsewhere then does \
                 not meet those who are in it"
                    .to_owned(),
            );
        }
        if pool.is_changing() {
            warnings.push("a change is not over: rooms that it moves are not counted".to_owned());
        }
        if pool.candidates().iter().any(|server| server.weight != 1.0) && !strategy.heeds_weights() {
            warnings.push(format!("weights have no effect under {strategy}"));
        }
        warnings
    }
}
