//! The `queue` model: jobs, servers, and a strategy between.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::retry::Retry;
use crate::ids::ServerId;
use crate::random::{Distribution, Shape};

/// Jobs come, a strategy gives each to a server, the server's workers serve them in order of coming.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueModel {
    /// How many servers, all alike, or each by itself.
    pub servers: QueueServers,
    /// When jobs come.
    pub arrivals: Arrivals,
    /// How long a job takes on a worker of speed 1, in milliseconds.
    pub service_ms: Distribution,
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
#[derive(Clone, PartialEq, Debug, Serialize)]
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

impl Default for QueueServer {
    fn default() -> Self {
        Self { id: None, workers: 1, speed: 1.0, weight: 1.0, queue_max: None, count: 1 }
    }
}

impl QueueServers {
    /// How many they are.
    pub fn count(&self) -> u64 {
        match self {
            QueueServers::Count(count) => u64::from(*count),
            QueueServers::Each(each) => each.iter().map(|server| u64::from(server.count)).sum(),
        }
    }

    /// One by one, in list order: each has its id, and a `count` of 1. Of a checked scenario there are at most
    /// [`SERVERS_MAX`](super::SERVERS_MAX).
    pub fn expanded(&self) -> Vec<QueueServer> {
        let mut servers = match self {
            QueueServers::Count(count) => vec![QueueServer::default(); *count as usize],
            QueueServers::Each(each) => {
                let alike = |server: &QueueServer| std::iter::repeat_n(server.clone(), server.count as usize);
                each.iter().flat_map(alike).collect()
            }
        };
        for (index, server) in servers.iter_mut().enumerate() {
            server.count = 1;
            server.id.get_or_insert_with(|| ServerId::from(format!("server-{}", index + 1)));
        }
        servers
    }
}

// By hand, so that an error names the field of the server that it is in.
impl<'de> Deserialize<'de> for QueueServers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = QueueServers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of servers, or a list of them")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<QueueServers, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Unsigned(count), &self);
                u32::try_from(count).map(QueueServers::Count).map_err(wrong)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, each: A) -> Result<QueueServers, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(each)).map(QueueServers::Each)
            }
        }

        deserializer.deserialize_any(Either)
    }
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
