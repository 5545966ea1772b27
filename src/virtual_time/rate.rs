//! Moments at which something comes, at a rate that waves and crowds change.

use std::f64::consts::TAU;

use crate::random::{Random, Shape};
use crate::scenario::Crowd;
use crate::time::Time;

/// Within a wave, and within the growth of a crowd, the rate is constant in pieces: so many in each.
const PIECES: f64 = 1000.0;

/// A rate that changes with time.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    per_ns: f64,
    /// Depth and period of the wave.
    wave: f64,
    period_ns: f64,
    crowds: Vec<Swell>,
}

/// A crowd, in nanoseconds from the start: it grows from `from` on for `ramp`, and likewise shrinks from `until` on.
#[derive(Clone, Copy, Debug)]
struct Swell {
    factor: f64,
    ramp: f64,
    from: f64,
    until: f64,
}

impl Rate {
    /// So many a second.
    pub(super) fn new(per_s: f64) -> Self {
        Self { per_ns: per_s / 1e9, wave: 0.0, period_ns: f64::INFINITY, crowds: Vec::new() }
    }

    /// Times `1 + depth·sin(2π·t/period)`.
    pub(super) fn wave(mut self, depth: f64, period_s: f64) -> Self {
        (self.wave, self.period_ns) = (depth, period_s * 1e9);
        self
    }

    /// More come from `at_s` on, for so many seconds, or for ever.
    pub(super) fn crowd(&mut self, crowd: Crowd, at_s: f64, for_s: Option<f64>) {
        let from = at_s * 1e9;
        let until = for_s.map_or(f64::INFINITY, |seconds| from + seconds * 1e9);
        self.crowds.push(Swell { factor: crowd.factor, ramp: crowd.ramp_s * 1e9, from, until });
    }

    /// The piece that begins at `at`: its end, and how many come in a nanosecond of it.
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

/// The end of the step in which `at` is, when steps of that length follow each other from `origin` on; always after `at`.
fn step(at: f64, origin: f64, length: f64) -> f64 {
    let end = origin + (((at - origin) / length).floor() + 1.0) * length;
    if end > at { end } else { at.next_up().max(at + length) }
}

/// The logistic curve from exactly 0 at 0 to exactly 1 at 1.
fn logistic(x: f64) -> f64 {
    let raw = |x: f64| 1.0 / (1.0 + (-12.0 * (x - 0.5)).exp());
    (raw(x) - raw(0.0)) / (raw(1.0) - raw(0.0))
}

/// The moments at which something comes.
///
/// A gap is drawn as a number of mean gaps, and lasts until as many should have come on average. So any law of gaps keeps its
/// shape whatever the rate does, and exponential gaps are a Poisson process of that rate.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    rate: Rate,
    gaps: Shape,
    random: Random,
    /// The last moment, in nanoseconds, and the piece in which it is.
    at: f64,
    piece_end: f64,
    piece_rate: f64,
}

impl Arrivals {
    pub(super) fn new(rate: Rate, gaps: Shape, random: Random) -> Self {
        let (piece_end, piece_rate) = rate.piece(0.0);
        Self { rate, gaps, random, at: 0.0, piece_end, piece_rate }
    }

    /// The next moment; none when it is not before `end`.
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

    /// With fixed gaps there is no chance in it: each stretch of time has what its integral of the rate says.
    #[test]
    fn as_many_come_as_the_rate_says() {
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
        // The crowd stands at three times the rate from 70 to 80 s, and has gone at 90.
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
    fn a_gap_keeps_its_law_while_the_rate_changes() {
        let mut rate = Rate::new(1000.0);
        rate.crowd(Crowd { factor: 5.0, ramp_s: 0.0 }, 50.0, None);
        let moments = moments(rate, Shape::Erlang(4));
        for (from, to, mean) in [(0.0, 50.0, 1e-3), (50.0, 100.0, 2e-4)] {
            let inside: Vec<f64> = moments.iter().copied().filter(|at| (from..to).contains(at)).collect();
            let gaps: Vec<f64> = inside.windows(2).map(|pair| (pair[1] - pair[0]) / mean).collect();
            let n = gaps.len() as f64;
            let average = gaps.iter().sum::<f64>() / n;
            let cv2 = gaps.iter().map(|gap| (gap - average).powi(2)).sum::<f64>() / n / average.powi(2);
            // Three standard errors of the mean, cv 0.5, and as generously of cv2.
            assert!((average - 1.0).abs() <= 3.0 * 0.5 / n.sqrt(), "mean {average} of {n}");
            assert!((cv2 - 0.25).abs() <= 3.0 * 0.5 / n.sqrt(), "cv2 {cv2} of {n}");
        }
    }

    #[test]
    fn nothing_comes_at_rate_0_and_that_ends() {
        let mut rate = Rate::new(1000.0);
        rate.crowd(Crowd { factor: 0.0, ramp_s: 0.0 }, 10.0, None);
        let moments = moments(rate, Shape::Exponential);
        assert!(moments.len() > 9000 && moments.iter().all(|at| *at < 10.0));
    }
}
