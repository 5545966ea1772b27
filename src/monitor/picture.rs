//! What is shown of a cluster: one page, one table, one set of metrics.

use std::net::SocketAddr;

use serde::{Serialize, Serializer};

use crate::ids::{ServerId, ServerType};
use crate::live::ServerState;
use crate::router::LinkRule;
use crate::stats::Balance;

/// The cluster as people look at it. Rates and percentiles are those since the view before.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    /// The time of day, in milliseconds since 1970.
    pub at_ms: u64,
    /// What runs.
    pub cluster: ClusterPicture,
    /// All servers together.
    pub totals: Totals,
    /// Every server, up or not, in the order in which they were configured and added.
    pub servers: Vec<ServerPicture>,
    /// Every type that has servers.
    pub types: Vec<TypePicture>,
    /// Links between servers that carry something, or hold something up; of more than a thousand, the busiest.
    pub edges: Vec<EdgePicture>,
    /// The rules of the links, in the order in which they are asked.
    pub rules: Vec<LinkRule>,
}

/// What runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPicture {
    /// Of pomelo-sim.
    pub version: String,
    /// The environment of its configuration.
    pub env: String,
    /// The `servers.json` that it was started with.
    pub source: String,
    /// Since it started, in seconds.
    pub uptime_seconds: f64,
}

/// All servers together.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Servers.
    pub servers: usize,
    /// Of these, running.
    pub running: usize,
    /// Clients that are connected.
    pub sessions: usize,
    /// Users that are logged in.
    pub uids: usize,
    /// Rooms that have members.
    pub rooms: usize,
    /// Members of these.
    pub members: usize,
    /// Messages from clients.
    pub messages_per_second: f64,
    /// Pushes to clients, one by one.
    pub deliveries_per_second: f64,
    /// Requests of clients that were answered with an error.
    pub errors_per_second: f64,
    /// Half of the clients' requests took no longer, in milliseconds; none when there were none.
    pub p50_ms: Option<f64>,
    /// Of a hundred, ninety-nine took no longer.
    pub p99_ms: Option<f64>,
    /// Rooms that went to another server since the start.
    pub rooms_moved: u64,
    /// Memory of what waits for clients to read it, in bytes.
    pub buffer_bytes: usize,
}

/// One server as a page shows it. A [`ServerView`](crate::live::ServerView) holds counters that only
/// grow and a whole histogram; this holds rates and percentiles since the view before, so it is no
/// view with fields left out.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerPicture {
    /// Which.
    pub id: ServerId,
    /// Of which type.
    pub server_type: ServerType,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// Its share beside the others of its type.
    pub weight: f64,
    /// How it is.
    pub state: ServerState,
    /// Where its clients connect, when it is a frontend that is up.
    pub clients: Option<SocketAddr>,
    /// Since it came up last, in seconds.
    pub uptime_seconds: f64,
    /// How often it has come up again.
    pub restarts: u64,
    /// Clients that are connected to it.
    pub sessions: usize,
    /// Of these, logged in.
    pub bound: usize,
    /// Rooms that it holds.
    pub rooms: usize,
    /// Members of these.
    pub members: usize,
    /// What its type's balance counts: sessions of a frontend, members of any other.
    pub load: usize,
    /// Messages from clients and calls of other servers that it took.
    pub messages_per_second: f64,
    /// Pushes that it made for clients, or gave to its own, one by one.
    pub deliveries_per_second: f64,
    /// Requests and calls that it answered with an error.
    pub errors_per_second: f64,
    /// Half of what it was asked took no longer, in milliseconds: on a frontend from a client's message to the response, on
    /// others from the moment at which the caller sent it to the answer. None when nothing was asked.
    pub p50_ms: Option<f64>,
    /// Of a hundred, ninety-nine took no longer.
    pub p99_ms: Option<f64>,
    /// Most deliveries that waited for it at once.
    pub queue: usize,
    /// Calls that it waits for.
    pub calls_pending: usize,
    /// Memory of what waits for its clients to read it, in bytes.
    pub buffer_bytes: usize,
}

/// The servers of a type beside each other.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TypePicture {
    /// Which type.
    pub server_type: ServerType,
    /// How a server of it is chosen, such as `ring(100)`.
    pub strategy: String,
    /// Those that can be chosen, in list order.
    pub listed: Vec<ServerId>,
    /// Whether a change of the list or the strategy is not over.
    pub is_changing: bool,
    /// How even [`ServerPicture::load`] is over those listed; none when there is none.
    #[serde(serialize_with = "balance")]
    pub by_count: Option<Balance>,
    /// How even their messages a second are; none when there are none.
    #[serde(serialize_with = "balance")]
    pub by_messages: Option<Balance>,
}

/// From a server to another one.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgePicture {
    /// Who sends.
    pub from: ServerId,
    /// Who receives.
    pub to: ServerId,
    /// Envelopes that arrived.
    pub per_second: f64,
    /// Envelopes that are on their way now.
    pub held: usize,
    /// How the link is.
    pub state: EdgeState,
}

/// How a link is, by the first rule that holds for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeState {
    /// No rule holds for it.
    Ok,
    /// What it carries takes its time.
    Slow,
    /// Some of what it carries is lost, and sent again.
    Lossy,
    /// Nothing arrives.
    Cut,
}

/// With the names of all of a picture's fields: experiments have written theirs to files since before there were pictures.
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
