//! Shared by tests: private clusters, clients on both transports, and the pure cluster without
//! actix.

// Included by several test binaries, none of which uses all of it.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

pub mod admin;
pub mod alone;
pub mod areas;
pub mod browser;
pub mod client;
pub mod comeback;
pub mod console;
pub mod fragile;
pub mod house;
pub mod liar;
pub mod load;
pub mod node;
pub mod official;
pub mod processes;
pub mod protos;
pub mod pure;
pub mod raw;
pub mod rooms;
pub mod scene;
pub mod served;
pub mod shop;
pub mod stand;
pub mod virtual_world;
pub mod watch;
pub mod world;

use std::path::Path;
use std::time::{Duration, Instant};

use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::ClusterSpec;

/// A guard against hangs: the longest wait for an expected event. Only a failing test waits that
/// long, so it is far more than a busy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than any test lasts.
pub const LONG: Duration = Duration::from_secs(600);

/// A live cluster whose timers never fire because a test is slow. A test of a timer shortens only
/// that one.
pub fn patient() -> Options {
    Options {
        heartbeat: Some(LONG),
        handshake_timeout: LONG,
        ack_timeout: LONG,
        idle_timeout: LONG,
        request_timeout: LONG,
        ..Options::default()
    }
}

/// The tutorial's seven servers, on free ports.
pub fn tutorial() -> Cluster {
    cluster(3, 3)
}

/// One gate with the given numbers of connectors and chat servers, on free ports.
pub fn cluster(connectors: usize, chats: usize) -> Cluster {
    Cluster::from_spec(spec(connectors, chats))
}

/// The same with several gates.
pub fn cluster_of(gates: usize, connectors: usize, chats: usize) -> Cluster {
    let json = servers_json_of(gates, connectors, chats);
    Cluster::from_spec(ClusterSpec::from_json(&json, "development", Path::new("servers.json")).unwrap())
}

/// The configuration of such a cluster.
pub fn spec(connectors: usize, chats: usize) -> ClusterSpec {
    let json = servers_json(connectors, chats);
    ClusterSpec::from_json(&json, "development", Path::new("servers.json")).unwrap()
}

/// Its `servers.json`.
pub fn servers_json(connectors: usize, chats: usize) -> String {
    servers_json_of(1, connectors, chats)
}

fn servers_json_of(gates: usize, connectors: usize, chats: usize) -> String {
    let servers = |server_type: &str, count: usize, more: &str| -> String {
        let server = |n| format!(r#"{{"id":"{server_type}-server-{n}","host":"127.0.0.1"{more}}}"#);
        (1..=count).map(server).collect::<Vec<_>>().join(",")
    };
    const FRONTEND: &str = r#","clientPort":0,"frontend":true"#;
    format!(
        r#"{{"connector":[{}],"chat":[{}],"gate":[{}]}}"#,
        servers("connector", connectors, FRONTEND),
        servers("chat", chats, r#","port":0"#),
        servers("gate", gates, FRONTEND),
    )
}

/// Waits until `done` returns true.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < give_up, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
