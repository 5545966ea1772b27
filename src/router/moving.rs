//! Rooms on their way: from the server that had their key to the one that has it now, and what was held for them behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::changes::key_of;
use super::loads::Census;
use super::{Routed, Router};
use crate::envelope::{Envelope, Payload, Room};
use crate::ids::{ServerId, ServerType};

impl Router {
    /// Rooms of keys that are between no servers any more go to the server that the key belongs to.
    pub(super) fn move_rooms(&mut self, server_type: &ServerType, out: &mut Vec<Routed>) {
        let holders: Vec<ServerId> = self.directory.servers().cloned().collect();
        let mut moves: BTreeMap<(ServerId, ServerId), Vec<Arc<str>>> = BTreeMap::new();
        for holder in holders {
            let its_type = self.type_of(&holder).or_else(|| self.orphans.get(&holder));
            if its_type != Some(server_type) {
                continue;
            }
            let Some(replicas) = self.types.get_mut(server_type) else { return };
            let census = Census { now: self.now, uids: &self.uids, directory: &self.directory };
            for key in self
                .directory
                .keys(&holder)
                .filter(|key| !replicas.is_between(key))
                .cloned()
                .collect::<Vec<_>>()
            {
                if let Some(owner) = replicas.new_owner(server_type, &key, census)
                    && owner != holder
                {
                    moves.entry((holder.clone(), owner)).or_default().push(key);
                }
            }
        }
        for ((from, to), keys) in moves {
            let over = |key: Arc<str>| self.directory.hand_over(&from, &Some(key), &to);
            let rooms: Vec<Room> = keys.into_iter().flat_map(over).collect();
            rooms.iter().for_each(|room| self.settle(&to, room.key.as_ref()));
            let count = rooms.len() as u64;
            let members: u64 = rooms.iter().map(|room| room.members.len() as u64).sum();
            self.counters.rooms_moved += count;
            self.counters.members_moved += members;
            if let Some(change) = self.types.get_mut(server_type).and_then(|of| of.changes.last_mut()) {
                (change.rooms, change.members) = (change.rooms + count, change.members + members);
            }
            log::info!("rooms handed over from={from} to={to} rooms={}", rooms.len());
            if self.homes.contains_key(&from) {
                self.tell(from, Payload::Release { rooms: rooms.clone() }, out);
            }
            self.tell(to.clone(), Payload::Adopt { rooms: rooms.clone() }, out);
            self.tell_again(&rooms, &to, out);
        }
    }

    /// A key has a server again. If that is the one which it had before, started anew, the key is between no two servers; but
    /// its rooms, and what was held for them, have waited for it, and must be there before anything else.
    pub(super) fn fetch_rooms(&mut self, server_type: &ServerType, out: &mut Vec<Routed>) {
        self.move_rooms(server_type, out);
        self.release_held(server_type, out);
    }

    /// The rooms of a server that is no more: those that go where their key goes wait for another server, under a name
    /// that no server has, since one of its own may come back; the members of the others are in no room any more.
    pub(super) fn abandon(&mut self, id: &ServerId, server_type: &ServerType, out: &mut Vec<Routed>) {
        for Room { channel, key, members } in self.directory.rooms_of(id) {
            if key.is_none() || self.rooms_stay {
                for member in members {
                    self.left(id, &channel, &member, out);
                }
            }
        }
        let orphanage = ServerId::from(format!("{id} (lost {})", self.last_change));
        if self.directory.rename(id, &orphanage) {
            self.orphans.insert(orphanage, server_type.clone());
        }
        self.orphans.retain(|id, _| self.directory.holds_rooms(id));
    }

    pub(super) fn release_held(&mut self, server_type: &ServerType, out: &mut Vec<Routed>) {
        let Some(replicas) = self.types.get_mut(server_type) else { return };
        let mut held = std::mem::take(&mut replicas.held);
        let free: BTreeSet<Arc<str>> = held.keys().filter(|key| !replicas.is_between(key)).collect();
        let is_free = |envelope: &Envelope| key_of(&envelope.payload).is_some_and(|key| free.contains(key));
        let go_on = held.extract(is_free);
        replicas.held = held;
        for (_, envelope) in go_on {
            if let Payload::Invoke(invoke) = &envelope.payload
                && invoke.call.is_some()
                && invoke.deadline <= self.now
            {
                // Its sender has given up; nobody would hear of it.
                self.counters.expired += 1;
                continue;
            }
            self.carry(envelope, out);
        }
    }
}
