//! Changes of the list of servers of a type: which rooms go where, and what waits meanwhile.
//!
//! A key belongs to the server that the strategy picks. When the list changes, so may the server. Nothing is for that key
//! to be sent to the new server before the old one has done all that was sent to it before, and has said what became of
//! it; then the key's rooms go over with their members, and what was held follows them. So a room is on one server at a
//! time, its messages keep their order, and its members notice nothing.
//!
//! ```text
//!   list changes ──▶ Drain to each old server ──▶ Drained ──▶ nothing that it sent is under way on a link
//!                    (traffic of keys that move is held)          │
//!                    Release to the old server, Adopt to the new, held traffic ◀──┘
//! ```
//!
//! A server that vanished is not asked: what it has said is known, and the rest has not happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backlog::Backlog;
use super::directory::Place;
use super::look::{MOVES_MAX, Moved};
use super::replicas::{Known, Replicas};
use super::traffic::Heard;
use super::{Home, Routed, Router, located};
use crate::channels::Member;
use crate::config::ServerSpec;
use crate::envelope::{AppError, Destination, Envelope, Located, Payload, Room, Session};
use crate::ids::{ServerId, ServerType};
use crate::strategies::Strategy;
use crate::time::Time;

/// A change that is not over.
pub(super) struct Change {
    number: u64,
    /// As it was before.
    servers: Vec<ServerId>,
    strategy: Box<dyn Strategy>,
    /// The old servers whose keys cannot go yet.
    waiting: BTreeMap<ServerId, Wait>,
    /// What has moved since it began, until it is over or another one begins.
    pub(super) rooms: u64,
    pub(super) members: u64,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    /// The server's word that it has done what was sent to it before.
    Drained,
    /// The arrival of what it had sent, up to that number.
    Arrived(u64),
}

impl Replicas {
    /// Whether the key is between two servers: an old one may still have something to say about it.
    pub(super) fn is_between(&self, key: &str) -> bool {
        if self.changes.is_empty() {
            return false;
        }
        let now = self.owner(key);
        self.changes.iter().any(|change| {
            let before = change.strategy.peek(key).and_then(|index| change.servers.get(index));
            before.is_some_and(|before| Some(before) != now && change.waiting.contains_key(before))
        })
    }
}

impl Router {
    /// A server is there: it can be given envelopes, and what it says counts. No route chooses it yet.
    ///
    /// # Errors
    /// Gives the type back when nothing is known of it.
    pub fn admit(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        let server_type = &server.server_type;
        let replicas = self.types.get_mut(server_type).ok_or_else(|| server_type.clone())?;
        let known = Known { weight: server.weight, frontend: server.frontend };
        replicas.known.insert(server.id.clone(), known);
        self.homes.insert(
            server.id.clone(),
            Home { server_type: server_type.clone(), paused: None, heard: Heard::default() },
        );
        if !self.ranks.contains_key(&server.id) {
            self.last_rank += 1;
            self.ranks.insert(server.id.clone(), self.last_rank);
        }
        Ok(())
    }

    /// A server that was admitted is on its type's list from now on: at its end or, when it was on it before, in its old
    /// place, so that its rooms come back to it.
    pub fn join(&mut self, now: Time, server: &ServerSpec, out: &mut Vec<Routed>) {
        self.now = now;
        let ranks = self.ranks.clone();
        self.change_list(&server.server_type, Vec::new(), out, |servers| {
            servers.push(located(server));
            servers.sort_by_key(|server| ranks.get(&server.id).copied());
        });
    }

    /// From now on the lists are in this order: servers that are not there yet join in their places, and those that are not
    /// named stand behind the others. Rooms whose key then belongs to another server go there.
    pub fn arrange(&mut self, now: Time, order: &[ServerId], out: &mut Vec<Routed>) {
        self.now = now;
        let mut behind: Vec<(usize, ServerId)> =
            self.ranks.iter().map(|(id, rank)| (*rank, id.clone())).collect();
        behind.sort();
        let named = order.iter().cloned();
        for id in named.chain(behind.into_iter().map(|(_, id)| id).filter(|id| !order.contains(id))) {
            self.last_rank += 1;
            self.ranks.insert(id, self.last_rank);
        }
        let ranks = self.ranks.clone();
        for server_type in self.types.keys().cloned().collect::<Vec<_>>() {
            self.change_list(&server_type, Vec::new(), out, |servers| {
                servers.sort_by_key(|server| ranks.get(&server.id).copied());
            });
        }
    }

    /// Forgets the place of a server that has ended: should it come back, it stands at the end.
    pub fn strike(&mut self, id: &ServerId) {
        if !self.homes.contains_key(id) {
            self.ranks.remove(id);
            for replicas in self.types.values_mut() {
                replicas.known.remove(id);
            }
        }
    }

    /// Takes a server off its type's list: no route chooses it any more, and its rooms go to others. It can still be
    /// given envelopes, until it is [`forgotten`](Self::forget).
    pub fn retire(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.now = now;
        let Some(server_type) = self.type_of(id).cloned() else { return };
        self.change_list(&server_type, Vec::new(), out, |servers| servers.retain(|server| server.id != *id));
    }

    /// Whether a server that was retired has nothing left that another one could take: no room, and no change waits for it.
    pub fn is_empty_handed(&self, id: &ServerId) -> bool {
        let mut changes = self.types.values().flat_map(|replicas| &replicas.changes);
        if changes.any(|change| change.waiting.contains_key(id)) {
            return false;
        }
        let others = self.type_of(id).is_some_and(|server_type| self.has_servers(server_type));
        let can_move = |room: &Room| others && !self.rooms_stay && room.key.is_some();
        !self.directory.rooms_of(id).iter().any(can_move)
    }

    /// Whether a change of a list is not over.
    pub fn is_changing(&self) -> bool {
        self.types.values().any(|replicas| !replicas.changes.is_empty())
    }

    /// A server has ended, or has vanished: nothing it says counts any more. What was under way to it goes to whoever has
    /// its keys now, or is answered with an error; its rooms go to others; its sessions leave theirs.
    pub fn forget(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.now = now;
        let Some(Home { server_type, paused, .. }) = self.homes.remove(id) else { return };
        let mut lost = Vec::new();
        if let Some(mut backlog) = paused {
            lost.extend(backlog.extract(|_| true).into_iter().map(|(_, envelope)| envelope));
        }
        lost.extend(self.links.extract(id, |_| true));
        // What it asked and has not arrived is not done any more: nobody waits for it, or the sessions for which it asked are
        // lost too. What it said to clients or told other servers is: the sender of the message may have been told so.
        let is_lost = |session: &Session| session.key.frontend == *id;
        let asked = |payload: &Payload| match payload {
            Payload::Invoke(invoke) => invoke.call.is_some() || invoke.session.as_ref().is_some_and(is_lost),
            _ => false,
        };
        self.links.discard_from(id, |envelope| asked(&envelope.payload));
        for replicas in self.types.values_mut() {
            replicas.held.extract(|held| held.from == *id && asked(&held.payload));
        }
        let serial = self.links.last_serial();
        for change in self.types.values_mut().flat_map(|replicas| &mut replicas.changes) {
            if let Some(wait) = change.waiting.get_mut(id).filter(|wait| **wait == Wait::Drained) {
                *wait = Wait::Arrived(serial);
            }
        }
        self.abandon(id, &server_type, out);
        self.change_list(&server_type, lost, out, |servers| servers.retain(|server| server.id != *id));
        self.lose_sessions(id, out);
        self.is_done_with_the_dead(id, None);
        self.is_swept(id, None);
        self.proceed(out);
        self.bury(out);
    }

    /// A server has done what was sent to it before a change.
    pub(super) fn drained(&mut self, from: &ServerId, number: u64, out: &mut Vec<Routed>) {
        let serial = self.links.last_serial();
        for change in self.types.values_mut().flat_map(|replicas| &mut replicas.changes) {
            if change.number == number
                && let Some(wait) = change.waiting.get_mut(from)
            {
                *wait = Wait::Arrived(serial);
            }
        }
        self.proceed(out);
        self.is_swept(from, Some(number));
        self.is_done_with_the_dead(from, Some(number));
        self.bury(out);
    }

    /// A server that has started again gets its rooms back.
    pub(super) fn restore(&mut self, server: ServerId, out: &mut Vec<Routed>) {
        let rooms = self.directory.rooms_of(&server);
        self.counters.rooms_restored += rooms.len() as u64;
        self.tell(server.clone(), Payload::Restored { rooms: rooms.clone() }, out);
        for Room { channel, key, members } in rooms {
            for Member { uid, session } in members {
                if !self.uids.holds(&uid, &session) {
                    // By its key: the room may be about to leave this server.
                    let (server, channel, key) = (server.clone(), Arc::clone(&channel), key.clone());
                    self.tell_gone(&session, Place { server, channel, key, uid }, out);
                }
            }
        }
    }

    /// Ends what waits for nothing any more, moves the rooms that can go, and lets what was held follow them.
    pub(super) fn proceed(&mut self, out: &mut Vec<Routed>) {
        let types: Vec<ServerType> = self.types.keys().cloned().collect();
        for server_type in types {
            let Some(replicas) = self.types.get_mut(&server_type) else { continue };
            if replicas.changes.is_empty() {
                continue;
            }
            let links = &self.links;
            let mut is_new = false;
            for change in &mut replicas.changes {
                let before = change.waiting.len();
                change.waiting.retain(|server, wait| match wait {
                    Wait::Drained => true,
                    Wait::Arrived(serial) => links.holds_from(server, *serial),
                });
                is_new |= change.waiting.len() < before || change.waiting.is_empty();
            }
            if !is_new {
                continue;
            }
            self.move_rooms(&server_type, out);
            self.end_changes(&server_type);
            self.release_held(&server_type, out);
        }
    }

    /// Whether any server of the type is on its list.
    pub(super) fn has_servers(&self, server_type: &ServerType) -> bool {
        self.types.get(server_type).is_some_and(|replicas| !replicas.servers.is_empty())
    }

    /// Changes the list of a type. `lost` was under way to a server that has vanished.
    fn change_list(
        &mut self,
        server_type: &ServerType,
        lost: Vec<Envelope>,
        out: &mut Vec<Routed>,
        change: impl FnOnce(&mut Vec<Located>),
    ) {
        let Some(replicas) = self.types.get_mut(server_type) else { return };
        let servers: Vec<ServerId> = replicas.servers.iter().map(|server| server.id.clone()).collect();
        change(&mut replicas.servers);
        let mut asked = Vec::new();
        if !replicas.servers.iter().map(|server| &server.id).eq(&servers) {
            let strategy = replicas.strategy.boxed();
            replicas.rebuild();
            asked = self.begin_change(server_type, servers, strategy);
        }
        self.follow_change(server_type, lost, asked, out);
    }

    /// From now on keys belong to servers in another way than `strategy` had it with the list `servers`. Gives those that
    /// are to be asked when they have done what came before.
    pub(super) fn begin_change(
        &mut self,
        server_type: &ServerType,
        servers: Vec<ServerId>,
        strategy: Box<dyn Strategy>,
    ) -> Vec<ServerId> {
        self.counters.changes += 1;
        let Some(replicas) = self.types.get_mut(server_type).filter(|_| !self.rooms_stay) else {
            return Vec::new();
        };
        self.last_change += 1;
        let number = self.last_change;
        let serial = self.links.last_serial();
        let wait = |id: &ServerId| match self.homes.contains_key(id) {
            true => Wait::Drained,
            false => Wait::Arrived(serial),
        };
        let waiting = servers.iter().map(|id| (id.clone(), wait(id))).collect();
        let asked = servers.iter().filter(|id| self.homes.contains_key(*id)).cloned().collect();
        replicas.changes.push(Change { number, servers, strategy, waiting, rooms: 0, members: 0 });
        asked
    }

    /// Asks the old servers, and lets go on what can. `lost` was under way to a server that has vanished.
    pub(super) fn follow_change(
        &mut self,
        server_type: &ServerType,
        lost: Vec<Envelope>,
        asked: Vec<ServerId>,
        out: &mut Vec<Routed>,
    ) {
        self.requeue(server_type, lost, out);
        for id in asked {
            self.call_back(server_type, &id, out);
            self.tell(id, Payload::Drain { change: self.last_change }, out);
        }
        self.proceed(out);
    }

    /// What is on its way to an old server, for a key that is no longer its own, goes where the key goes.
    fn call_back(&mut self, server_type: &ServerType, id: &ServerId, out: &mut Vec<Routed>) {
        let Some(replicas) = self.types.get_mut(server_type) else { return };
        let mut moving = BTreeSet::new();
        let waits = self.homes.get(id).and_then(|home| home.paused.as_ref());
        let keys = self.links.keys_to(id).chain(waits.into_iter().flat_map(Backlog::keys));
        for key in keys {
            if replicas.is_between(&key) {
                moving.insert(key);
            }
        }
        if moving.is_empty() {
            return;
        }
        let moves = |envelope: &Envelope| key_of(&envelope.payload).is_some_and(|key| moving.contains(key));
        let mut called = Vec::new();
        if let Some(backlog) = self.homes.get_mut(id).and_then(|home| home.paused.as_mut()) {
            called.extend(backlog.extract(moves).into_iter().map(|(_, envelope)| envelope));
        }
        called.extend(self.links.extract(id, moves));
        self.requeue(server_type, called, out);
    }

    /// Sends once more what has not arrived: before all that is held, since it is older.
    fn requeue(&mut self, server_type: &ServerType, envelopes: Vec<Envelope>, out: &mut Vec<Routed>) {
        let mut older = Vec::new();
        for Envelope { from, payload, trace, .. } in envelopes {
            match (key_of(&payload).cloned(), self.rooms_stay) {
                (Some(key), false) => {
                    let to = Destination::Route { server_type: server_type.clone(), key: Some(key) };
                    older.push(((), Envelope { from, to, payload, trace }));
                }
                _ => self.undeliverable(from, &payload, AppError::new("the server is gone"), out),
            }
        }
        if let Some(replicas) = self.types.get_mut(server_type) {
            replicas.held.put_before(older);
        }
        self.release_held(server_type, out);
    }

    /// Forgets the changes that wait for nothing, and remembers what they have moved.
    fn end_changes(&mut self, server_type: &ServerType) {
        let Some(replicas) = self.types.get_mut(server_type) else { return };
        for Change { rooms, members, .. } in replicas
            .changes
            .extract_if(.., |change| change.waiting.is_empty())
            .filter(|change| change.rooms > 0)
        {
            if self.moves.len() == MOVES_MAX {
                self.moves.pop_front();
            }
            self.moves.push_back(Moved { server_type: server_type.clone(), rooms, members });
        }
    }
}

/// The key by which the server of an envelope was chosen.
pub(super) fn key_of(payload: &Payload) -> Option<&Arc<str>> {
    match payload {
        Payload::Invoke(invoke) => invoke.key.as_ref(),
        Payload::Gone { key, .. } => key.as_ref(),
        _ => None,
    }
}
