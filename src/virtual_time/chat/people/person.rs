//! A person, in as few bytes as it takes: there may be millions.

use super::flights::NONE;
use crate::time::Time;

/// A moment that does not come.
pub(super) const NEVER: Time = Time::from_nanos(u64::MAX);

/// Where somebody is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Nowhere; comes at `step`, if ever.
    Away,
    /// On the way in, before the next attempt, which is at `step`.
    Pausing,
    /// Asking a gate for a connector.
    Asking,
    /// Entering its room.
    Entering,
    /// In its room.
    In,
    /// Cut off, and notices at `step`.
    Lost,
    /// In its room, and leaves when its last requests are answered.
    Leaving,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// When its next event is planned; any other event of it is out of date.
    pub(super) planned: Time,
    /// When it does the next thing by itself: see [`Place`].
    pub(super) step: Time,
    /// When it says something.
    pub(super) talk: Time,
    /// Until when it is talkative.
    pub(super) talkative: Time,
    /// When it leaves.
    pub(super) leave: Time,
    pub(super) room: u32,
    /// The last of its requests under way.
    pub(super) flights: u32,
    /// How much it has meant to say.
    pub(super) meant: u32,
    /// The last pause in milliseconds.
    pub(super) pause_ms: f32,
    /// Visits, this one included.
    pub(super) visits: u16,
    /// To which server it is connected.
    pub(super) server: u16,
    /// Attempts of this login.
    pub(super) tries: u16,
    pub(super) place: Place,
    /// See the constants.
    pub(super) flags: u8,
}

/// The login at hand replaces a connection that was lost.
pub(super) const IS_RECONNECTING: u8 = 1;

/// The login at hand is of the measured time.
pub(super) const IS_COUNTED: u8 = 2;

/// It came for a hot room, and comes once.
pub(super) const IS_EXTRA: u8 = 4;

/// Millions of them are in memory.
const _: () = assert!(size_of::<Person>() <= 64);

impl Person {
    pub(super) fn new(room: u32, flags: u8) -> Self {
        Self {
            planned: NEVER,
            step: NEVER,
            talk: NEVER,
            talkative: NEVER,
            leave: NEVER,
            room,
            flights: NONE,
            meant: 0,
            pause_ms: 0.0,
            visits: 0,
            server: 0,
            tries: 0,
            place: Place::Away,
            flags,
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn set(&mut self, flag: u8, is_set: bool) {
        self.flags = if is_set { self.flags | flag } else { self.flags & !flag };
    }

    /// When it does something next.
    pub(super) fn next(&self) -> Time {
        match self.place {
            Place::Away => self.step,
            Place::Leaving => NEVER,
            Place::In | Place::Asking | Place::Entering => self.talk.min(self.leave),
            Place::Pausing | Place::Lost => self.step.min(self.talk).min(self.leave),
        }
    }

    /// Whether it is on its way in.
    pub(super) fn is_logging_in(&self) -> bool {
        matches!(self.place, Place::Pausing | Place::Asking | Place::Entering | Place::Lost)
    }
}
