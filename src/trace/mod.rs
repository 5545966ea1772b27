//! The way of single messages through the cluster: from a client's message over router and rooms to everybody who hears it.
//!
//! A frontend begins a trace when it takes up a client's message that the [`Filter`] wants. From then on whatever is done
//! for that message carries its [`TraceId`]: envelopes, and handlers as a [`Trail`]. Each machine writes [`Step`]s as
//! it does them, onto a `Tape` that all share by a [`Watch`].
//!
//! While nobody watches, a message costs one look at a flag. While somebody does, so many traces begin in a second and no
//! more, so many steps are kept, and every text in them has a bound.

mod filter;
mod step;
mod tape;
mod watch;

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use filter::{Asked, Filter};
pub use step::{Reason, Step, Way, What, bounded};
pub use tape::{BEGUN_PER_SECOND_MAX, STEPS_MAX, TEXT_CHARS_MAX, TapeView};
pub use watch::Watch;

use self::tape::Tape;

/// Number of a trace among those of a cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(NonZeroU64);

impl TraceId {
    /// The number.
    pub fn number(self) -> u64 {
        self.0.get()
    }
}

/// What a server at work knows of the trace for which it works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trail {
    /// Which trace.
    pub trace: TraceId,
    /// How long that waited before it was taken up.
    pub waited: Duration,
}
