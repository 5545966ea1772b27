//! One value that is known, and what was measured.

use serde::Serialize;

use crate::stats::Estimate;

/// Standard errors that a simulated value may be off.
const ERRORS_MAX: f64 = 3.0;

/// See the module.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// Which.
    pub what: String,
    /// What is known.
    pub target: f64,
    /// What came.
    pub measured: f64,
    /// How far it may be off.
    pub allowed: Allowed,
}

/// How far a measured value may be from its target.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// Not at all.
    Exactly,
    /// As far as the target was rounded.
    Rounding(f64),
    /// Three standard errors, which come to this.
    ThreeErrors(f64),
}

impl Row {
    /// A value of arithmetic.
    pub fn exact(what: impl Into<String>, target: f64, measured: f64) -> Self {
        Self { what: what.into(), target, measured, allowed: Allowed::Exactly }
    }

    /// A value that is known to so many digits, as written: half of the last one may be off.
    pub fn rounded(what: impl Into<String>, target: f64, digits: i32, measured: f64) -> Self {
        let half = 0.5 * 10_f64.powi(-digits);
        // A little more, for what is in the middle between two.
        Self { what: what.into(), target, measured, allowed: Allowed::Rounding(half * 1.000_001) }
    }

    /// A value that was simulated: the mean of independent values, beside a target that is itself as uncertain as
    /// `target_error` (a standard error; 0 when it was calculated).
    pub fn simulated(what: impl Into<String>, target: f64, target_error: f64, values: &[f64]) -> Self {
        let (measured, error) = mean_and_error(values);
        let allowed = ERRORS_MAX * error.hypot(target_error);
        Self { what: what.into(), target, measured, allowed: Allowed::ThreeErrors(allowed) }
    }

    /// A value that was put together from simulated ones, with this standard error.
    pub fn extrapolated(what: impl Into<String>, target: f64, measured: f64, error: f64) -> Self {
        Self { what: what.into(), target, measured, allowed: Allowed::ThreeErrors(ERRORS_MAX * error) }
    }

    /// How far the measured value is off.
    pub fn error(&self) -> f64 {
        self.measured - self.target
    }

    /// Whether it is near enough.
    pub fn holds(&self) -> bool {
        let most = match self.allowed {
            Allowed::Exactly => 0.0,
            Allowed::Rounding(most) | Allowed::ThreeErrors(most) => most,
        };
        self.error().abs() <= most
    }
}

/// The mean of independent values, and its standard error.
pub(super) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = Estimate::of(values).map_or(f64::NAN, |estimate| estimate.value);
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn a_row_fails_when_it_is_off_by_more_than_allowed() {
        assert!(Row::exact("", 3.0, 3.0).holds() && !Row::exact("", 3.0, 3.000_001).holds());
        assert!(Row::rounded("", 0.75, 2, 0.7549).holds() && !Row::rounded("", 0.75, 2, 0.756).holds());
        let values = [0.9, 1.0, 1.1, 1.0];
        assert!(Row::simulated("", 1.1, 0.0, &values).holds());
        assert!(!Row::simulated("", 1.2, 0.0, &values).holds());
        assert!(Row::simulated("", 1.2, 0.1, &values).holds());
        assert!(!Row::simulated("", 1.0, 0.0, &[]).holds(), "nothing measured is nothing held");
    }
}
