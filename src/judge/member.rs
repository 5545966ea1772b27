//! A member as a receiver: its position in the room's log, and its connections one after the other.

use std::collections::BTreeSet;

use super::author::Sent;
use super::numbers::Numbers;

/// A member as a receiver. What each delivery needs lies together.
#[derive(Clone, Default, Debug)]
#[repr(C)]
pub(super) struct Member {
    /// Place of what comes next.
    pub(super) position: u64,
    pub(super) room: u32,
    /// Whether all from the position on came to the log after it asked to enter: then the next entry is lawful.
    pub(super) is_plain: bool,
    pub(super) is_first: bool,
    pub(super) state: State,
    /// Where the run of places began that it has received up to its position.
    pub(super) start: u64,
    /// The places that it has received before.
    pub(super) received: Numbers,
    /// Behind the last place that it has ever received.
    pub(super) high: u64,
    /// Where the log ended when it asked to enter.
    pub(super) end_before: u64,
    pub(super) stay: Stay,
    pub(super) name: Box<str>,
}

/// A connection of a member: from the request to enter until it is gone.
#[derive(Clone, Default, Debug)]
pub(super) struct Stay {
    /// Which: the first is 1.
    pub(super) number: u32,
    pub(super) entering: u64,
    pub(super) entered: Option<u64>,
    /// The latest moment at which something was sent that it has received, but for the run from `horizon_at` to its position.
    pub(super) horizon: u64,
    pub(super) horizon_at: u64,
    /// Who is there, as far as it was told.
    pub(super) picture: Option<BTreeSet<u32>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Has asked to enter.
    There,
    /// Expects nothing any more, and may receive anything.
    Leaving,
    /// Receives nothing any more.
    #[default]
    Gone,
}

impl Member {
    pub(super) fn has_received(&self, place: u64) -> bool {
        (self.start..self.position).contains(&place) || self.received.contains(place)
    }

    /// The place behind the last that it has ever received.
    pub(super) fn behind_all(&self) -> u64 {
        if self.position > self.start { self.high.max(self.position) } else { self.high }
    }

    /// Puts the run up to its position aside.
    pub(super) fn close_run(&mut self) {
        self.high = self.behind_all();
        self.received.extend(self.start, self.position);
        self.start = self.position;
    }

    /// Whether a message must come to it, if it is for it and will be acknowledged.
    pub(super) fn is_due(&self, sent: &Sent) -> bool {
        self.stay.entered.is_some_and(|entered| entered < sent.at)
    }
}
