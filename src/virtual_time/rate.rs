//! Arrival times at a rate that waves and crowds change.

use std::f64::consts::TAU;

use crate::random::{Random, Shape};
use crate::scenario::Crowd;
use crate::time::Time;

/// Pieces of constant rate into which a wave, or the ramp of a crowd, is divided.
const PIECES: f64 = 1000.0;

/// A rate that changes with time.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    per_ns: f64,
    /// Depth of the wave, and its period in the next field.
    wave: f64,
    period_ns: f64,
    crowds: Vec<Swell>,
}

/// A crowd, in nanoseconds from the start: it grows for `ramp` from `from` on, and shrinks for
/// `ramp` from `until` on.
#[derive(Clone, Copy, Debug)]
struct Swell {
    factor: f64,
    ramp: f64,
    from: f64,
    until: f64,
}

impl Rate {
    /// A constant rate per second.
    pub(super) fn new(per_s: f64) -> Self {
        Self { per_ns: per_s / 1e9, wave: 0.0, period_ns: f64::INFINITY, crowds: Vec::new() }
    }

    /// Multiplies the rate by `1 + depth·sin(2π·t/period)`.
    pub(super) fn wave(mut self, depth: f64, period_s: f64) -> Self {
        (self.wave, self.period_ns) = (depth, period_s * 1e9);
        self
    }

    /// Multiplies the rate by a crowd's factor from `at_s` on, for `for_s` seconds or for ever.
    pub(super) fn crowd(&mut self, crowd: Crowd, at_s: f64, for_s: Option<f64>) {
        let from = at_s * 1e9;
        let until = for_s.map_or(f64::INFINITY, |seconds| from + seconds * 1e9);
        self.crowds.push(Swell { factor: crowd.factor, ramp: crowd.ramp_s * 1e9, from, until });
    }

    /// The piece that begins at `at`: its end, and its arrivals per nanosecond.
    fn piece(&self, at: f64) -> (f64, f64) {
        let mut end = f64::INFINITY;
        if self.wave > 0.0 {
            end = step(at, 0.0, self.period_ns / PIECES);
        }
        for crowd in &self.crowds {
            for start in [crowd.from, crowd.until] {
                if at < start {
                    end = end.min(start);
                } else if at < start + crowd.ramp {
                    end = end.min(step(at, start, crowd.ramp / PIECES));
                }
            }
        }
        let middle = if end.is_finite() { at + (end - at) / 2.0 } else { at };
        let wave = 1.0 + self.wave * (TAU * middle / self.period_ns).sin();
        let crowds: f64 = self.crowds.iter().map(|crowd| crowd.factor_at(middle)).product();
        (end, self.per_ns * wave * crowds)
    }
}

impl Swell {
    fn factor_at(&self, at: f64) -> f64 {
        let grown = |from: f64| match at - from {
            since if since < 0.0 => 0.0,
            since if since < self.ramp => logistic(since / self.ramp),
            _ => 1.0,
        };
        1.0 + (self.factor - 1.0) * (grown(self.from) - grown(self.until))
    }
}

/// End of the step that contains `at`, for steps of `length` that start at `origin`. Always after
/// `at`, also where rounding would make the step vanish.
fn step(at: f64, origin: f64, length: f64) -> f64 {
    let end = origin + (((at - origin) / length).floor() + 1.0) * length;
    if end > at { end } else { at.next_up().max(at + length) }
}

/// The logistic curve from exactly 0 at 0 to exactly 1 at 1.
fn logistic(x: f64) -> f64 {
    let raw = |x: f64| 1.0 / (1.0 + (-12.0 * (x - 0.5)).exp());
    (raw(x) - raw(0.0)) / (raw(1.0) - raw(0.0))
}

/// A process of arrivals.
///
/// A gap is drawn in units of the mean gap and lasts until that many arrivals are expected. Any
/// distribution of gaps thus keeps its shape whatever the rate does, and exponential gaps give a
/// Poisson process of that rate.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    rate: Rate,
    gaps: Shape,
    random: Random,
    /// The last arrival in nanoseconds, and the piece that contains it.
    at: f64,
    piece_end: f64,
    piece_rate: f64,
}

impl Arrivals {
    pub(super) fn new(rate: Rate, gaps: Shape, random: Random) -> Self {
        let (piece_end, piece_rate) = rate.piece(0.0);
        Self { rate, gaps, random, at: 0.0, piece_end, piece_rate }
    }

    /// The next arrival; `None` when it is not before `end`.
    pub(super) fn next(&mut self, end: Time) -> Option<Time> {
        let end = end.as_nanos() as f64;
        let mut left = self.gaps.draw(&mut self.random);
        loop {
            let at = self.at + left / self.piece_rate;
            if at < self.piece_end {
                self.at = at;
                return (at < end).then(|| Time::from_nanos(at as u64));
            }
            if self.piece_end >= end {
                return None;
            }
            left -= (self.piece_end - self.at) * self.piece_rate;
            self.at = self.piece_end;
            (self.piece_end, self.piece_rate) = self.rate.piece(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrivals, Rate};
    use crate::random::{Random, Shape};
    use crate::scenario::Crowd;
    use crate::time::Time;

    const END: Time = Time::from_nanos(100_000_000_000);

    fn moments(rate: Rate, gaps: Shape) -> Vec<f64> {
        let mut arrivals = Arrivals::new(rate, gaps, Random::new(1, "arrivals"));
        let next = || arrivals.next(END).map(|at| at.as_nanos() as f64 / 1e9);
        std::iter::from_fn(next).collect()
    }

    fn between(moments: &[f64], from: f64, to: f64) -> f64 {
        moments.iter().filter(|at| (from..to).contains(*at)).count() as f64
    }

    /// Fixed gaps leave nothing to chance: each interval has as many arrivals as the integral of
    /// the rate.
    #[test]
    fn arrivals_follow_the_integral_of_the_rate() {
        let mut rate = Rate::new(1000.0).wave(1.0, 50.0);
        rate.crowd(Crowd { factor: 3.0, ramp_s: 10.0 }, 60.0, Some(20.0));
        let moments = moments(rate, Shape::Deterministic);
        // ∫ 1 + sin over a quarter of the period: P/4 ± P/2π.
        let (quarter, hill) = (12.5, 50.0 / std::f64::consts::TAU);
        for (from, expected) in [(0.0, quarter + hill), (12.5, quarter + hill), (25.0, quarter - hill)] {
            let count = between(&moments, from, from + quarter);
            assert!(
                (count - 1000.0 * expected).abs() <= 2.0,
                "from {from}: {count}, expected {expected} thousand"
            );
        }
        // The crowd triples the rate from 70 to 80 s, and is gone at 90.
        let integral = |from: f64, to: f64| {
            let sine = |at: f64| -(at * std::f64::consts::TAU / 50.0).cos() * hill;
            to - from + sine(to) - sine(from)
        };
        for (from, to, times) in [(50.0, 60.0, 1.0), (70.0, 80.0, 3.0), (90.0, 100.0, 1.0)] {
            let (count, expected) = (between(&moments, from, to), 1000.0 * times * integral(from, to));
            assert!((count - expected).abs() <= 3.0, "from {from}: {count}, expected {expected}");
        }
    }

    #[test]
    fn gaps_keep_their_distribution_while_the_rate_changes() {
        let mut rate = Rate::new(1000.0);
        rate.crowd(Crowd { factor: 5.0, ramp_s: 0.0 }, 50.0, None);
        let moments = moments(rate, Shape::Erlang(4));
        for (from, to, mean) in [(0.0, 50.0, 1e-3), (50.0, 100.0, 2e-4)] {
            let inside: Vec<f64> = moments.iter().copied().filter(|at| (from..to).contains(at)).collect();
            let gaps: Vec<f64> = inside.windows(2).map(|pair| (pair[1] - pair[0]) / mean).collect();
            let n = gaps.len() as f64;
            let average = gaps.iter().sum::<f64>() / n;
            let cv2 = gaps.iter().map(|gap| (gap - average).powi(2)).sum::<f64>() / n / average.powi(2);
            // Three standard errors of the mean (cv 0.5), and as wide a margin for cv2.
            assert!((average - 1.0).abs() <= 3.0 * 0.5 / n.sqrt(), "mean {average} of {n}");
            assert!((cv2 - 0.25).abs() <= 3.0 * 0.5 / n.sqrt(), "cv2 {cv2} of {n}");
        }
    }

    #[test]
    fn rate_0_yields_no_arrival_and_ends() {
        let mut rate = Rate::new(1000.0);
        rate.crowd(Crowd { factor: 0.0, ramp_s: 0.0 }, 10.0, None);
        let moments = moments(rate, Shape::Exponential);
        assert!(moments.len() > 9000 && moments.iter().all(|at| *at < 10.0));
    }
}
