//! The `chat` model: people on the cluster of the chat tutorial.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::retry::{Policy, Retry};
use crate::ids::ServerType;
use crate::random::{Distribution, Shape};
use crate::router::LinkRule;
use crate::strategies::StrategySpec;

/// People log in through the gate, enter a room on their connector, talk, and leave.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatModel {
    /// A `servers.json`, from the scenario's folder on; instead of `servers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// How many servers of each type; instead of `config`. A gate, three connectors and three chat servers when both are
    /// missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Counts>,
    /// How closely the servers are simulated.
    #[serde(default)]
    pub level: Level,
    /// The type whose servers the scenario's strategies choose among.
    #[serde(default = "chat")]
    pub balance: ServerType,
    /// The strategies of the other types; the tutorial's when one is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<ServerType, StrategySpec>,
    /// How many people there are.
    pub users: u32,
    /// How many rooms they spread over.
    pub rooms: u32,
    /// Skew of the rooms by Zipf's law: the k-th room is as large as 1/k to this power.
    #[serde(default)]
    pub zipf: f64,
    /// Most people in a room; who would be more goes to a room that has space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_users_max: Option<u32>,
    /// First logins a second; all at once, before the run begins and at no cost, when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins_per_s: Option<f64>,
    /// How long people stay, in seconds; to the end when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_s: Option<Distribution>,
    /// How long they are away before they come back, in seconds.
    #[serde(default = "minute")]
    pub away_s: Distribution,
    /// How much they talk.
    #[serde(default)]
    pub talk: Talk,
    /// Length of what they say, in bytes.
    #[serde(default = "payload")]
    pub payload_bytes: Distribution,
    /// How long a client waits for the answer to a request, in seconds.
    #[serde(default = "three")]
    pub timeout_s: f64,
    /// What a client does whose connection was lost, or whose login failed.
    #[serde(default)]
    pub reconnect: Reconnect,
    /// What work costs the servers.
    #[serde(default)]
    pub costs: Costs,
    /// How many deliveries may wait for a server; one more from a client is lost, a call of another server is answered with
    /// 503. Unbounded when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_max: Option<u32>,
    /// Rules of the links between servers from the start on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkRule>,
    /// Whether rooms go where the list of servers says when that changes; without it they stay, and lose their members, as in
    /// Pomelo.
    #[serde(default = "yes")]
    pub rebalance: bool,
}

/// How many servers of each type: `connector-server-1` and so on.
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

/// How closely servers are simulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The very state machines that serve live: every message is parsed, routed, answered and pushed.
    #[default]
    Machines,
    /// Who is where and what it costs, without the messages: for millions of people.
    Flow,
}

/// How much people talk: each at random moments (Poisson), all the time or by turns.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Talk {
    /// Messages a second and person, while it talks.
    pub per_s: f64,
    /// How long one talks before it is silent, in seconds; always when it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_s: Option<Distribution>,
    /// How long one is silent, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_s: Option<Distribution>,
}

/// What a client does whose connection was lost, or whose login failed.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reconnect {
    /// How long it takes to notice a lost connection, in seconds.
    pub detect_s: Distribution,
    /// When it tries again.
    pub retry: Retry,
}

/// What a delivery costs its server, in microseconds: `base`, and more by what comes of it. Each server does one thing at a
/// time, as a Node process does.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Costs {
    /// Each delivery to a gate.
    pub gate_us: f64,
    /// Each delivery to a connector.
    pub connector_us: f64,
    /// Each delivery to a chat server.
    pub chat_us: f64,
    /// Each message that it sends to another server: a room's push is one for each connector that has members.
    pub per_envelope_us: f64,
    /// On a chat server, each member of the room that a push is for.
    pub per_member_us: f64,
    /// On a connector, each client that a push is written to.
    pub per_write_us: f64,
    /// How costs spread around these means.
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
