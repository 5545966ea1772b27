//! The figures that are shown of a cluster: one page, one table, one set of metrics.

use std::net::SocketAddr;

use serde::{Serialize, Serializer};

use crate::ids::{ServerId, ServerType};
use crate::live::ServerState;
use crate::router::LinkRule;
use crate::stats::Balance;

/// The cluster as people see it. Rates and percentiles are those since the view before.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    /// The time of day, in milliseconds since 1970.
    pub at_ms: u64,
    /// The running cluster.
    pub cluster: ClusterPicture,
    /// All servers together.
    pub totals: Totals,
    /// Every server, up or not, in the order in which they were configured and added.
    pub servers: Vec<ServerPicture>,
    /// Every type that has servers.
    pub types: Vec<TypePicture>,
    /// Links between servers that carry envelopes, or hold some; of more than a thousand, the
    /// busiest.
    pub edges: Vec<EdgePicture>,
    /// The link rules, in the order in which they are consulted.
    pub rules: Vec<LinkRule>,
}

/// The running cluster.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPicture {
    /// The version of pomelo-sim.
    pub version: String,
    /// The environment of its configuration.
    pub env: String,
    /// The `servers.json` that it was started with.
    pub source: String,
    /// Time since it started, in seconds.
    pub uptime_seconds: f64,
}

/// All servers together.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Number of servers.
    pub servers: usize,
    /// Servers that are running.
    pub running: usize,
    /// Connected clients.
    pub sessions: usize,
    /// Logged-in users.
    pub uids: usize,
    /// Rooms that have members.
    pub rooms: usize,
    /// Members of these rooms.
    pub members: usize,
    /// Messages from clients.
    pub messages_per_second: f64,
    /// Pushes to clients, counted once a client.
    pub deliveries_per_second: f64,
    /// Client requests that were answered with an error.
    pub errors_per_second: f64,
    /// Median latency of the clients' requests, in milliseconds; `None` if there were none.
    pub p50_ms: Option<f64>,
    /// The 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// Rooms that went to another server since the start.
    pub rooms_moved: u64,
    /// Memory of the data that waits for clients to read it, in bytes.
    pub buffer_bytes: usize,
}

/// One server as a page shows it. A [`ServerView`](crate::live::ServerView) holds counters that
/// only grow and a whole histogram; this holds rates and percentiles since the view before, so it
/// is more than a view with fields left out.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerPicture {
    /// Its id.
    pub id: ServerId,
    /// Its type.
    pub server_type: ServerType,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// Its weight compared with the others of its type.
    pub weight: f64,
    /// Its state.
    pub state: ServerState,
    /// Where its clients connect, if it is a frontend that is up.
    pub clients: Option<SocketAddr>,
    /// Time since it last came up, in seconds.
    pub uptime_seconds: f64,
    /// How often it has come up again.
    pub restarts: u64,
    /// Connected clients.
    pub sessions: usize,
    /// Connected clients that are logged in.
    pub bound: usize,
    /// Rooms that it holds.
    pub rooms: usize,
    /// Members of these rooms.
    pub members: usize,
    /// The load that its type's balance compares: sessions of a frontend, members of any other.
    pub load: usize,
    /// Messages from clients and calls from other servers that it took.
    pub messages_per_second: f64,
    /// Pushes that a backend made for clients, or that a frontend passed to its own, counted once a
    /// client.
    pub deliveries_per_second: f64,
    /// Requests and calls that it answered with an error.
    pub errors_per_second: f64,
    /// Median latency, in milliseconds: on a frontend from a client's message to the response, on
    /// others from the moment when the caller sent the request to the answer. `None` without
    /// requests.
    pub p50_ms: Option<f64>,
    /// The 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// Most deliveries that waited for it at once.
    pub queue: usize,
    /// Calls to other servers that are not answered yet.
    pub calls_pending: usize,
    /// Memory of the data that waits for its clients to read it, in bytes.
    pub buffer_bytes: usize,
}

/// The servers of a type, compared with each other.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TypePicture {
    /// The type.
    pub server_type: ServerType,
    /// The strategy that chooses a server, such as `ring(100)`.
    pub strategy: String,
    /// The servers that can be chosen, in list order.
    pub listed: Vec<ServerId>,
    /// Whether a rebalance is in progress, after a change of the list or the strategy.
    pub is_changing: bool,
    /// How even [`ServerPicture::load`] is over the listed servers; `None` without load.
    #[serde(serialize_with = "balance")]
    pub by_count: Option<Balance>,
    /// How even their messages a second are; `None` without messages.
    #[serde(serialize_with = "balance")]
    pub by_messages: Option<Balance>,
}

/// A link from one server to another.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgePicture {
    /// The sender.
    pub from: ServerId,
    /// The receiver.
    pub to: ServerId,
    /// Envelopes that arrived.
    pub per_second: f64,
    /// Envelopes on their way now.
    pub held: usize,
    /// The link's state.
    pub state: EdgeState,
}

/// The state of a link, by the first rule that holds for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeState {
    /// No rule holds for it.
    Ok,
    /// Envelopes are delayed.
    Slow,
    /// Some envelopes are lost, and sent again.
    Lossy,
    /// Nothing arrives.
    Cut,
}

/// Serialises with the field names of a picture: experiments, which are older than pictures, write
/// their own names to files.
fn balance<S: Serializer>(balance: &Option<Balance>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Written {
        peak_to_mean: f64,
        min_to_mean: f64,
        cv: f64,
        jain: f64,
    }
    let written = balance.map(|Balance { peak_to_mean, min_to_mean, cv, jain }| Written {
        peak_to_mean,
        min_to_mean,
        cv,
        jain,
    });
    written.serialize(serializer)
}
