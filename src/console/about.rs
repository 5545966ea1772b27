//! What a page needs first: where clients connect, and what the page may do.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::guard::host_part;
use crate::config::ServerSpec;
use crate::live::RunningCluster;

/// The cluster, for a page that was requested by this `Host`.
pub(super) fn cluster(cluster: &RunningCluster, host: &str, may_change: bool) -> Value {
    let reached = |address: SocketAddr| {
        let ip = address.ip();
        // The port is open on all addresses: the one of the request is one of them.
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
    /// At a gate.
    Gate(SocketAddr),
    /// At a connector: the cluster has no gate.
    Connector(SocketAddr),
}

/// A gate that is up; a connector only if the cluster has no gate.
pub(super) fn entry(cluster: &RunningCluster) -> Option<Entry> {
    let is_gate = |server: &ServerSpec| server.server_type.as_str() == "gate" && server.frontend;
    // A gate that is down for a moment must not be bypassed.
    if cluster.spec().servers.iter().any(is_gate) || cluster.servers().any(|(server, _)| is_gate(&server)) {
        return cluster.first_address("gate").map(Entry::Gate);
    }
    cluster.first_address("connector").map(Entry::Connector)
}
