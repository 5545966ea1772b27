//! A person in 64 bytes: there may be millions.

use super::flights::NONE;
use crate::time::Time;

/// A moment that never comes.
pub(super) const NEVER: Time = Time::from_nanos(u64::MAX);

/// The state of a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Absent; arrives at `step`, if ever.
    Away,
    /// Logging in; the next attempt is at `step`.
    Pausing,
    /// Asking a gate for a connector.
    Asking,
    /// Entering its room.
    Entering,
    /// In its room.
    In,
    /// Cut off; notices at `step`.
    Lost,
    /// In its room; leaves once its last requests are answered.
    Leaving,
}

/// A user's state and planned times.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// When its next event is planned; any other event of this user is outdated.
    pub(super) planned: Time,
    /// When it acts by itself, according to its [`Place`].
    pub(super) step: Time,
    /// When it sends its next message.
    pub(super) talk: Time,
    /// End of its talkative period.
    pub(super) talkative: Time,
    /// When it leaves.
    pub(super) leave: Time,
    pub(super) room: u32,
    /// The last of its requests in flight.
    pub(super) flights: u32,
    /// Messages that it has meant to send.
    pub(super) meant: u32,
    /// The last retry pause in milliseconds.
    pub(super) pause_ms: f32,
    /// Visits, including this one.
    pub(super) visits: u16,
    /// The server it is connected to.
    pub(super) server: u16,
    /// Attempts of this login.
    pub(super) tries: u16,
    pub(super) place: Place,
    /// A set of the `IS_` constants.
    pub(super) flags: u8,
}

/// This login replaces a lost connection.
pub(super) const IS_RECONNECTING: u8 = 1;

/// This login began in the measured time.
pub(super) const IS_COUNTED: u8 = 2;

/// It came for a hot room, and comes only once.
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

    /// When its next event is due.
    pub(super) fn next(&self) -> Time {
        match self.place {
            Place::Away => self.step,
            Place::Leaving => NEVER,
            Place::In | Place::Asking | Place::Entering => self.talk.min(self.leave),
            Place::Pausing | Place::Lost => self.step.min(self.talk).min(self.leave),
        }
    }

    /// Whether it is logging in.
    pub(super) fn is_logging_in(&self) -> bool {
        matches!(self.place, Place::Pausing | Place::Asking | Place::Entering | Place::Lost)
    }
}
