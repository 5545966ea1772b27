//! Records the latencies of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::outcome::{LatencyCurve, Quantile};

/// Shares at which a curve is sampled: densest around the usual percentiles.
const SHARES: &[f64] = &[
    0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99,
    0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999, 1.0,
];

/// Longer latencies count as this in percentiles: a year.
const LATENCY_NS_MAX: u64 = 365 * 86_400 * 1_000_000_000;

/// An HDR histogram of latencies with three significant digits, and their exact sum. Percentiles
/// use the nearest rank.
#[derive(Clone, Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
    sum_ns: u128,
    max_ns: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        // Three digits are always valid.
        let histogram = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
        Self { histogram, sum_ns: 0, max_ns: 0 }
    }
}

impl Latencies {
    /// Records a latency.
    pub fn record(&mut self, latency: Duration) {
        self.record_many(latency, 1);
    }

    /// Records `count` equal latencies.
    pub fn record_many(&mut self, latency: Duration, count: u64) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns += u128::from(nanos) * u128::from(count);
        self.max_ns = self.max_ns.max(nanos);
        // The histogram resizes itself and accepts everything up to its bound.
        let _ = self.histogram.record_n(nanos.min(LATENCY_NS_MAX), count);
    }

    /// Number of recorded latencies.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Exact mean in milliseconds; 0 if empty.
    pub fn mean_ms(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.sum_ns as f64 / self.count() as f64 / 1e6 }
    }

    /// The quantile of this share, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        if share >= 1.0 {
            return self.max_ns as f64 / 1e6;
        }
        self.histogram.value_at_quantile(share).min(self.max_ns) as f64 / 1e6
    }

    /// The curve; `None` if empty.
    pub fn summary(&self) -> Option<LatencyCurve> {
        let quantile = |share: &f64| Quantile { share: *share, ms: self.quantile_ms(*share) };
        (self.count() > 0).then(|| LatencyCurve {
            count: self.count(),
            mean_ms: self.mean_ms(),
            quantiles: SHARES.iter().map(quantile).collect(),
        })
    }

    /// Writes `NAME_ms.mean`, `.p50`, `.p90`, `.p99`, `.p99.9` and `.max`; nothing if empty.
    pub fn report(&self, name: &str, metrics: &mut BTreeMap<String, f64>) {
        if self.count() == 0 {
            return;
        }
        metrics.insert(format!("{name}_ms.mean"), self.mean_ms());
        for (part, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
            metrics.insert(format!("{name}_ms.{part}"), self.quantile_ms(share));
        }
    }
}
