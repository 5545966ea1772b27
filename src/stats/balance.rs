//! Measures of load balance, each defined once.

use serde::{Deserialize, Serialize};

/// How evenly a load is distributed over servers.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Balance {
    /// Largest load divided by the mean: 1 is even.
    pub peak_to_mean: f64,
    /// Smallest load divided by the mean: 1 is even.
    pub min_to_mean: f64,
    /// Population standard deviation divided by the mean: 0 is even.
    pub cv: f64,
    /// Jain's fairness index (Jain, Chiu, Hawe 1984), (ΣL)²/(n·ΣL²): 1 is even, 1/n is all on one.
    pub jain: f64,
}

impl Balance {
    /// All loads are the same.
    pub const EVEN: Self = Self { peak_to_mean: 1.0, min_to_mean: 1.0, cv: 0.0, jain: 1.0 };

    /// Computes the measures; `None` without loads, or if all are 0.
    pub fn of(loads: &[f64]) -> Option<Self> {
        let n = loads.len() as f64;
        let sum: f64 = loads.iter().sum();
        if sum <= 0.0 {
            return None;
        }
        let mean = sum / n;
        let squares: f64 = loads.iter().map(|load| load * load).sum();
        let variance = loads.iter().map(|load| (load - mean).powi(2)).sum::<f64>() / n;
        Some(Self {
            peak_to_mean: loads.iter().copied().fold(f64::MIN, f64::max) / mean,
            min_to_mean: loads.iter().copied().fold(f64::MAX, f64::min) / mean,
            cv: variance.sqrt() / mean,
            jain: sum * sum / (n * squares),
        })
    }
}
