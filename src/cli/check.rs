//! `pomelo-sim check`: what a configuration describes, and what in it will bite.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::config_args::ConfigArgs;
use super::output::{count, print, refuse, table};
use crate::cluster::{Cluster, PlanError};
use crate::config::{Bites, ClusterSpec, ServerSpec, Warning};

/// Read the configuration: what it describes, what is wrong, what will bite
///
/// Prints a table of the servers with the address that clients are told, then one warning a line about what works but
/// perhaps not as meant: fields that look misspelt, addresses that mean something else on another machine, servers that
/// nobody can reach. Opens no client port, so it is safe beside a running cluster.
///
/// What is wrong is one error, with file, line and column, what was expected and what came.
///
/// Exit code: 0 when the cluster can be served, with or without warnings; 2 when not.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct CheckArgs {
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print one JSON object: file, env, servers, master, dictionary, protos, warnings
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim check
      config/servers.json, environment development
  pomelo-sim check --config game/config --env production --json
      for scripts: the servers as read, and the warnings";

/// Runs the command.
pub fn run(args: &CheckArgs) -> ExitCode {
    match check(args) {
        Ok(text) => print(&text),
        Err(error) => refuse(error),
    }
}

/// What [`run`] prints. Goes as far as making the cluster, so that nothing is left for `serve` to find but taken ports.
///
/// # Errors
/// What is wrong with the configuration.
pub fn check(args: &CheckArgs) -> Result<String, PlanError> {
    report(Cluster::from_spec(args.config.load()?), args.json)
}

/// As [`check`], of any cluster: one with server types and routes of its own has no command, but can be checked too.
///
/// # Errors
/// What is wrong with the cluster.
pub fn report(cluster: Cluster, json: bool) -> Result<String, PlanError> {
    let mut warnings = cluster.warnings();
    let spec = cluster.plan()?.spec;
    warnings.extend(foreign_hosts(&spec));
    Ok(if json { as_json(&spec, &warnings) } else { as_text(&spec, &warnings) })
}

fn as_json(spec: &ClusterSpec, warnings: &[Warning]) -> String {
    let report = json!({
        "file": spec.source.display().to_string(),
        "env": spec.env,
        "servers": spec.servers,
        "master": spec.master,
        "dictionary": spec.dictionary,
        "protos": spec.protos,
        "warnings": warnings,
    });
    format!("{report:#}\n")
}

fn as_text(spec: &ClusterSpec, warnings: &[Warning]) -> String {
    let mut rows: Vec<Vec<String>> = spec.servers.iter().map(row).collect();
    let mut header = vec!["ID", "TYPE", "ADDRESS", "CLIENTS ARE TOLD"];
    if spec.servers.iter().any(|server| server.weight != 1.0) {
        header.push("WEIGHT");
        rows.iter_mut().zip(&spec.servers).for_each(|(row, server)| row.push(server.weight.to_string()));
    }
    let mut text = format!(
        "{}, environment {}: {} of {}\n\n{}",
        spec.source.display(),
        spec.env,
        count(rows.len(), "server"),
        count(spec.server_types().count(), "type"),
        table(&header, &rows),
    );
    let mut also = Vec::new();
    if let Some(master) = &spec.master {
        also.push(format!("master {} at {}", master.id, address(&master.host, Some(master.port))));
    }
    if let Some(dictionary) = &spec.dictionary {
        also.push(format!("dictionary of {}", count(dictionary.len(), "push route")));
    }
    if let Some(protos) = &spec.protos {
        let routes = |side: &serde_json::Value| side.as_object().map_or(0, serde_json::Map::len);
        let (server, client) = (routes(&protos.server), routes(&protos.client));
        also.push(format!("protobuf of {} from the server, {client} from clients", count(server, "route")));
    }
    if !also.is_empty() {
        text.push_str(&format!("\nalso: {}\n", also.join("; ")));
    }
    if !warnings.is_empty() {
        text.push('\n');
    }
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

fn row(server: &ServerSpec) -> Vec<String> {
    let clients = server.client_port.filter(|_| server.frontend);
    vec![
        server.id.to_string(),
        server.server_type.to_string(),
        address(&server.host, server.port),
        clients.map_or("-".to_owned(), |port| address(server.advertised_host(), Some(port))),
    ]
}

/// `host:port`, with brackets around what has colons itself.
fn address(host: &str, port: Option<u16>) -> String {
    let bracketed =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    match port {
        Some(0) => format!("{bracketed}:any"),
        Some(port) => format!("{bracketed}:{port}"),
        None => bracketed,
    }
}

/// Frontends whose address no interface of this machine has. Only for addresses: a name would ask the network.
fn foreign_hosts(spec: &ClusterSpec) -> impl Iterator<Item = Warning> {
    let hosts: BTreeSet<IpAddr> = spec
        .servers
        .iter()
        .filter(|server| server.frontend)
        .filter_map(|server| server.host.parse().ok())
        .collect();
    let foreign = |host: &IpAddr| {
        UdpSocket::bind((*host, 0)).is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
    };
    hosts.into_iter().filter(foreign).map(|host| Warning {
        about: host.to_string(),
        message: "not an address of this machine, so serving here needs --bind".to_owned(),
        bites: Bites::AtStart,
    })
}
