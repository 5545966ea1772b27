//! The outcome of one replication under one strategy, in the form that every engine returns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ServerId, ServerType};

/// The outcome of one replication. Everything in it is sorted, so that equal outcomes serialize to
/// equal bytes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Values by metric; `stats::METRICS` describes them.
    pub metrics: BTreeMap<String, f64>,
    /// Latencies by operation: `job`; or `gate`, `enter`, `send`, `deliver`.
    pub latencies: BTreeMap<String, LatencyCurve>,
    /// The load of each server that the strategies choose among, over the whole run.
    pub servers: Vec<ServerSeries>,
    /// Events in order of time.
    pub marks: Vec<Mark>,
}

/// The latencies of an operation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LatencyCurve {
    /// Number of operations in the measured time.
    pub count: u64,
    /// Mean in milliseconds; exact, not from a histogram.
    pub mean_ms: f64,
    /// The curve by rising share; the last point is the maximum.
    pub quantiles: Vec<Quantile>,
}

/// A point of a curve: this share of all operations took no longer.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quantile {
    /// Share of all, above 0 to 1.
    pub share: f64,
    /// Milliseconds.
    pub ms: f64,
}

/// A server's load over time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ServerSeries {
    /// Which.
    pub id: ServerId,
    /// Of which type.
    pub server_type: ServerType,
    /// Seconds per step; the first step starts at 0.
    pub step_s: f64,
    /// Messages or jobs finished per second, by step.
    pub handled_per_s: Vec<f64>,
    /// Utilisation by step, 0 to 1, the mean over several workers; empty if unknown, as in live
    /// mode, where all servers share a thread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub busy: Vec<f64>,
    /// Mean number waiting or in service, by step; empty if unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_system: Vec<f64>,
}

/// An event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Seconds after the start.
    pub at_s: f64,
    /// A short text: `chat-server-4 added`.
    pub what: String,
}
