//! Scenarios: the JSON description of an experiment. `config/experiments/` has examples, and a
//! README that documents every field.
//!
//! A scenario has one of two models. In `queue`, jobs arrive at queueing servers: the model of
//! queueing theory, with the project's strategies in front. In `chat`, people log in, talk and
//! leave on the cluster of the chat tutorial.

mod chat;
mod check;
mod claim;
mod cluster;
mod error;
mod event;
mod queue;
mod read;
mod retry;
mod warmup;

use serde::{Deserialize, Serialize};

pub use chat::{ChatModel, Costs, Counts, Level, Reconnect, Talk};
pub use check::{REPLICATIONS_MAX, SERVERS_MAX, USERS_MAX};
pub use claim::Claim;
pub use error::ScenarioError;
pub use event::{Change, Crowd, Event, HotRoom};
pub use queue::{Arrivals, Keys, QueueModel, QueueServer, QueueServers};
pub use read::FILE_BYTES_MAX;
pub use retry::{Policy, Retry};
pub use warmup::{Warmup, WarmupRule};

use crate::strategies::StrategySpec;

/// The description of an experiment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: letters, digits and `-`.
    pub name: String,
    /// Its question, as a sentence.
    pub question: String,
    /// Jobs and servers; exclusive with `chat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueModel>,
    /// People and the chat cluster; exclusive with `queue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatModel>,
    /// The strategies to compare. The first is the baseline for the others.
    pub strategies: Vec<StrategySpec>,
    /// Measured time, in virtual seconds.
    pub duration_s: f64,
    /// Unmeasured time before it, under the same load, in virtual seconds. `"mser-5"` lets that
    /// rule find the length in a pilot run.
    #[serde(default)]
    pub warmup_s: Warmup,
    /// Runs of each strategy, each with its own random numbers; these are the same for all
    /// strategies.
    #[serde(default = "ten")]
    pub replications: u32,
    /// Adds replications, up to 64, until the half width of the 95 % interval of `metric` is at
    /// most this share of the mean: 0.02 for ±2 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_half_width: Option<f64>,
    /// Seed of all random numbers.
    #[serde(default = "one")]
    pub seed: u64,
    /// The metric that answers the question; defaults to the model's mean latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Changes of the cluster at planned moments, counted from the start of the warm-up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Expectations of the results; they decide the exit code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Claim>,
}

impl Scenario {
    /// The model's key metrics, the most telling first. Without `metric`, the first one measured
    /// answers the question.
    pub fn key_metrics(&self) -> &'static [&'static str] {
        if self.chat.is_some() {
            &[
                "deliver_ms.mean",
                "deliver_ms.p99",
                "enter_ms.p99",
                "balance.peak_to_mean",
                "utilisation.max",
                "moved_fraction",
                "orphaned_rooms",
                "lost_fraction",
            ]
        } else {
            &[
                "job_ms.mean",
                "job_ms.p99",
                "wait_probability",
                "balance.peak_to_mean",
                "utilisation.max",
                "moved_fraction",
                "lost_fraction",
            ]
        }
    }
}

fn ten() -> u32 {
    10
}

fn one() -> u64 {
    1
}
