//! The `queue` model: jobs, servers, and a strategy between.

use serde::{Deserialize, Serialize};

use super::retry::Retry;
use crate::ids::ServerId;
use crate::random::{Law, Shape};

/// Jobs come, a strategy gives each to a server, the server's workers serve them in order of coming.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueModel {
    /// How many servers, all alike, or each by itself.
    pub servers: QueueServers,
    /// When jobs come.
    pub arrivals: Arrivals,
    /// How long a job takes on a worker of speed 1, in milliseconds.
    pub service_ms: Law,
    /// What strategies hash; without it each job has a key of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// Whether loads that strategies see are old: they are looked at once in so many milliseconds. 0: always new.
    #[serde(default)]
    pub load_age_ms: f64,
    /// How long a client waits for its job; then it gives up, or tries again, while the job is still done in vain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<f64>,
    /// What a client does whose job was refused, lost or late; without it, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// The servers of a `queue` model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum QueueServers {
    /// So many, called `server-1` and so on.
    Count(u32),
    /// These, in list order.
    Each(Vec<QueueServer>),
}

/// A server of a `queue` model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueServer {
    /// What it is called; `server-1` and so on by its place when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServerId>,
    /// How many jobs it serves at a time.
    #[serde(default = "one")]
    pub workers: u32,
    /// How fast each worker is: at 0.5 everything takes twice as long.
    #[serde(default = "unit")]
    pub speed: f64,
    /// Its share in strategies that know weights.
    #[serde(default = "unit")]
    pub weight: f64,
    /// How many jobs may wait, besides those that are served; one more is refused. Unbounded when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_max: Option<u32>,
    /// So many like this one, instead of one.
    #[serde(default = "one")]
    pub count: u32,
}

/// When jobs come.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    /// Jobs a second, all servers together.
    pub rate_per_s: f64,
    /// How gaps between jobs spread around their mean.
    #[serde(default)]
    pub gaps: Shape,
    /// Depth of a daily wave: the rate is times 1 + A·sin(2π·t/period), A from 0 to 1.
    #[serde(default)]
    pub wave: f64,
    /// Period of the wave in seconds.
    #[serde(default = "day")]
    pub wave_period_s: f64,
}

/// What strategies hash.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// How many keys there are: `key-1` and so on.
    pub count: u32,
    /// Skew by Zipf's law: the k-th key comes as often as 1/k to this power.
    #[serde(default)]
    pub zipf: f64,
}

fn one() -> u32 {
    1
}

fn unit() -> f64 {
    1.0
}

fn day() -> f64 {
    86_400.0
}
