//! How sure a mean is: 95 % intervals of replications by Student's distribution, and of what two strategies differ by.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Probability that an interval holds what it is about.
pub const CONFIDENCE: f64 = 0.95;

/// What replications say of a figure together.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Half the width of its 95 % interval; none of fewer than two replications.
    pub half_width: Option<f64>,
    /// How many replications gave it.
    pub n: u32,
}

impl Estimate {
    /// The mean of independent values, with its t-interval; none of no value.
    pub fn of(values: &[f64]) -> Option<Self> {
        let value = mean(values)?;
        Some(Self::around(value, value, values))
    }

    /// What `a` is above `b`, by pairs: two values of the same place met the same chance, so most of it cancels.
    pub fn of_difference(a: &[f64], b: &[f64]) -> Option<Self> {
        Self::of(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
    }

    /// How many times `b` is `a`, by pairs: the ratio of the means, its interval by linearisation (the delta method). None
    /// when the mean of `b` is 0.
    pub fn of_ratio(a: &[f64], b: &[f64]) -> Option<Self> {
        let (mean_a, mean_b) = (mean(a)?, mean(b)?);
        let ratio = mean_a / mean_b;
        if !ratio.is_finite() {
            return None;
        }
        let errors: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - ratio * b) / mean_b).collect();
        Some(Self::around(ratio, 0.0, &errors))
    }

    /// What the mean of `a` is above that of `b`, when the two met different chance: Welch's interval. None of fewer than two
    /// values of either.
    pub fn of_independent(a: &[f64], b: &[f64]) -> Option<Self> {
        let (mean_a, mean_b) = (mean(a)?, mean(b)?);
        if a.len() < 2 || b.len() < 2 {
            return None;
        }
        // The squared standard error of a mean.
        let error = |values: &[f64], mean: f64| {
            let n = values.len() as f64;
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0) / n
        };
        let (error_a, error_b) = (error(a, mean_a), error(b, mean_b));
        let both = error_a + error_b;
        let (freedom_a, freedom_b) = (a.len() as f64 - 1.0, b.len() as f64 - 1.0);
        let freedom = both.powi(2) / (error_a.powi(2) / freedom_a + error_b.powi(2) / freedom_b);
        let half_width = if both > 0.0 { student_quantile(freedom) * both.sqrt() } else { 0.0 };
        let n = u32::try_from(a.len().min(b.len())).unwrap_or(u32::MAX);
        Some(Self { value: mean_a - mean_b, half_width: Some(half_width), n })
    }

    /// The same interval around another value.
    #[must_use]
    pub fn at(self, value: f64) -> Self {
        Self { value, ..self }
    }

    /// The interval's lower end; the value itself, when there is no interval.
    pub fn low(&self) -> f64 {
        self.value - self.half_width.unwrap_or(0.0)
    }

    /// The interval's upper end; the value itself, when there is no interval.
    pub fn high(&self) -> f64 {
        self.value + self.half_width.unwrap_or(0.0)
    }

    /// Whether the interval holds that value.
    pub fn contains(&self, value: f64) -> bool {
        (self.low()..=self.high()).contains(&value)
    }

    /// Half the width as a share of the value; none when there is no interval, or no value to have a share of.
    pub fn relative_half_width(&self) -> Option<f64> {
        self.half_width.map(|half| half / self.value.abs()).filter(|share| share.is_finite())
    }

    /// `value` with the t-interval that `values` with the mean `mean` would have.
    fn around(value: f64, mean: f64, values: &[f64]) -> Self {
        let n = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let half_width = (n > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let error = (squares / f64::from(n - 1) / f64::from(n)).sqrt();
            student_quantile(f64::from(n - 1)) * error
        });
        Self { value, half_width, n }
    }
}

/// The quantile of Student's distribution that [`CONFIDENCE`] needs on both sides, with that many degrees of freedom.
pub fn student_quantile(freedom: f64) -> f64 {
    let law = StudentsT::new(0.0, 1.0, freedom);
    law.map_or(f64::INFINITY, |law| law.inverse_cdf(0.5 + CONFIDENCE / 2.0))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
