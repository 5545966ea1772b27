//! `pomelo-sim check`: describes a configuration, and reports errors and likely mistakes.

use clap::Args;
use serde_json::json;

use super::config_args::ConfigArgs;
use super::fit_args::FitArgs;
use super::output::{Outcome, count, print, refuse, table};
use super::reach;
use crate::cluster::{Cluster, Options};
use crate::config::{Bites, ClusterSpec, ConfigError, ServerSpec, Warning};

/// Validate the configuration, and warn of likely mistakes
///
/// Prints a table of the servers with the address that clients are told, then one warning a line
/// for each likely mistake: misspelt fields, addresses with another meaning on another machine,
/// unreachable servers. Opens no client port, so it is safe next to a running cluster.
///
/// An error says file, line and column, what was expected and what came. A setting that Pomelo
/// accepts causes a warning, not an error.
///
/// Exit code: 0 when serve with the same --without, --here and --bind can serve it, with or without
/// warnings; 2 when not. Errors include server types without code, hosts of other machines, and
/// client ports that clash.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct CheckArgs {
    /// The configuration to check.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The part of it that would be served, and where.
    #[command(flatten)]
    pub fit: FitArgs,
    /// Print one JSON object: file, env, servers, master, dictionary, protos, warnings, errors
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim check
      config/servers.json, environment development
  pomelo-sim check --config game/config --env production --json
      for scripts: the servers as read, the warnings and the errors
  pomelo-sim check --config game-server --env production --here --without area auth
      whether serve with the same flags would work";

/// Result of a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Printed output: the servers and the warnings.
    pub text: String,
    /// Why the cluster cannot be served.
    pub errors: Vec<String>,
}

/// Runs the command.
pub fn run(args: &CheckArgs) -> Outcome {
    let report = check(args)?;
    let printed = print(&report.text)?;
    Ok(report.errors.into_iter().map(refuse).fold(printed, |_, code| code))
}

/// Returns the text that [`run`] prints.
///
/// # Errors
/// Reports the faults of the configuration.
pub fn check(args: &CheckArgs) -> Result<Report, ConfigError> {
    let spec = args.config.load()?.fitted(&args.fit.fit());
    let options = Options { bind: args.fit.bind, ..Options::default() };
    let cluster = Cluster::from_spec(spec).options(options);
    // No client comes from another machine.
    let is_told = |warning: &Warning| !(args.fit.here && warning.bites == Bites::FromElsewhere);
    Ok(found(&cluster, is_told, args.json))
}

/// Checks any cluster, like [`check`]. A cluster with custom server types and routes has no command
/// of the program, but can be checked with this function.
pub fn report(cluster: &Cluster, json: bool) -> Report {
    found(cluster, |_| true, json)
}

/// Resolves every address, so that `serve` can fail later only on ports that are taken.
fn found(cluster: &Cluster, is_told: impl Fn(&Warning) -> bool, json: bool) -> Report {
    let (spec, bind) = (cluster.spec(), cluster.options_ref().bind);
    let mut errors: Vec<String> = Vec::new();
    let mut served = spec.clone();
    if let Err(error) = spec.check_types(&cluster.served()) {
        let names = cluster.served();
        served.servers.retain(|server| names.contains(&server.server_type.as_str()));
        errors.push(error.to_string());
    }
    errors.extend(served.clashes(bind).iter().map(ToString::to_string));
    errors.extend(reach::obstacles(&served, bind));
    let mut warnings = cluster.warnings();
    warnings.extend(reach::warnings(&served, bind));
    warnings.retain(is_told);
    let text = if json { as_json(spec, &warnings, &errors) } else { as_text(spec, &warnings) };
    Report { text, errors }
}

fn as_json(spec: &ClusterSpec, warnings: &[Warning], errors: &[String]) -> String {
    let report = json!({
        "file": spec.source.display().to_string(),
        "env": spec.env,
        "servers": spec.servers,
        "master": spec.master,
        "dictionary": spec.dictionary,
        "protos": spec.protos,
        "warnings": warnings,
        "errors": errors,
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

/// `host:port`, with brackets around a host that contains colons.
fn address(host: &str, port: Option<u16>) -> String {
    let bracketed =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    match port {
        Some(0) => format!("{bracketed}:any"),
        Some(port) => format!("{bracketed}:{port}"),
        None => bracketed,
    }
}
