//! The thread that waits for the moments of an open loop, which poll's milliseconds are too coarse for.

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

/// What is due: moments, and who acts.
type Batch = Vec<(Time, usize)>;

/// Hands over moments as they come, and wakes whoever polls.
pub(super) struct Pacer {
    due: Arc<Mutex<Batch>>,
    /// Nanoseconds of the moment after which there are no more.
    end: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Starts to go through these moments.
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

    /// Puts what has come due since into `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut Batch) {
        std::mem::swap(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner), batch);
    }

    /// Ends it. What was due until then can be taken, also when the thread is late: a moment is not lost for that.
    pub(super) fn stop(&mut self, end: Time) {
        if let Some(thread) = self.thread.take() {
            self.end.store(end.as_nanos(), Ordering::Release);
            thread.thread().unpark();
            // It does not panic; if it did, its moments are over all the same.
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
            // An engine that cannot be woken looks by itself, a little later.
            let _ = waker.wake();
        }
        if end < u64::MAX {
            return;
        }
        thread::park_timeout(next.0.since(clock.now()).min(SLEEP_MAX));
    }
}

/// Linux lets a sleep end 50 µs late, to save power: as much as a delivery takes.
fn wake_precisely() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_timerslack(1) {
        log::debug!("timers stay coarse error={error}");
    }
}
