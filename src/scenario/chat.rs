//! The `chat` model: people on the cluster of the chat tutorial.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::retry::{Policy, Retry};
use crate::ids::ServerType;
use crate::random::{Distribution, Shape};
use crate::router::LinkRule;
use crate::strategies::StrategySpec;

/// The people and their cluster: they log in through the gate, enter a room on their connector,
/// talk, and leave.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatModel {
    /// Path of a `servers.json`, relative to the scenario's folder; exclusive with `servers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// Number of servers of each type; exclusive with `config`. Without either: a gate, three
    /// connectors and three chat servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Counts>,
    /// Level of detail of the simulation.
    #[serde(default)]
    pub level: Level,
    /// The type that the scenario's strategies balance.
    #[serde(default = "chat")]
    pub balance: ServerType,
    /// Strategies of the other types; each defaults to the tutorial's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<ServerType, StrategySpec>,
    /// Number of people.
    pub users: u32,
    /// Number of rooms.
    pub rooms: u32,
    /// Skew of the room sizes by Zipf's law: the k-th room is as large as 1/k to this power.
    #[serde(default)]
    pub zipf: f64,
    /// Largest room; further people go to a room with space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_users_max: Option<u32>,
    /// First logins per second. Without it everybody logs in before the run begins, at no cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins_per_s: Option<f64>,
    /// Length of a visit, in seconds; without it, people stay to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_s: Option<Distribution>,
    /// Time between two visits, in seconds.
    #[serde(default = "minute")]
    pub away_s: Distribution,
    /// How much people talk.
    #[serde(default)]
    pub talk: Talk,
    /// Length of a message, in bytes.
    #[serde(default = "payload")]
    pub payload_bytes: Distribution,
    /// Timeout of a request, in seconds.
    #[serde(default = "three")]
    pub timeout_s: f64,
    /// Reaction to a lost connection or a failed login.
    #[serde(default)]
    pub reconnect: Reconnect,
    /// Cost of work at the servers.
    #[serde(default)]
    pub costs: Costs,
    /// Longest queue of a server, in deliveries. A further delivery from a client is lost; a call
    /// from another server is answered with code 503.
    /// Unbounded by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_max: Option<u32>,
    /// Rules on the links between servers, from the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkRule>,
    /// Whether rooms move when the server list changes. Without it they stay and lose their
    /// members, as in Pomelo.
    #[serde(default = "yes")]
    pub rebalance: bool,
}

/// Number of servers of each type, called `connector-server-1` and so on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Gates.
    #[serde(default = "one")]
    pub gate: u32,
    /// Connectors.
    pub connector: u32,
    /// Chat servers.
    pub chat: u32,
}

/// Level of detail of a simulation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Runs the live state machines: every message is parsed, routed, answered and pushed.
    #[default]
    Machines,
    /// Tracks people and costs without the messages: for millions of people.
    Flow,
}

/// How much people talk: at random moments (Poisson), all the time or in alternating periods.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Talk {
    /// Messages per second and person, while talking.
    pub per_s: f64,
    /// Length of a talkative period, in seconds; without it, people always talk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_s: Option<Distribution>,
    /// Length of a silent period, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_s: Option<Distribution>,
}

/// Reaction to a lost connection or a failed login.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reconnect {
    /// Time until a lost connection is noticed, in seconds.
    pub detect_s: Distribution,
    /// When to retry.
    pub retry: Retry,
}

/// Cost of a delivery to its server, in microseconds: a base cost, and more for its effects. Each
/// server does one thing at a time, as a Node process does.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Costs {
    /// Each delivery to a gate.
    pub gate_us: f64,
    /// Each delivery to a connector.
    pub connector_us: f64,
    /// Each delivery to a chat server.
    pub chat_us: f64,
    /// Each message sent to another server. A push to a room is one for each connector with
    /// members.
    pub per_envelope_us: f64,
    /// On a chat server, each member of the room that receives a push.
    pub per_member_us: f64,
    /// On a connector, each client that a push is written to.
    pub per_write_us: f64,
    /// Distribution of costs around these means.
    pub shape: Shape,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            gate_us: 20.0,
            connector_us: 20.0,
            chat_us: 20.0,
            per_envelope_us: 5.0,
            per_member_us: 0.5,
            per_write_us: 10.0,
            shape: Shape::Deterministic,
        }
    }
}

impl Default for Talk {
    fn default() -> Self {
        Self { per_s: 0.05, on_s: None, off_s: None }
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        let retry = Retry { policy: Policy::FullJitter, base_ms: 1000.0, cap_ms: 30_000.0, attempts_max: 10 };
        Self { detect_s: Distribution { mean: 0.5, shape: Shape::Uniform }, retry }
    }
}

fn chat() -> ServerType {
    ServerType::from("chat")
}

fn minute() -> Distribution {
    Distribution::exponential(60.0)
}

fn payload() -> Distribution {
    Distribution::fixed(64.0)
}

fn three() -> f64 {
    3.0
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}
