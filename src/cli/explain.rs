//! `pomelo-sim explain`: shows where a user and a room land, why, and what one server more or fewer
//! changes, strategy by strategy.

use clap::Args;
use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use super::admin_args::AdminArgs;
use super::config_args::{UnknownType, candidates, strategies_help};
use super::output::{Outcome, print, table};
use crate::config::ConfigError;
use crate::ids::ServerId;
use crate::live::LiveExplanation;
use crate::orders::Order;
use crate::router::KeyPlacementChange;
use crate::strategies::{ALL, Candidate, PlacementChange, StrategySpec, one_more, placement_change};

/// Show where a user and a room land, and why, under each strategy
///
/// A login goes from the gate to a connector, chosen by the user name, and from there to a chat
/// server, chosen by the room name. For each strategy the table shows the server now, the server
/// after one is appended to the list, the server without the last, and the server without the
/// current one. A * marks a key that moves. WHY says how the strategy finds the server.
///
/// Reads the configuration only, so no cluster needs to run. Strategies that choose anew at each
/// login, such as two-choices, depend on the current connections; --strategy shows them too, with
/// all servers equally loaded.
///
/// With --live the running cluster answers: from its current strategies and servers, with the real
/// places of the session and the room. A strategy that chooses anew at each pick names no server.
///
/// Exit code: 0 with the tables, 2 when the configuration is wrong or has no connector or no chat
/// server, or no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct ExplainArgs {
    /// Name of the user
    #[arg(long, value_name = "NAME")]
    pub uid: String,
    /// Name of the room
    #[arg(long, value_name = "NAME")]
    pub rid: String,
    /// Strategies to show.
    #[arg(
        long = "strategy", value_name = "NAME", num_args = 1..,
        help = "Strategies to show [default: all that find a key again]",
        long_help = strategies_help("Strategies to show, such as pomelo-crc 'ring(100)' [default: all that find a key again]")
    )]
    pub strategies: Vec<StrategySpec>,
    /// Ask the running cluster: its current strategies, servers and rooms
    #[arg(long, conflicts_with = "strategies")]
    pub live: bool,
    /// Which configuration, or which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim explain --uid alice --rid lobby
      her connector and her chat server, under every strategy
  pomelo-sim explain --uid alice --rid lobby --strategy pomelo-crc rendezvous
      what another strategy would save when a server comes or goes
  pomelo-sim explain --uid alice --rid lobby --live
      where she is sent now, and where she and the room are";

/// Where a login goes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    /// The user.
    pub uid: String,
    /// The room.
    pub rid: String,
    /// The gates. A client knows one of them.
    pub gates: Vec<ServerId>,
    /// The connector for the user.
    pub connector: Landing,
    /// The chat server for the room.
    pub chat: Landing,
}

/// Where a key lands.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Landing {
    /// The key.
    pub key: String,
    /// The servers to choose from, in list order.
    pub servers: Vec<ServerId>,
    /// The server that "one more" adds at the end.
    pub added: ServerId,
    /// One row a strategy.
    pub strategies: Vec<PlacementChange>,
}

/// Why there is no explanation.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no connector, or no chat server.
    #[error(transparent)]
    UnknownType(#[from] UnknownType),
}

/// Runs the command.
pub fn run(args: &ExplainArgs) -> Outcome {
    if args.live {
        let order = Order::Explain { uid: args.uid.clone(), rid: args.rid.clone() };
        return args.admin.order(&order, live_text);
    }
    if args.admin.cluster.admin_file.is_some() || args.admin.cluster.port_offset.is_some() {
        return Err(
            "explain: --admin-file and --port-offset name a running cluster: add --live to ask it".into()
        );
    }
    let explanation = explain(args)?;
    print(&if args.admin.json { format!("{:#}\n", json!(explanation)) } else { as_text(&explanation) })
}

fn explain(args: &ExplainArgs) -> Result<Explanation, ExplainError> {
    let spec = args.admin.cluster.config.load()?;
    let all = || ALL.iter().map(|entry| entry.spec()).filter(StrategySpec::is_sticky).collect();
    let strategies: Vec<StrategySpec> =
        if args.strategies.is_empty() { all() } else { args.strategies.clone() };
    Ok(Explanation {
        uid: args.uid.clone(),
        rid: args.rid.clone(),
        gates: spec.of_type("gate").filter(|gate| gate.frontend).map(|gate| gate.id.clone()).collect(),
        connector: landing(&strategies, &candidates(&spec, "connector")?, &args.uid),
        chat: landing(&strategies, &candidates(&spec, "chat")?, &args.rid),
    })
}

fn live_text(found: &LiveExplanation) -> String {
    let LiveExplanation { uid, rid, gates, connector, chat, session, room } = found;
    let session = session.as_ref().map_or_else(
        || format!("{uid} is not logged in to {rid}"),
        |at| format!("{uid} is logged in at {}, session {}", at.frontend, at.session),
    );
    let room = room.as_ref().map_or_else(
        || format!("{rid} has nobody in it"),
        |at| format!("{rid} is on {}, with {} in it", at.server, at.members),
    );
    format!(
        "{}. {session}; {room}.\n\n\
         The connector, by the uid {uid}:\n\n{}\nThe chat server, by the rid {rid}:\n\n{}",
        asks(uid, gates),
        key_text(connector),
        key_text(chat)
    )
}

fn key_text(KeyPlacementChange { added, placement, .. }: &KeyPlacementChange) -> String {
    let more = format!("WITH {added}");
    table(&["STRATEGY", "SERVER", &more, "WITHOUT LAST", "WITHOUT IT", "WHY"], &[row(placement)])
}

fn landing(strategies: &[StrategySpec], servers: &[Candidate], key: &str) -> Landing {
    let added = one_more(servers);
    let placements = strategies.iter().map(|spec| {
        let mut strategy = spec.make(0);
        strategy.rebuild(servers);
        placement_change(spec, &*strategy, servers, &added, key, true)
    });
    Landing {
        key: key.to_owned(),
        servers: servers.iter().map(|server| server.id.clone()).collect(),
        strategies: placements.collect(),
        added: added.id,
    }
}

fn as_text(Explanation { uid, rid, gates, connector, chat }: &Explanation) -> String {
    format!(
        "{}, connects there, and enters {rid} on a chat server.\n\n\
         The connector, by the uid {uid}:\n\n{}\nThe chat server, by the rid {rid}:\n\n{}",
        asks(uid, gates),
        landing_text(connector),
        landing_text(chat)
    )
}

/// How a user finds a connector.
fn asks(uid: &str, gates: &[ServerId]) -> String {
    if gates.is_empty() {
        return format!("There is no gate: {uid} knows a connector, where a gate would name the one below");
    }
    let gates: Vec<&str> = gates.iter().map(ServerId::as_str).collect();
    format!("{uid} asks the gate ({}) for a connector", gates.join(", "))
}

fn landing_text(landing: &Landing) -> String {
    let rows: Vec<Vec<String>> = landing.strategies.iter().map(row).collect();
    let last = landing.servers.last().map_or("", ServerId::as_str);
    let (more, fewer) = (format!("WITH {}", landing.added), format!("WITHOUT {last}"));
    let mut text = table(&["STRATEGY", "SERVER", &more, &fewer, "WITHOUT IT", "WHY"], &rows);
    let sticky: Vec<&PlacementChange> =
        landing.strategies.iter().filter(|placement| placement.sticky).collect();
    if !sticky.is_empty() {
        let moves = |of: fn(&PlacementChange) -> &Option<ServerId>| {
            sticky.iter().filter(|placement| *of(placement) != placement.server).count()
        };
        text.push_str(&format!(
            "\nIt moves (*) with {} under {} of {}, without {last} under {}.\n",
            landing.added,
            moves(|placement| &placement.with_one_more),
            sticky.len(),
            moves(|placement| &placement.without_last),
        ));
    }
    text
}

fn row(placement: &PlacementChange) -> Vec<String> {
    let name = |server: &Option<ServerId>| server.as_ref().map_or("-".to_owned(), ToString::to_string);
    let moved = |server: &Option<ServerId>| {
        // A key that was never sticky has not moved.
        let mark = if *server == placement.server || !placement.sticky { "" } else { " *" };
        format!("{}{mark}", name(server))
    };
    vec![
        placement.strategy.to_string(),
        name(&placement.server),
        moved(&placement.with_one_more),
        moved(&placement.without_last),
        moved(&placement.without_it),
        placement.why.clone(),
    ]
}
