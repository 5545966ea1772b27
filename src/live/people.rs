//! Rooms and users of a running cluster: searched, shown, sent away. Of a hundred thousand only those that are shown are
//! copied.

use std::cmp::Ordering;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::control::ControlError;
use super::observer::Observer;
use super::running::RunningCluster;
use super::server_actor::{FindRooms, ShowRoom};
use super::timeline::EventKind;
use crate::channels::{Channel, Channels, Member};
use crate::ids::{ServerId, SessionKey, Uid};
use crate::nearest::{did_you_mean, nearest};
use crate::router::User;
use crate::time::Time;

/// Most members of one room that are shown.
pub(super) const MEMBERS_SHOWN: usize = 1000;

/// Which rooms are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomQuery {
    /// What occurs in the name.
    pub search: String,
    /// Which come first.
    pub sort: RoomSort,
    /// How many.
    pub limit: usize,
}

/// Which rooms come first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomSort {
    /// Those with most members.
    #[default]
    Members,
    /// Those with most messages.
    Messages,
    /// In order of name.
    Name,
}

/// Some rooms, and how many there are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rooms {
    /// The first ones.
    pub rooms: Vec<RoomLine>,
    /// How many were found.
    pub total: usize,
}

/// One room of many.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomLine {
    /// Its name.
    pub room: String,
    /// The key that decides where it lives, if one does.
    pub key: Option<String>,
    /// Where it lives.
    pub server: ServerId,
    /// How many are in it.
    pub members: usize,
    /// Messages to all of it since it is there.
    pub messages: u64,
    /// Of these, in the last whole second.
    pub messages_per_second: u32,
}

/// A room and those who are in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomDetail {
    /// Its name.
    pub room: String,
    /// The key that decides where it lives, if one does.
    pub key: Option<String>,
    /// Where it lives.
    pub server: ServerId,
    /// The first thousand of them.
    pub members: Vec<MemberLine>,
    /// How many they are.
    pub total: usize,
}

/// One who is in a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberLine {
    /// Who.
    pub uid: Uid,
    /// The frontend of the session.
    pub frontend: ServerId,
    /// The number of the session there, as logs have it.
    pub session: u32,
}

/// Some users, and how many there are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Users {
    /// The first ones, in order of uid.
    pub users: Vec<UserLine>,
    /// How many were found.
    pub total: usize,
}

/// One who is logged in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserLine {
    /// Who.
    pub uid: Uid,
    /// The frontend of the session.
    pub frontend: ServerId,
    /// The number of the session there, as logs have it.
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

/// A room as its server sees it.
pub(super) struct RoomSeen {
    name: String,
    members: usize,
    messages: u64,
    messages_per_second: u32,
    first: Option<SessionKey>,
}

/// The names that [`RoomSort`] is read from.
const SORTS: [(&str, RoomSort); 3] =
    [("members", RoomSort::Members), ("messages", RoomSort::Messages), ("name", RoomSort::Name)];

impl FromStr for RoomSort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = SORTS.iter().find(|(name, _)| *name == text);
        known.map(|(_, sort)| *sort).ok_or_else(|| {
            let names = SORTS.map(|(name, _)| name);
            format!("expected {}{}", names.join(", "), did_you_mean(nearest(text, names)))
        })
    }
}

impl RunningCluster {
    /// The first rooms that are asked for, of all servers.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn rooms(&self, query: RoomQuery) -> Result<Rooms, ControlError> {
        self.look(async move |observer| observer.rooms(query).await)?
    }

    /// A room, and who is in it.
    ///
    /// # Errors
    /// Nobody is in a room of that name.
    pub fn room(&self, room: &str) -> Result<RoomDetail, ControlError> {
        let room = room.to_owned();
        self.look(async move |observer| observer.room(room).await)?
    }

    /// The first users, in order, in whose uid `search` occurs.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn users(&self, search: &str, limit: usize) -> Result<Users, ControlError> {
        let search = search.to_owned();
        let (users, total) = self.with_router(move |router, _, _| router.users(&search, limit))?;
        Ok(Users { users: users.into_iter().map(user_line).collect(), total })
    }

    /// Closes the session of a user, telling the client why. Gives the frontend that it is on.
    ///
    /// # Errors
    /// Nobody is logged in by that uid.
    pub fn kick(&self, uid: &str, reason: &str) -> Result<ServerId, ControlError> {
        let (kicked, why) = (Uid::from(uid), reason.to_owned());
        let session = self.with_router(move |router, now, out| router.kick(now, &kicked, &why, out))?;
        let session = session.ok_or_else(|| ControlError::UnknownUser { uid: uid.to_owned() })?;
        self.timeline.note(EventKind::Kick, Some(&session.frontend), format!("{uid}: {reason}"));
        Ok(session.frontend)
    }
}

impl Observer {
    async fn rooms(self, query: RoomQuery) -> Result<Rooms, ControlError> {
        let query = Arc::new(query);
        let found = self.ask_all(|| FindRooms(Arc::clone(&query))).await;
        let mut total = 0;
        let mut rooms: Vec<(ServerId, RoomSeen)> = Vec::new();
        for (entry, (seen, of_server)) in found.into_iter().filter_map(|(entry, seen)| Some((entry, seen?))) {
            total += of_server;
            rooms.extend(seen.into_iter().map(|room| (entry.id(), room)));
        }
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
        let shown = self.ask_all(|| ShowRoom(Arc::clone(&name))).await.into_iter();
        let shown = shown.filter_map(|(entry, shown)| Some((entry.id(), shown??)));
        // While it is handed over, two servers may know it.
        let Some((server, (members, total))) = shown.max_by_key(|(_, (_, total))| *total) else {
            return Err(ControlError::UnknownRoom { room });
        };
        let (asked, first) = (server.clone(), members.first().map(|member| member.session.clone()));
        let key = self.with_router(move |router, _, _| router.key_of_room(&asked, &name, &first?));
        let key = key.await.map_err(|_| ControlError::Ended)?.map(|key| key.to_string());
        Ok(RoomDetail { room, key, server, members: members.into_iter().map(member_line).collect(), total })
    }
}

/// The first rooms of a server that are asked for, in order, and how many were found.
pub(super) fn find_rooms(channels: &Channels, query: &RoomQuery, now: Time) -> (Vec<RoomSeen>, usize) {
    let mut found: Vec<(&str, &Channel)> =
        channels.unordered().filter(|(name, _)| name.contains(&query.search)).collect();
    let total = found.len();
    let compare = |a: &(&str, &Channel), b: &(&str, &Channel)| query.sort.compare(&rank(a), &rank(b));
    if query.limit < total {
        found.select_nth_unstable_by(query.limit, compare);
        found.truncate(query.limit);
    }
    found.sort_unstable_by(compare);
    let seen = |(name, channel): (&str, &Channel)| RoomSeen {
        name: name.to_owned(),
        members: channel.len(),
        messages: channel.pushes(),
        messages_per_second: channel.pushes_per_second(now),
        first: channel.with_sessions().next().map(|member| member.session),
    };
    (found.into_iter().map(seen).collect(), total)
}

/// By what rooms are put in order.
type Rank<'a> = (usize, u64, &'a str);

fn rank<'a>((name, channel): &(&'a str, &Channel)) -> Rank<'a> {
    (channel.len(), channel.pushes(), name)
}

impl RoomSeen {
    fn rank(&self) -> Rank<'_> {
        (self.members, self.messages, &self.name)
    }
}

impl RoomSort {
    fn compare(self, a: &Rank<'_>, b: &Rank<'_>) -> Ordering {
        let first = match self {
            RoomSort::Members => b.0.cmp(&a.0),
            RoomSort::Messages => b.1.cmp(&a.1),
            RoomSort::Name => Ordering::Equal,
        };
        first.then_with(|| a.2.cmp(b.2))
    }
}

fn member_line(Member { uid, session: SessionKey { frontend, session } }: Member) -> MemberLine {
    MemberLine { uid, frontend, session: session.serial() }
}

fn user_line(User { uid, session: SessionKey { frontend, session }, rooms }: User) -> UserLine {
    let rooms = rooms.into_iter().map(|(room, server)| RoomOfUser { room, server }).collect();
    UserLine { uid, frontend, session: session.serial(), rooms }
}

#[cfg(test)]
mod tests {
    use super::{RoomQuery, RoomSort, find_rooms};
    use crate::channels::{Channels, Member};
    use crate::ids::{SessionId, SessionKey};
    use crate::time::Time;

    /// Room `n` of a hundred thousand has one member, or two when `n` divides by 1000; and as many pushes as its last digit.
    fn many() -> Channels {
        let mut channels = Channels::default();
        for number in 0..100_000_u32 {
            let room = format!("room{number:05}");
            for place in 0..if number.is_multiple_of(1000) { 2 } else { 1 } {
                let session = SessionKey { frontend: "c1".into(), session: SessionId::new(number, place) };
                channels.add(&room, Member { uid: format!("u{number}-{place}").into(), session });
            }
            let pushed = channels.get_mut(&room).into_iter();
            pushed.for_each(|room| (0..number % 10).for_each(|_| room.note_push(Time::START)));
        }
        channels
    }

    #[test]
    fn the_first_of_very_many_rooms_are_found() {
        let channels = many();
        let found = |search: &str, sort, limit| {
            let query = RoomQuery { search: search.to_owned(), sort, limit };
            let (rooms, total) = find_rooms(&channels, &query, Time::START);
            (rooms.into_iter().map(|room| (room.name, room.members)).collect::<Vec<_>>(), total)
        };
        let room = |name: &str, members| (name.to_owned(), members);
        let (rooms, total) = found("", RoomSort::Members, 101);
        assert_eq!((rooms.len(), total), (101, 100_000));
        assert_eq!([&rooms[0], &rooms[99]], [&room("room00000", 2), &room("room99000", 2)]);
        assert_eq!(rooms[100], room("room00001", 1));
        let (rooms, _) = found("", RoomSort::Messages, 3);
        assert_eq!(rooms, [room("room00009", 1), room("room00019", 1), room("room00029", 1)]);
        let (rooms, total) = found("m999", RoomSort::Name, 2);
        assert_eq!((rooms, total), (vec![room("room99900", 1), room("room99901", 1)], 100));
        assert_eq!(found("nothing", RoomSort::Members, 10), (Vec::new(), 0));
        assert_eq!(found("room0000", RoomSort::Members, 1000).0.len(), 10);
    }
}
