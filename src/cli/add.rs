//! `pomelo-sim add` and `reload`: more servers for the running cluster, or those that a configuration says.

use clap::Args;
use serde_json::Value;

use super::admin_args::{AdminArgs, lines, texts};
use super::output::{Outcome, warn};
use crate::config::pairs;
use crate::orders::Order;

/// Start servers in the running cluster
///
/// Takes the fields of a server as servers.json has them, as KEY=VALUE, with its serverType. The server stands at the
/// end of its type's list: which keys it takes over, `pomelo-sim dispatch` tells. With clusterCount it is several, whose
/// ids count on from those that there are, and ports that end in ++ count up.
///
/// The id of a server that was stopped or killed starts that one again, with these fields and in its old place on the
/// list.
///
/// The configuration stays as it is: a later reload takes away what is not in it.
///
/// Exit code: 0 when they are up, 2 when a field is wrong, an id or port is taken, or no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = ADD_EXAMPLES)]
pub struct AddArgs {
    /// Fields: id, serverType, host, port, clientPort, frontend, clusterCount ...
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub fields: Vec<String>,
    /// Which cluster.
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

/// Runs `add`.
pub fn run(args: &AddArgs) -> Outcome {
    let fields = pairs(args.fields.iter().map(String::as_str)).map_err(|error| format!("add: {error}"))?;
    let answer = args.admin.client()?.ask(&Order::Add(fields))?;
    texts(&answer, "warnings").iter().for_each(warn);
    args.admin.show(answer, |answer| lines("added", &texts(answer, "added")))
}

/// Make the running cluster what its configuration says now
///
/// The cluster reads its own configuration again, changes it as serve did (--here, --without), starts the servers that are
/// new in it, takes away those that it no longer has, and replaces those that it describes in another way. The lists of
/// servers are then in the order of the file. Whatever is the same runs on untouched. A configuration that is wrong, or a
/// server that could not start, changes nothing.
///
/// Exit code: 0 when it is so, 2 when the configuration is wrong, a server cannot start, or no such cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = RELOAD_EXAMPLES)]
pub struct ReloadArgs {
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const RELOAD_EXAMPLES: &str = "Examples:
  pomelo-sim reload
      after an edit of config/servers.json
  pomelo-sim reload --config game/config --env production
      the cluster of that configuration, after an edit of it";

/// Runs `reload`.
pub fn run_reload(args: &ReloadArgs) -> Outcome {
    args.admin.order(&Order::Reload, changes)
}

fn changes(answer: &Value) -> String {
    let each = |what| lines(what, &texts(answer, what));
    let text = ["added", "removed", "replaced", "reordered"].map(each).concat();
    if text.is_empty() { "nothing to change\n".to_owned() } else { text }
}
