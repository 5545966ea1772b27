//! Counters of a run.

use std::collections::BTreeMap;
use std::ops::Range;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::time::Time;

/// Longest latency that is recorded as such, in microseconds: ten minutes.
const MICROS_MAX: u64 = 600_000_000;

/// Most distinct errors kept: a server's texts must not fill the memory.
const KINDS_MAX: usize = 100;

/// Latencies in microseconds, to three significant digits.
#[derive(Debug)]
pub(super) struct Latency(Histogram<u64>);

/// Percentiles in whole microseconds; all zero if nothing was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Maximum.
    pub max: u64,
    /// Arithmetic mean.
    pub mean: u64,
}

impl Latency {
    fn new() -> Self {
        Self(
            Histogram::new_with_bounds(1, MICROS_MAX, 3).unwrap_or_else(|_| {
                unreachable!("bounds and digits are constants that the histogram accepts")
            }),
        )
    }

    /// Records a latency from its start to now.
    pub(super) fn record(&mut self, began: Time, now: Time) {
        self.0.saturating_record(now.as_nanos().saturating_sub(began.as_nanos()) / 1000);
    }

    /// The percentiles.
    pub(super) fn summary(&self) -> Summary {
        let at = |share| self.0.value_at_quantile(share);
        Summary {
            count: self.0.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max(),
            mean: self.0.mean().round() as u64,
        }
    }
}

/// All counters.
#[derive(Debug)]
pub(super) struct Tally {
    /// The measured part of the run. Only events in it are counted; a latency belongs to it by its
    /// start.
    pub(super) measured: Range<Time>,
    pub(super) sends: u64,
    pub(super) deliveries: u64,
    pub(super) others: u64,
    /// The same for the whole run, for the progress line.
    pub(super) sends_so_far: u64,
    pub(super) deliveries_so_far: u64,
    pub(super) gate: Latency,
    pub(super) enter: Latency,
    pub(super) send: Latency,
    pub(super) deliver: Latency,
    /// How late scheduled messages were sent.
    pub(super) lateness: Latency,
    /// Robots that logged in, robots whose first login failed for good, and the time of the last of
    /// either.
    pub(super) logins: usize,
    pub(super) logins_failed: usize,
    pub(super) last_login: Time,
    /// Logins of robots that had been logged in before.
    pub(super) returns: u64,
    pub(super) errors: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let never = Time::from_nanos(u64::MAX);
        Self {
            measured: never..never,
            sends: 0,
            deliveries: 0,
            others: 0,
            sends_so_far: 0,
            deliveries_so_far: 0,
            gate: Latency::new(),
            enter: Latency::new(),
            send: Latency::new(),
            deliver: Latency::new(),
            lateness: Latency::new(),
            logins: 0,
            logins_failed: 0,
            last_login: Time::START,
            returns: 0,
            errors: BTreeMap::new(),
        }
    }

    pub(super) fn sent(&mut self, now: Time) {
        self.sends_so_far += 1;
        self.sends += u64::from(self.measured.contains(&now));
    }

    pub(super) fn answered(&mut self, intended: Time, now: Time) {
        if self.measured.contains(&intended) {
            self.send.record(intended, now);
        }
    }

    pub(super) fn delivered(&mut self, intended: Time, now: Time) {
        self.deliveries_so_far += 1;
        self.deliveries += u64::from(self.measured.contains(&now));
        if self.measured.contains(&intended) {
            self.deliver.record(intended, now);
        }
    }

    pub(super) fn error(&mut self, kind: &str) {
        self.errors(kind, 1);
    }

    pub(super) fn errors(&mut self, kind: &str, count: u64) {
        if count == 0 {
            return;
        }
        let known = self.errors.len() < KINDS_MAX || self.errors.contains_key(kind);
        let kind = if known { kind } else { "of more kinds" };
        *self.errors.entry(kind.to_owned()).or_default() += count;
    }
}
