//! `pomelo-sim audit`: checks the invariants of the running cluster.

use clap::Args;
use serde_json::Value;

use super::admin_args::AdminArgs;
use super::output::{Outcome, count, print_found};
use crate::orders::Order;

/// Check the invariants of the running cluster
///
/// Compares the state of every server with the router's: each room is on one server, the one that
/// its key belongs to; each uid belongs to one session; the members of a room are the sessions that
/// have entered it. State in transition is checked again, so only lasting violations are reported,
/// one a line.
///
/// Exit code: 0 when all invariants hold, 1 when one is violated, 2 when no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct AuditArgs {
    /// The cluster to check.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim kill chat-server-2 && pomelo-sim audit
      that a crash has left nothing behind
  pomelo-sim audit --json
      for scripts: one object, with what was found";

/// Runs the command.
pub fn run(args: &AuditArgs) -> Outcome {
    let answer = args.admin.client()?.ask(&Order::Audit)?;
    let found = answer["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = match (args.admin.json, found) {
        (true, _) => format!("{answer:#}\n"),
        (false, []) => "all holds\n".to_owned(),
        (false, found) => {
            format!("{}:\n{}", count(found.len(), "fault"), found.iter().map(line).collect::<String>())
        }
    };
    print_found(&text, found.is_empty())
}

fn line(violation: &Value) -> String {
    let field = |name: &str| violation[name].as_str().unwrap_or_default().to_owned();
    format!("  {}: {}\n", field("law"), field("detail"))
}
