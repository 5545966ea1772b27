//! The virtual clock: runs servers, router and strategies on an event queue instead of sockets and
//! threads.
//!
//! Time is an integer number of nanoseconds and only advances from one event to the next. Events of
//! the same moment run in the order in which they were scheduled. All randomness is drawn from
//! named streams of one seed. A run is therefore repeatable to the byte, and an hour of a cluster
//! takes seconds.

mod chat;
mod error;
mod jobs;
mod queue;
mod rate;

pub use chat::{ChatRun, run_chat};
pub use error::VirtualError;
pub use jobs::run_queue;
pub use queue::EventQueue;
