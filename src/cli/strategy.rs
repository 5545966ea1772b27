//! `pomelo-sim strategy`: shows and changes the strategies of the running cluster.

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::admin_args::AdminArgs;
use super::config_args::{StrategyChoice, strategies_help};
use super::output::{Outcome, table, warn};
use crate::live::TypeView;
use crate::orders::Order;
use crate::router::Preview;

/// Show or change how the running cluster chooses servers
///
/// A change takes effect at once. Rooms whose key belongs to another server move there with their
/// members; nobody is told that anybody left, and messages keep their order. directory(NAME) keeps
/// every room where it is; NAME chooses for new rooms. Sessions never move: a connector's strategy
/// decides where users go at their next login.
///
/// --preview changes nothing. It shows which rooms and members would move, and the load of each
/// server afterwards: members of its rooms, or users of a connector. The cluster forgets a change
/// when it ends: serve --strategy keeps it.
///
/// Exit code: 0 when shown or changed, 2 when the strategy does not fit the type, the type is
/// unknown, or no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct StrategyArgs {
    /// Another strategy for a type.
    #[arg(
        value_name = "TYPE=NAME", value_parser = StrategyChoice::parse,
        help = "Another strategy for a type [default: show them]",
        long_help = strategies_help("Another strategy for a type, such as chat=rendezvous [default: show them]")
    )]
    pub choice: Option<StrategyChoice>,
    /// Show what would move, without moving it
    #[arg(long, requires = "choice")]
    pub preview: bool,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim strategy
      what is used, and what there is
  pomelo-sim strategy chat=rendezvous --preview
      which rooms would move
  pomelo-sim strategy chat='directory(least-connections)'
      no room moves; new ones go where the fewest people are
  pomelo-sim strategy connector=two-choices
      logins go to the less loaded of two connectors from now on";

/// Runs the command.
pub fn run(args: &StrategyArgs) -> Outcome {
    let Some(choice) = &args.choice else { return args.admin.order(&Order::Strategies, shown) };
    let (server_type, strategy) = (choice.server_type.clone(), choice.strategy.clone());
    let order = match args.preview {
        true => Order::Preview { server_type, strategy },
        false => Order::Strategy { server_type, strategy },
    };
    args.admin.order(&order, as_text)
}

fn as_text(preview: &Preview) -> String {
    preview.warnings.iter().for_each(warn);
    let Preview { server_type, from, to, applied, .. } = preview;
    let verb = if *applied { "changed" } else { "would change" };
    let mut text = format!("{verb} {server_type} from {from} to {to}\n");
    if preview.rooms > 0 {
        text.push_str(&format!(
            "{} of {} rooms {}, with {} of {} members\n",
            preview.rooms_moved,
            preview.rooms,
            if *applied { "move" } else { "would move" },
            preview.members_moved,
            preview.members
        ));
    }
    if preview.users > 0 {
        text.push_str(&format!(
            "{} of {} users would get another server at their next login; their sessions stay\n",
            preview.users_moved, preview.users
        ));
    }
    let servers = preview.servers.iter();
    let rows = servers.map(|server| {
        vec![server.id.to_string(), server.load_before.to_string(), server.load_after.to_string()]
    });
    text.push('\n');
    text.push_str(&table(&["SERVER", "LOAD BEFORE", "LOAD AFTER"], &rows.collect::<Vec<_>>()));
    text
}

fn shown(answer: &Value) -> String {
    let types = Vec::<TypeView>::deserialize(&answer["types"]).unwrap_or_default();
    let row = |of: &TypeView| {
        let changing = if of.is_changing { "yes" } else { "-" };
        vec![
            of.server_type.to_string(),
            of.strategy.to_string(),
            of.listed.len().to_string(),
            changing.to_owned(),
        ]
    };
    let mut text =
        table(&["TYPE", "STRATEGY", "SERVERS", "CHANGING"], &types.iter().map(row).collect::<Vec<_>>());
    let known = answer["strategies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |entry: &Value| {
        let word = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        vec![word("name"), if entry["sticky"] == true { "yes" } else { "-" }.to_owned(), word("summary")]
    };
    text.push('\n');
    text.push_str(&table(&["STRATEGY", "STICKY", "DESCRIPTION"], &known.iter().map(row).collect::<Vec<_>>()));
    text
}
