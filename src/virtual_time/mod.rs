//! The virtual clock: servers, router and strategies on an event queue instead of sockets and threads.
//!
//! Time is an integer number of nanoseconds, and moves only from one event to the next; events at the same moment happen
//! in the order in which they were planned. All chance is drawn from named streams of one seed. So a run is repeatable to
//! the byte, and an hour of a cluster takes seconds.

mod chat;
mod error;
mod jobs;
mod queue;
mod rate;

pub use chat::{ChatRun, run_chat};
pub use error::VirtualError;
pub use jobs::run_queue;
pub use queue::EventQueue;
