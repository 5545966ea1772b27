//! The audit: checks the invariants that a cluster keeps while no message is in flight.
//!
//! It compares the servers' holdings with the router's knowledge. While messages are in flight the
//! two differ briefly. A difference found twice, a short time apart, is a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::channels::Member;
use crate::envelope::Room;
use crate::ids::{ServerId, ServerType, SessionKey, Uid};
use crate::router::Router;
use crate::servers::Holdings;

/// The router's knowledge at one moment.
#[derive(Clone, Default, Debug)]
pub struct RouterView {
    /// The uids and their sessions.
    pub uids: Vec<(Uid, SessionKey)>,
    /// The rooms of each server. Each room that moves with its key has the owner of that key.
    pub rooms: BTreeMap<ServerId, Vec<(Room, Option<ServerId>)>>,
    /// Whether a change of a server list is in flight.
    pub is_changing: bool,
}

/// A violated invariant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Violation {
    /// The invariant.
    pub law: Invariant,
    /// The place of the violation, in words.
    pub detail: String,
}

/// An invariant of a cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// A room is on one server: the owner of its key.
    RoomOnOneServer,
    /// A uid belongs to one session, and the router knows this session.
    UidBoundOnce,
    /// The members of a room are existing sessions, bound to the member's uid.
    MembersAreSessions,
    /// A session with a room setting is a member of that room.
    SessionsAreMembers,
    /// The router knows every room as its server does.
    RouterKnowsRooms,
    /// Changes of server lists end.
    ChangesEnd,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let law = match self.law {
            Invariant::RoomOnOneServer => "a room is on one server",
            Invariant::UidBoundOnce => "a uid is bound once",
            Invariant::MembersAreSessions => "members are sessions",
            Invariant::SessionsAreMembers => "sessions are members",
            Invariant::RouterKnowsRooms => "the router knows the rooms",
            Invariant::ChangesEnd => "changes come to an end",
        };
        write!(f, "{law}: {}", self.detail)
    }
}

impl RouterView {
    /// Reads the present knowledge of a router.
    pub fn of(router: &mut Router) -> Self {
        let mut rooms = BTreeMap::new();
        for (server, held) in router.rooms() {
            let server_type = router.type_of(&server).cloned();
            let owner = |room: Room| {
                let key = room.key.clone();
                let owner = key.zip(server_type.clone()).and_then(|(key, of)| router.owner(&of, &key));
                (room, owner)
            };
            rooms.insert(server.clone(), held.into_iter().map(owner).collect());
        }
        Self { uids: router.uids().all(), rooms, is_changing: router.is_changing() }
    }
}

/// Checks a whole cluster. `servers` are those that are up. With `rooms_move` false, rooms stay in
/// place when a server list changes, so they may be on any server. `room_setting` is the session
/// setting that names a session's room.
pub fn audit(
    servers: &BTreeMap<ServerId, (ServerType, Holdings)>,
    router: &RouterView,
    rooms_move: bool,
    room_setting: &str,
) -> BTreeSet<Violation> {
    // Ownerless rooms, whose server is gone and whose type has no other, wait for a server.
    // Meanwhile they violate nothing.
    let waits =
        |server: &ServerId, owner: &Option<ServerId>| owner.is_none() && !servers.contains_key(server);
    let (mut router, mut waiting) = (router.clone(), BTreeSet::new());
    for (server, rooms) in &mut router.rooms {
        for (room, _) in rooms.extract_if(.., |(room, owner)| room.key.is_some() && waits(server, owner)) {
            waiting.insert(room.channel);
        }
    }
    let mut audit = Audit { found: BTreeSet::new() };
    let sessions = audit.uids(servers, &router);
    audit.rooms(servers, &router, rooms_move);
    audit.members(servers, &sessions, &waiting, room_setting);
    if router.is_changing {
        audit.fails(Invariant::ChangesEnd, "a list of servers is still changing".to_owned());
    }
    audit.found
}

struct Audit {
    found: BTreeSet<Violation>,
}

impl Audit {
    fn fails(&mut self, law: Invariant, detail: String) {
        self.found.insert(Violation { law, detail });
    }

    /// Checks the uids. Returns the uid of every session.
    fn uids(
        &mut self,
        servers: &BTreeMap<ServerId, (ServerType, Holdings)>,
        router: &RouterView,
    ) -> BTreeMap<SessionKey, Option<Uid>> {
        let mut sessions = BTreeMap::new();
        let mut bound: BTreeMap<Uid, SessionKey> = BTreeMap::new();
        for session in servers.values().flat_map(|(_, holdings)| &holdings.sessions) {
            sessions.insert(session.key.clone(), session.uid.clone());
            let Some(uid) = &session.uid else { continue };
            if let Some(other) = bound.insert(uid.clone(), session.key.clone()) {
                self.fails(
                    Invariant::UidBoundOnce,
                    format!("{uid} has the sessions {other} and {}", session.key),
                );
            }
        }
        let known: BTreeMap<Uid, SessionKey> = router.uids.iter().cloned().collect();
        for (uid, session) in &bound {
            if known.get(uid) != Some(session) {
                let router = known.get(uid).map_or("nobody".to_owned(), SessionKey::to_string);
                self.fails(
                    Invariant::UidBoundOnce,
                    format!("{uid} is {session}, and {router} for the router"),
                );
            }
        }
        for (uid, session) in &known {
            if !bound.contains_key(uid) {
                self.fails(
                    Invariant::UidBoundOnce,
                    format!("{uid} is {session} for the router, and nobody's"),
                );
            }
        }
        sessions
    }

    fn rooms(
        &mut self,
        servers: &BTreeMap<ServerId, (ServerType, Holdings)>,
        router: &RouterView,
        rooms_move: bool,
    ) {
        // Merge rooms by channel: a channel can have members under several keys.
        let mut known: BTreeMap<(&ServerId, &str), BTreeSet<(Uid, SessionKey)>> = BTreeMap::new();
        for (server, rooms) in &router.rooms {
            for (room, owner) in rooms {
                let Room { channel, key, members } = room;
                let members = members.iter().map(|member| (member.uid.clone(), member.session.clone()));
                known.entry((server, channel)).or_default().extend(members);
                if rooms_move && key.is_some() && owner.as_ref() != Some(server) {
                    let owner = owner.as_ref().map_or("nobody", ServerId::as_str);
                    self.fails(
                        Invariant::RoomOnOneServer,
                        format!("{channel:?} is on {server}, and belongs to {owner}"),
                    );
                }
            }
        }
        let mut held: BTreeMap<(&ServerId, &str), BTreeSet<(Uid, SessionKey)>> = BTreeMap::new();
        for (server, (_, holdings)) in servers {
            for (channel, members) in &holdings.channels {
                let of =
                    members.iter().map(|Member { uid, session }| (uid.clone(), session.clone())).collect();
                held.insert((server, channel), of);
            }
        }
        let places: BTreeSet<_> = known.keys().chain(held.keys()).collect();
        for (server, channel) in places {
            let count = |of: &BTreeMap<_, BTreeSet<_>>| of.get(&(*server, *channel)).map_or(0, BTreeSet::len);
            if known.get(&(*server, *channel)) != held.get(&(*server, *channel)) {
                let (known, held) = (count(&known), count(&held));
                let detail =
                    format!("{channel:?} has {held} members on {server}, and {known} others for the router");
                self.fails(Invariant::RouterKnowsRooms, detail);
            }
        }
    }

    fn members(
        &mut self,
        servers: &BTreeMap<ServerId, (ServerType, Holdings)>,
        sessions: &BTreeMap<SessionKey, Option<Uid>>,
        waiting: &BTreeSet<Arc<str>>,
        room_setting: &str,
    ) {
        let mut places: BTreeMap<(&SessionKey, &str), Vec<&ServerId>> = BTreeMap::new();
        for (server, (_, holdings)) in servers {
            for (channel, members) in &holdings.channels {
                for Member { uid, session } in members {
                    places.entry((session, channel)).or_default().push(server);
                    if sessions.get(session).and_then(Option::as_ref) != Some(uid) {
                        let detail =
                            format!("{uid} ({session}) is in {channel:?} on {server}, and not connected so");
                        self.fails(Invariant::MembersAreSessions, detail);
                    }
                }
            }
        }
        for session in servers.values().flat_map(|(_, holdings)| &holdings.sessions) {
            let Some((rid, uid)) = session.get_str(room_setting).zip(session.uid.as_ref()) else { continue };
            let on = places.get(&(&session.key, rid)).map_or(0, Vec::len);
            if on != 1 && !waiting.contains(rid) {
                let detail = format!("{uid} ({}) is in {rid:?} on {on} servers", session.key);
                self.fails(Invariant::SessionsAreMembers, detail);
            }
        }
    }
}
