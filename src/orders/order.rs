//! The orders and their arguments.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::args::{name, parsed, reason, rule, some_name, within};
use super::table::Method::{Delete, Get, Post, Put};
use super::table::Takes::{Body, Fields, Nothing, Query};
use super::table::{Row, row};
use crate::live::RoomSort;
use crate::router::LinkRule;
use crate::strategies::StrategySpec;

/// An order to a running cluster. In JSON it is its name, or `{"name":{arguments}}`; [`ORDERS`]
/// describes each.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)]
#[rustfmt::skip]
pub enum Order {
    List,
    /// The fields of a server, or of a `clusterCount`.
    Add(Map<String, Value>),
    Remove { id: String },
    Stop { id: String },
    Kill { id: String },
    Pause { id: String },
    Resume { id: String },
    Restart { id: String },
    StopCluster,
    Reload,
    View,
    Audit,
    Events { #[serde(default, deserialize_with = "within::<0, { u64::MAX }, _>")] since: u64 },
    Rooms {
        #[serde(default)]
        search: String,
        #[serde(default, deserialize_with = "parsed")]
        sort: RoomSort,
        #[serde(default = "limit", deserialize_with = "within::<1, 1000, _>")]
        limit: u64,
    },
    Room { room: String },
    Users {
        #[serde(default)]
        search: String,
        #[serde(default = "limit", deserialize_with = "within::<1, 1000, _>")]
        limit: u64,
    },
    Kick {
        uid: String,
        #[serde(default = "kicked", deserialize_with = "reason")]
        reason: String,
    },
    Strategies,
    Strategy { server_type: String, strategy: StrategySpec },
    Preview { server_type: String, strategy: StrategySpec },
    Explain {
        #[serde(deserialize_with = "name")]
        uid: String,
        #[serde(deserialize_with = "name")]
        rid: String,
    },
    Trace { #[serde(default, deserialize_with = "within::<0, { u64::MAX }, _>")] since: u64 },
    /// See [`Filter`](crate::trace::Filter).
    TraceOn {
        #[serde(default, deserialize_with = "some_name", skip_serializing_if = "Option::is_none")]
        uid: Option<String>,
        #[serde(default, deserialize_with = "some_name", skip_serializing_if = "Option::is_none")]
        rid: Option<String>,
        #[serde(default, deserialize_with = "some_name", skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        #[serde(default, deserialize_with = "some_name", skip_serializing_if = "Option::is_none")]
        server: Option<String>,
        #[serde(default = "seconds", deserialize_with = "within::<1, 3600, _>")]
        seconds: u64,
    },
    TraceOff,
    Links,
    Link(#[serde(deserialize_with = "rule")] LinkRule),
    HealAll,
    Heal { name: String },
}

/// Every order.
#[rustfmt::skip]
pub const ORDERS: &[Row] = &[
    row((Get, "/api/v1/servers"), Nothing, ("list", "list"), "show the status of every server"),
    row((Post, "/api/v1/servers"), Fields, ("add", "add"), "start servers, given the fields of `servers.json` and `serverType`"),
    row((Delete, "/api/v1/servers/{id}"), Nothing, ("remove", "remove"), "stop a server and forget it"),
    row((Post, "/api/v1/servers/{id}/stop"), Nothing, ("stop", "stop"), "stop a server in good order"),
    row((Post, "/api/v1/servers/{id}/kill"), Nothing, ("kill", "kill"), "crash a server: it loses everything at once"),
    row((Post, "/api/v1/servers/{id}/pause"), Nothing, ("pause", "pause"), "freeze a server, as a process that hangs"),
    row((Post, "/api/v1/servers/{id}/resume"), Nothing, ("resume", "resume"), "resume a paused server"),
    row((Post, "/api/v1/servers/{id}/restart"), Nothing, ("restart", "restart"), "restart a server, or start it if it is down"),
    row((Post, "/api/v1/cluster/stop"), Nothing, ("stop_cluster", "stop"), "stop the whole cluster"),
    row((Post, "/api/v1/cluster/reload"), Nothing, ("reload", "reload"), "reload the configuration and apply its changes"),
    row((Get, "/api/v1/view"), Nothing, ("view", "top"), "show all counters; they only grow"),
    row((Get, "/api/v1/audit"), Nothing, ("audit", "audit"), "list the invariants that are violated"),
    row((Get, "/api/v1/events"), Query(&["since"]), ("events", "events"), "list events from a number on"),
    row((Get, "/api/v1/rooms"), Query(&["search", "sort", "limit"]), ("rooms", "rooms"), "list rooms, sorted by `members`, `messages` or `name`"),
    row((Get, "/api/v1/rooms/{room}"), Nothing, ("room", "rooms"), "list the members of a room"),
    row((Get, "/api/v1/users"), Query(&["search", "limit"]), ("users", "users"), "list users and their rooms"),
    row((Post, "/api/v1/users/{uid}/kick"), Body(&["reason"]), ("kick", "kick"), "close a user's session"),
    row((Get, "/api/v1/strategies"), Nothing, ("strategies", "strategy"), "list the known strategies and those in use"),
    row((Put, "/api/v1/strategies/{serverType}"), Body(&["strategy"]), ("strategy", "strategy"), "change the strategy of a server type"),
    row((Get, "/api/v1/strategies/{serverType}/preview"), Query(&["strategy"]), ("preview", "strategy"), "preview what another strategy would move"),
    row((Get, "/api/v1/explain"), Query(&["uid", "rid"]), ("explain", "explain"), "explain where a login goes"),
    row((Get, "/api/v1/trace"), Query(&["since"]), ("trace", "trace"), "show the steps of traced messages"),
    row((Put, "/api/v1/trace"), Body(&["uid", "rid", "route", "server", "seconds"]), ("trace_on", "trace"), "trace matching messages"),
    row((Delete, "/api/v1/trace"), Nothing, ("trace_off", "trace"), "stop tracing"),
    row((Get, "/api/v1/links"), Nothing, ("links", "links"), "list the link rules"),
    row((Post, "/api/v1/links"), Body(&["name", "from", "to", "both", "cut", "loss", "latency"]), ("link", "link"), "add a link rule"),
    row((Delete, "/api/v1/links"), Nothing, ("heal_all", "heal"), "remove all link rules"),
    row((Delete, "/api/v1/links/{name}"), Nothing, ("heal", "heal"), "remove a link rule"),
];

/// The reason given to a kicked client by default.
pub const KICK_REASON: &str = "kicked by an operator";

/// Default number of rooms or users shown.
fn limit() -> u64 {
    50
}

/// Default duration of a trace, in seconds.
fn seconds() -> u64 {
    300
}

fn kicked() -> String {
    KICK_REASON.to_owned()
}

impl Order {
    /// Its row in the table, and its arguments.
    pub(super) fn parts(&self) -> Option<(&'static Row, Map<String, Value>)> {
        let (name, args) = match serde_json::to_value(self).ok()? {
            Value::Object(order) => order.into_iter().next()?,
            bare => (bare.as_str()?.to_owned(), Value::Null),
        };
        let row = ORDERS.iter().find(|row| row.name == name)?;
        match args {
            Value::Object(args) => Some((row, args)),
            _ => Some((row, Map::new())),
        }
    }

    /// Whether its answer has what users write to each other.
    pub(crate) fn tells_bodies(&self) -> bool {
        matches!(self, Order::Trace { .. })
    }
}

/// Checks the fields of one link rule.
///
/// # Errors
/// A field is unknown or has a wrong value, or the rule would have no effect; the error is the
/// message.
pub fn link_rule(fields: &Map<String, Value>) -> Result<LinkRule, String> {
    let row = ORDERS.iter().find(|row| row.name == "link").ok_or("no order link")?;
    match row.read(fields.clone()) {
        Ok(Order::Link(rule)) => Ok(rule),
        Ok(other) => Err(format!("not a rule: {other:?}")),
        Err(refusal) => Err(refusal.message),
    }
}
