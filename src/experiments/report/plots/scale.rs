//! Axes: the positions of values and ticks.

use std::ops::RangeInclusive;

/// An axis is logarithmic when its largest value is at least this many times its least.
const DECADES_FROM: f64 = 50.0;

/// Values outside are clamped: no experiment has them, and arithmetic inside cannot overflow.
const SANE: RangeInclusive<f64> = -1e15..=1e15;

/// Least value on a logarithmic axis.
const LEAST: f64 = 1e-12;

/// Maps values to positions along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Scale {
    /// From 0 to the largest value.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = bounds(values.chain([0.0]));
        Self::linear(low, high, from, to)
    }

    /// From a little below the least to a little above the largest.
    pub(super) fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = bounds(values);
        let margin = (high - low) * 0.04;
        Self { low: low - margin, high: high + margin, ..Self::linear(low, high, from, to) }
    }

    /// Logarithmic if the positive values span decades, otherwise from 0 to the largest.
    pub(super) fn fitting(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let values: Vec<f64> = values.collect();
        let (low, high) = bounds(values.iter().copied().filter(|value| *value > 0.0));
        let spans_decades = low > 0.0 && high >= low * DECADES_FROM;
        if !spans_decades || values.iter().any(|value| *value < 0.0) {
            return Self::from_zero(values.into_iter(), from, to);
        }
        Self::log(low, high, from, to)
    }

    /// Logarithmic.
    pub(super) fn log(low: f64, high: f64, from: f64, to: f64) -> Self {
        let low = if low.is_finite() { low.clamp(LEAST, *SANE.end()) } else { LEAST };
        let high = high.min(*SANE.end()).max(low * 1.01);
        // Ends on 1, 2 or 5 times a power of ten.
        let low = nice(low * 1.000_001, false);
        Self { low, high: nice(high, true), log: true, from, to }
    }

    fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high =
            if high - low > f64::EPSILON * high.abs().max(low.abs()) { high } else { low + spread(low) };
        Self { low, high, log: false, from, to }
    }

    /// Extends the axis to the next tick beyond its end.
    pub(super) fn to_whole_ticks(mut self, about: usize) -> Self {
        if !self.log {
            let step = self.step(about);
            self.high = (self.high / step - 1e-9).ceil() * step;
            self.low = (self.low / step + 1e-9).floor() * step;
        }
        self
    }

    /// The position of a value; a value outside the axis is put at its end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.from + share * (self.to - self.from)
    }

    /// Whether it is logarithmic.
    pub(super) fn is_log(&self) -> bool {
        self.log
    }

    /// About `about` round values along the axis: steps of 1, 2 or 5. On a logarithmic axis, powers
    /// of ten, with 2 and 5 between where there is room.
    pub(super) fn ticks(&self, about: usize) -> Vec<f64> {
        if self.log {
            return self.log_ticks(about);
        }
        let step = self.step(about);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).take(200).map(|index| index as f64 * step).collect()
    }

    /// Ticks for seconds, round in a fitting unit.
    pub(super) fn time_ticks(&self, about: usize) -> Vec<f64> {
        // Hours and days are not decimal.
        let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0];
        let hours = [1.0, 2.0, 6.0, 12.0, 24.0, 48.0].map(|hours| hours * 3600.0);
        let wanted = (self.high - self.low) / about.max(1) as f64;
        let step = steps.into_iter().chain(hours).find(|step| *step >= wanted);
        match step.filter(|_| wanted > 0.5) {
            None => self.ticks(about),
            Some(step) => {
                let count = (self.high / step + 1e-9).floor() as usize;
                (0..=count.min(100)).map(|index| index as f64 * step).collect()
            }
        }
    }

    fn log_ticks(&self, about: usize) -> Vec<f64> {
        let (low, high) = (self.low * (1.0 - 1e-9), self.high * (1.0 + 1e-9));
        let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
        let of = |factors: &[f64], every: i32| -> Vec<f64> {
            let powers = decades.clone().filter(|power| power.rem_euclid(every) == 0);
            let ticks = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
            ticks.filter(|tick| (low..=high).contains(tick)).collect()
        };
        let choices =
            [of(&[1.0, 2.0, 5.0], 1), of(&[1.0, 3.0], 1), of(&[1.0], 1), of(&[1.0], 2), of(&[1.0], 3)];
        let fits = choices.iter().find(|ticks| ticks.len() <= about + 2);
        fits.cloned().unwrap_or_else(|| of(&[1.0], 6))
    }

    fn step(&self, about: usize) -> f64 {
        nice((self.high - self.low) / about.max(1) as f64, true)
    }
}

/// The next 1, 2 or 5 times a power of ten, up or down.
fn nice(value: f64, up: bool) -> f64 {
    let power = 10f64.powf(value.abs().max(1e-300).log10().floor());
    let digit = value / power;
    let choices: &[f64] = &[1.0, 2.0, 5.0, 10.0];
    let up_to = choices.iter().find(|choice| digit <= **choice * (1.0 + 1e-9));
    let down_to = choices.iter().rev().find(|choice| **choice <= digit);
    power * if up { up_to.unwrap_or(&10.0) } else { down_to.unwrap_or(&1.0) }
}

fn spread(value: f64) -> f64 {
    if value == 0.0 { 1.0 } else { value.abs() }
}

/// Least and largest of the finite values; 0 and 0 without any.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite =
        values.filter(|value| value.is_finite()).map(|value| value.clamp(*SANE.start(), *SANE.end()));
    let ends = finite.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    ends.unwrap_or((0.0, 0.0))
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn ticks_are_round() {
        let linear = Scale::from_zero([3.0, 17.3].into_iter(), 0.0, 100.0).to_whole_ticks(4);
        assert_eq!(linear.ticks(4), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(linear.at(10.0), 50.0);
        let log = Scale::fitting([0.8, 900.0].into_iter(), 0.0, 100.0);
        assert!(log.is_log());
        let ticks = log.ticks(5);
        let near = |index: usize, value: f64| (ticks[index] / value - 1.0).abs() < 1e-9;
        assert!(near(0, 1.0) && near(1, 3.0) && near(2, 10.0), "{ticks:?}");
    }

    #[test]
    fn whatever_the_values_places_are_on_the_axis() {
        let odd = [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.0, 1e-300, 5e-9, 1e12, -7.0];
        for a in odd {
            for b in odd {
                let values = || [a, b].into_iter();
                let scales = [
                    Scale::from_zero(values(), 10.0, 20.0).to_whole_ticks(5),
                    Scale::around(values(), 10.0, 20.0),
                    Scale::fitting(values(), 10.0, 20.0),
                    Scale::fitting(values().chain([0.0]), 10.0, 20.0),
                    Scale::log(a, b, 10.0, 20.0),
                ];
                for scale in scales {
                    for value in odd {
                        assert!((10.0..=20.0).contains(&scale.at(value)), "{value} on {scale:?}");
                    }
                    for ticks in [scale.ticks(5), scale.time_ticks(5)] {
                        assert!(ticks.len() < 30, "{a} {b}: {ticks:?}");
                    }
                }
            }
        }
    }
}
