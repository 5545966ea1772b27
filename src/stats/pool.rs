//! Pools the latency curves of several runs: the curve of all measurements together, not a mean of
//! percentiles.

use super::{LatencyCurve, Quantile};

/// The curve of all measurements of `parts`, each weighted by its count; `None` if there are none.
///
/// It has the points of the first part. Between two points of a part the share that took longer is
/// taken to fall exponentially, as the tails of waits do, so a pooled percentile is nearly as exact
/// as if the curves had every point.
pub fn pool(parts: &[&LatencyCurve]) -> Option<LatencyCurve> {
    let parts: Vec<&LatencyCurve> =
        parts.iter().copied().filter(|part| part.count > 0 && !part.quantiles.is_empty()).collect();
    let count: u64 = parts.iter().map(|part| part.count).sum();
    if count == 0 {
        return None;
    }
    let weighted: f64 = parts.iter().map(|part| part.count as f64 * part.mean_ms).sum();
    let mut values: Vec<f64> = parts.iter().flat_map(|part| part.quantiles.iter().map(|q| q.ms)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let shares = parts.first().into_iter().flat_map(|part| part.quantiles.iter().map(|point| point.share));
    let quantiles = shares.map(|share| Quantile { share, ms: quantile(&parts, count, &values, share) });
    Some(LatencyCurve { count, mean_ms: weighted / count as f64, quantiles: quantiles.collect() })
}

impl LatencyCurve {
    /// The quantile of this share: the first point of the curve at or above it, or the last. `None`
    /// for an empty curve.
    pub fn at(&self, share: f64) -> Option<f64> {
        let point = self.quantiles.iter().find(|point| point.share >= share - 1e-12);
        point.or(self.quantiles.last()).map(|point| point.ms)
    }
}

/// Where the weighted mean of the parts' distribution functions reaches `share`.
fn quantile(parts: &[&LatencyCurve], count: u64, values: &[f64], share: f64) -> f64 {
    // Rounding of the weighted mean must not push a share past its own point.
    let wanted = share - 1e-12;
    let together = |at: fn(&LatencyCurve, f64) -> f64, ms: f64| {
        parts.iter().map(|part| part.count as f64 * at(part, ms)).sum::<f64>() / count as f64
    };
    let index = values.partition_point(|ms| together(share_at, *ms) < wanted);
    let Some(high) = values.get(index).copied() else { return values.last().copied().unwrap_or(0.0) };
    // An exact point of the curves needs no interpolation.
    let before = together(share_below, high);
    if (together(share_at, high) - share).abs() < 1e-9 || (before - share).abs() < 1e-9 {
        return high;
    }
    let Some(low) = index.checked_sub(1).map(|index| values[index]).filter(|_| before >= wanted) else {
        return high;
    };
    // Back from a share to a value, by the same rule as `between`.
    let (from, to) = (1.0 - together(share_at, low), 1.0 - before);
    let part =
        if to > 0.0 { (from / (1.0 - wanted)).ln() / (from / to).ln() } else { 1.0 - (1.0 - wanted) / from };
    low + (high - low) * if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
}

/// The share of a part that took `ms` or less.
fn share_at(part: &LatencyCurve, ms: f64) -> f64 {
    between(part, ms, part.quantiles.partition_point(|point| point.ms <= ms))
}

/// The share of a part that took less than `ms`.
fn share_below(part: &LatencyCurve, ms: f64) -> f64 {
    between(part, ms, part.quantiles.partition_point(|point| point.ms < ms))
}

/// The share at `ms`, when `next` is the first point beyond it.
fn between(part: &LatencyCurve, ms: f64, next: usize) -> f64 {
    let Some(low) = next.checked_sub(1).map(|index| part.quantiles[index]) else { return 0.0 };
    let Some(high) = part.quantiles.get(next) else { return low.share };
    let way = ((ms - low.ms) / (high.ms - low.ms)).clamp(0.0, 1.0);
    if way.is_nan() {
        return low.share;
    }
    let (from, to) = (1.0 - low.share, 1.0 - high.share);
    // The exponential tail does not apply before the maximum, where the distribution ends.
    1.0 - if to > 0.0 { from * (to / from).powf(way) } else { from * (1.0 - way) }
}
