//! Where robots log in: at the selected running cluster, or where its configuration says.

use std::net::SocketAddr;

use crate::admin::{AdminClient, Running};
use crate::cli::admin_args::ClusterArgs;
use crate::cli::output::Failure;
use crate::orders::Order;
use crate::program;

/// Where robots log in.
pub(super) enum Entry {
    /// At a gate.
    Gate(String),
    /// At a connector, without a gate.
    Connector(String),
}

impl ClusterArgs {
    /// Where to log in; `None` when nothing tells.
    pub(super) fn entry(&self) -> Result<Option<Entry>, Failure> {
        let missed = match self.find() {
            Ok(running) => return entry_of(&running).map(Some),
            Err(missed) => missed,
        };
        if self.admin_file.is_some() || self.port_offset.is_some() {
            return Err(missed);
        }
        if self.config.config.is_none() && !self.config.path().exists() {
            // When clusters run and none is selected, robots must not choose one.
            return if Running::all()?.is_empty() { Ok(None) } else { Err(missed) };
        }
        let spec = self.config.load()?;
        let listens = |server_type| {
            let mut servers = spec.of_type(server_type).filter(|server| server.frontend);
            servers
                .find_map(|server| Some(address(&server.host, server.client_port.filter(|port| *port != 0)?)))
        };
        let has_gate = spec.of_type("gate").any(|gate| gate.frontend);
        let entry = if has_gate {
            listens("gate").map(Entry::Gate)
        } else {
            listens("connector").map(Entry::Connector)
        };
        entry.map(Some).ok_or(missed)
    }

    /// Whether the command line names a cluster.
    pub(super) fn is_given(&self) -> bool {
        let env = self.config.env.is_some() && std::env::var_os("NODE_ENV").is_none();
        self.config.config.is_some() || env || self.port_offset.is_some() || self.admin_file.is_some()
    }
}

fn address(host: &str, port: u16) -> String {
    let local = if matches!(host, "0.0.0.0" | "::") { "127.0.0.1" } else { host };
    if local.contains(':') { format!("[{local}]:{port}") } else { format!("{local}:{port}") }
}

/// Where clients log in at a running cluster.
fn entry_of(running: &Running) -> Result<Entry, Failure> {
    let answer = AdminClient::new(running.clone()).ask(&Order::List)?;
    let servers = answer["servers"].as_array().map_or(&[][..], Vec::as_slice);
    let of_type =
        |server_type: &'static str| servers.iter().filter(move |server| server["serverType"] == server_type);
    // A gate that is down for a moment must not be bypassed.
    let server_type = if of_type("gate").next().is_some() { "gate" } else { "connector" };
    let clients =
        of_type(server_type).find_map(|server| server["clients"].as_str()?.parse::<SocketAddr>().ok());
    let clients = clients.ok_or_else(|| {
        format!("no {server_type} is up in {running}: {} restart brings one back", program::command())
    })?;
    let at = address(&clients.ip().to_string(), clients.port());
    Ok(if server_type == "gate" { Entry::Gate(at) } else { Entry::Connector(at) })
}
