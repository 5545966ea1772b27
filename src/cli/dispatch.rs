//! `pomelo-sim dispatch`: shows the server of each key, and which keys move when a server comes or
//! goes.

use clap::Args;
use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use super::config_args::{ConfigArgs, UnknownType, candidates, strategies_help};
use super::output::{Outcome, count, print, table};
use crate::config::{ConfigError, MAX_SERVERS};
use crate::ids::ServerId;
use crate::strategies::{Candidate, DEFAULT, Strategy, StrategySpec, one_more, pick};

/// Show the server of each key, and which keys move with one server more or fewer
///
/// Evaluates the dispatch strategy alone, without a running cluster. For each key it shows the
/// server now, the server after one is appended to the list, and the server after the last is
/// removed. A * marks a key that moves. Under a strategy that chooses anew at each pick no key can
/// move, and only the choice is shown.
///
/// Exit code: 0 with the table, 2 when the configuration is wrong or has no server of the type.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct DispatchArgs {
    /// Server type, such as chat
    #[arg(value_name = "TYPE")]
    pub server_type: String,
    /// Keys: room names for chat, user names for connector
    #[arg(value_name = "KEY", required = true)]
    pub keys: Vec<String>,
    /// How a key becomes a server.
    #[arg(
        long, value_name = "NAME", default_value = DEFAULT, hide_default_value = true,
        help = "How a key becomes a server [default: pomelo-crc]",
        long_help = strategies_help("How a key becomes a server, such as ring(100) [default: pomelo-crc]")
    )]
    pub strategy: StrategySpec,
    /// Take N made-up servers instead of those of the configuration
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_SERVERS as i64))]
    pub servers: Option<u16>,
    /// The configuration to read.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim dispatch chat lobby room1 room2
      which chat servers hold these rooms
  pomelo-sim dispatch connector alice --strategy crc32-mod --servers 8
      where alice would connect if there were eight connectors";

/// The server of each key, and how many keys move when the list changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispatch {
    /// Servers to choose from, in list order.
    pub servers: Vec<ServerId>,
    /// Whether a key always finds the same server. Otherwise each pick is a new choice, and nothing
    /// moves.
    pub sticky: bool,
    /// The server that is appended.
    pub added: ServerId,
    /// One row a key, in the order given.
    pub keys: Vec<KeyDispatch>,
    /// Keys that move when `added` is appended.
    pub moved_with_one_more: usize,
    /// Keys that move when the last server is removed.
    pub moved_with_one_fewer: usize,
}

/// The servers of one key. `None` means that there is no server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDispatch {
    /// Key.
    pub key: String,
    /// Server now.
    pub server: Option<ServerId>,
    /// Server after one is appended.
    pub with_one_more: Option<ServerId>,
    /// Server after the last is removed.
    pub with_one_fewer: Option<ServerId>,
}

/// Runs the command.
pub fn run(args: &DispatchArgs) -> Outcome {
    print(&report(args)?)
}

/// Why there is no table.
#[derive(Debug, Error)]
pub enum DispatchError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration has no server of the type.
    #[error(transparent)]
    UnknownType(#[from] UnknownType),
}

/// Returns the text that [`run`] prints.
///
/// # Errors
/// The configuration is wrong or has no server of the type.
pub fn report(args: &DispatchArgs) -> Result<String, DispatchError> {
    let servers = servers(args)?;
    let dispatch = dispatch(&args.strategy, &servers, &args.keys);
    if args.json {
        return Ok(format!("{:#}\n", json!(dispatch)));
    }
    Ok(as_text(&dispatch, &args.server_type, &args.strategy))
}

fn servers(args: &DispatchArgs) -> Result<Vec<Candidate>, DispatchError> {
    let wanted = &args.server_type;
    if let Some(n) = args.servers {
        let candidate = |i| Candidate { id: ServerId::from(format!("{wanted}-server-{i}")), weight: 1.0 };
        return Ok((1..=n).map(candidate).collect());
    }
    Ok(candidates(&args.config.load()?, wanted)?)
}

/// Asks a strategy for the server of each key: among `servers`, with one appended, and without the
/// last.
pub fn dispatch(strategy: &StrategySpec, servers: &[Candidate], keys: &[String]) -> Dispatch {
    let sticky = strategy.is_sticky();
    let added = one_more(servers);
    let more: Vec<Candidate> = servers.iter().chain([&added]).cloned().collect();
    let fewer = &servers[..servers.len().saturating_sub(1)];
    let mut now = strategy.make(0);
    now.rebuild(servers);
    let picks = |strategy: &mut dyn Strategy, list: &[Candidate]| -> Vec<Option<ServerId>> {
        keys.iter().map(|key| pick(strategy, list, key)).collect()
    };
    let here = picks(&mut *now, servers);
    // As in a running cluster, the strategy sees the list before the first pick.
    let changed = |list: &[Candidate]| {
        let mut changed = now.boxed();
        changed.rebuild(list);
        if sticky { picks(&mut *changed, list) } else { vec![None; keys.len()] }
    };
    let rows = keys.iter().zip(here).zip(changed(&more)).zip(changed(fewer));
    let keys: Vec<KeyDispatch> = rows
        .map(|(((key, server), with_one_more), with_one_fewer)| KeyDispatch {
            key: key.clone(),
            server,
            with_one_more,
            with_one_fewer,
        })
        .collect();
    let moved = |other: fn(&KeyDispatch) -> &Option<ServerId>| {
        keys.iter().filter(|key| sticky && *other(key) != key.server).count()
    };
    let moved_with_one_more = moved(|key| &key.with_one_more);
    let moved_with_one_fewer = moved(|key| &key.with_one_fewer);
    let servers = servers.iter().map(|server| server.id.clone()).collect();
    Dispatch { servers, sticky, added: added.id, keys, moved_with_one_more, moved_with_one_fewer }
}

fn as_text(dispatch: &Dispatch, server_type: &str, strategy: &StrategySpec) -> String {
    let name = |server: &Option<ServerId>| server.as_ref().map_or("-".to_owned(), ToString::to_string);
    let row = |key: &KeyDispatch| {
        let moved = |server: &Option<ServerId>| {
            format!("{}{}", name(server), if *server == key.server { "" } else { " *" })
        };
        // Empty keys and control characters must be visible, and must not break the table.
        let plain = !key.key.is_empty() && !key.key.chars().any(char::is_control);
        let shown = if plain { key.key.clone() } else { format!("{:?}", key.key) };
        vec![shown, name(&key.server), moved(&key.with_one_more), moved(&key.with_one_fewer)]
    };
    let mut rows: Vec<Vec<String>> = dispatch.keys.iter().map(row).collect();
    let servers = count(dispatch.servers.len(), "server");
    if !dispatch.sticky {
        rows.iter_mut().for_each(|row| row.truncate(2));
        return format!(
            "{servers} of type {server_type}, strategy {strategy}\n\n{}\n\
             Each pick is a new choice, here with all servers equally loaded: the same key may go elsewhere next time.\n",
            table(&["KEY", "SERVER"], &rows)
        );
    }
    let last = dispatch.servers.last().map_or("", ServerId::as_str);
    let (more, fewer) = (format!("WITH {}", dispatch.added), format!("WITHOUT {last}"));
    format!(
        "{servers} of type {server_type}, strategy {strategy}\n\n{}\n{}: {} (*) with {}, {} without {last}\n",
        table(&["KEY", "SERVER", &more, &fewer], &rows),
        count(rows.len(), "key"),
        count(dispatch.moved_with_one_more, "move"),
        dispatch.added,
        count(dispatch.moved_with_one_fewer, "move"),
    )
}
