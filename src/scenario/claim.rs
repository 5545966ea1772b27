//! Claims: what must hold of an experiment's results.

use serde::{Deserialize, Serialize};

use crate::strategies::StrategySpec;

/// A figure, and bounds for it. A claim fails when the mean over the replications is surely outside: when its whole 95 %
/// interval is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which figure.
    pub metric: String,
    /// Under which strategy; under each when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategySpec>,
    /// As a share of the same figure under that strategy, instead of the figure itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_to: Option<StrategySpec>,
    /// It is no less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// It is this, give or take `within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<f64>,
    /// With `equals`: how far it may be off, besides what chance allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
}
