//! The `queue` model: jobs, servers, and a strategy between them.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::retry::Retry;
use crate::ids::ServerId;
use crate::random::{Distribution, Shape};

/// Jobs arrive, a strategy assigns each to a server, and the server's workers serve them first
/// come, first served.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueModel {
    /// The servers: a number of equal ones, or a list.
    pub servers: QueueServers,
    /// The arrivals of jobs.
    pub arrivals: Arrivals,
    /// Service time on a worker of speed 1, in milliseconds.
    pub service_ms: Distribution,
    /// The keys that strategies hash; without it, each job has its own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// Age of the loads that strategies see: they are polled at this interval in milliseconds. 0:
    /// always current.
    #[serde(default)]
    pub load_age_ms: f64,
    /// A client's timeout. After it the client gives up or retries, while the server still does the
    /// job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<f64>,
    /// Retries of jobs that were refused, lost or late; without it, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// The servers of a `queue` model.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum QueueServers {
    /// This many, called `server-1` and so on.
    Count(u32),
    /// These servers, in list order.
    Each(Vec<QueueServer>),
}

/// A server of a `queue` model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueServer {
    /// Its id; defaults to `server-1` and so on, by place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServerId>,
    /// Jobs served at a time.
    #[serde(default = "one")]
    pub workers: u32,
    /// Speed of each worker; at 0.5 everything takes twice as long.
    #[serde(default = "unit")]
    pub speed: f64,
    /// Its weight, for strategies that use weights.
    #[serde(default = "unit")]
    pub weight: f64,
    /// Longest queue, without the jobs in service. A further job is refused. Unbounded by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_max: Option<u32>,
    /// Number of servers like this one.
    #[serde(default = "one")]
    pub count: u32,
}

/// The arrivals of jobs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    /// Jobs per second for all servers together.
    pub rate_per_s: f64,
    /// Distribution of the gaps between jobs around their mean.
    #[serde(default)]
    pub gaps: Shape,
    /// Depth A of a daily wave, from 0 to 1: multiplies the rate by 1 + A·sin(2π·t/period).
    #[serde(default)]
    pub wave: f64,
    /// Period of the wave in seconds.
    #[serde(default = "day")]
    pub wave_period_s: f64,
}

/// The keys that strategies hash.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Number of keys: `key-1` and so on.
    pub count: u32,
    /// Skew by Zipf's law: the k-th key is as frequent as 1/k to this power.
    #[serde(default)]
    pub zipf: f64,
}

impl Default for QueueServer {
    fn default() -> Self {
        Self { id: None, workers: 1, speed: 1.0, weight: 1.0, queue_max: None, count: 1 }
    }
}

impl QueueServers {
    /// Number of servers.
    pub fn count(&self) -> u64 {
        match self {
            QueueServers::Count(count) => u64::from(*count),
            QueueServers::Each(each) => each.iter().map(|server| u64::from(server.count)).sum(),
        }
    }

    /// The servers one by one, in list order, each with its id and a `count` of 1. A checked
    /// scenario has at most [`SERVERS_MAX`](super::SERVERS_MAX).
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

// Written by hand so that an error names the field within the server.
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
