//! Scenarios: what an experiment asks, as a JSON file says it. `config/experiments/` has examples, and a README that
//! documents every field.
//!
//! A scenario has one of two models. In `queue`, jobs come to servers that serve them: the model of queueing theory, with
//! the project's strategies in front. In `chat`, people log in, talk and leave on the cluster of the chat tutorial.

mod chat;
mod claim;
mod cluster;
mod error;
mod event;
mod queue;
mod retry;

use serde::{Deserialize, Serialize};

pub use chat::{ChatModel, Costs, Counts, Level, Reconnect, Talk};
pub use claim::Claim;
pub use error::ScenarioError;
pub use event::{Change, Crowd, Event, HotRoom};
pub use queue::{Arrivals, Keys, QueueModel, QueueServer, QueueServers};
pub use retry::{Policy, Retry};

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

/// How long a run warms up.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Warmup {
    /// So many virtual seconds.
    Seconds(f64),
    /// By White's rule MSER-5, on a pilot run.
    Rule(WarmupRule),
}

/// A rule that finds the end of a warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WarmupRule {
    /// Marginal standard error rule over means of five (White 1997).
    #[serde(rename = "mser-5")]
    Mser5,
}

impl Default for Warmup {
    fn default() -> Self {
        Warmup::Seconds(0.0)
    }
}

fn ten() -> u32 {
    10
}

fn one() -> u64 {
    1
}
