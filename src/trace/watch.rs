//! A shared handle to the tape.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Asked, Filter, Tape, TapeView, TraceId, What};
use crate::ids::ServerId;
use crate::time::Time;

/// A handle to a cluster's tape. While tracing is off, its only cost is the check of a flag.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    is_on: AtomicBool,
    /// Start of the cluster's time, in milliseconds since 1970.
    start_ms: f64,
    tape: Mutex<Tape>,
}

impl Watch {
    /// A tape for a cluster whose time starts at `start_ms`, in milliseconds since 1970. Tracing is
    /// off.
    pub fn new(start_ms: f64) -> Self {
        Self(Arc::new(Shared { is_on: AtomicBool::new(false), start_ms, tape: Mutex::default() }))
    }

    /// Traces messages that match `filter` for the given time. Steps of an earlier filter are
    /// dropped.
    pub fn turn_on(&self, now: Time, filter: Filter, lasts: Duration) {
        self.tape().turn_on(now, filter, lasts);
        self.0.is_on.store(true, Ordering::Relaxed);
    }

    /// Stops new traces. Recorded steps can still be read.
    pub fn turn_off(&self) {
        self.0.is_on.store(false, Ordering::Relaxed);
        self.tape().turn_off();
    }

    /// Whether a trace may start. Other threads may see a change slightly later.
    pub fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Relaxed)
    }

    /// Starts a trace for a client's message, if it matches and the limits allow it.
    pub fn begin(&self, now: Time, asked: &Asked<'_>) -> Option<TraceId> {
        let mut tape = self.tape();
        if tape.is_over(now) {
            tape.turn_off();
            self.0.is_on.store(false, Ordering::Relaxed);
            return None;
        }
        tape.begin(now, asked)
    }

    /// Records steps of a server, in order, at this time.
    pub fn note(&self, now: Time, server: &ServerId, steps: impl IntoIterator<Item = (TraceId, What)>) {
        let at_ms = self.0.start_ms + now.as_nanos() as f64 / 1e6;
        let at_ms = (at_ms * 1e3).round() / 1e3;
        let mut tape = self.tape();
        steps.into_iter().for_each(|(trace, what)| tape.note(trace, at_ms, server, what));
    }

    /// Reads the recorded steps from this number on.
    pub fn read(&self, now: Time, since: u64) -> TapeView {
        self.tape().read(now, since)
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        // No code panics while it holds the lock; if it did, the tape would still be consistent.
        self.0.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
