//! The robots' own judge: whether each message came to every member of its room, once, and in one order.
//!
//! The [`ledger`](crate::ledger) knows more laws and keeps all that it heard. This one stands millions of deliveries a
//! second, in which nearly always nothing is wrong, and remembers only what is under way or was lost.
//!
//! # How
//!
//! A chat server accepts a room's messages in one order, and every member sees that order. So a room has a log of its
//! messages as whoever was first saw them, and each member a position in it. In the good case a delivery is the log's
//! entry at that position: one comparison. What is found ahead was sent past the entries between, which are missing: lost
//! if they never come, disordered if they come later. What is found behind came before.
//!
//! One who lags behind may get what nobody in front of it has seen, since they came later, or since it failed halfway. Its
//! place is not known yet: it is kept aside until something behind it has a place, or was sent when all of the log had been
//! seen.
//!
//! The log begins where the slowest member is, but for a few entries for one that is just coming.
//!
//! # The laws
//!
//! - What was acknowledged reaches every member that entered before it was sent and stays. One who leaves may miss the
//!   end, but nothing before something that it heard.
//! - Nobody gets anything twice, or in another order than others. One sender's messages come in the order of their numbers.
//! - A message that failed comes once or never, to each, and in whatever order.
//! - Nobody gets what was not sent, or was sent in another room.
//! - Every message is answered while its sender stays.
//!
//! Where people come, go and lag far behind each other at once, an order may be known to nobody: then the judge finds nearly
//! every fault, not all. If some message also failed halfway, it may take a right order for a wrong one.
//!
//! What comes to a member before it [`entered`](Judge::entered) or after it [`left`](Judge::left) is only held against the
//! fourth law: it may or may not come.

mod order;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

pub use self::verdict::Integrity;

/// Entries that a log keeps although all members have passed them: one who enters may get them first.
const KEPT: u64 = if cfg!(test) { 3 } else { 256 };

/// A log is cut when it has grown to this, or to twice what the last cut left of it.
const CUT_MIN: usize = if cfg!(test) { 8 } else { 1024 };

/// The position of one who is not in the room. No log gets as long.
const AWAY: u64 = u64::MAX;

/// The place in the log of what nobody has seen.
const UNSEEN: u64 = u64::MAX;

/// Hears what robots do and get. See the module.
#[derive(Clone, Default, Debug)]
pub struct Judge {
    rooms: Vec<Room>,
    members: Vec<Member>,
    authors: Vec<Author>,
    /// What members have not got although they have got something behind it: by receiver, sender and number.
    missing: BTreeMap<(u32, u32, u32), Missing>,
    /// Messages that were sent so far. A message's stamp is this, when it is sent.
    stamp: u64,
    so_far: Integrity,
}

#[derive(Clone, Default, Debug)]
struct Room {
    /// Sender and number, in the order in which they were first seen.
    log: VecDeque<(u32, u32)>,
    /// Place of the log's first entry, since the room began.
    base: u64,
    /// The last stamp when the log grew: what was sent later stands behind all that is in it.
    grew: u64,
    /// The length at which the log is cut.
    cut_at: usize,
    members: Vec<u32>,
}

/// A member as one who gets messages.
#[derive(Clone, Debug)]
struct Member {
    /// Place of what comes next.
    position: u64,
    /// Place of the first that came; as long as nothing has come: where the log ended when it entered.
    start: u64,
    /// The last stamp when it entered: later messages must come.
    since: u64,
    room: u32,
    /// What came to it and has no place in the log yet: sender and number, in order.
    aside: Vec<(u32, u32)>,
}

/// A member as one who sends messages.
#[derive(Clone, Default, Debug)]
struct Author {
    /// Messages that were dropped from the front of `sent`.
    dropped: u32,
    sent: VecDeque<Sent>,
    /// Of those that were dropped, what is not over: not answered, not seen, or missing to somebody.
    open: BTreeMap<u32, Sent>,
    /// The highest number that was seen.
    highest: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    stamp: u64,
    place: u64,
    answer: Answer,
    /// Somebody was passed over with it.
    is_missed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    /// It was sent when the receiver was there: it must come.
    Due,
    /// It was sent before: it may have come to the room before the receiver did.
    Free,
    /// It has come, too late.
    Come,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    None,
    Acknowledged,
    Failed,
}

impl Judge {
    /// A new member of a room, which is not there yet. Gives its index: 0, 1, 2, …
    pub fn member(&mut self, room: usize) -> usize {
        if self.rooms.len() <= room {
            self.rooms.resize_with(room + 1, || Room { cut_at: CUT_MIN, ..Room::default() });
        }
        let index = self.members.len();
        self.rooms[room].members.push(small(index));
        self.members.push(Member {
            position: AWAY,
            start: AWAY,
            since: 0,
            room: small(room),
            aside: Vec::new(),
        });
        self.authors.push(Author::default());
        index
    }

    /// Its login was acknowledged: what is sent from now on must reach it.
    pub fn entered(&mut self, member: usize) {
        let member = &mut self.members[member];
        let end = self.rooms[member.room as usize].end();
        (member.position, member.start, member.since) = (end, end, self.stamp);
    }

    /// It is about to leave, or its connection is gone: from now on it expects nothing.
    pub fn left(&mut self, member: usize) {
        self.settle(member, false);
        let member = &mut self.members[member];
        member.position = AWAY;
        member.aside.clear();
    }

    /// It is about to send a message. Gives the number, by which those who get it must know it: 1, 2, 3, …
    pub fn sending(&mut self, member: usize) -> u32 {
        self.stamp += 1;
        let author = &mut self.authors[member];
        let sent = Sent { stamp: self.stamp, place: UNSEEN, answer: Answer::None, is_missed: false };
        author.sent.push_back(sent);
        author.last()
    }

    /// A message of its was answered without an error.
    pub fn acknowledged(&mut self, member: usize, number: u32) {
        self.answered(member, number, Answer::Acknowledged);
    }

    /// A message of its was answered with an error, or nobody will answer.
    pub fn failed(&mut self, member: usize, number: u32) {
        self.answered(member, number, Answer::Failed);
    }

    fn answered(&mut self, member: usize, number: u32, answer: Answer) {
        let author = &mut self.authors[member];
        let Some(sent) = author.get_mut(number) else { return };
        // Whoever gave up on a message may still hear that it was done.
        if sent.answer != Answer::Acknowledged {
            sent.answer = answer;
        }
        author.forget(number, self.rooms[self.members[member].room as usize].base);
    }

    /// A message came to a member: `sender` and `number` are what it says of itself, whatever that is.
    #[inline]
    pub fn delivered(&mut self, receiver: usize, sender: usize, number: u32) {
        let Member { position, room, aside, .. } = &mut self.members[receiver];
        let room = &self.rooms[*room as usize];
        let due = usize::try_from(position.wrapping_sub(room.base)).ok().and_then(|at| room.log.get(at));
        let is_due = due.is_some_and(|due| due.0 as usize == sender && due.1 == number);
        if is_due && aside.is_empty() {
            *position += 1;
        } else {
            self.look_around(receiver, sender, number);
        }
    }
}

impl Room {
    /// The place of what will be seen next.
    fn end(&self) -> u64 {
        self.base + self.log.len() as u64
    }
}

impl Author {
    /// The number of the last message that was sent.
    fn last(&self) -> u32 {
        self.dropped + small(self.sent.len())
    }

    /// A message that is not over.
    fn get(&self, number: u32) -> Option<&Sent> {
        match number.checked_sub(self.dropped + 1) {
            Some(at) => self.sent.get(at as usize),
            None => self.open.get(&number),
        }
    }

    /// The same, to change it.
    fn get_mut(&mut self, number: u32) -> Option<&mut Sent> {
        match number.checked_sub(self.dropped + 1) {
            Some(at) => self.sent.get_mut(at as usize),
            None => self.open.get_mut(&number),
        }
    }

    /// Every message that is not over, with its number.
    fn all(&self) -> impl Iterator<Item = (u32, &Sent)> {
        let open = self.open.iter().map(|(number, sent)| (*number, sent));
        open.chain((self.dropped + 1..).zip(&self.sent))
    }

    /// All members have passed a message: it and the ones before it are dropped, if they are over.
    fn passed(&mut self, number: u32, base: u64) {
        while self.dropped < number
            && let Some(sent) = self.sent.pop_front()
        {
            self.dropped += 1;
            if !sent.is_over(base) {
                self.open.insert(self.dropped, sent);
            }
        }
        self.forget(number, base);
    }

    fn forget(&mut self, number: u32, base: u64) {
        if self.open.get(&number).is_some_and(|sent| sent.is_over(base)) {
            self.open.remove(&number);
        }
    }
}

impl Sent {
    fn is_over(&self, base: u64) -> bool {
        self.place < base && self.answer != Answer::None && !self.is_missed
    }
}

/// Members, rooms and a robot's messages are fewer than four thousand million.
fn small(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn told(receiver: usize, sender: usize, number: u32, what: &str) -> String {
    format!("message {number} of member {sender}, to member {receiver}, {what}")
}
