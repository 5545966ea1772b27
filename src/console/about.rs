//! What a page must know before it shows anything: where clients connect, and what it may do.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::guard::host_part;
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
    let gate = gate(cluster).map(|gate| json!({"host": reached(gate), "port": gate.port()}));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "env": cluster.spec().env,
        "source": cluster.spec().source,
        "gate": gate,
        "frontends": frontends,
        "mayChange": may_change,
    })
}

/// Where the first gate that is up listens.
pub(super) fn gate(cluster: &RunningCluster) -> Option<SocketAddr> {
    let mut gates = cluster.servers().filter(|(server, _)| server.server_type.as_str() == "gate");
    gates.find_map(|(_, address)| address)
}
