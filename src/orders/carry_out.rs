//! Carries out an order on the running cluster and makes the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::order::Order;
use super::refusal::Refusal;
use crate::config::{Bites, ClusterSpec, ConfigError, Present, additions};
use crate::ids::{ServerId, ServerType};
use crate::live::{ControlError, RoomQuery, RunningCluster, ServerState, ServerView, StopHandle, Verb};
use crate::router::LinkRule;
use crate::servers::ROLES;
use crate::strategies::{ALL, Kind, Parameter, StrategyEntry};
use crate::trace::Filter;

/// Time for which an invariant must be violated before it counts as a fault. On a busy cluster,
/// shorter violations are normal.
const AUDIT_TIME: Duration = Duration::from_millis(500);

/// A running cluster, and how to stop it.
pub struct Orders {
    /// The cluster.
    pub cluster: Arc<RunningCluster>,
    /// Ends the process's wait for the cluster.
    pub stop: StopHandle,
    /// Its configuration.
    pub load: Load,
}

/// Reads the configuration of a cluster again, in the same way as at its start.
pub type Load = Box<dyn Fn() -> Result<ClusterSpec, ConfigError> + Send + Sync>;

/// What the answer to [`Order::List`] has of a server: a few of a [`ServerView`]'s fields, under
/// names that scripts read. `port` is Pomelo's here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerLine<'a> {
    id: &'a ServerId,
    server_type: &'a ServerType,
    state: ServerState,
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<SocketAddr>,
    uptime_seconds: f64,
    sessions: usize,
    rooms: usize,
    messages_per_second: u64,
    restarts: u64,
}

impl<'a> ServerLine<'a> {
    fn of(server: &'a ServerView) -> Self {
        Self {
            id: &server.id,
            server_type: &server.server_type,
            state: server.state,
            host: &server.host,
            port: server.pomelo_port,
            clients: server.clients,
            uptime_seconds: (server.uptime_seconds * 1e3).round() / 1e3,
            sessions: server.figure(|account| account.sessions),
            rooms: server.figure(|account| account.channels),
            messages_per_second: server.messages_per_second,
            restarts: server.restarts,
        }
    }
}

impl Orders {
    /// Carries out an order and returns its answer. [`Order::StopCluster`] is only answered here,
    /// so that the answer can be sent first; call `stop` afterwards.
    ///
    /// # Errors
    /// The cluster refuses the order.
    pub fn carry_out(&self, order: Order) -> Result<Value, Refusal> {
        let cluster = &*self.cluster;
        let change = |verb, id: String| -> Result<Value, Refusal> {
            cluster.change(verb, &id)?;
            Ok(json!({ "done": [id] }))
        };
        Ok(match order {
            Order::List => {
                let servers = cluster.list()?;
                json!({ "servers": servers.iter().map(ServerLine::of).collect::<Vec<_>>() })
            }
            Order::Add(fields) => add(cluster, &fields)?,
            Order::Remove { id } => change(Verb::Remove, id)?,
            Order::Stop { id } => change(Verb::Stop, id)?,
            Order::Kill { id } => change(Verb::Kill, id)?,
            Order::Pause { id } => change(Verb::Pause, id)?,
            Order::Resume { id } => change(Verb::Resume, id)?,
            Order::Restart { id } => change(Verb::Restart, id)?,
            Order::StopCluster => json!({ "stopping": true }),
            Order::Reload => {
                let spec = (self.load)().map_err(ControlError::from)?;
                json!(cluster.reload(&spec)?)
            }
            Order::View => json!(cluster.view()?),
            Order::Audit => json!({ "violations": cluster.audit_for(AUDIT_TIME)? }),
            Order::Events { since } => json!(cluster.timeline().since(since)),
            Order::Rooms { search, sort, limit } => {
                json!(cluster.rooms(RoomQuery { search, sort, limit: limit as usize })?)
            }
            Order::Room { room } => json!(cluster.room(&room)?),
            Order::Users { search, limit } => json!(cluster.users(&search, limit as usize)?),
            Order::Kick { uid, reason } => {
                let frontend = cluster.kick(&uid, &reason)?;
                json!({ "kicked": uid, "frontend": frontend })
            }
            Order::Strategies => {
                json!({ "types": cluster.strategies()?, "strategies": known_strategies() })
            }
            Order::Strategy { server_type, strategy } => json!(cluster.set_strategy(&server_type, strategy)?),
            Order::Preview { server_type, strategy } => {
                json!(cluster.preview_strategy(&server_type, strategy)?)
            }
            Order::Explain { uid, rid } => json!(cluster.explain(&uid, &rid)?),
            Order::Trace { since } => json!(cluster.trace(since)?),
            Order::TraceOn { uid, rid, route, server, seconds } => {
                let filter = Filter { uid, rid, route, server };
                json!(cluster.trace_on(filter, Duration::from_secs(seconds))?)
            }
            Order::TraceOff => json!(cluster.trace_off()?),
            Order::Links => json!({ "rules": cluster.link_rules()? }),
            Order::Link(rule) => {
                let warnings = rule_warnings(&rule, &cluster.list()?);
                json!({ "name": cluster.add_link_rule(rule)?, "warnings": warnings })
            }
            Order::HealAll => {
                let healed: Vec<String> = cluster.link_rules()?.into_iter().map(|rule| rule.name).collect();
                cluster.heal(None)?;
                json!({ "healed": healed })
            }
            Order::Heal { name } => {
                cluster.heal(Some(&name))?;
                json!({ "healed": [name] })
            }
        })
    }
}

/// Starts servers one after the other, up to the first failure.
fn add(cluster: &RunningCluster, fields: &Map<String, Value>) -> Result<Value, Refusal> {
    let present: Vec<Present> = cluster.list()?.into_iter().map(present).collect();
    let servers = additions(fields, &present).map_err(ControlError::from)?;
    // Port warnings are left out: the answer already says whether a port opened.
    let warnings = servers.iter().flat_map(|server| server.warnings(&ROLES));
    let warnings: Vec<String> = warnings
        .filter(|warning| warning.bites != Bites::AtStart)
        .map(|warning| warning.to_string())
        .collect();
    let mut added = Vec::with_capacity(servers.len());
    for server in servers {
        let id = server.id.to_string();
        if let Err(error) = cluster.add(server) {
            return Err(Refusal { done: added, ..Refusal::from(error) });
        }
        added.push(id);
    }
    Ok(json!({ "added": added, "warnings": warnings }))
}

/// The table of strategies, for clients that offer a choice.
fn known_strategies() -> Vec<Value> {
    let parameter = |parameter: Parameter| match parameter {
        Parameter::None => Value::Null,
        Parameter::Number { what, default, min, max, .. } => {
            json!({ "what": what, "default": default, "min": min, "max": max })
        }
        Parameter::Inner => json!("strategy"),
    };
    let known = |entry: &StrategyEntry| {
        json!({
            "name": entry.name,
            "summary": entry.summary,
            "sticky": entry.kind == Kind::Sticky,
            "weighted": entry.weighted,
            "parameter": parameter(entry.parameter),
        })
    };
    ALL.iter().map(known).collect()
}

fn present(server: ServerView) -> Present {
    Present {
        id: server.id,
        server_type: server.server_type,
        host: server.host,
        port: server.pomelo_port,
        client_port: server.clients.map(|address| address.port()),
        is_down: server.state.is_down(),
    }
}

/// A rule for an unknown server may be intended or a typing error, so it only warns.
fn rule_warnings(rule: &LinkRule, servers: &[ServerView]) -> Vec<String> {
    let nobody = |name: &str| {
        let mut names = servers.iter().flat_map(|server| [server.id.as_str(), server.server_type.as_str()]);
        name != "*" && !names.any(|known| known == name)
    };
    let ends = [("from", &rule.from), ("to", &rule.to)];
    let unmet = ends.into_iter().filter(|(_, name)| nobody(name));
    unmet.map(|(end, name)| format!("{end}: no server has the id or the type {name:?} now")).collect()
}
