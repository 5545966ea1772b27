//! The ledger: who sent what to whom, who got it, and whether that is as it must be.
//!
//! Whoever drives clients records what they do and hear; [`Ledger::verdict`] then says whether a law was broken. It knows
//! no cluster, no socket and no clock, so tests, load and experiments use the same one.
//!
//! # Moments
//!
//! Each event has a moment: any number that grows with every event. What a client does gets its moment before it is
//! done, what a client hears after it is heard: only then does "before" mean anything. Events are recorded in the order
//! of their moments.
//!
//! # The laws
//!
//! - Every request gets exactly one answer, unless its client is gone.
//! - A message that was acknowledged reaches exactly once whoever it is for and had entered before it was sent: all of
//!   them that stay. One who goes may miss the end, but nothing before something that it heard.
//! - Nobody gets a message twice: one that failed comes once or never, as it does to those who enter or go meanwhile.
//! - What one client sent on one connection arrives in that order. Nothing arrives behind a message that was sent after
//!   its acknowledgement.
//! - Nobody gets what was not sent, not to them, by another than the push says, or acknowledged before they came.
//! - Whoever is in a room sees the others: the users of its login's answer, then one `onAdd` for each who was not there
//!   and one `onLeave` for each who was. In the end it sees those who are there.
//!
//! # Memory
//!
//! Forty bytes a message, a few ranges for each pair of members of a room, and what each member sees.

mod judge;
mod numbers;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use self::numbers::Numbers;
use self::verdict::Law;
pub use self::verdict::{Totals, Verdict};

/// The code of an answer that refuses a message since the server is busy.
const BUSY: u16 = 503;

/// What was recorded. See the module.
#[derive(Default)]
pub struct Ledger {
    rooms: Vec<Room>,
    room_of: BTreeMap<Box<str>, usize>,
    members: Vec<Member>,
    so_far: Verdict,
}

/// A user in a room, whether there or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberId(u32);

/// Whom a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// Everybody in the room, the sender too.
    All,
    /// One of the room.
    One(MemberId),
}

struct Room {
    name: Box<str>,
    members: BTreeMap<Box<str>, MemberId>,
}

struct Member {
    room: usize,
    name: Box<str>,
    /// Message number n is at n − 1.
    sent: Vec<Sent>,
    stays: Vec<Stay>,
    heard: BTreeMap<MemberId, Heard>,
}

struct Sent {
    at: u64,
    to: To,
    /// On which of the sender's connections.
    stay: u32,
    answer: Answer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Open,
    Acknowledged(u64),
    Refused,
    Failed,
}

/// A connection of a member: from the request to enter until it is gone.
struct Stay {
    entering: u64,
    entered: Option<u64>,
    gone: bool,
    /// The first number that is sent on it.
    first: u64,
    /// The latest moment at which something was sent that came on it.
    horizon: u64,
    /// Who is there, as far as this member knows.
    picture: BTreeSet<MemberId>,
}

/// What a member heard of another.
#[derive(Default)]
struct Heard {
    numbers: Numbers,
    /// The highest number that came on each stay.
    highest: Vec<(u32, u64)>,
}

impl Ledger {
    /// A user of a room: the same pair is the same member.
    pub fn member(&mut self, room: &str, name: &str) -> MemberId {
        let Self { rooms, room_of, members, .. } = self;
        let place = *room_of.entry(room.into()).or_insert_with(|| {
            rooms.push(Room { name: room.into(), members: BTreeMap::new() });
            rooms.len() - 1
        });
        *rooms[place].members.entry(name.into()).or_insert_with(|| {
            let id = MemberId(u32::try_from(members.len()).unwrap_or(u32::MAX));
            let (sent, stays, heard) = (Vec::new(), Vec::new(), BTreeMap::new());
            members.push(Member { room: place, name: name.into(), sent, stays, heard });
            id
        })
    }

    /// The member is about to ask to enter its room, on a new connection. One that it had before is gone.
    pub fn entering(&mut self, at: u64, who: MemberId) {
        self.gone(who);
        let member = self.at(who);
        let first = member.sent.len() as u64 + 1;
        let picture = BTreeSet::new();
        member.stays.push(Stay { entering: at, entered: None, gone: false, first, horizon: 0, picture });
    }

    /// It has entered, and was told who is there.
    pub fn entered<'a>(&mut self, at: u64, who: MemberId, users: impl IntoIterator<Item = &'a str>) {
        let awaits = self.stay(who).is_some_and(|stay| stay.entered.is_none());
        if !awaits {
            let name = self.name(who);
            return self.so_far.add(Law::Doubled, || format!("{name} was told again that it has entered"));
        }
        self.so_far.totals.entered += 1;
        if let Some(stay) = self.stay(who) {
            stay.entered = Some(at);
        }
        users.into_iter().for_each(|user| self.sees(who, user, "the users of its login"));
    }

    /// It is not let in, or its connection is gone, closed or lost: from now on it expects nothing.
    pub fn gone(&mut self, who: MemberId) {
        if let Some(stay) = self.stay(who) {
            stay.gone = true;
            stay.picture = BTreeSet::new();
        }
    }

    /// The member is about to send a message. Gives its number: 1, 2, 3, …
    pub fn attempted(&mut self, at: u64, who: MemberId, to: To) -> u64 {
        self.so_far.totals.attempted += 1;
        let member = self.at(who);
        let stay = u32::try_from(member.stays.len()).unwrap_or(u32::MAX).saturating_sub(1);
        member.sent.push(Sent { at, to, stay, answer: Answer::Open });
        member.sent.len() as u64
    }

    /// What a message must say, at least up to its first space, so that those who get it can say which it is.
    pub fn text(who: MemberId, number: u64) -> String {
        format!("{}:{number}", who.0)
    }

    /// The message was answered without an error.
    pub fn acknowledged(&mut self, at: u64, who: MemberId, number: u64) {
        if self.answered(who, number, Answer::Acknowledged(at)) {
            self.so_far.totals.acknowledged += 1;
        }
    }

    /// The message was answered with an error.
    pub fn failed(&mut self, who: MemberId, number: u64, code: u16) {
        let (answer, refused) = if code == BUSY { (Answer::Refused, 1) } else { (Answer::Failed, 0) };
        if self.answered(who, number, answer) {
            self.so_far.totals.refused += refused;
            self.so_far.totals.failed += 1 - refused;
        }
    }

    /// A message came: `from` is whom the push names, `text` what it says.
    pub fn delivered(&mut self, receiver: MemberId, from: &str, text: &str) {
        self.so_far.totals.delivered += 1;
        if let Err((law, why)) = self.hear(receiver, from, text) {
            let name = self.name(receiver);
            self.so_far.add(law, || format!("{name} got {text:.40?} from {from:?}: {why}"));
        }
    }

    /// An `onAdd` came.
    pub fn added(&mut self, receiver: MemberId, user: &str) {
        self.sees(receiver, user, "onAdd");
    }

    /// An `onLeave` came.
    pub fn removed(&mut self, receiver: MemberId, user: &str) {
        let whom = self.known(receiver, user);
        let seen = match (whom, self.stay(receiver)) {
            (Some(whom), Some(stay)) => stay.picture.remove(&whom),
            _ => false,
        };
        if !seen {
            let name = self.name(receiver);
            self.so_far.add(Law::Ghosts, || format!("{name} got onLeave of {user:?}, who was not there"));
        }
    }

    /// Whether the member is in its room.
    pub fn is_in(&self, who: MemberId) -> bool {
        let stay = self.members.get(who.0 as usize).and_then(|member| member.stays.last());
        stay.is_some_and(|stay| stay.entered.is_some() && !stay.gone)
    }

    /// What is broken for good already. What is missing may still come, and is not in it.
    pub fn so_far(&self) -> &Verdict {
        &self.so_far
    }

    fn answered(&mut self, who: MemberId, number: u64, answer: Answer) -> bool {
        let Member { stays, sent, .. } = self.at(who);
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        // An answer belongs to the connection of its request.
        let is_asker = |sent: &Sent| {
            let current = stays.last().filter(|stay| !stay.gone);
            current.is_some() && sent.stay as usize + 1 == stays.len()
        };
        let law = match place.and_then(|place| sent.get_mut(place)) {
            None => Law::Intruding,
            Some(sent) if !is_asker(sent) => Law::Intruding,
            Some(sent) if sent.answer != Answer::Open => Law::Doubled,
            Some(sent) => {
                sent.answer = answer;
                return true;
            }
        };
        let name = self.name(who);
        self.so_far.add(law, || match law {
            Law::Doubled => format!("message {number} of {name} was answered again"),
            _ => {
                format!("{name} got an answer to message {number}, which it did not send on this connection")
            }
        });
        false
    }

    /// Somebody appears in a member's picture.
    fn sees(&mut self, receiver: MemberId, user: &str, where_from: &str) {
        let whom = self.known(receiver, user);
        let why = match (whom, self.stay(receiver)) {
            (None, _) => "whom nobody knows",
            (_, None) => "although it has gone itself",
            (_, Some(Stay { entered: None, .. })) => "before it was told that it has entered",
            (Some(whom), Some(stay)) => {
                if stay.picture.insert(whom) {
                    return;
                }
                "who was there already"
            }
        };
        let name = self.name(receiver);
        self.so_far.add(Law::Ghosts, || format!("{name} got {user:?} by {where_from}, {why}"));
    }

    fn at(&mut self, who: MemberId) -> &mut Member {
        // Ids come from `member`, and members stay.
        &mut self.members[who.0 as usize]
    }

    /// The member's connection, if it has one.
    fn stay(&mut self, who: MemberId) -> Option<&mut Stay> {
        self.at(who).stays.last_mut().filter(|stay| !stay.gone)
    }

    /// Who in the member's room has that name.
    fn known(&self, beside: MemberId, name: &str) -> Option<MemberId> {
        self.rooms[self.members[beside.0 as usize].room].members.get(name).copied()
    }

    fn name(&self, who: MemberId) -> String {
        let member = &self.members[who.0 as usize];
        format!("{}*{}", member.name, self.rooms[member.room].name)
    }
}
