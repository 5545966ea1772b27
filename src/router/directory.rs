//! Who is in which room, and where the room lives: what the servers that hold rooms have told the router.
//!
//! From this a room is handed to another server, or rebuilt when the server that held it is lost. It says the same as the
//! rooms' servers once everything that is on its way has arrived.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::channels::{Channels, Member};
use crate::envelope::Room;
use crate::ids::{ServerId, SessionKey, Uid};

/// The key by which a room's members came; none for those that stay where they are.
pub(super) type Key = Option<Arc<str>>;

/// See the module.
#[derive(Default, Debug)]
pub(super) struct Directory {
    rooms: BTreeMap<ServerId, BTreeMap<Key, Channels>>,
    /// Only looked up by session: no order of it reaches anything visible.
    places: HashMap<SessionKey, Vec<Place>>,
    /// How many members the rooms of each server have.
    members: FxHashMap<ServerId, usize>,
}

/// Where a session is a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) server: ServerId,
    pub(super) channel: Arc<str>,
    pub(super) key: Key,
    pub(super) uid: Uid,
}

impl Directory {
    /// A server has a new member in a channel.
    pub(super) fn join(&mut self, server: ServerId, channel: Arc<str>, key: Key, member: Member) {
        let (uid, session) = (member.uid.clone(), member.session.clone());
        // A member that came by another key before stands under that one no more.
        self.leave(&server, &channel, &member);
        let rooms = self.rooms.entry(server.clone()).or_default().entry(key.clone()).or_default();
        if let Some(before) = rooms.add(&channel, member) {
            self.forget_place(&before, &server, &channel);
        }
        *self.members.entry(server.clone()).or_default() += 1;
        self.places.entry(session).or_default().push(Place { server, channel, key, uid });
    }

    /// A server has a member no more. Gives the key by which it had come.
    pub(super) fn leave(
        &mut self,
        server: &ServerId,
        channel: &str,
        Member { uid, session }: &Member,
    ) -> Key {
        let key = self.forget_place(session, server, channel)?;
        let Some(by_key) = self.rooms.get_mut(server) else { return key };
        if let Some(channels) = by_key.get_mut(&key) {
            channels.leave(channel, uid, session);
            if channels.is_empty() {
                by_key.remove(&key);
            }
        }
        if by_key.is_empty() {
            self.rooms.remove(server);
        }
        key
    }

    /// Where a session is a member.
    pub(super) fn places(&self, session: &SessionKey) -> &[Place] {
        self.places.get(session).map_or(&[], Vec::as_slice)
    }

    /// The keys of the rooms of a server, in order.
    pub(super) fn keys<'a>(&'a self, server: &ServerId) -> impl Iterator<Item = &'a Arc<str>> + use<'a> {
        self.rooms.get(server).into_iter().flat_map(BTreeMap::keys).flatten()
    }

    /// Whether a server has a room of a key.
    pub(super) fn has_key(&self, server: &ServerId, key: &Arc<str>) -> bool {
        self.rooms.get(server).is_some_and(|rooms| rooms.contains_key(&Some(Arc::clone(key))))
    }

    /// How many members the rooms of a server have.
    pub(super) fn members_at(&self, server: &ServerId) -> usize {
        self.members.get(server).copied().unwrap_or(0)
    }

    /// All rooms of a server.
    pub(super) fn rooms_of(&self, server: &ServerId) -> Vec<Room> {
        let by_key = self.rooms.get(server).into_iter().flatten();
        by_key.flat_map(|(key, channels)| as_rooms(key, channels)).collect()
    }

    /// The keys of the rooms of a server, each with how many rooms and members it has.
    pub(super) fn sizes<'a>(
        &'a self,
        server: &ServerId,
    ) -> impl Iterator<Item = (&'a Key, usize, usize)> + use<'a> {
        let size = |(key, channels): (&'a Key, &'a Channels)| {
            (key, channels.len(), channels.iter().map(|(_, channel)| channel.len()).sum())
        };
        self.rooms.get(server).into_iter().flatten().map(size)
    }

    /// Every server that holds a room.
    pub(super) fn servers(&self) -> impl Iterator<Item = &ServerId> {
        self.rooms.keys()
    }

    /// The rooms of a key go from one server to another.
    pub(super) fn hand_over(&mut self, from: &ServerId, key: &Key, to: &ServerId) -> Vec<Room> {
        let rooms = self.take(from, key);
        for Room { channel, key, members } in &rooms {
            for member in members {
                self.join(to.clone(), Arc::clone(channel), key.clone(), member.clone());
            }
        }
        rooms
    }

    /// The rooms of a server stand under another name from now on. False when it has none.
    pub(super) fn rename(&mut self, from: &ServerId, to: &ServerId) -> bool {
        let Some(by_key) = self.rooms.get(from) else { return false };
        let keys: Vec<Key> = by_key.keys().cloned().collect();
        for key in keys {
            self.hand_over(from, &key, to);
        }
        true
    }

    pub(super) fn holds_rooms(&self, server: &ServerId) -> bool {
        self.rooms.contains_key(server)
    }

    fn take(&mut self, server: &ServerId, key: &Key) -> Vec<Room> {
        let Some(by_key) = self.rooms.get_mut(server) else { return Vec::new() };
        let Some(channels) = by_key.remove(key) else { return Vec::new() };
        if by_key.is_empty() {
            self.rooms.remove(server);
        }
        let rooms: Vec<Room> = as_rooms(key, &channels).collect();
        for room in &rooms {
            for member in &room.members {
                self.forget_place(&member.session, server, &room.channel);
            }
        }
        rooms
    }

    fn forget_place(&mut self, session: &SessionKey, server: &ServerId, channel: &str) -> Option<Key> {
        let places = self.places.get_mut(session)?;
        let at = places.iter().position(|place| place.server == *server && &*place.channel == channel)?;
        let place = places.swap_remove(at);
        if let Some(count) = self.members.get_mut(server) {
            *count -= 1;
            if *count == 0 {
                self.members.remove(server);
            }
        }
        if places.is_empty() {
            self.places.remove(session);
        }
        Some(place.key)
    }
}

fn as_rooms<'a>(key: &'a Key, channels: &'a Channels) -> impl Iterator<Item = Room> + 'a {
    channels.iter().map(|(name, channel)| Room {
        channel: name.into(),
        key: key.clone(),
        members: channel.with_sessions().collect(),
    })
}
