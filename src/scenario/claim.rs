//! Claims: expectations of an experiment's results.

use serde::{Deserialize, Serialize};

use crate::strategies::StrategySpec;

/// Bounds on a metric. A claim fails when the mean over the replications is surely outside, that
/// is, when its whole 95 % interval is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The metric.
    pub metric: String,
    /// The strategy; without it, every strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategySpec>,
    /// Takes the metric as a share of its value under this strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_to: Option<StrategySpec>,
    /// Lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// Expected value, to within `within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<f64>,
    /// With `equals`: allowed deviation, in addition to the interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
}
