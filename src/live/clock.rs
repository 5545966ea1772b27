//! The time of a live cluster: real time without the time in which the process did not run.
//!
//! A process that is stopped (SIGSTOP, a debugger, a machine that is suspended or overloaded) finds
//! every deadline passed when it continues, although the answers and heartbeats that were awaited
//! lie unread in its sockets. So such a gap does not count: deadlines are as far away after it as
//! before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::time::Time;

/// How often the clock is read at least, by [`Clock::keep_running`].
const READ_EVERY: Duration = Duration::from_millis(100);

/// The unit in which readings are remembered.
const TICK: Duration = Duration::from_millis(10);

/// Ticks without a reading that show that the process did not run: ten readings were missed.
const GAP_MIN: u64 = 100;

/// Real time, counted from the cluster's start, without gaps. Clones share the gaps.
#[derive(Clone)]
pub(super) struct Clock {
    pub(super) started: Instant,
    /// The ticks at the last reading in the high half, the ticks of all gaps in the low one: one
    /// number, so that readings on several threads agree.
    state: Arc<AtomicU64>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), state: Arc::default() }
    }

    pub(super) fn now(&self) -> Time {
        Time::START + self.read(self.started.elapsed())
    }

    /// The cluster's time when `real` has passed since its start.
    fn read(&self, real: Duration) -> Duration {
        let tick = (real.as_millis() / TICK.as_millis()) as u64 & u64::from(u32::MAX);
        let mut state = self.state.load(Relaxed);
        loop {
            let (last, mut gaps) = (state >> 32, state & u64::from(u32::MAX));
            if tick <= last {
                return real.saturating_sub(TICK * gaps as u32);
            }
            let gap = tick - last;
            if gap >= GAP_MIN {
                // One tick passes: time never goes back within a tick.
                gaps = (gaps + gap - 1).min(u64::from(u32::MAX));
            }
            match self.state.compare_exchange_weak(state, tick << 32 | gaps, Relaxed, Relaxed) {
                Ok(_) => return real.saturating_sub(TICK * gaps as u32),
                Err(changed) => state = changed,
            }
        }
    }

    /// Reads the clock often enough that a gap between readings is one of the process.
    pub(super) async fn keep_running(self) {
        loop {
            tokio::time::sleep(READ_EVERY).await;
            self.now();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn time_passes_but_not_in_gaps(steps in prop::collection::vec(0_u64..3_000, 1..200)) {
            let clock = Clock::start();
            let (mut real, mut read) = (0, 0);
            for step in steps {
                real += step;
                let now = clock.read(Duration::from_millis(real)).as_millis() as u64;
                // Gaps are counted in whole ticks.
                if step < 1_000 - 10 {
                    prop_assert_eq!(now, read + step);
                } else if step >= 1_000 + 10 {
                    prop_assert!(now < read + 2 * 10, "{} after {}", now, read);
                }
                prop_assert!(now >= read, "{} after {}", now, read);
                read = now;
            }
        }
    }

    #[test]
    fn threads_agree_on_a_gap() {
        let clock = Clock::start();
        clock.read(Duration::from_millis(50));
        let after = Duration::from_secs(30);
        let read = |clock: Clock| std::thread::spawn(move || clock.read(after));
        let all: Vec<_> = (0..8).map(|_| read(clock.clone())).collect();
        for read in all {
            assert_eq!(read.join().expect("no panic"), Duration::from_millis(60));
        }
    }
}
