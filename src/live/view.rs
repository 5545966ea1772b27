//! The whole cluster at one moment, as numbers that only grow: what console, metrics and `top` are made of.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::control::ControlError;
use super::observer::Observer;
use super::roster::Entry;
use super::server_actor::inspect::{Observe, Observed};
use crate::ids::{ServerId, ServerType};
use crate::ports::PortSnapshot;
use crate::router::{EdgeView, LinkRule, RouterCounters, TypeView};
use crate::servers::ServerSnapshot;
use crate::stats::Histogram;
use crate::supervisor::ServerState;

/// Everything that can be counted about a running cluster. Counters only grow while a server lives; two views give rates:
/// see [`monitor`](crate::monitor).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterView {
    /// The environment of its configuration, such as `development`.
    pub env: String,
    /// The `servers.json` that it was started with.
    pub source: String,
    /// Since it started, in seconds.
    pub uptime_seconds: f64,
    /// Every server, up or not, in the order in which they were configured and added.
    pub servers: Vec<ServerView>,
    /// Every type that has servers, in the order of their first ones.
    pub types: Vec<TypeView>,
    /// Who has sent how much to whom, from server to server.
    pub edges: Vec<EdgeView>,
    /// The rules of the links, in the order in which they are asked.
    pub rules: Vec<LinkRule>,
    /// What the router has counted.
    pub router: RouterCounters,
    /// Uids that are bound.
    pub uids: usize,
}

/// One server.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerView {
    /// Which.
    pub id: ServerId,
    /// Of which type.
    pub server_type: ServerType,
    /// Its host, as configured.
    pub host: String,
    /// Pomelo's port between servers, as configured; nothing listens on it.
    pub pomelo_port: Option<u16>,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// Its share beside the others of its type.
    pub weight: f64,
    /// How it is.
    pub state: ServerState,
    /// Where its clients connect, when it is a frontend that is up.
    pub clients: Option<SocketAddr>,
    /// Since it came up last, in seconds; 0 when it is not up.
    pub uptime_seconds: f64,
    /// How often it has come up again: after a panic, or by order.
    pub restarts: u64,
    /// Messages from clients and calls of other servers that it took, in the last whole second.
    pub messages_per_second: u64,
    /// Its account of itself; none when it is not up.
    pub account: Option<ServerSnapshot>,
    /// Its port's; none on a backend.
    pub port: Option<PortSnapshot>,
    /// How long what it was asked took: on a frontend from a client's message to the response, on others from the
    /// moment at which the caller sent it to the answer.
    pub latency: Histogram,
    /// Most deliveries that waited for it at once, in this second or the one before; and what waits while it is paused.
    pub queue: usize,
}

/// The whole cluster at one moment.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct ClusterSnapshot {
    /// Every server, in the order of the configuration.
    pub servers: Vec<LiveServer>,
    /// What the router has counted.
    pub router: RouterCounters,
    /// Uids that are bound, in the whole cluster.
    pub uids: usize,
}

/// A server, and its port if it is a frontend.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LiveServer {
    /// The server's account of itself.
    #[serde(flatten)]
    pub server: ServerSnapshot,
    /// Its port's.
    pub port: Option<PortSnapshot>,
}

/// One line of `pomelo-sim list`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    /// Which server.
    pub id: ServerId,
    /// Of which type.
    pub server_type: ServerType,
    /// How it is.
    pub state: ServerState,
    /// Its host, as configured.
    pub host: String,
    /// Pomelo's port between servers, as configured; nothing listens on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Where its clients connect, when it is a frontend that is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<SocketAddr>,
    /// Since it was started last; zero when it is not up.
    #[serde(rename = "uptimeSeconds", serialize_with = "seconds")]
    pub uptime: Duration,
    /// Clients connected to it.
    pub sessions: usize,
    /// Rooms (channels) that it holds.
    pub rooms: usize,
    /// Messages from clients and calls of other servers that it took, in the last whole second.
    pub messages_per_second: u64,
    /// How often it has come up again: after a panic, or by order.
    pub restarts: u64,
}

impl From<ServerView> for ServerStatus {
    fn from(view: ServerView) -> Self {
        let (sessions, rooms) = view.account.map_or((0, 0), |account| (account.sessions, account.channels));
        Self {
            id: view.id,
            server_type: view.server_type,
            state: view.state,
            host: view.host,
            port: view.pomelo_port,
            clients: view.clients,
            uptime: Duration::from_secs_f64(view.uptime_seconds),
            sessions,
            rooms,
            messages_per_second: view.messages_per_second,
            restarts: view.restarts,
        }
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e3).round() / 1e3)
}

/// What the router says of itself.
struct Routed {
    types: Vec<TypeView>,
    edges: Vec<EdgeView>,
    rules: Vec<LinkRule>,
    counters: RouterCounters,
    uids: usize,
    /// How much waits for each server that is paused.
    waiting: Vec<usize>,
}

impl Observer {
    pub(super) async fn snapshot(&self) -> ClusterSnapshot {
        let live = |view: ServerView| Some(LiveServer { server: view.account?, port: view.port });
        let servers = self.servers().await.0.into_iter().filter_map(live).collect();
        let router = self.with_router(|router, _, _| (router.counters(), router.uids().len())).await;
        let (router, uids) = router.unwrap_or_default();
        ClusterSnapshot { servers, router, uids }
    }

    /// Every server's account, and of which moment. Of a paused one's queue only what waits inside of it.
    pub(super) async fn servers(&self) -> (Vec<ServerView>, Instant) {
        let seen = self.ask_all(|| Observe).await;
        // All by one look at the clock: two views then say whether a server was started between them.
        let now = Instant::now();
        (seen.into_iter().map(|(entry, seen)| server_view(entry, seen, now)).collect(), now)
    }

    pub(super) async fn view(self, env: String, source: String) -> Result<ClusterView, ControlError> {
        let (mut servers, now) = self.servers().await;
        let uptime_seconds = now.saturating_duration_since(self.clock.0).as_secs_f64();
        let states: Vec<_> = servers.iter().map(|server| (server.id.clone(), server.state)).collect();
        let routed = self.with_router(move |router, _, _| Routed {
            types: router.types(),
            edges: router.edges(),
            rules: router.rules(),
            counters: router.counters(),
            uids: router.uids().len(),
            waiting: states
                .into_iter()
                .map(|(id, state)| if state == ServerState::Paused { router.waiting_for(&id) } else { 0 })
                .collect(),
        });
        let Routed { types, edges, rules, counters, uids, waiting } =
            routed.await.map_err(|_| ControlError::Ended)?;
        servers.iter_mut().zip(waiting).for_each(|(server, waits)| server.queue += waits);
        let order: Vec<ServerType> = servers.iter().map(|server| server.server_type.clone()).collect();
        let types = in_order_of(&order, types);
        Ok(ClusterView { env, source, uptime_seconds, servers, types, edges, rules, router: counters, uids })
    }
}

fn server_view(entry: Entry, seen: Option<Observed>, now: Instant) -> ServerView {
    let up = now.saturating_duration_since(entry.since).as_secs_f64();
    let uptime_seconds = if seen.is_some() { up } else { 0.0 };
    let (account, port, latency, queue) = match seen {
        Some(Observed { account, port, latency, queue }) => (Some(account), port, latency, queue),
        None => (None, None, Histogram::default(), 0),
    };
    let is_restarting = account.as_ref().is_some_and(|account| account.is_restarting);
    ServerView {
        id: entry.id(),
        server_type: entry.spec.server_type.clone(),
        host: entry.spec.host.clone(),
        pomelo_port: entry.spec.port,
        frontend: entry.spec.frontend,
        weight: entry.spec.weight,
        state: entry.state_with(is_restarting),
        clients: entry.clients,
        uptime_seconds,
        restarts: entry.restarts(account.as_ref().map_or(0, |account| account.counters.restarts)),
        messages_per_second: entry.messages_per_second,
        account,
        port,
        latency,
        queue,
    }
}

/// The types that have servers, in the order in which these name them first.
pub(super) fn in_order_of(servers: &[ServerType], mut types: Vec<TypeView>) -> Vec<TypeView> {
    let place = |of: &TypeView| servers.iter().position(|server_type| *server_type == of.server_type);
    types.retain(|of| place(of).is_some());
    types.sort_by_key(place);
    types
}
