//! What a page must know before it shows anything: where clients connect, and what it may do.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::guard::host_part;
use crate::config::ServerSpec;
use crate::live::RunningCluster;

/// The cluster, as the page asks for it that came by this `Host`.
pub(super) fn cluster(cluster: &RunningCluster, host: &str, may_change: bool) -> Value {
    let reached = |address: SocketAddr| {
        let ip = address.ip();
        // Open on all addresses: the one by which the page was reached is one of them.
        if ip.is_unspecified() { host_part(host).unwrap_or("127.0.0.1").to_owned() } else { ip.to_string() }
    };
    let frontends: Vec<Value> = cluster
        .servers()
        .filter_map(|(server, address)| {
            let address = address?;
            Some(json!({
                "id": server.id,
                "serverType": server.server_type,
                "host": reached(address),
                "port": address.port(),
            }))
        })
        .collect();
    let at = |address: SocketAddr| json!({"host": reached(address), "port": address.port()});
    let (gate, connector) = match entry(cluster) {
        Some(Entry::Gate(gate)) => (Some(at(gate)), None),
        Some(Entry::Connector(connector)) => (None, Some(at(connector))),
        None => (None, None),
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "env": cluster.spec().env,
        "source": cluster.spec().source,
        "gate": gate,
        "connector": connector,
        "frontends": frontends,
        "mayChange": may_change,
    })
}

/// Where clients log in.
pub(super) enum Entry {
    /// They ask a gate.
    Gate(SocketAddr),
    /// The cluster has no gate: they know a connector.
    Connector(SocketAddr),
}

/// A gate that is up; only of a cluster that has none, a connector.
pub(super) fn entry(cluster: &RunningCluster) -> Option<Entry> {
    let is_gate = |server: &ServerSpec| server.server_type.as_str() == "gate" && server.frontend;
    // One that is down for a while is no reason to pass it by.
    if cluster.spec().servers.iter().any(is_gate) || cluster.servers().any(|(server, _)| is_gate(&server)) {
        return cluster.first_address("gate").map(Entry::Gate);
    }
    cluster.first_address("connector").map(Entry::Connector)
}
