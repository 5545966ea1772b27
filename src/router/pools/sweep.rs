//! How a strategy that remembers keys forgets those that led to nothing.
//!
//! A key is remembered from its first message on, since the room that this message makes must be
//! found again. Not every message makes a room, and rooms end. A key without a room may be
//! forgotten only when no message in flight can still make a room on its server. Otherwise the key
//! would be picked anew, and have two rooms.
//!
//! ```text
//!   Idle ──(a key may be unsettled)──▶ At(time) ──▶ Draining: keys that nobody has asked for in a while are marked,
//!     ▲                                  ▲          each server is asked to drain
//!     └──(no key is unsettled)───────────┴─────────────── all have: keys that are still marked, since nobody has
//!                                      (some are)         asked for them and no room has come, are forgotten
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ids::ServerId;
use crate::time::Time;

/// Least time between two sweeps.
const BETWEEN_MIN: Duration = Duration::from_millis(100);

/// Where a type is in this cycle.
#[derive(Default)]
pub(super) enum Sweep {
    /// No key is unsettled, as far as is known.
    #[default]
    Idle,
    /// Some are; they are checked at this time.
    At(Time),
    /// The servers that have not drained yet.
    Draining { drain: u64, waiting: BTreeSet<ServerId> },
}

impl Sweep {
    /// A key may have become unsettled. It has as long as a request may take.
    pub(super) fn expect(&mut self, now: Time, request_timeout: Duration) {
        if matches!(self, Sweep::Idle) {
            *self = Sweep::At(now + request_timeout.max(BETWEEN_MIN));
        }
    }

    /// When the sweep begins.
    pub(super) fn due(&self) -> Option<Time> {
        match self {
            Sweep::At(at) => Some(*at),
            _ => None,
        }
    }

    /// Keys that were not asked for since this time may go.
    pub(super) fn stale_since(now: Time, request_timeout: Duration) -> Time {
        let time = request_timeout.max(BETWEEN_MIN).as_nanos() as u64;
        Time::from_nanos(now.as_nanos().saturating_sub(time))
    }

    /// A server has drained; without a number it is gone, and makes no more rooms. Returns whether
    /// the sweep waited for it.
    pub(super) fn drained(&mut self, id: &ServerId, done: Option<u64>) -> bool {
        match self {
            Sweep::Draining { drain, waiting } if done.is_none_or(|done| done == *drain) => {
                waiting.remove(id)
            }
            _ => false,
        }
    }

    /// Whether all servers have drained.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Sweep::Draining { waiting, .. } if waiting.is_empty())
    }
}
