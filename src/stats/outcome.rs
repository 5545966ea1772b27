//! What one replication of an experiment gave under one strategy: the form in which every engine hands it on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ServerId, ServerType};

/// See the module. Everything in it is sorted, so that the same outcome is the same bytes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Figures by name; `stats::METRICS` says what each is.
    pub metrics: BTreeMap<String, f64>,
    /// Latencies by what took the time: `job`; or `gate`, `enter`, `send`, `deliver`.
    pub latencies: BTreeMap<String, LatencyCurve>,
    /// The load of each server that the strategies choose among, over the whole run.
    pub servers: Vec<ServerSeries>,
    /// What happened, in order of time.
    pub marks: Vec<Mark>,
}

/// How long something took.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LatencyCurve {
    /// How often it happened in the measured time.
    pub count: u64,
    /// Mean in milliseconds; exact, not of a histogram.
    pub mean_ms: f64,
    /// The curve, by rising share; the last is the maximum.
    pub quantiles: Vec<Quantile>,
}

/// A point of a curve: that share of all took no longer.
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
    /// Seconds from one value to the next; the first is of the time from 0 on.
    pub step_s: f64,
    /// Messages or jobs that it finished a second, step by step.
    pub handled_per_s: Vec<f64>,
    /// The part of each step in which it was busy, 0 to 1; by several workers, their mean; nothing
    /// when that is not known, as in live mode, where all servers share a thread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub busy: Vec<f64>,
    /// What waited or was served, as the mean of each step; nothing when that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_system: Vec<f64>,
}

/// Something that happened at a moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Seconds after the start.
    pub at_s: f64,
    /// What, in a few words: `chat-server-4 added`.
    pub what: String,
}
