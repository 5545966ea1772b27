//! The whole cluster at one moment, as numbers that only grow: what console, metrics and `top` are made of.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::control::{ControlError, ServerState};
use super::running::RunningCluster;
use crate::config::ServerSpec;
use crate::ids::{ServerId, ServerType};
use crate::ports::PortSnapshot;
use crate::router::{LinkRule, RouterCounters, TypeView};
use crate::servers::ServerSnapshot;
use crate::stats::Histogram;

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
    /// Its account of itself; none when it is not up.
    pub account: Option<ServerSnapshot>,
    /// Its port's; none on a backend.
    pub port: Option<PortSnapshot>,
    /// How long what it was asked took: on a frontend from a client's message to the response, on others from the
    /// moment at which the caller sent it to the answer.
    pub latency: Histogram,
    /// Most deliveries that waited for it at once since the view before; what waits while it is paused.
    pub queue: usize,
}

/// What one server has sent to another.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeView {
    /// Who.
    pub from: ServerId,
    /// To whom.
    pub to: ServerId,
    /// Envelopes that arrived.
    pub envelopes: u64,
    /// Envelopes that are on their way now: links and pauses hold them up.
    pub held: usize,
}

impl RunningCluster {
    /// The whole cluster at this moment.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn view(&self) -> Result<ClusterView, ControlError> {
        let snapshot = self.snapshot();
        let list = self.list()?;
        let specs: Vec<ServerSpec> = self.servers().map(|(spec, _)| spec).collect();
        let servers = list.into_iter().map(|status| {
            let seen = snapshot.servers.iter().find(|seen| seen.server.id == status.id);
            let spec = specs.iter().find(|spec| spec.id == status.id);
            ServerView {
                frontend: spec.is_some_and(|spec| spec.frontend),
                weight: spec.map_or(1.0, |spec| spec.weight),
                state: status.state,
                clients: status.clients,
                uptime_seconds: status.uptime.as_secs_f64(),
                restarts: status.restarts,
                account: seen.map(|seen| seen.server.clone()),
                port: seen.and_then(|seen| seen.port.clone()),
                latency: Histogram::default(),
                queue: 0,
                id: status.id,
                server_type: status.server_type,
            }
        });
        let servers: Vec<ServerView> = servers.collect();
        let order: Vec<ServerType> = servers.iter().map(|server| server.server_type.clone()).collect();
        let types = in_order_of(&order, self.with_router(|router, _, _| router.types())?);
        Ok(ClusterView {
            env: self.spec().env.clone(),
            source: self.spec().source.display().to_string(),
            uptime_seconds: servers.iter().map(|server| server.uptime_seconds).fold(0.0, f64::max),
            servers,
            types,
            edges: Vec::new(),
            rules: self.link_rules()?,
            router: snapshot.router,
            uids: snapshot.uids,
        })
    }
}

/// The types that have servers, in the order in which these name them first.
pub(super) fn in_order_of(servers: &[ServerType], mut types: Vec<TypeView>) -> Vec<TypeView> {
    let place = |of: &TypeView| servers.iter().position(|server_type| *server_type == of.server_type);
    types.retain(|of| place(of).is_some());
    types.sort_by_key(place);
    types
}
