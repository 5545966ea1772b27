//! `pomelo-sim dispatch`: which server a key goes to, and whether it stays when a server comes or goes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use super::config_args::ConfigArgs;
use super::output::{count, print, refuse, table};
use crate::config::{ConfigError, MAX_SERVERS};
use crate::ids::ServerId;
use crate::nearest::{did_you_mean, nearest};
use crate::strategies::{Candidate, DEFAULT, Look, StrategySpec, UnknownStrategy};

/// Show which server of a type keys go to, and which with one server more or fewer
///
/// Asks the dispatch strategy alone, so no cluster needs to run: for each key its server now, its server once one more
/// stands at the end of the list, and once the last is gone. A * marks a key that moves, that is, has another server
/// than now.
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
    /// How a key becomes a server
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    pub strategy: StrategySpec,
    /// Take N made-up servers instead of those of the configuration
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_SERVERS as i64))]
    pub servers: Option<u16>,
    /// Which configuration.
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

/// Where keys go, and how many go elsewhere when the list changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispatch {
    /// The servers to choose from, in list order.
    pub servers: Vec<ServerId>,
    /// The server that "one more" adds at the end.
    pub added: ServerId,
    /// One row a key, in the order given.
    pub keys: Vec<KeyDispatch>,
    /// Keys that change server when `added` comes.
    pub moved_with_one_more: usize,
    /// Keys that change server when the last one goes.
    pub moved_with_one_fewer: usize,
}

/// Where one key goes. `None`: there is no server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDispatch {
    /// The key.
    pub key: String,
    /// Its server now.
    pub server: Option<ServerId>,
    /// Its server once one is added.
    pub with_one_more: Option<ServerId>,
    /// Its server once the last one is gone.
    pub with_one_fewer: Option<ServerId>,
}

/// Runs the command.
pub fn run(args: &DispatchArgs) -> ExitCode {
    match report(args) {
        Ok(text) => print(&text),
        Err(error) => refuse(error),
    }
}

/// Why there is nothing to show.
#[derive(Debug, Error)]
pub enum DispatchError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The strategy is unknown.
    #[error(transparent)]
    Strategy(#[from] UnknownStrategy),
    /// The configuration has no server of the type.
    #[error(
        "no server of type {wanted:?} in {}; it has {}{}",
        file.display(), known.join(", "), did_you_mean(nearest(wanted, known.iter().map(String::as_str)))
    )]
    UnknownType {
        /// The type that was asked for.
        wanted: String,
        /// The types that have servers.
        known: Vec<String>,
        /// The file.
        file: PathBuf,
    },
}

/// What [`run`] prints.
///
/// # Errors
/// The configuration is wrong or has no such type, or the strategy is unknown.
pub fn report(args: &DispatchArgs) -> Result<String, DispatchError> {
    let servers = servers(args)?;
    let dispatch = dispatch(&args.strategy, servers, &args.keys);
    if args.json {
        return Ok(format!("{:#}\n", json!(dispatch)));
    }
    Ok(as_text(&dispatch, &args.server_type, &args.strategy))
}

fn servers(args: &DispatchArgs) -> Result<Vec<ServerId>, DispatchError> {
    let wanted = &args.server_type;
    if let Some(n) = args.servers {
        return Ok((1..=n).map(|i| ServerId::from(format!("{wanted}-server-{i}"))).collect());
    }
    let spec = args.config.load()?;
    let servers: Vec<ServerId> = spec.of_type(wanted).map(|server| server.id.clone()).collect();
    if servers.is_empty() {
        let known = spec.server_types().map(ToString::to_string).collect();
        return Err(DispatchError::UnknownType { wanted: wanted.clone(), known, file: spec.source });
    }
    Ok(servers)
}

/// Asks a strategy for the server of each key: among `servers`, with one more at the end, and without the last.
pub fn dispatch(strategy: &StrategySpec, servers: Vec<ServerId>, keys: &[String]) -> Dispatch {
    let added = id_after(&servers);
    let more: Vec<ServerId> = servers.iter().chain([&added]).cloned().collect();
    let fewer = &servers[..servers.len().saturating_sub(1)];
    let picks = |list: &[ServerId]| -> Vec<Option<ServerId>> {
        let candidate = |id: &ServerId| Candidate { id: id.clone(), weight: 1.0 };
        let mut strategy = strategy.make(0);
        strategy.rebuild(&list.iter().map(candidate).collect::<Vec<_>>());
        keys.iter()
            .map(|key| strategy.pick(key, &Look::BLIND).and_then(|index| list.get(index).cloned()))
            .collect()
    };
    let rows = keys.iter().zip(picks(&servers)).zip(picks(&more)).zip(picks(fewer));
    let keys: Vec<KeyDispatch> = rows
        .map(|(((key, server), with_one_more), with_one_fewer)| KeyDispatch {
            key: key.clone(),
            server,
            with_one_more,
            with_one_fewer,
        })
        .collect();
    let moved_with_one_more = keys.iter().filter(|key| key.with_one_more != key.server).count();
    let moved_with_one_fewer = keys.iter().filter(|key| key.with_one_fewer != key.server).count();
    Dispatch { servers, added, keys, moved_with_one_more, moved_with_one_fewer }
}

/// A free id in the manner of the last one: `chat-server-4` after `chat-server-3`.
fn id_after(servers: &[ServerId]) -> ServerId {
    let last = servers.last().map_or("server-0", ServerId::as_str);
    let stem = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u64 = last[stem.len()..].parse().unwrap_or(0);
    let stem = if stem.len() == last.len() { format!("{stem}-") } else { stem.to_owned() };
    let taken: HashSet<&str> = servers.iter().map(ServerId::as_str).collect();
    let mut ids = (number..=u64::MAX).skip(1).map(|number| format!("{stem}{number}"));
    // Numbers run out only beside 2^64-1 as the last; any other text that is no id of the list will do then.
    ServerId::from(ids.find(|id| !taken.contains(id.as_str())).unwrap_or_else(|| format!("{last}-next")))
}

fn as_text(dispatch: &Dispatch, server_type: &str, strategy: &StrategySpec) -> String {
    let name = |server: &Option<ServerId>| server.as_ref().map_or("-".to_owned(), ToString::to_string);
    let row = |key: &KeyDispatch| {
        let moved = |server: &Option<ServerId>| {
            format!("{}{}", name(server), if *server == key.server { "" } else { " *" })
        };
        // Empty keys and control characters must show, and not break the table.
        let plain = !key.key.is_empty() && !key.key.chars().any(char::is_control);
        let shown = if plain { key.key.clone() } else { format!("{:?}", key.key) };
        vec![shown, name(&key.server), moved(&key.with_one_more), moved(&key.with_one_fewer)]
    };
    let rows: Vec<Vec<String>> = dispatch.keys.iter().map(row).collect();
    let last = dispatch.servers.last().map_or("", ServerId::as_str);
    let (more, fewer) = (format!("WITH {}", dispatch.added), format!("WITHOUT {last}"));
    format!(
        "{} of type {server_type}, strategy {strategy}\n\n{}\n{}: {} (*) with {}, {} without {last}\n",
        count(dispatch.servers.len(), "server"),
        table(&["KEY", "SERVER", &more, &fewer], &rows),
        count(rows.len(), "key"),
        count(dispatch.moved_with_one_more, "move"),
        dispatch.added,
        count(dispatch.moved_with_one_fewer, "move"),
    )
}
