//! Scenarios: what an experiment asks, as a JSON file says it. `config/experiments/` has examples, and a README that
//! documents every field.
//!
//! A scenario has one of two models. In `queue`, jobs come to servers that serve them: the model of queueing theory, with
//! the project's strategies in front. In `chat`, people log in, talk and leave on the cluster of the chat tutorial.

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

/// What an experiment asks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called: letters, digits and `-`.
    pub name: String,
    /// What is asked, as a sentence.
    pub question: String,
    /// Jobs and servers; this or `chat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueModel>,
    /// People and the chat cluster; this or `queue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatModel>,
    /// The strategies to compare; the first is the one that the others are held against.
    pub strategies: Vec<StrategySpec>,
    /// Virtual seconds that are measured.
    pub duration_s: f64,
    /// Virtual seconds before, with the same load, that count for nothing; `"mser-5"`: as many as that rule finds in a pilot
    /// run.
    #[serde(default)]
    pub warmup_s: Warmup,
    /// Runs for each strategy, each with chance of its own; the same chance for all strategies.
    #[serde(default = "ten")]
    pub replications: u32,
    /// Adds replications, up to 64, until the 95 % interval of `metric` is that narrow, as a share of the mean: 0.02 for ±2 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_half_width: Option<f64>,
    /// What all chance comes of.
    #[serde(default = "one")]
    pub seed: u64,
    /// The figure that the answer is given by; the model's mean latency when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// What happens at which moment, counted from the start of the warm-up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// What must hold of the results; it makes the exit code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Claim>,
}

impl Scenario {
    /// The figures that its model is first asked for, the most telling first. The answer is given by the first that was
    /// measured, when `metric` does not name another.
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
