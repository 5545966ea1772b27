//! A known value next to its measurement.

use serde::Serialize;

use crate::stats::Estimate;

/// Allowed deviation of a simulated value, in standard errors.
const ERRORS_MAX: f64 = 3.0;

/// A known value next to its measurement.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// Name of the value.
    pub what: String,
    /// The known value.
    pub target: f64,
    /// The measured value.
    pub measured: f64,
    /// The allowed deviation.
    pub allowed: Allowed,
}

/// The allowed deviation of a measured value from its target.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// Not at all.
    Exactly,
    /// Half a unit of the target's last digit.
    Rounding(f64),
    /// Three standard errors, of this size in total.
    ThreeErrors(f64),
}

impl Row {
    /// An arithmetic value, which must match exactly.
    pub fn exact(what: impl Into<String>, target: f64, measured: f64) -> Self {
        Self { what: what.into(), target, measured, allowed: Allowed::Exactly }
    }

    /// A value known to `digits` digits: half a unit of the last one may be off.
    pub fn rounded(what: impl Into<String>, target: f64, digits: i32, measured: f64) -> Self {
        let half = 0.5 * 10_f64.powi(-digits);
        // Slightly more, for a value exactly between two roundings.
        Self { what: what.into(), target, measured, allowed: Allowed::Rounding(half * 1.000_001) }
    }

    /// A simulated value: the mean of independent values, compared with a target whose own standard
    /// error is `target_error` (0 when it was calculated).
    pub fn simulated(what: impl Into<String>, target: f64, target_error: f64, values: &[f64]) -> Self {
        let (measured, error) = mean_and_error(values);
        let allowed = ERRORS_MAX * error.hypot(target_error);
        Self { what: what.into(), target, measured, allowed: Allowed::ThreeErrors(allowed) }
    }

    /// A value computed from simulated ones, with this standard error.
    pub fn extrapolated(what: impl Into<String>, target: f64, measured: f64, error: f64) -> Self {
        Self { what: what.into(), target, measured, allowed: Allowed::ThreeErrors(ERRORS_MAX * error) }
    }

    /// The deviation of the measured value.
    pub fn error(&self) -> f64 {
        self.measured - self.target
    }

    /// Whether the deviation is allowed.
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
