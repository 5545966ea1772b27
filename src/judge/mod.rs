//! The judge of a chat: whether each message reached every member of its room, once, in order, and
//! nobody else.
//!
//! The driver of the clients reports what they do and receive; [`Judge::verdict`] counts the
//! breaches of the invariants. The judge does not know the cluster, sockets or clocks: robots,
//! storms and tests use the same one.
//!
//! # Moments
//!
//! Each call is a moment. A client action is reported before it is done, a message after it was
//! received: only then is "before" reliable.
//!
//! # The invariants
//!
//! - Every request gets exactly one answer, unless its client is gone.
//! - An acknowledged message reaches each recipient that had entered before it was sent exactly
//!   once, if the recipient stays. A recipient that leaves may miss the end, but no message before
//!   one that it received.
//! - Nobody gets a message twice. A message whose outcome is unknown (504) reaches each recipient
//!   once or never. One that was answered with another error reaches nobody.
//! - Messages sent by one client on one connection arrive in that order. No message arrives after
//!   one that was sent after its acknowledgement. A judge [`of_one_order`](Judge::of_one_order)
//!   also requires that all members of a room receive acknowledged messages in one order, which
//!   holds while a room's server stays and its links are healthy.
//! - Nobody gets a message that was not sent, was not sent to them, came from another sender than
//!   the push says, or was acknowledged before they asked to enter.
//! - A member that got a list of those present sees the others: then one `onAdd` for each that
//!   comes and one `onLeave` for each that goes. In the end it sees exactly those present.
//!
//! # How
//!
//! A room has a log of its messages in the order of their first receipt, and each member a position
//! in it. In the good case a delivery is the log's entry at that position: one comparison.
//! Everything else takes the long way (`receive.rs`): the first delivery of a message, a delivery
//! ahead of the position, which means that the entries between are missing, and a delivery behind
//! it.
//!
//! The order of first receipt need not be the room's order: a member that lags may receive a
//! message that no member ahead of it gets. So a member that receives an entry after a later one
//! breaks the one order only if another received the two the other way round (`order.rs`).
//!
//! A judge of one order forgets the messages that all members of a room have passed, except for
//! missing ones, and copes with millions of deliveries a second. If many members come and go at
//! once it may miss a fault whose witnesses it has forgotten. The other judge keeps 50 bytes a
//! message, and misses no fault.

mod author;
mod end;
mod member;
mod numbers;
mod order;
mod presence;
mod receive;
mod room;
mod verdict;

use std::collections::BTreeMap;

use self::author::{Answer, Author, Sent, UNSEEN};
use self::member::{Member, State, Stay};
use self::numbers::small;
use self::room::Room;
use self::verdict::Breach;
pub use self::verdict::{Recorded, Verdict};

/// Entries that a log keeps although all members have passed them: a member that enters may receive
/// them first.
pub const KEPT: usize = 256;

/// The code of an answer that refuses a message because the server is busy.
const BUSY: u64 = 503;

/// The code of an answer that says that the message may have been carried out or not.
const UNKNOWN: u64 = 504;

/// Judges what clients do and receive.
#[derive(Clone, Default, Debug)]
pub struct Judge {
    /// The number of entries that a log keeps, if one order is required.
    kept: Option<usize>,
    rooms: Vec<Room>,
    room_of: BTreeMap<Box<str>, usize>,
    members: Vec<Member>,
    authors: Vec<Author>,
    /// Messages that a member has not received although it received a later one: by receiver,
    /// sender and number.
    missing: BTreeMap<(u32, u32, u32), Missing>,
    /// Deliveries that came after one that is later in the log.
    late: Vec<Late>,
    /// The last moment.
    now: u64,
    so_far: Verdict,
}

/// The recipients of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// All members of the room, the sender included.
    All,
    /// One member of the room.
    One(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    /// Its receiver is present: it must arrive, and should have arrived before a message below this
    /// place.
    Due(u64),
    /// Its receiver is present, but entered while it was in flight: it may arrive.
    Free,
    /// Its receiver should have received it before a message that it has received.
    Lost,
    /// Its receiver left. It is lost if another member received it, and after it a message below
    /// this place that the receiver received too.
    Doubtful(u64),
}

/// A member received a place after others below `until`.
#[derive(Clone, Copy, Debug)]
struct Late {
    member: u32,
    place: u64,
    until: u64,
}

impl Judge {
    /// A judge that also requires one order in each room, and forgets the messages that all members
    /// have passed, apart from the last `kept`.
    pub fn of_one_order(kept: usize) -> Self {
        Self { kept: Some(kept), ..Self::default() }
    }

    /// A user in a room: the same pair is the same member. Members are numbered from 0.
    pub fn member(&mut self, room: &str, name: &str) -> usize {
        let Self { rooms, room_of, members, authors, kept, .. } = self;
        let place = *room_of.entry(room.into()).or_insert_with(|| {
            let cut_at = kept.map_or(usize::MAX, |kept| 4 * kept);
            rooms.push(Room { name: room.into(), cut_at, ..Room::default() });
            rooms.len() - 1
        });
        let Room { members: mates, of_name, .. } = &mut rooms[place];
        let index = *of_name.entry(name.into()).or_insert_with(|| {
            let index = small(members.len());
            mates.push(index);
            let (room, name) = (small(place), name.into());
            members.push(Member { room, is_first: true, name, ..Member::default() });
            authors.push(Author::default());
            index
        });
        index as usize
    }

    /// The member is about to ask to enter its room, on a new connection. Its previous connection
    /// is gone.
    pub fn entering(&mut self, who: usize) {
        self.gone(who);
        self.now += 1;
        let member = &mut self.members[who];
        let end = self.rooms[member.room as usize].end();
        member.close_run();
        (member.state, member.is_plain, member.is_first) = (State::There, false, true);
        (member.position, member.start, member.end_before) = (end, end, end);
        let number = member.stay.number + 1;
        member.stay = Stay { number, entering: self.now, horizon_at: end, ..Stay::default() };
    }

    /// The member was told that it has entered: messages sent from now on must reach it. False if
    /// it had not asked.
    pub fn entered(&mut self, who: usize) -> bool {
        self.now += 1;
        let Member { state, stay, .. } = &mut self.members[who];
        if *state == State::There && stay.entered.is_none() {
            stay.entered = Some(self.now);
            self.so_far.totals.entered += 1;
            return true;
        }
        let name = self.name(who);
        self.so_far.add(Breach::Doubled, || format!("{name} was told again that it has entered"));
        false
    }

    /// The member is about to leave: from now on it expects nothing, and its deliveries are not
    /// checked.
    pub fn left(&mut self, who: usize) {
        self.leave(who, State::Leaving);
    }

    /// The member is refused, or its connection is closed or lost: from now on it receives nothing.
    pub fn gone(&mut self, who: usize) {
        self.leave(who, State::Gone);
    }

    fn leave(&mut self, who: usize, state: State) {
        if self.members[who].state == State::There {
            self.settle(who);
            let member = &mut self.members[who];
            (member.is_plain, member.stay.picture) = (false, None);
        }
        self.members[who].state = state;
    }

    /// The member is about to send a message. Returns the message's number: 1, 2, 3, …
    pub fn sending(&mut self, who: usize, to: To) -> u32 {
        self.now += 1;
        self.so_far.totals.attempted += 1;
        let to = match to {
            To::All => None,
            To::One(whom) => Some((small(whom), false)),
        };
        let stay = self.members[who].stay.number.max(1);
        let author = &mut self.authors[who];
        let (at, place, answer) = (self.now, UNSEEN, Answer::Open);
        author.sent.push_back(Sent { at, place, to, stay, answer, missed_by: 0 });
        author.last()
    }

    /// The text that a message must have, at least up to its first space, for
    /// [`received`](Self::received) to recognise it.
    pub fn text(who: usize, number: u32) -> String {
        format!("{who}:{number}")
    }

    /// A message of this member was answered without an error.
    pub fn acknowledged(&mut self, who: usize, number: u32) {
        self.now += 1;
        if self.answered(who, number, Answer::Acknowledged(self.now)) {
            self.so_far.totals.acknowledged += 1;
        }
    }

    /// A message of this member was answered with an error.
    pub fn failed(&mut self, who: usize, number: u32, code: u64) {
        let is_unknown = code == UNKNOWN;
        let answer = if is_unknown { Answer::Unknown } else { Answer::Failed };
        let is_seen = |sent: &Sent| sent.place != UNSEEN || matches!(sent.to, Some((_, true)));
        let was_carried_out = self.authors[who].get(number).is_some_and(is_seen);
        if !self.answered(who, number, answer) {
            return;
        }
        let totals = &mut self.so_far.totals;
        *match code {
            BUSY => &mut totals.refused,
            _ if is_unknown => &mut totals.unknown,
            _ => &mut totals.failed,
        } += 1;
        if was_carried_out && !is_unknown {
            let name = self.name(who);
            let example = || format!("message {number} of {name} was answered with {code}, but had arrived");
            self.so_far.add(Breach::Foreign, example);
        }
    }

    /// Nobody waits for the answer to a message any more; it may still arrive.
    pub fn given_up(&mut self, who: usize, number: u32) {
        if let Some(sent) = self.authors[who].get_mut(number)
            && sent.answer == Answer::Open
        {
            sent.answer = Answer::GivenUp;
        }
        self.forget(who, number);
    }

    fn answered(&mut self, who: usize, number: u32, answer: Answer) -> bool {
        let Member { state, stay, .. } = &self.members[who];
        // An answer belongs to the connection of its request.
        let is_asker = |sent: &Sent| *state != State::Gone && sent.stay == stay.number;
        let breach = match self.authors[who].get_mut(number) {
            None => Breach::Foreign,
            Some(sent) if !is_asker(sent) => Breach::Foreign,
            Some(sent) if !matches!(sent.answer, Answer::Open | Answer::GivenUp) => Breach::Doubled,
            Some(sent) => {
                sent.answer = answer;
                self.forget(who, number);
                return true;
            }
        };
        let name = self.name(who);
        self.so_far.add(breach, || match breach {
            Breach::Doubled => format!("message {number} of {name} was answered again"),
            _ => {
                format!("{name} got an answer to message {number}, which it did not send on this connection")
            }
        });
        false
    }

    /// A message arrived at a member; it claims this `sender` and `number`, whether or not they are
    /// true.
    #[inline]
    pub fn delivered(&mut self, receiver: usize, sender: usize, number: u32) {
        let Member { position, is_plain, room, .. } = &mut self.members[receiver];
        let room = &self.rooms[*room as usize];
        let due = usize::try_from(position.wrapping_sub(room.base)).ok().and_then(|at| room.log.get(at));
        let is_due = due.is_some_and(|due| due.0 as usize == sender && due.1 == number);
        // The hot path: the judge must be faster than the cluster that it judges.
        if is_due && *is_plain {
            *position += 1;
        } else {
            self.delivered_oddly(receiver, sender, number);
        }
    }

    /// Whether the member is in its room.
    pub fn is_in(&self, who: usize) -> bool {
        let Member { state, stay, .. } = &self.members[who];
        *state == State::There && stay.entered.is_some()
    }

    /// The breaches that are certain already. Missing messages may still arrive, and are not
    /// counted.
    pub fn so_far(&self) -> &Verdict {
        &self.so_far
    }

    /// The number of messages that are not forgotten, in logs and at their senders.
    pub fn remembered(&self) -> usize {
        let logs: usize = self.rooms.iter().map(|room| room.log.len()).sum();
        logs + self.authors.iter().map(|author| author.sent.len() + author.open.len()).sum::<usize>()
    }

    /// The last moment.
    pub fn now(&self) -> u64 {
        self.now
    }

    fn name(&self, who: usize) -> String {
        let member = &self.members[who];
        format!("{}*{}", member.name, self.rooms[member.room as usize].name)
    }
}
