//! Confidence intervals of 95 % by Student's distribution: of a mean over replications, and of the
//! difference of two strategies.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Probability that an interval contains the true value.
pub const CONFIDENCE: f64 = 0.95;

/// The estimate of a figure from several replications.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Half the width of its 95 % interval; `None` for fewer than two replications.
    pub half_width: Option<f64>,
    /// Number of replications.
    pub n: u32,
}

impl Estimate {
    /// The mean of independent values, with its t-interval; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let value = mean(values)?;
        Some(Self::around(value, value, values))
    }

    /// The paired difference `a - b`: values at the same index used the same random numbers, so
    /// most of the noise cancels.
    pub fn of_difference(a: &[f64], b: &[f64]) -> Option<Self> {
        Self::of(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
    }

    /// The paired ratio `a / b` of the means, its interval by linearisation (the delta method).
    /// `None` if the mean of `b` is 0.
    pub fn of_ratio(a: &[f64], b: &[f64]) -> Option<Self> {
        let (mean_a, mean_b) = (mean(a)?, mean(b)?);
        let ratio = mean_a / mean_b;
        if !ratio.is_finite() {
            return None;
        }
        let errors: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - ratio * b) / mean_b).collect();
        Some(Self::around(ratio, 0.0, &errors))
    }

    /// The difference of the means of independent samples, with Welch's interval. `None` for fewer
    /// than two values of either.
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

    /// The interval's lower end; the value itself if there is no interval.
    pub fn low(&self) -> f64 {
        self.value - self.half_width.unwrap_or(0.0)
    }

    /// The interval's upper end; the value itself if there is no interval.
    pub fn high(&self) -> f64 {
        self.value + self.half_width.unwrap_or(0.0)
    }

    /// Whether the interval contains this value.
    pub fn contains(&self, value: f64) -> bool {
        (self.low()..=self.high()).contains(&value)
    }

    /// Half the width divided by the value; `None` without an interval, or if the value is 0.
    pub fn relative_half_width(&self) -> Option<f64> {
        self.half_width.map(|half| half / self.value.abs()).filter(|share| share.is_finite())
    }

    /// `value` with the t-interval of `values`, whose mean is `mean`.
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

/// The two-sided quantile of Student's distribution for [`CONFIDENCE`] at these degrees of freedom.
pub fn student_quantile(freedom: f64) -> f64 {
    let law = StudentsT::new(0.0, 1.0, freedom);
    law.map_or(f64::INFINITY, |law| law.inverse_cdf(0.5 + CONFIDENCE / 2.0))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
