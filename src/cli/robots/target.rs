//! Which gate robots go to: that of the running cluster that is meant, or of its configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::admin::{AdminClient, Running};
use crate::cli::admin_args::{AdminArgs, Failure};
use crate::cli::config_args::ConfigArgs;
use crate::program;

/// Whose gate it is.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The running cluster that serve was given this --port-offset for
    #[arg(long, value_name = "N", conflicts_with = "admin_file")]
    pub port_offset: Option<u16>,
    /// File of the running cluster, as the banner of serve names it
    #[arg(long, value_name = "PATH")]
    pub admin_file: Option<PathBuf>,
}

impl Target {
    /// Where its gate is; none when nothing says.
    pub(super) fn gate(&self) -> Result<Option<String>, Failure> {
        let Self { config, port_offset, admin_file } = self.clone();
        let cluster = AdminArgs { config, port_offset, admin_file, json: false };
        let missed = match cluster.find() {
            Ok(running) => return gate_of(&running).map(Some),
            Err(missed) => missed,
        };
        if self.admin_file.is_some() || self.port_offset.is_some() {
            return Err(missed);
        }
        if self.config.config.is_none() && !self.config.path().exists() {
            // With clusters that run and none that is meant, the robots must not take just any.
            return if Running::all()?.is_empty() { Ok(None) } else { Err(missed) };
        }
        let spec = self.config.load()?;
        let port =
            spec.of_type("gate").find_map(|gate| Some((gate, gate.client_port.filter(|_| gate.frontend)?)));
        match port {
            Some((gate, port)) if port != 0 => Ok(Some(address(&gate.host, port))),
            _ => Err(missed),
        }
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

/// The gate of a cluster that runs, as it is now.
fn gate_of(running: &Running) -> Result<String, Failure> {
    let answer = AdminClient::connect_to(running)?.ask("list", json!({}))?;
    let servers = answer["servers"].as_array().map_or(&[][..], Vec::as_slice);
    let mut gates = servers.iter().filter(|server| server["serverType"] == "gate");
    let clients = gates.find_map(|gate| gate["clients"].as_str()?.parse::<SocketAddr>().ok());
    let clients = clients.ok_or_else(|| {
        format!("no gate is up in {running}: {} restart brings one back", program::command())
    })?;
    Ok(address(&clients.ip().to_string(), clients.port()))
}
