//! A member as a receiver: its position in the room's log, and its connections one after the other.

use std::collections::BTreeSet;

use super::author::Sent;
use super::numbers::Numbers;

/// A member as a receiver. Fields that each delivery needs are next to each other.
#[derive(Clone, Default, Debug)]
#[repr(C)]
pub(super) struct Member {
    /// Place of the next entry.
    pub(super) position: u64,
    pub(super) room: u32,
    /// Whether every entry from the position on came to the log after the member asked to enter:
    /// then the next entry is correct without further checks.
    pub(super) is_plain: bool,
    pub(super) is_first: bool,
    pub(super) state: State,
    /// First place of the run that it has received up to its position.
    pub(super) start: u64,
    /// The places that it received before that run.
    pub(super) received: Numbers,
    /// The place after the last that it has ever received.
    pub(super) high: u64,
    /// The end of the log when it asked to enter.
    pub(super) end_before: u64,
    pub(super) stay: Stay,
    pub(super) name: Box<str>,
}

/// A connection of a member: from the request to enter until it is gone.
#[derive(Clone, Default, Debug)]
pub(super) struct Stay {
    /// Its number: the first is 1.
    pub(super) number: u32,
    pub(super) entering: u64,
    pub(super) entered: Option<u64>,
    /// The latest sending moment of all messages that it has received, without the run from
    /// `horizon_at` to its position.
    pub(super) horizon: u64,
    pub(super) horizon_at: u64,
    /// The members that it sees, once it got a list.
    pub(super) picture: Option<BTreeSet<u32>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It has asked to enter.
    There,
    /// It expects nothing more, and may receive anything.
    Leaving,
    /// It receives nothing more.
    #[default]
    Gone,
}

impl Member {
    pub(super) fn has_received(&self, place: u64) -> bool {
        (self.start..self.position).contains(&place) || self.received.contains(place)
    }

    /// The place after the last that it has ever received.
    pub(super) fn behind_all(&self) -> u64 {
        if self.position > self.start { self.high.max(self.position) } else { self.high }
    }

    /// Stores the run up to its position, and begins an empty one.
    pub(super) fn close_run(&mut self) {
        self.high = self.behind_all();
        self.received.extend(self.start, self.position);
        self.start = self.position;
    }

    /// Whether the member must receive this message, if it is a recipient and the message is
    /// acknowledged.
    pub(super) fn is_due(&self, sent: &Sent) -> bool {
        self.stay.entered.is_some_and(|entered| entered < sent.at)
    }
}
