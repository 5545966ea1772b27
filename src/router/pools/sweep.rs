//! Keys for which a server was chosen and that come to nothing: how a strategy that remembers keys
//! forgets them.
//!
//! A key is remembered from its first message on, since the room that this makes must be found
//! again. Not every message makes one, and rooms end. A key without a room may be forgotten only
//! when nothing that was sent to its server can make a room there any more: else it would be chosen
//! anew, and have two.
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

/// Between two sweeps, at least.
const BETWEEN_MIN: Duration = Duration::from_millis(100);

/// Where a type is in this.
#[derive(Default)]
pub(super) enum Sweep {
    /// No key is unsettled, as far as is known.
    #[default]
    Idle,
    /// Some are; they are looked at then.
    At(Time),
    /// The servers that have not drained yet.
    Draining { drain: u64, waiting: BTreeSet<ServerId> },
}

impl Sweep {
    /// Some key may have become unsettled. It has until a request is too late.
    pub(super) fn expect(&mut self, now: Time, request_timeout: Duration) {
        if matches!(self, Sweep::Idle) {
            *self = Sweep::At(now + request_timeout.max(BETWEEN_MIN));
        }
    }

    /// When it begins.
    pub(super) fn due(&self) -> Option<Time> {
        match self {
            Sweep::At(at) => Some(*at),
            _ => None,
        }
    }

    /// Keys that were not asked for since then have had their time.
    pub(super) fn stale_since(now: Time, request_timeout: Duration) -> Time {
        let time = request_timeout.max(BETWEEN_MIN).as_nanos() as u64;
        Time::from_nanos(now.as_nanos().saturating_sub(time))
    }

    /// A server has drained; without a number: is gone, and makes no room any more. Says whether it
    /// was waited for.
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
