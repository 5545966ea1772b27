//! Rooms and users of a running cluster: search and details.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::observer::Observer;
use super::rooms::{RoomQuery, RoomSeen, find_rooms};
use crate::channels::Member;
use crate::ids::{ServerId, SessionKey, Uid};
use crate::live::control::ControlError;
use crate::live::running::RunningCluster;
use crate::router::User;

/// Most members of one room that are shown.
const MEMBERS_SHOWN: usize = 1000;

/// The first rooms found, and the number of all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rooms {
    /// The first rooms, in order.
    pub rooms: Vec<RoomLine>,
    /// Number of rooms found.
    pub total: usize,
}

/// A room in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomLine {
    /// Its name.
    pub room: String,
    /// The key that decides where it lives, if it has one.
    pub key: Option<String>,
    /// Where it lives.
    pub server: ServerId,
    /// Number of members.
    pub members: usize,
    /// Messages to the whole room since it came to this server.
    pub messages: u64,
    /// Messages to the whole room in the last whole second.
    pub messages_per_second: u32,
}

/// A room and its members.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomDetail {
    /// Its name.
    pub room: String,
    /// The key that decides where it lives, if it has one.
    pub key: Option<String>,
    /// Where it lives.
    pub server: ServerId,
    /// The first thousand members.
    pub members: Vec<MemberLine>,
    /// Number of members.
    pub total: usize,
}

/// A member of a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberLine {
    /// The member's uid.
    pub uid: Uid,
    /// The frontend of the session.
    pub frontend: ServerId,
    /// The session's number there, as in the log.
    pub session: u32,
}

/// The first users found, and the number of all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Users {
    /// The first ones, in order of uid.
    pub users: Vec<UserLine>,
    /// Number of users found.
    pub total: usize,
}

/// A user who is logged in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserLine {
    /// The user's uid.
    pub uid: Uid,
    /// The frontend of the session.
    pub frontend: ServerId,
    /// The session's number there, as in the log.
    pub session: u32,
    /// The rooms that the session is in.
    pub rooms: Vec<RoomOfUser>,
}

/// A room that a user is in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomOfUser {
    /// Its name.
    pub room: Arc<str>,
    /// Where it lives.
    pub server: ServerId,
}

impl RunningCluster {
    /// The first rooms that match, of all servers.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn rooms(&self, query: RoomQuery) -> Result<Rooms, ControlError> {
        self.look(async move |observer| observer.rooms(query).await)?
    }

    /// A room and its members.
    ///
    /// # Errors
    /// Nobody is in a room with that name.
    pub fn room(&self, room: &str) -> Result<RoomDetail, ControlError> {
        let room = room.to_owned();
        self.look(async move |observer| observer.room(room).await)?
    }

    /// The first users, in order, whose uid contains `search`.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn users(&self, search: &str, limit: usize) -> Result<Users, ControlError> {
        let search = search.to_owned();
        let (users, total) = self.with_router(move |router, _, _| router.users(&search, limit))?;
        Ok(Users { users: users.into_iter().map(user_line).collect(), total })
    }
}

impl Observer {
    async fn rooms(self, query: RoomQuery) -> Result<Rooms, ControlError> {
        let query = Arc::new(query);
        let asked = Arc::clone(&query);
        let found = self
            .inspect_all(move |inside| {
                let channels = inside.server.channels();
                channels.map(|channels| find_rooms(channels, &asked, inside.now)).unwrap_or_default()
            })
            .await;
        let mut total = 0;
        let mut rooms: Vec<(ServerId, RoomSeen)> = Vec::new();
        for (entry, (seen, of_server)) in found.into_iter().filter_map(|(entry, seen)| Some((entry, seen?))) {
            total += of_server;
            rooms.extend(seen.into_iter().map(|room| (entry.id(), room)));
        }
        // Each server sent its first rooms only; the first of all are among them.
        rooms.sort_by(|(_, a), (_, b)| query.sort.compare(&a.rank(), &b.rank()));
        rooms.truncate(query.limit);
        let lines = self.with_router(move |router, _, _| {
            let line = |(server, seen): (ServerId, RoomSeen)| {
                let key = seen.first.and_then(|first| router.key_of_room(&server, &seen.name, &first));
                RoomLine {
                    key: key.map(|key| key.to_string()),
                    room: seen.name,
                    server,
                    members: seen.members,
                    messages: seen.messages,
                    messages_per_second: seen.messages_per_second,
                }
            };
            rooms.into_iter().map(line).collect()
        });
        Ok(Rooms { rooms: lines.await.map_err(|_| ControlError::Ended)?, total })
    }

    async fn room(self, room: String) -> Result<RoomDetail, ControlError> {
        let name: Arc<str> = room.as_str().into();
        let asked = Arc::clone(&name);
        let shown = self.inspect_all(move |inside| {
            let room = inside.server.channels()?.get(&asked)?;
            Some((room.with_sessions().take(MEMBERS_SHOWN).collect::<Vec<_>>(), room.len()))
        });
        let shown = shown.await.into_iter().filter_map(|(entry, shown)| Some((entry.id(), shown??)));
        // While a room is handed over, two servers may have it.
        let Some((server, (members, total))) = shown.max_by_key(|(_, (_, total))| *total) else {
            return Err(ControlError::UnknownRoom { room });
        };
        let (asked, first) = (server.clone(), members.first().map(|member| member.session.clone()));
        let key = self.with_router(move |router, _, _| router.key_of_room(&asked, &name, &first?));
        let key = key.await.map_err(|_| ControlError::Ended)?.map(|key| key.to_string());
        Ok(RoomDetail { room, key, server, members: members.into_iter().map(member_line).collect(), total })
    }
}

fn member_line(Member { uid, session: SessionKey { frontend, session } }: Member) -> MemberLine {
    MemberLine { uid, frontend, session: session.serial() }
}

fn user_line(User { uid, session: SessionKey { frontend, session }, rooms }: User) -> UserLine {
    let rooms = rooms.into_iter().map(|(room, server)| RoomOfUser { room, server }).collect();
    UserLine { uid, frontend, session: session.serial(), rooms }
}
