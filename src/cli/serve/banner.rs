//! The text that `serve` prints when all servers are up.

use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::{ServeArgs, Started};
use crate::cli::console_port::url;
use crate::cli::output::{count, table};
use crate::program;
use crate::strategies;

/// Widest command column of the banner: a longer path moves only its own line.
const ADVICE_WIDTH_MAX: usize = 60;

/// Commands with descriptions, in two columns, below the last part of the banner. `config` and
/// `reach` are the flags with which commands find this configuration and this cluster.
/// `config` and `reach` are the flags by which commands find this configuration and this cluster.
fn hints(config: &str, reach: Option<&str>) -> String {
    let program = program::command();
    let mut rows = vec![
        (
            format!("{program} dispatch chat ROOM{config}"),
            "which chat server holds a room, and what one server more changes",
        ),
        (format!("{program} check{config}"), "validates the configuration, and warns of likely mistakes"),
    ];
    if let Some(reach) = reach {
        let does = "status of every server; add, stop, kill, link and others change it";
        rows.push((format!("{program} list{reach}"), does));
    }
    rows.push(("Ctrl-C".to_owned(), "stops the cluster"));
    let widths = rows.iter().map(|(command, _)| command.width());
    let width = widths.filter(|width| *width <= ADVICE_WIDTH_MAX).max().unwrap_or(0);
    let line = |(command, does): &(String, &str)| {
        format!("       {command}{}  {does}\n", " ".repeat(width.saturating_sub(command.width())))
    };
    rows.iter().map(line).collect()
}

/// The servers with their addresses, and what to do next.
pub(super) fn banner(args: &ServeArgs, started: &Started, took: Duration) -> String {
    let Started { running, admin, pages, reach, .. } = started;
    let spec = running.spec();
    let rows: Vec<Vec<String>> = running
        .servers()
        .map(|(server, address)| {
            let clients = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
            vec![server.id.to_string(), server.server_type.to_string(), clients]
        })
        .collect();
    let strategy_of = |server_type: &str| {
        let chosen = args.strategies.iter().rev().find(|choice| choice.server_type == server_type);
        chosen.map_or_else(|| strategies::DEFAULT.to_owned(), |choice| choice.strategy.to_string())
    };
    let entry = match (running.first_address("gate"), running.first_address("connector")) {
        (Some(gate), _) => format!("point a Pomelo client at the gate, {gate}"),
        (None, Some(connector)) => format!(
            "point a Pomelo client at a connector, {connector}: there is no gate\n       \
             {} robots --connector {connector}    put it under load",
            program::command()
        ),
        (None, None) => "no gate and no connector is open: the tutorial's clients cannot log in".to_owned(),
    };
    let tutorial = if spec.is_tutorial() {
        "No config/servers.json here: these are the servers of Pomelo's chat tutorial. --config PATH serves your own.\n"
    } else {
        ""
    };
    let threads = if args.threads > 1 { format!(" on {} threads", args.threads) } else { String::new() };
    let heartbeat = match args.heartbeat {
        None => String::new(),
        Some(0) => " No heartbeats.".to_owned(),
        Some(seconds) => format!(" A heartbeat every {seconds} s."),
    };
    let orders = admin.as_ref().map_or_else(String::new, |admin| {
        format!("Admin port {}, its token in {}.\n", admin.address, admin.file.path().display())
    });
    let hints = hints(&args.config.flags(), admin.is_some().then_some(reach.as_str()));
    let (pages, browse) = pages.map_or_else(Default::default, |address| {
        let url = url(address);
        let open = if address.ip().is_loopback() { "" } else { "; others can look, not change" };
        (
            format!("Chat page {url}/, console {url}/console{open}.\n"),
            format!("open {url}/console in a browser to watch it live\n       "),
        )
    });
    format!(
        "pomelo-sim {}: {} of {} ({}){threads}, up in {:.0} ms\n\n{}\n\
         Clients connect by WebSocket or raw TCP. Rooms go to chat servers by {}, users to connectors by {}.{heartbeat}\n\
         {tutorial}{orders}{pages}\n\
         Next:  {browse}{entry}\n{hints}",
        env!("CARGO_PKG_VERSION"),
        count(rows.len(), "server"),
        spec.source.display(),
        spec.env,
        took.as_secs_f64() * 1e3,
        table(&["SERVER", "TYPE", "CLIENTS"], &rows),
        strategy_of("chat"),
        strategy_of("connector"),
    )
}
