//! `pomelo-sim add` and `reload`: start more servers in the running cluster, or apply its changed
//! configuration.

use clap::Args;
use serde_json::Value;

use super::admin_args::{AdminArgs, lines, texts};
use super::output::{Outcome, warn};
use crate::config::pairs;
use crate::orders::Order;

/// Start servers in the running cluster
///
/// Takes the fields of a server as in servers.json, as KEY=VALUE, including its serverType. The
/// server is appended to its type's list; `pomelo-sim dispatch` shows which keys it takes over.
/// clusterCount adds several servers: their ids continue from the existing ones, and ports that end
/// in ++ count up.
///
/// The id of a stopped or killed server starts that server again, with these fields and at its old
/// position in the list.
///
/// The configuration file is not changed: a later reload removes servers that are not in it.
///
/// Exit code: 0 when they are up, 2 when a field is wrong, an id or port is taken, or no cluster
/// runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = ADD_EXAMPLES)]
pub struct AddArgs {
    /// Fields: id, serverType, host, port, clientPort, frontend, clusterCount ...
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub fields: Vec<String>,
    /// The cluster to change.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const ADD_EXAMPLES: &str = "Examples:
  pomelo-sim add id=chat-server-4 serverType=chat host=127.0.0.1 port=6053
      one chat server more
  pomelo-sim add id=connector-server-4 serverType=connector host=127.0.0.1 \\
      clientPort=3053 frontend=true
      one connector more, with a port for clients
  pomelo-sim add serverType=chat host=127.0.0.1 port=6390++ clusterCount=2
      cluster-server-chat-0 on port 6390, cluster-server-chat-1 on 6391";

/// Runs the command.
pub fn run(args: &AddArgs) -> Outcome {
    let fields = pairs(args.fields.iter().map(String::as_str)).map_err(|error| format!("add: {error}"))?;
    let answer = args.admin.client()?.ask(&Order::Add(fields))?;
    texts(&answer, "warnings").iter().for_each(warn);
    args.admin.show(answer, |answer| lines("added", &texts(answer, "added")))
}

/// Apply the current configuration to the running cluster
///
/// The cluster reads its configuration again, with the flags of serve (--here, --without). It
/// starts new servers, removes those that are no longer listed, and replaces those whose fields
/// changed. The server lists then follow the order of the file. Unchanged servers keep running. If
/// the configuration is wrong or a server cannot start, nothing changes.
///
/// Exit code: 0 when applied, 2 when the configuration is wrong, a server cannot start, or no such
/// cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = RELOAD_EXAMPLES)]
pub struct ReloadArgs {
    /// The cluster to change.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const RELOAD_EXAMPLES: &str = "Examples:
  pomelo-sim reload
      after an edit of config/servers.json
  pomelo-sim reload --config game/config --env production
      the cluster of that configuration, after an edit of it";

/// Runs the command.
pub fn run_reload(args: &ReloadArgs) -> Outcome {
    args.admin.order(&Order::Reload, changes)
}

fn changes(answer: &Value) -> String {
    let each = |what| lines(what, &texts(answer, what));
    let text = ["added", "removed", "replaced", "reordered"].map(each).concat();
    if text.is_empty() { "nothing to change\n".to_owned() } else { text }
}
