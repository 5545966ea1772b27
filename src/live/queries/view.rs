//! The whole cluster at one moment, as counters that only grow: the source of the console, the
//! metrics and `top`.

use std::net::SocketAddr;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::observer::Observer;
use crate::ids::{ServerId, ServerType};
use crate::live::control::ControlError;
use crate::live::roster::Entry;
use crate::live::server_actor::Inside;
use crate::ports::{Port, PortSnapshot};
use crate::router::{EdgeView, LinkRule, RouterCounters, TypeView};
use crate::servers::ServerSnapshot;
use crate::stats::Histogram;
use crate::supervisor::ServerState;

/// Every figure of a running cluster. Counters only grow while a server lives; rates come from two
/// views: see [`monitor`](crate::monitor).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterView {
    /// The environment of its configuration, such as `development`.
    pub env: String,
    /// The `servers.json` that it was started with.
    pub source: String,
    /// Time since it started, in seconds.
    pub uptime_seconds: f64,
    /// Every server, up or not, in the order in which they were configured and added.
    pub servers: Vec<ServerView>,
    /// Every type that has servers, in the order of their first ones.
    pub types: Vec<TypeView>,
    /// Messages sent from server to server.
    pub edges: Vec<EdgeView>,
    /// The link rules, in the order in which they are consulted.
    pub rules: Vec<LinkRule>,
    /// The router's counters.
    pub router: RouterCounters,
    /// Number of bound uids.
    pub uids: usize,
}

/// One server, the only report of it: `list`, the metrics and the console's pictures are made from
/// it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerView {
    /// Its id.
    pub id: ServerId,
    /// Its type.
    pub server_type: ServerType,
    /// Its host, as configured.
    pub host: String,
    /// Pomelo's port between servers, as configured; nothing listens on it.
    pub pomelo_port: Option<u16>,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// Its weight compared with the others of its type.
    pub weight: f64,
    /// Its state.
    pub state: ServerState,
    /// Where its clients connect, if it is a frontend that is up.
    pub clients: Option<SocketAddr>,
    /// Time since it last came up, in seconds; 0 if it is not up.
    pub uptime_seconds: f64,
    /// How often it has come up again, after a panic or by order.
    pub restarts: u64,
    /// Messages from clients and calls from other servers that it took, in the last whole second.
    pub messages_per_second: u64,
    /// The server's own snapshot; `None` if it is not up.
    pub account: Option<ServerSnapshot>,
    /// Its port's snapshot; `None` on a backend.
    pub port: Option<PortSnapshot>,
    /// Request latency: on a frontend from a client's message to the response, on others from the
    /// moment when the caller sent the request to the answer.
    pub latency: Histogram,
    /// Most deliveries that waited for it at once, in this second or the one before, and those that
    /// wait while it is paused.
    pub queue: usize,
}

impl ServerView {
    /// A figure of its snapshot; zero while it is down.
    pub fn figure<T: Default>(&self, of: impl FnOnce(&ServerSnapshot) -> T) -> T {
        self.account.as_ref().map(of).unwrap_or_default()
    }
}

/// A server's figures, from its actor.
struct Seen {
    account: ServerSnapshot,
    port: Option<PortSnapshot>,
    latency: Histogram,
    queue: usize,
}

impl Seen {
    fn of(Inside { server, port, queue, .. }: Inside<'_>) -> Self {
        let (account, latency) = (server.snapshot(), server.latency());
        Self { account, port: port.map(Port::snapshot), latency, queue }
    }
}

/// The router's figures.
struct RouterFigures {
    types: Vec<TypeView>,
    edges: Vec<EdgeView>,
    rules: Vec<LinkRule>,
    counters: RouterCounters,
    uids: usize,
    /// The number of envelopes that wait for each paused server.
    waiting: Vec<usize>,
}

impl Observer {
    /// Every server's view, and its moment. The queue of a paused server does not include envelopes
    /// that wait in the router.
    pub(in crate::live) async fn servers(&self) -> (Vec<ServerView>, Instant) {
        let seen = self.inspect_all(Seen::of).await;
        // One clock reading for all: two views then tell whether a server was started between them.
        let now = Instant::now();
        (seen.into_iter().map(|(entry, seen)| server_view(entry, seen, now)).collect(), now)
    }

    pub(super) async fn view(self, env: String, source: String) -> Result<ClusterView, ControlError> {
        let (mut servers, now) = self.servers().await;
        let uptime_seconds = now.saturating_duration_since(self.clock.started).as_secs_f64();
        let states: Vec<_> = servers.iter().map(|server| (server.id.clone(), server.state)).collect();
        let routed = self.with_router(move |router, _, _| RouterFigures {
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
        let RouterFigures { types, edges, rules, counters, uids, waiting } =
            routed.await.map_err(|_| ControlError::Ended)?;
        servers.iter_mut().zip(waiting).for_each(|(server, waits)| server.queue += waits);
        let order: Vec<ServerType> = servers.iter().map(|server| server.server_type.clone()).collect();
        let types = in_order_of(&order, types);
        Ok(ClusterView { env, source, uptime_seconds, servers, types, edges, rules, router: counters, uids })
    }
}

fn server_view(entry: Entry, seen: Option<Seen>, now: Instant) -> ServerView {
    let Entry { spec, state, clients, since, made, messages_per_second, .. } = entry;
    let mut view = ServerView {
        id: spec.id.clone(),
        server_type: spec.server_type.clone(),
        host: spec.host.clone(),
        pomelo_port: spec.port,
        frontend: spec.frontend,
        weight: spec.weight,
        state,
        clients,
        uptime_seconds: 0.0,
        restarts: u64::from(made.saturating_sub(1)),
        messages_per_second,
        account: None,
        port: None,
        latency: Histogram::default(),
        queue: 0,
    };
    if let Some(Seen { account, port, latency, queue }) = seen {
        // Only the server itself knows that it restarts after a panic, and how often it did.
        if account.is_restarting {
            view.state = ServerState::Restarting;
        }
        view.restarts += account.counters.restarts;
        view.uptime_seconds = now.saturating_duration_since(since).as_secs_f64();
        (view.account, view.port, view.latency, view.queue) = (Some(account), port, latency, queue);
    }
    view
}

/// The types that have servers, in the order of their first servers.
pub(super) fn in_order_of(servers: &[ServerType], mut types: Vec<TypeView>) -> Vec<TypeView> {
    let place = |of: &TypeView| servers.iter().position(|server_type| *server_type == of.server_type);
    types.retain(|of| place(of).is_some());
    types.sort_by_key(place);
    types
}
