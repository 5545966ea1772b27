//! The thread that waits for the moments of an open loop, which poll's milliseconds are too coarse for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;

use super::clock::Clock;
use super::schedule::Moments;
use crate::time::Time;

/// Longest sleep: how soon a pacer that shall stop does.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// What is due: moments, and who acts.
type Batch = Vec<(Time, usize)>;

/// Hands over moments as they come, and wakes whoever polls. Ends when it is dropped.
pub(super) struct Pacer {
    due: Arc<Mutex<Batch>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Starts to go through these moments.
    pub(super) fn start(moments: Moments, clock: Clock, waker: Waker) -> std::io::Result<Self> {
        let due = Arc::new(Mutex::new(Batch::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (handed, stopped) = (due.clone(), stop.clone());
        let thread = thread::Builder::new().name("robots: pacer".to_owned()).spawn(move || {
            wake_precisely();
            pace(moments, clock, &waker, &handed, &stopped);
        })?;
        Ok(Self { due, stop, thread: Some(thread) })
    }

    /// Puts what has come due since into `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut Batch) {
        std::mem::swap(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner), batch);
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, its moments are over all the same.
            let _ = thread.join();
        }
    }
}

fn pace(mut moments: Moments, clock: Clock, waker: &Waker, due: &Mutex<Batch>, stop: &AtomicBool) {
    let mut batch = Batch::new();
    let Some(mut next) = moments.next() else { return };
    while !stop.load(Ordering::Relaxed) {
        let now = clock.now();
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
        thread::sleep(next.0.since(clock.now()).min(SLEEP_MAX));
    }
}

/// Linux lets a sleep end 50 µs late, to save power: as much as a delivery takes.
fn wake_precisely() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_timerslack(1) {
        log::debug!("timers stay coarse error={error}");
    }
}
