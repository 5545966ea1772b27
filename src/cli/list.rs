//! `pomelo-sim list`: shows the state of every server of the running cluster.

use clap::Args;
use serde::Deserialize;

use super::admin_args::AdminArgs;
use super::output::{Outcome, table};
use crate::orders::Order;

/// Show the state of every server of the running cluster
///
/// One row a server: its ports, its state (running, paused, restarting, stopping, stopped, killed),
/// its uptime, its sessions, its rooms, and the messages that it received in the last second.
///
/// Exit code: 0 with the table, 2 when no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct ListArgs {
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim list
      the cluster that serves config/servers.json
  pomelo-sim list --json --admin-file game/admin.json
      for scripts: the cluster that was started with that --admin-file";

#[derive(Deserialize)]
struct Rows {
    servers: Vec<Row>,
}

/// A row.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    server_type: String,
    state: String,
    port: Option<u16>,
    clients: Option<String>,
    uptime_seconds: f64,
    sessions: u64,
    rooms: u64,
    messages_per_second: u64,
}

/// Runs the command.
pub fn run(args: &ListArgs) -> Outcome {
    args.admin.order(&Order::List, as_text)
}

fn as_text(Rows { servers }: &Rows) -> String {
    let cells = |row: &Row| {
        let is_up = row.uptime_seconds > 0.0;
        vec![
            row.id.clone(),
            row.server_type.clone(),
            row.port.map_or("-".to_owned(), |port| port.to_string()),
            row.clients.clone().unwrap_or("-".to_owned()),
            row.state.clone(),
            if is_up { uptime(row.uptime_seconds) } else { "-".to_owned() },
            row.sessions.to_string(),
            row.rooms.to_string(),
            row.messages_per_second.to_string(),
        ]
    };
    let header = ["ID", "TYPE", "PORT", "CLIENTS", "STATE", "UPTIME", "SESSIONS", "ROOMS", "MSG/S"];
    table(&header, &servers.iter().map(cells).collect::<Vec<_>>())
}

/// The two largest units: `12s`, `3m05s`, `2h03m`, `4d01h`.
pub(super) fn uptime(seconds: f64) -> String {
    // Seconds since a start: far from any bound.
    let seconds = seconds as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::uptime;

    #[test]
    fn uptime_has_two_units() {
        for (seconds, text) in [
            (0.4, "0s"),
            (59.9, "59s"),
            (60.0, "1m00s"),
            (3599.0, "59m59s"),
            (3600.0, "1h00m"),
            (86399.0, "23h59m"),
            (90061.0, "1d01h"),
        ] {
            assert_eq!(uptime(seconds), text, "{seconds}");
        }
    }
}
