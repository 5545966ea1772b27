//! `pomelo-sim events`: lists the events of the running cluster.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::admin_args::AdminArgs;
use super::output::{Failure, Outcome, write, write_on};
use super::people::printable;
use crate::admin::read_answer;
use crate::live::{Events, TimelineEvent};
use crate::orders::Order;

/// Interval between polls for new events.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Show the events of the running cluster
///
/// One line an event, oldest first: time of day (UTC), kind, server and details. The cluster keeps
/// the last thousand: servers added and removed, handler panics, rooms that moved, link rules,
/// strategies, kicked users, robots.
///
/// Exit code: 0 with the events, 2 when no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct EventsArgs {
    /// Show only events from this number on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub since: u64,
    /// Wait for more, until Ctrl-C; with --json one event a line
    #[arg(long)]
    pub follow: bool,
    /// The cluster to query.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim events
      all that is kept
  pomelo-sim events --follow
      and what comes, as it comes
  pomelo-sim events --since 12 --json
      for scripts: from number 12 on; next is what to ask from then";

/// Runs the command.
pub fn run(args: &EventsArgs) -> Outcome {
    show(args)?;
    Ok(ExitCode::SUCCESS)
}

fn show(args: &EventsArgs) -> Result<(), Failure> {
    let mut since = args.since;
    loop {
        let answer = args.admin.client()?.ask(&Order::Events { since })?;
        if args.admin.json && !args.follow {
            return Ok(write(&format!("{answer:#}\n"))?);
        }
        let Events { events, next } = read_answer(&answer)?;
        for event in &events {
            let line = if args.admin.json { json!(event).to_string() } else { line(event) };
            if !write_on(&(line + "\n"))? {
                return Ok(());
            }
        }
        if !args.follow {
            return Ok(());
        }
        since = next;
        thread::sleep(FOLLOW_EVERY);
    }
}

/// `12:03:05  killed      chat-server-1: vanished, as by a crash`.
pub(super) fn line(event: &TimelineEvent) -> String {
    let seconds = event.at_ms / 1000 % 86_400;
    let kind = serde_json::to_value(event.kind).unwrap_or_default();
    let server = event.server.as_ref().map(|server| format!("{server}: ")).unwrap_or_default();
    format!(
        "{:02}:{:02}:{:02}  {:10}  {server}{}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        kind.as_str().unwrap_or_default(),
        printable(&event.text)
    )
}
