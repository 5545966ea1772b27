//! A thread that times an open loop: poll's milliseconds are too coarse.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;

use super::clock::Clock;
use super::schedule::Moments;
use crate::time::Time;

/// Longest sleep.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Due times, each with its member.
type Batch = Vec<(Time, usize)>;

/// Hands over due times, and wakes the polling thread.
pub(super) struct Pacer {
    due: Arc<Mutex<Batch>>,
    /// The end of the schedule in nanoseconds.
    end: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Starts with these times.
    pub(super) fn start(moments: Moments, clock: Clock, waker: Waker) -> std::io::Result<Self> {
        let due = Arc::new(Mutex::new(Batch::new()));
        let end = Arc::new(AtomicU64::new(u64::MAX));
        let (handed, last) = (due.clone(), end.clone());
        let thread = thread::Builder::new().name("robots: pacer".to_owned()).spawn(move || {
            wake_precisely();
            pace(moments, clock, &waker, &handed, &last);
        })?;
        Ok(Self { due, end, thread: Some(thread) })
    }

    /// Moves the newly due times into `batch`, which must be empty.
    pub(super) fn take(&self, batch: &mut Batch) {
        std::mem::swap(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner), batch);
    }

    /// Ends it. Times due until then can still be taken, even if the thread is late: none is lost.
    pub(super) fn stop(&mut self, end: Time) {
        if let Some(thread) = self.thread.take() {
            self.end.store(end.as_nanos(), Ordering::Release);
            thread.thread().unpark();
            // The thread does not panic; if it did, its schedule would have ended as well.
            let _ = thread.join();
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop(Time::START);
    }
}

fn pace(mut moments: Moments, clock: Clock, waker: &Waker, due: &Mutex<Batch>, end: &AtomicU64) {
    let mut batch = Batch::new();
    let Some(mut next) = moments.next() else { return };
    loop {
        let end = end.load(Ordering::Acquire);
        let now = clock.now().min(Time::from_nanos(end));
        while next.0 <= now {
            batch.push(next);
            let Some(after) = moments.next() else { return };
            next = after;
        }
        if !batch.is_empty() {
            due.lock().unwrap_or_else(PoisonError::into_inner).append(&mut batch);
            // An engine that cannot be woken polls again by itself, a little later.
            let _ = waker.wake();
        }
        if end < u64::MAX {
            return;
        }
        thread::park_timeout(next.0.since(clock.now()).min(SLEEP_MAX));
    }
}

/// Linux ends sleeps up to 50 µs late to save power: as long as a delivery takes.
fn wake_precisely() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_timerslack(1) {
        log::debug!("timers stay coarse error={error}");
    }
}
