//! A latency histogram with fixed buckets: cheap to record, copy, add and subtract.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Upper bounds of a decade's buckets, in hundredths: the preferred numbers of the series R10 (ISO
/// 3), each about a quarter above the previous one. They include 1, 2.5 and 5, so that the bounds
/// exported to Prometheus are exact.
const DECADE: [u64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];

/// From 1 µs to 100 s.
const DECADES: usize = 8;

/// All bounds, and a bucket for longer latencies.
const BUCKETS: usize = DECADES * DECADE.len() + 2;

/// Counts latencies from 1 µs to 100 s in 82 buckets, so that a quantile is accurate to 28 %, and
/// their exact sum. Histograms can be added and subtracted: the difference of two readings covers
/// the time between them.
///
/// Serialises as `{"sumNs":…,"counts":[[bucket,count],…]}`, empty buckets left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    sum_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], sum_ns: 0 }
    }
}

/// The upper bound of each bucket but the last, in nanoseconds.
const BOUNDS_NS: [u64; BUCKETS - 1] = {
    let mut bounds = [0; BUCKETS - 1];
    let mut bucket = 0;
    while bucket < bounds.len() {
        bounds[bucket] = DECADE[bucket % DECADE.len()] * 10_u64.pow((bucket / DECADE.len()) as u32 + 1);
        bucket += 1;
    }
    bounds
};

/// The upper bound of one bucket; `None` for the last.
fn bound_ns(bucket: usize) -> Option<u64> {
    BOUNDS_NS.get(bucket).copied()
}

impl Histogram {
    /// Records a latency.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanos)] += 1;
        self.sum_ns = self.sum_ns.saturating_add(nanos);
    }

    /// Number of recorded latencies.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// Number of latencies up to `latency`. Exact for 1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3 and 8
    /// of each decade from 1 µs to 10 s, and for 100 s; for others, that of the next bound below.
    pub fn count_within(&self, latency: Duration) -> u64 {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let within = |bucket: &usize| bound_ns(*bucket).is_some_and(|bound| bound <= nanos);
        (0..BUCKETS).take_while(within).map(|bucket| self.counts[bucket]).sum()
    }

    /// The quantile of this share in milliseconds, interpolated linearly in its bucket; `None` if
    /// empty.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * count as f64).max(1.0);
        let mut below = 0;
        for (bucket, &here) in self.counts.iter().enumerate() {
            if here > 0 && (below + here) as f64 >= rank {
                let from = bucket.checked_sub(1).and_then(bound_ns).unwrap_or(0) as f64;
                let to = bound_ns(bucket).map_or(from, |bound| bound as f64);
                let part = (rank - below as f64) / here as f64;
                return Some((from + (to - from) * part) / 1e6);
            }
            below += here;
        }
        None
    }

    /// Adds another histogram.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.counts.iter_mut().zip(&other.counts) {
            *own += other;
        }
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
    }

    /// The difference to an earlier reading; the whole if that has counted more, and so is of
    /// another histogram.
    pub fn since(&self, earlier: &Self) -> Self {
        if self.counts.iter().zip(&earlier.counts).any(|(now, before)| now < before) {
            return self.clone();
        }
        let mut since = self.clone();
        for (now, before) in since.counts.iter_mut().zip(&earlier.counts) {
            *now -= before;
        }
        since.sum_ns = since.sum_ns.saturating_sub(earlier.sum_ns);
        since
    }
}

fn bucket_of(nanos: u64) -> usize {
    BOUNDS_NS.partition_point(|bound| *bound < nanos)
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    sum_ns: u64,
    counts: Vec<(usize, u64)>,
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        Written { sum_ns: self.sum_ns, counts }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { sum_ns, counts } = Written::deserialize(deserializer)?;
        let mut histogram = Self { sum_ns, ..Self::default() };
        for (bucket, count) in counts {
            let place = histogram.counts.get_mut(bucket);
            *place.ok_or_else(|| {
                de::Error::custom(format!("expected a bucket below {BUCKETS}, got {bucket}"))
            })? = count;
        }
        Ok(histogram)
    }
}
