//! Searches the rooms of one server. Of a hundred thousand rooms, only those that are shown are
//! copied.

use std::cmp::Ordering;
use std::str::FromStr;

use serde::Serialize;

use crate::channels::{Channel, Channels};
use crate::ids::SessionKey;
use crate::nearest::{did_you_mean, nearest};
use crate::time::Time;

/// A search for rooms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomQuery {
    /// Text that occurs in the name.
    pub search: String,
    /// The order.
    pub sort: RoomSort,
    /// Most rooms to return.
    pub limit: usize,
}

/// The order of rooms.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomSort {
    /// Most members first.
    #[default]
    Members,
    /// Most messages first.
    Messages,
    /// By name.
    Name,
}

/// A room as its server reports it.
pub(super) struct RoomSeen {
    pub(super) name: String,
    pub(super) members: usize,
    pub(super) messages: u64,
    pub(super) messages_per_second: u32,
    pub(super) first: Option<SessionKey>,
}

/// The names that [`RoomSort`] is parsed from.
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

/// The first rooms of a server that match, in order, and the number of all that match.
pub(super) fn find_rooms(channels: &Channels, query: &RoomQuery, now: Time) -> (Vec<RoomSeen>, usize) {
    let mut found: Vec<(&str, &Channel)> =
        channels.unordered().filter(|(name, _)| name.contains(&query.search)).collect();
    let total = found.len();
    let compare = |a: &(&str, &Channel), b: &(&str, &Channel)| query.sort.compare(&rank(a), &rank(b));
    if query.limit < total {
        // Selects before it sorts: sorting a hundred thousand rooms costs far more.
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

/// The sort key of a room: members, messages, name.
pub(super) type Rank<'a> = (usize, u64, &'a str);

fn rank<'a>((name, channel): &(&'a str, &Channel)) -> Rank<'a> {
    (channel.len(), channel.pushes(), name)
}

impl RoomSeen {
    pub(super) fn rank(&self) -> Rank<'_> {
        (self.members, self.messages, &self.name)
    }
}

impl RoomSort {
    pub(super) fn compare(self, a: &Rank<'_>, b: &Rank<'_>) -> Ordering {
        let first = match self {
            RoomSort::Members => b.0.cmp(&a.0),
            RoomSort::Messages => b.1.cmp(&a.1),
            RoomSort::Name => Ordering::Equal,
        };
        first.then_with(|| a.2.cmp(b.2))
    }
}

#[cfg(test)]
mod tests {
    use super::{RoomQuery, RoomSort, find_rooms};
    use crate::channels::{Channels, Member};
    use crate::ids::{SessionId, SessionKey};
    use crate::time::Time;

    /// Room `n` of a hundred thousand has one member, or two if `n` is divisible by 1000, and as
    /// many pushes as its last digit.
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
