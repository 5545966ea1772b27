//! Rooms: which server holds which room with which members, as the servers report to the router.
//!
//! ```text
//!   first member joins ──▶ owned ──────▶ its key goes to another server ──────▶ owned by that one
//!                           │ ▲            (handing off: the key is between two servers, see `pools`)
//!        its server is lost │ │ a server owns its key, and takes it over with its members
//!                           ▼ │
//!                        ownerless ───▶ a member leaves: it departs, and the next owner is told
//! ```
//!
//! From this state a room is handed off to another server, or rebuilt when its server is lost. It
//! equals the state of the rooms' servers once everything in flight has arrived. A room without a
//! key stays where it is and ends with its server. With `stay`, as in Pomelo, every room does.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::counters::RouterCounters;
use crate::channels::{Channels, Member};
use crate::envelope::{Payload, Room};
use crate::ids::{ServerId, ServerType, SessionKey, Uid};

/// The key that led a room's members to it; `None` for rooms that stay where they are.
pub(super) type Key = Option<Arc<str>>;

/// The holder of rooms: a server, or nobody since that server was lost. Losses are numbered,
/// because a server of the same name may come back as another holder. Ordered by name, so that
/// rooms move in the same order each time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Holder {
    server: ServerId,
    lost: Option<u64>,
}

impl Holder {
    /// The server; `None` for ownerless rooms.
    pub(super) fn server(&self) -> Option<&ServerId> {
        self.lost.is_none().then_some(&self.server)
    }

    /// The holder's name for queries: ownerless rooms are under a name that no server has.
    pub(super) fn shown(&self) -> ServerId {
        if self.lost.is_none() { self.server.clone() } else { ServerId::from(self.to_string()) }
    }
}

impl From<&ServerId> for Holder {
    fn from(server: &ServerId) -> Self {
        Self { server: server.clone(), lost: None }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lost {
            Some(number) => write!(f, "{} (lost {number})", self.server),
            None => write!(f, "{}", self.server),
        }
    }
}

/// A room in which a session is a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) holder: Holder,
    pub(super) channel: Arc<str>,
    pub(super) key: Key,
    pub(super) uid: Uid,
    /// The session left while the room was ownerless, and nobody could be told. The next owner is
    /// told, even if the same session holds its uid again by then.
    departed: bool,
}

/// The rooms of one holder.
#[derive(Debug)]
struct Shelf {
    server_type: ServerType,
    rooms: BTreeMap<Key, Channels>,
}

/// All rooms of all holders.
#[derive(Default, Debug)]
pub(super) struct Rooms {
    stay: bool,
    shelves: BTreeMap<Holder, Shelf>,
    /// Only looked up by session: its order reaches nothing visible.
    places: HashMap<SessionKey, Vec<Place>>,
    /// The number of members in the rooms of each server.
    members: FxHashMap<ServerId, usize>,
    losses: u64,
    moved: u64,
    members_moved: u64,
    restored: u64,
}

impl Rooms {
    pub(super) fn new(stay: bool) -> Self {
        Self { stay, ..Self::default() }
    }

    /// Adds a member to a channel of a server.
    pub(super) fn join(
        &mut self,
        server: &ServerId,
        server_type: &ServerType,
        channel: &Arc<str>,
        key: &Key,
        member: Member,
    ) {
        self.put(server.into(), server_type, channel, key, member, false);
    }

    /// Removes a member. Returns the key that had led it there.
    pub(super) fn leave(&mut self, server: &ServerId, channel: &str, member: &Member) -> Key {
        self.take_out(&server.into(), channel, member).and_then(|place| place.key)
    }

    /// Marks a session as departed from a room that has no owner to tell.
    pub(super) fn depart(&mut self, session: &SessionKey, place: &Place) {
        let mut places = self.places.get_mut(session).into_iter().flatten();
        if let Some(known) = places.find(|it| it.holder == place.holder && it.channel == place.channel) {
            known.departed = true;
        }
    }

    /// Takes a lost server's rooms. Those that follow their key become ownerless and wait for
    /// another server. The others end: returns their members, who are in no room any more.
    pub(super) fn lose(&mut self, server: &ServerId) -> Vec<Member> {
        let mut left = Vec::new();
        for Room { channel, key, members } in self.of(server) {
            if !self.follows(&key) {
                for member in members {
                    self.leave(server, &channel, &member);
                    left.push(member);
                }
            }
        }
        let holder = Holder::from(server);
        if let Some(Shelf { server_type, rooms }) = self.shelves.get(&holder) {
            let (server_type, keys): (_, Vec<Key>) = (server_type.clone(), rooms.keys().cloned().collect());
            self.losses += 1;
            let nobody = Holder { server: server.clone(), lost: Some(self.losses) };
            for key in keys {
                self.put_all(&holder, &key, &nobody, &server_type);
            }
        }
        left
    }

    /// The rooms of a type that must move: those whose key has another owner than their holder.
    /// `owner` returns `None` where that is not certain, or not yet.
    pub(super) fn to_move(
        &self,
        server_type: &ServerType,
        mut owner: impl FnMut(&Arc<str>) -> Option<ServerId>,
    ) -> BTreeMap<(Holder, ServerId), Vec<Arc<str>>> {
        let mut moves: BTreeMap<_, Vec<Arc<str>>> = BTreeMap::new();
        for (holder, shelf) in self.shelves.iter().filter(|(_, shelf)| shelf.server_type == *server_type) {
            for key in shelf.rooms.keys().flatten() {
                if let Some(owner) = owner(key).filter(|owner| Some(owner) != holder.server()) {
                    moves.entry((holder.clone(), owner)).or_default().push(Arc::clone(key));
                }
            }
        }
        moves
    }

    /// Moves the rooms of these keys to a server.
    pub(super) fn hand_over(
        &mut self,
        from: &Holder,
        keys: Vec<Arc<str>>,
        to: &ServerId,
        server_type: &ServerType,
    ) -> Vec<Room> {
        let to = Holder::from(to);
        let mut rooms = Vec::new();
        for key in keys {
            rooms.extend(self.put_all(from, &Some(key), &to, server_type));
        }
        self.moved += rooms.len() as u64;
        self.members_moved += rooms.iter().map(|room| room.members.len() as u64).sum::<u64>();
        rooms
    }

    /// What the new owner of rooms must be told of departed members. The last holder may never have
    /// been told: it was lost, or the message was in flight.
    pub(super) fn gone(
        &self,
        owner: &ServerId,
        rooms: &[Room],
        is_there: impl Fn(&Member) -> bool,
    ) -> Vec<Payload> {
        let owner = Holder::from(owner);
        let has_departed = |channel: &Arc<str>, member: &Member| {
            let mut places = self.places(&member.session).iter();
            places.any(|place| place.departed && place.holder == owner && place.channel == *channel)
        };
        let mut gone = Vec::new();
        for Room { channel, key, members } in rooms {
            let is_gone = |member: &&Member| !is_there(member) || has_departed(channel, member);
            for member in members.iter().filter(is_gone) {
                let (channel, key) = (Arc::clone(channel), key.clone());
                gone.push(Payload::Gone { channel, key, member: member.clone() });
            }
        }
        gone
    }

    /// The rooms of a restarted server, given back to it.
    pub(super) fn restore(&mut self, server: &ServerId) -> Vec<Room> {
        let rooms = self.of(server);
        self.restored += rooms.len() as u64;
        rooms
    }

    /// Whether a room of this key moves with the key.
    pub(super) fn follows(&self, key: &Key) -> bool {
        key.is_some() && !self.stay
    }

    /// Whether rooms stay where they are, and lose their members with their server.
    pub(super) fn stay(&self) -> bool {
        self.stay
    }

    /// The rooms in which a session is a member.
    pub(super) fn places(&self, session: &SessionKey) -> &[Place] {
        self.places.get(session).map_or(&[], Vec::as_slice)
    }

    /// The place of a session in a channel of a server.
    pub(super) fn place(&self, server: &ServerId, channel: &str, session: &SessionKey) -> Option<&Place> {
        let mut places = self.places(session).iter();
        places.find(|place| place.holder.server() == Some(server) && *place.channel == *channel)
    }

    /// The server type of a holder.
    pub(super) fn type_of(&self, holder: &Holder) -> Option<&ServerType> {
        self.shelves.get(holder).map(|shelf| &shelf.server_type)
    }

    /// The keys of a server's rooms, in order.
    pub(super) fn keys(&self, server: &ServerId) -> impl Iterator<Item = &Arc<str>> {
        self.shelves.get(&Holder::from(server)).into_iter().flat_map(|shelf| shelf.rooms.keys()).flatten()
    }

    /// Whether a server has a room of a key.
    pub(super) fn has_key(&self, server: &ServerId, key: &Arc<str>) -> bool {
        let shelf = self.shelves.get(&Holder::from(server));
        shelf.is_some_and(|shelf| shelf.rooms.contains_key(&Some(Arc::clone(key))))
    }

    /// The number of members in a server's rooms.
    pub(super) fn members_at(&self, server: &ServerId) -> usize {
        self.members.get(server).copied().unwrap_or(0)
    }

    /// All rooms of a server.
    pub(super) fn of(&self, server: &ServerId) -> Vec<Room> {
        self.shelves.get(&Holder::from(server)).map_or_else(Vec::new, Shelf::rooms)
    }

    /// All rooms of all holders.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Holder, Vec<Room>)> {
        self.shelves.iter().map(|(holder, shelf)| (holder, shelf.rooms()))
    }

    /// The keys of a type's rooms, each with its holder and the number of its rooms and members.
    pub(super) fn sizes(
        &self,
        server_type: &ServerType,
    ) -> impl Iterator<Item = (&Holder, &Key, usize, usize)> {
        let of_type = self.shelves.iter().filter(move |(_, shelf)| shelf.server_type == *server_type);
        of_type.flat_map(|(holder, shelf)| {
            shelf.rooms.iter().map(move |(key, channels)| (holder, key, channels.len(), channels.members()))
        })
    }

    pub(super) fn count(&self, counters: &mut RouterCounters) {
        counters.rooms_moved = self.moved;
        counters.members_moved = self.members_moved;
        counters.rooms_restored = self.restored;
    }

    fn put(
        &mut self,
        holder: Holder,
        server_type: &ServerType,
        channel: &Arc<str>,
        key: &Key,
        member: Member,
        departed: bool,
    ) {
        // A member that came by another key before is no longer listed under that key.
        self.take_out(&holder, channel, &member);
        let (uid, session) = (member.uid.clone(), member.session.clone());
        let new = || Shelf { server_type: server_type.clone(), rooms: BTreeMap::new() };
        let shelf = self.shelves.entry(holder.clone()).or_insert_with(new);
        if let Some(before) = shelf.rooms.entry(key.clone()).or_default().add(channel, member) {
            self.forget_place(&before, &holder, channel);
        }
        if let Some(server) = holder.server() {
            *self.members.entry(server.clone()).or_default() += 1;
        }
        let place = Place { holder, channel: Arc::clone(channel), key: key.clone(), uid, departed };
        self.places.entry(session).or_default().push(place);
    }

    fn take_out(
        &mut self,
        holder: &Holder,
        channel: &str,
        Member { uid, session }: &Member,
    ) -> Option<Place> {
        let place = self.forget_place(session, holder, channel)?;
        if let Some(shelf) = self.shelves.get_mut(holder) {
            if let Some(channels) = shelf.rooms.get_mut(&place.key) {
                channels.leave(channel, uid, session);
                if channels.is_empty() {
                    shelf.rooms.remove(&place.key);
                }
            }
            if shelf.rooms.is_empty() {
                self.shelves.remove(holder);
            }
        }
        Some(place)
    }

    /// Moves the rooms of a key from one holder to another, with their members unchanged.
    fn put_all(&mut self, from: &Holder, key: &Key, to: &Holder, server_type: &ServerType) -> Vec<Room> {
        let Some(shelf) = self.shelves.get_mut(from) else { return Vec::new() };
        let Some(channels) = shelf.rooms.remove(key) else { return Vec::new() };
        if shelf.rooms.is_empty() {
            self.shelves.remove(from);
        }
        let rooms: Vec<Room> = as_rooms(key, &channels).collect();
        let mut departed = Vec::new();
        for room in &rooms {
            for member in &room.members {
                let place = self.forget_place(&member.session, from, &room.channel);
                departed.push(place.is_some_and(|place| place.departed));
            }
        }
        let mut departed = departed.into_iter();
        for Room { channel, key, members } in &rooms {
            for (member, departed) in members.iter().zip(&mut departed) {
                self.put(to.clone(), server_type, channel, key, member.clone(), departed);
            }
        }
        rooms
    }

    fn forget_place(&mut self, session: &SessionKey, holder: &Holder, channel: &str) -> Option<Place> {
        let places = self.places.get_mut(session)?;
        let at = places.iter().position(|place| place.holder == *holder && &*place.channel == channel)?;
        let place = places.swap_remove(at);
        if let Some(server) = holder.server()
            && let Some(count) = self.members.get_mut(server)
        {
            *count -= 1;
            if *count == 0 {
                self.members.remove(server);
            }
        }
        if places.is_empty() {
            self.places.remove(session);
        }
        Some(place)
    }
}

impl Shelf {
    fn rooms(&self) -> Vec<Room> {
        self.rooms.iter().flat_map(|(key, channels)| as_rooms(key, channels)).collect()
    }
}

fn as_rooms<'a>(key: &'a Key, channels: &'a Channels) -> impl Iterator<Item = Room> + 'a {
    channels.iter().map(|(name, channel)| Room {
        channel: name.into(),
        key: key.clone(),
        members: channel.with_sessions().collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
