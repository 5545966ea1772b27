//! Requests that the console answers itself, without an order to the cluster.

use serde::Deserialize;

use super::robots::Wanted;
use crate::orders::{Method, Row, Takes};

/// A request to the console itself: each a row of [`OWN`], as orders are of
/// [`ORDERS`](crate::orders::ORDERS).
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Own {
    Cluster,
    Picture,
    History,
    Live,
    Robots,
    StartRobots(Wanted),
    StopRobots,
}

const fn look(name: &'static str, path: &'static str, summary: &'static str) -> Row {
    Row { name, method: Method::Get, path, takes: Takes::Nothing, command: "", summary }
}

/// Paths of the API that are not orders.
pub const OWN: &[Row] = &[
    look(
        "cluster",
        "/api/v1/cluster",
        "version, environment, where clients connect, whether you may change something",
    ),
    look("picture", "/api/v1/picture", "the cluster now"),
    look("history", "/api/v1/history", "its last five minutes"),
    look("live", "/api/v1/live", "pictures, events, traces and robots as they come (server-sent events)"),
    look("robots", "/api/v1/robots", "the robots and their figures"),
    Row {
        method: Method::Put,
        takes: Takes::Body(&["users", "rooms", "messagesPerSecond", "bytes", "seconds"]),
        ..look("start_robots", "/api/v1/robots", "start robots, in place of those that run")
    },
    Row { method: Method::Delete, ..look("stop_robots", "/api/v1/robots", "end them") },
];
