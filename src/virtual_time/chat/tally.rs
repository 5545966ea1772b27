//! The counters of a population, and the metrics computed from them.

use std::collections::BTreeMap;

use crate::stats::{Latencies, LatencyCurve};
use crate::time::Time;

/// Why an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    QueueFull,
    Timeout,
    GaveUp,
    ConnectionLost,
    Refused,
    Error,
}

impl Loss {
    const NAMES: [&'static str; 6] =
        ["queue_full", "timeout", "gave_up", "connection_lost", "refused", "error"];
}

/// Logins and messages both count as attempts. Each ends once, as done or lost; what has not ended
/// is in flight. Only attempts that began in the measured time count.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) attempted: u64,
    pub(super) done: u64,
    lost: [u64; 6],
    pub(super) messages: u64,
    pub(super) deliveries: u64,
    pub(super) reconnects: u64,
    pub(super) kicked: u64,
    pub(super) retries: u64,
    /// Login attempts by second of the run.
    attempts: Vec<u32>,
    pub(super) gate: Latencies,
    pub(super) enter: Latencies,
    pub(super) send: Latencies,
    pub(super) deliver: Latencies,
}

impl Tally {
    pub(super) fn lose(&mut self, loss: Loss) {
        self.lost[loss as usize] += 1;
    }

    /// Counts a login attempt.
    pub(super) fn attempt(&mut self, now: Time) {
        // The duration of a run is bounded, and so is this index.
        let second = (now.as_nanos() / 1_000_000_000) as usize;
        if self.attempts.len() <= second {
            self.attempts.resize(second + 1, 0);
        }
        self.attempts[second] += 1;
    }

    pub(super) fn report(&self, users: u32, measured_s: f64, metrics: &mut BTreeMap<String, f64>) {
        for (name, latencies) in self.all() {
            latencies.report(name, metrics);
        }
        let lost: u64 = self.lost.iter().sum();
        let share = |part: u64, of: f64| if of > 0.0 { part as f64 / of } else { 0.0 };
        let peak = self.attempts.iter().max().copied().unwrap_or(0);
        let mut put = |name: &str, value: f64| {
            metrics.insert(name.to_owned(), value);
        };
        put("messages", self.messages as f64);
        put("deliveries", self.deliveries as f64);
        put("attempted", self.attempted as f64);
        put("done", self.done as f64);
        put("throughput_per_s", share(self.done, measured_s));
        put("lost", lost as f64);
        put("lost_fraction", share(lost, self.attempted as f64));
        put("reconnects", self.reconnects as f64);
        put("kicked", self.kicked as f64);
        put("retries_per_client", share(self.retries, f64::from(users)));
        put("peak_attempts_per_s", f64::from(peak));
        for (name, count) in Loss::NAMES.iter().zip(self.lost) {
            put(&format!("lost.{name}"), count as f64);
        }
    }

    pub(super) fn latencies(&self) -> BTreeMap<String, LatencyCurve> {
        self.all().into_iter().filter_map(|(name, of)| Some((name.to_owned(), of.summary()?))).collect()
    }

    fn all(&self) -> [(&'static str, &Latencies); 4] {
        [("gate", &self.gate), ("enter", &self.enter), ("send", &self.send), ("deliver", &self.deliver)]
    }
}
