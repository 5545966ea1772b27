//! Metrics of a cluster for Prometheus: one table for each kind of source.

mod tables;
mod text;

use serde_json::{Value, json};

use self::tables::{Figure, PORTS, ROUTER, SERVERS};
use self::text::{Kind, Labels, Text};
use crate::live::{ClusterView, ServerState, ServerView};
use crate::monitor::Picture;
use crate::stats::Balance;

/// The media type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every state of a server.
const STATES: [ServerState; 6] = [
    ServerState::Running,
    ServerState::Paused,
    ServerState::Restarting,
    ServerState::Stopping,
    ServerState::Stopped,
    ServerState::Killed,
];

/// A view and its picture as a page of metrics, with the console's own counters.
pub(super) fn page(view: &ClusterView, picture: &Picture, streams: usize) -> String {
    let mut text = Text::default();
    cluster(&mut text, view, picture, streams);
    states(&mut text, view);
    for (name, kind, help, of) in SERVERS {
        text.family(name, *kind, help);
        of_servers(&mut text, view, |server| server.account.as_ref().map(of));
    }
    for (name, kind, help, of) in PORTS {
        text.family(name, *kind, help);
        of_servers(&mut text, view, |server| server.port.as_ref().map(of));
    }
    closed(&mut text, view);
    latencies(&mut text, view);
    for (name, kind, help, of) in ROUTER {
        text.family(name, *kind, help);
        text.sample(&[], of(&view.router));
    }
    types(&mut text, picture);
    links(&mut text, view);
    text.finish()
}

fn cluster(text: &mut Text, view: &ClusterView, picture: &Picture, streams: usize) {
    text.family("pomelo_info", Kind::Gauge, "What runs; always 1.");
    let version = picture.cluster.version.as_str();
    text.sample(&[("version", version), ("env", &view.env), ("source", &view.source)], 1.0);
    for (name, help, value) in [
        ("pomelo_uptime_seconds", "Since the cluster started.", view.uptime_seconds),
        ("pomelo_users", "Users that are logged in.", view.uids as f64),
        ("pomelo_console_streams", "Pages that watch the console.", streams as f64),
    ] {
        text.family(name, Kind::Gauge, help);
        text.sample(&[], value);
    }
}

fn states(text: &mut Text, view: &ClusterView) {
    text.family(
        "pomelo_server_state",
        Kind::Gauge,
        "1 for the state that the server is in, 0 for all others.",
    );
    for server in &view.servers {
        for state in STATES {
            let value = if server.state == state { 1.0 } else { 0.0 };
            let labels = [
                ("server", server.id.as_str()),
                ("type", server.server_type.as_str()),
                ("state", &state.to_string()),
            ];
            text.sample(&labels, value);
        }
    }
    text.family(
        "pomelo_server_uptime_seconds",
        Kind::Gauge,
        "Since the server came up last; 0 when it is not up.",
    );
    of_servers(text, view, |server| Some(server.uptime_seconds));
    text.family("pomelo_server_restarts_total", Kind::Counter, "Times that the server has come up again.");
    of_servers(text, view, |server| Some(server.restarts as f64));
    text.family("pomelo_server_weight", Kind::Gauge, "Its share relative to others of its type.");
    of_servers(text, view, |server| Some(server.weight));
    text.family(
        "pomelo_server_queue_deliveries",
        Kind::Gauge,
        "Most deliveries that waited for the server at once, within the second before.",
    );
    of_servers(text, view, |server| Some(server.queue as f64));
}

fn closed(text: &mut Text, view: &ClusterView) {
    text.family("pomelo_port_closed_total", Kind::Counter, "Connections that ended, by reason.");
    for server in &view.servers {
        for (reason, count) in server.port.iter().flat_map(|port| &port.closed) {
            if let Value::String(reason) = json!(reason) {
                let labels = [
                    ("server", server.id.as_str()),
                    ("type", server.server_type.as_str()),
                    ("reason", reason.as_str()),
                ];
                text.sample(&labels, *count as f64);
            }
        }
    }
}

fn latencies(text: &mut Text, view: &ClusterView) {
    text.family(
        "pomelo_request_duration_seconds",
        Kind::Histogram,
        "How long requests took: on a frontend from a client's message to the response, on others from the call to the \
         answer.",
    );
    for server in &view.servers {
        text.histogram(&labels_of(server), &server.latency);
    }
}

fn types(text: &mut Text, picture: &Picture) {
    text.family("pomelo_strategy_info", Kind::Gauge, "How a server of the type is chosen; always 1.");
    for known in &picture.types {
        text.sample(&[("type", known.server_type.as_str()), ("strategy", &known.strategy)], 1.0);
    }
    text.family("pomelo_servers_listed", Kind::Gauge, "Servers of the type that can be chosen.");
    for known in &picture.types {
        text.sample(&[("type", known.server_type.as_str())], known.listed.len() as f64);
    }
    text.family(
        "pomelo_type_changing",
        Kind::Gauge,
        "1 while the type's list or strategy changes, and rooms move.",
    );
    for known in &picture.types {
        text.sample(&[("type", known.server_type.as_str())], f64::from(u8::from(known.is_changing)));
    }
    let figures: [Figure<Balance>; 2] = [
        (
            "pomelo_balance_peak_to_mean_ratio",
            Kind::Gauge,
            "Largest load of the type by its mean; 1 is even.",
            |balance| balance.peak_to_mean,
        ),
        (
            "pomelo_balance_jain_ratio",
            Kind::Gauge,
            "Jain's fairness index of the type's loads; 1 is even.",
            |balance| balance.jain,
        ),
    ];
    for (name, kind, help, of) in figures {
        text.family(name, kind, help);
        for known in &picture.types {
            for (load, balance) in [("count", known.by_count), ("messages", known.by_messages)] {
                if let Some(balance) = balance {
                    text.sample(&[("type", known.server_type.as_str()), ("by", load)], of(&balance));
                }
            }
        }
    }
}

fn links(text: &mut Text, view: &ClusterView) {
    text.family("pomelo_link_rules", Kind::Gauge, "Rules that make links slow, lossy or cut.");
    text.sample(&[], view.rules.len() as f64);
    text.family(
        "pomelo_link_rule_loss_ratio",
        Kind::Gauge,
        "The part of the envelopes that a rule loses; 1 is cut.",
    );
    for rule in &view.rules {
        let labels = [("rule", rule.name.as_str()), ("from", &rule.from), ("to", &rule.to)];
        text.sample(&labels, if rule.cut { 1.0 } else { rule.loss });
    }
    text.family(
        "pomelo_link_envelopes_total",
        Kind::Counter,
        "Envelopes that arrived, from server to server.",
    );
    for edge in &view.edges {
        text.sample(&[("from", edge.from.as_str()), ("to", edge.to.as_str())], edge.envelopes as f64);
    }
    text.family("pomelo_link_held_envelopes", Kind::Gauge, "Envelopes that links and pauses hold up now.");
    for edge in &view.edges {
        text.sample(&[("from", edge.from.as_str()), ("to", edge.to.as_str())], edge.held as f64);
    }
}

fn of_servers(text: &mut Text, view: &ClusterView, of: impl Fn(&ServerView) -> Option<f64>) {
    for server in &view.servers {
        if let Some(value) = of(server) {
            text.sample(&labels_of(server) as Labels<'_>, value);
        }
    }
}

fn labels_of(server: &ServerView) -> [(&str, &str); 2] {
    [("server", server.id.as_str()), ("type", server.server_type.as_str())]
}
