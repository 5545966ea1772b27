//! Traces single messages through the cluster: from the client over router and rooms to every
//! receiver.
//!
//! A frontend starts a trace when it handles a client's message that matches the [`Filter`]. From
//! then on all work for that message carries its [`TraceId`]: envelopes directly, handlers in a
//! [`Trail`]. Each machine records its [`Step`]s on a `Tape` that all share through a [`Watch`].
//!
//! While tracing is off, a message costs one check of a flag. While it is on, the number of traces
//! per second, the number of steps kept and the length of their texts are bounded.

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

/// The trace for which a server is working.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trail {
    /// The trace.
    pub trace: TraceId,
    /// How long the message waited before it was handled.
    pub waited: Duration,
}
