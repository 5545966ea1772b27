//! The tape, shared by all who write on it and read it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Asked, Filter, Tape, TapeView, TraceId, What};
use crate::ids::ServerId;
use crate::time::Time;

/// A handle to the tape of a cluster. While nobody has turned it on, all that it costs is a look at a flag.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    is_on: AtomicBool,
    /// What the cluster's time begins at, in milliseconds since 1970.
    start_ms: f64,
    tape: Mutex<Tape>,
}

impl Watch {
    /// One of a cluster whose time begins at `start_ms`, in milliseconds since 1970. It is off.
    pub fn new(start_ms: f64) -> Self {
        Self(Arc::new(Shared { is_on: AtomicBool::new(false), start_ms, tape: Mutex::default() }))
    }

    /// Traces what `filter` wants from now on, for so long. What another filter found is forgotten.
    pub fn turn_on(&self, now: Time, filter: Filter, lasts: Duration) {
        self.tape().turn_on(now, filter, lasts);
        self.0.is_on.store(true, Ordering::Relaxed);
    }

    /// No trace begins any more. What was seen can still be read.
    pub fn turn_off(&self) {
        self.0.is_on.store(false, Ordering::Relaxed);
        self.tape().turn_off();
    }

    /// Whether a trace may begin. Others may hear of it a little later.
    pub fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Relaxed)
    }

    /// A trace for a client's message, if it is wanted, and not too many have begun.
    pub fn begin(&self, now: Time, asked: &Asked<'_>) -> Option<TraceId> {
        let mut tape = self.tape();
        if tape.is_over(now) {
            tape.turn_off();
            self.0.is_on.store(false, Ordering::Relaxed);
            return None;
        }
        tape.begin(now, asked)
    }

    /// Writes steps down, in order, as done by a server at that moment.
    pub fn note(&self, now: Time, server: &ServerId, steps: impl IntoIterator<Item = (TraceId, What)>) {
        let at_ms = self.0.start_ms + now.as_nanos() as f64 / 1e6;
        let at_ms = (at_ms * 1e3).round() / 1e3;
        let mut tape = self.tape();
        steps.into_iter().for_each(|(trace, what)| tape.note(trace, at_ms, server, what));
    }

    /// What was seen, from the step of that number on.
    pub fn read(&self, now: Time, since: u64) -> TapeView {
        self.tape().read(now, since)
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        // No code panics while it holds the lock; if it did, the tape would still be one.
        self.0.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
