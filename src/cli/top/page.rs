//! A picture as lines of text: totals, types, servers, events.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::Sort;
use crate::cli::events;
use crate::cli::list::uptime;
use crate::cli::output::table;
use crate::live::{ServerState, TimelineEvent};
use crate::monitor::{Picture, ServerPicture, TypePicture};
use crate::stats::Balance;

/// The content of a page.
pub(super) struct Page<'a> {
    pub(super) picture: &'a Picture,
    pub(super) sort: Sort,
    pub(super) events: &'a VecDeque<TimelineEvent>,
}

/// A line, with the state of its server.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) state: Option<ServerState>,
}

impl Page<'_> {
    /// All lines, or as many servers as fit into `height` lines.
    pub(super) fn lines(&self, height: Option<usize>) -> Vec<Line> {
        let mut lines = self.head();
        lines.push(plain(String::new()));
        lines.extend(types(&self.picture.types).lines().map(|line| plain(line.to_owned())));
        lines.push(plain(String::new()));
        let below = if self.events.is_empty() { 0 } else { self.events.len() + 1 };
        // The header, and a line with the number of hidden servers.
        let room = height.map_or(usize::MAX, |height| height.saturating_sub(lines.len() + below + 2));
        lines.extend(self.servers(room));
        if below > 0 {
            lines.push(plain(String::new()));
            lines.extend(self.events.iter().map(|event| plain(events::line(event))));
        }
        lines
    }

    fn head(&self) -> Vec<Line> {
        let Picture { cluster, totals, .. } = self.picture;
        let up = uptime(cluster.uptime_seconds);
        vec![
            plain(format!("pomelo-sim {}  {}  {}  up {up}", cluster.version, cluster.env, cluster.source)),
            plain(format!(
                "servers {} of {}  users {}  rooms {}  msg/s {}  deliveries/s {}  errors/s {}  p50 {}  p99 {}",
                totals.running,
                totals.servers,
                totals.uids,
                totals.rooms,
                rate(totals.messages_per_second),
                rate(totals.deliveries_per_second),
                rate(totals.errors_per_second),
                milliseconds(totals.p50_ms),
                milliseconds(totals.p99_ms)
            )),
        ]
    }

    fn servers(&self, room: usize) -> Vec<Line> {
        let mut servers: Vec<&ServerPicture> = self.picture.servers.iter().collect();
        // Equal ones keep their order.
        servers.sort_by(|a, b| hotter(self.sort, a, b));
        let rows: Vec<Vec<String>> = servers.iter().map(|server| row(server)).collect();
        let header = [
            "SERVER", "STATE", "LOAD", "ROOMS", "MSG/S", "OUT/S", "ERR/S", "P50", "P99", "QUEUE", "CALLS",
            "BUFFER", "UPTIME", "RESTARTS",
        ];
        let text = table(&header, &rows);
        let states = std::iter::once(None).chain(servers.iter().map(|server| Some(server.state)));
        let mut lines: Vec<Line> =
            text.lines().zip(states).map(|(line, state)| Line { text: line.to_owned(), state }).collect();
        if servers.len() > room {
            lines.truncate(1 + room);
            lines.push(plain(format!("and {} more", servers.len() - room)));
        }
        lines
    }
}

fn plain(text: String) -> Line {
    Line { text, state: None }
}

fn types(types: &[TypePicture]) -> String {
    let figures = |balance: &Option<Balance>| match balance {
        Some(balance) => [format!("{:.2}", balance.peak_to_mean), format!("{:.3}", balance.jain)],
        None => ["-", "-"].map(str::to_owned),
    };
    let row = |of: &TypePicture| {
        let changing = if of.is_changing { " (changing)" } else { "" };
        let mut row = vec![of.server_type.to_string(), of.strategy.clone()];
        row.push(format!("{}{changing}", of.listed.len()));
        row.extend(figures(&of.by_count).into_iter().chain(figures(&of.by_messages)));
        row
    };
    let header = ["TYPE", "STRATEGY", "LISTED", "LOAD PEAK/MEAN", "JAIN", "MSG/S PEAK/MEAN", "JAIN"];
    table(&header, &types.iter().map(row).collect::<Vec<_>>())
}

fn row(server: &ServerPicture) -> Vec<String> {
    let is_up = server.uptime_seconds > 0.0;
    vec![
        server.id.to_string(),
        server.state.to_string(),
        server.load.to_string(),
        server.rooms.to_string(),
        rate(server.messages_per_second),
        rate(server.deliveries_per_second),
        rate(server.errors_per_second),
        milliseconds(server.p50_ms),
        milliseconds(server.p99_ms),
        server.queue.to_string(),
        server.calls_pending.to_string(),
        bytes(server.buffer_bytes),
        if is_up { uptime(server.uptime_seconds) } else { "-".to_owned() },
        server.restarts.to_string(),
    ]
}

fn hotter(sort: Sort, a: &ServerPicture, b: &ServerPicture) -> Ordering {
    let p99 = |server: &ServerPicture| server.p99_ms.unwrap_or(-1.0);
    match sort {
        Sort::Messages => b.messages_per_second.total_cmp(&a.messages_per_second),
        Sort::Load => b.load.cmp(&a.load),
        Sort::P99 => p99(b).total_cmp(&p99(a)),
        Sort::Queue => b.queue.cmp(&a.queue),
        Sort::Configured => Ordering::Equal,
    }
}

/// `0`, `0.4`, `340`, `12.3k`, `1.25M`.
fn rate(per_second: f64) -> String {
    match per_second {
        ..0.05 => "0".to_owned(),
        ..9.95 => format!("{per_second:.1}"),
        ..9999.5 => format!("{per_second:.0}"),
        ..999_950.0 => format!("{:.1}k", per_second / 1e3),
        _ => format!("{:.2}M", per_second / 1e6),
    }
}

/// `0.84 ms`, `12.3 ms`, `1.20 s`.
fn milliseconds(ms: Option<f64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms @ ..9.995) => format!("{ms:.2} ms"),
        Some(ms @ ..999.5) => format!("{ms:.1} ms"),
        Some(ms) => format!("{:.2} s", ms / 1e3),
    }
}

/// `0`, `512 B`, `12.3 KiB`, `1.2 MiB`.
fn bytes(bytes: usize) -> String {
    match bytes {
        0 => "0".to_owned(),
        1..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, milliseconds, rate};

    #[test]
    fn figures_are_short() {
        let rates = [0.0, 0.04, 0.44, 9.94, 9.96, 340.4, 9999.4, 12_345.0, 999_949.0, 1_250_000.0];
        let shown = ["0", "0", "0.4", "9.9", "10", "340", "9999", "12.3k", "999.9k", "1.25M"];
        assert_eq!(rates.map(rate), shown);
        let latencies =
            [None, Some(0.0012), Some(0.84), Some(12.34), Some(999.4), Some(1200.0)].map(milliseconds);
        assert_eq!(latencies, ["-", "0.00 ms", "0.84 ms", "12.3 ms", "999.4 ms", "1.20 s"]);
        assert_eq!([0, 512, 12_600, 1_258_291].map(bytes), ["0", "512 B", "12.3 KiB", "1.2 MiB"]);
    }
}
