//! The activity of a cluster, second by second: rates, percentiles and balance, from two views of
//! it.
//!
//! Pure: the caller provides the views and the time. The console, the metrics and `top` show the
//! same [`Picture`]; a [`History`] keeps the last minutes of it.

mod edges;
mod history;
mod picture;
mod since;

pub use history::History;
pub use picture::{ClusterPicture, EdgePicture, EdgeState, Picture, ServerPicture, Totals, TypePicture};

use self::since::{Between, Since};
use crate::live::{ClusterView, ServerState, ServerView, TypeView};
use crate::stats::{Balance, Histogram};

/// Makes a picture of each view, compared with the view before.
#[derive(Default)]
pub struct Monitor {
    before: Option<ClusterView>,
}

impl Monitor {
    /// Takes a view; `at_ms` is the time of day, in milliseconds since 1970. The first picture has
    /// no rates.
    pub fn take(&mut self, at_ms: u64, view: ClusterView) -> Picture {
        let before = self.before.take();
        let between = Between::new(before.as_ref(), &view);
        let all: Vec<(&ServerView, Since)> =
            view.servers.iter().map(|server| (server, between.of(server))).collect();
        let servers: Vec<ServerPicture> =
            all.iter().map(|(server, since)| server_of(server, since)).collect();
        let picture = Picture {
            at_ms,
            cluster: ClusterPicture {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                env: view.env.clone(),
                source: view.source.clone(),
                uptime_seconds: view.uptime_seconds,
            },
            totals: totals(&servers, &all, &view),
            types: view.types.iter().map(|of_type| type_of(of_type, &servers)).collect(),
            edges: edges::between(before.as_ref(), &view, between.seconds),
            rules: view.rules.clone(),
            servers,
        };
        self.before = Some(view);
        picture
    }
}

fn server_of(server: &ServerView, since: &Since) -> ServerPicture {
    ServerPicture {
        id: server.id.clone(),
        server_type: server.server_type.clone(),
        frontend: server.frontend,
        weight: server.weight,
        state: server.state,
        clients: server.clients,
        uptime_seconds: server.uptime_seconds,
        restarts: server.restarts,
        sessions: server.figure(|account| account.sessions),
        bound: server.figure(|account| account.bound),
        rooms: server.figure(|account| account.channels),
        members: server.figure(|account| account.members),
        load: server.figure(|account| if server.frontend { account.sessions } else { account.members }),
        messages_per_second: since.messages + since.invocations,
        deliveries_per_second: since.deliveries,
        errors_per_second: since.errors,
        p50_ms: since.latency.quantile_ms(0.5),
        p99_ms: since.latency.quantile_ms(0.99),
        queue: server.queue,
        calls_pending: server.figure(|account| account.calls_pending),
        buffer_bytes: server.port.as_ref().map_or(0, |port| port.outbox_bytes + port.kept_bytes),
    }
}

fn type_of(of_type: &TypeView, servers: &[ServerPicture]) -> TypePicture {
    let balance = |load: fn(&ServerPicture) -> f64| {
        let listed = servers.iter().filter(|server| of_type.listed.contains(&server.id));
        Balance::of(&listed.map(load).collect::<Vec<f64>>())
    };
    TypePicture {
        server_type: of_type.server_type.clone(),
        strategy: of_type.strategy.to_string(),
        listed: of_type.listed.clone(),
        is_changing: of_type.is_changing,
        by_count: balance(|server| server.load as f64),
        by_messages: balance(|server| server.messages_per_second),
    }
}

/// Traffic is counted at the frontends, as clients see it: a message that goes on to a backend is
/// one message.
fn totals(servers: &[ServerPicture], all: &[(&ServerView, Since)], view: &ClusterView) -> Totals {
    let sum = |of: fn(&ServerPicture) -> usize| servers.iter().map(of).sum();
    let frontends = || all.iter().filter(|(server, _)| server.frontend).map(|(_, since)| since);
    let mut latency = Histogram::default();
    frontends().for_each(|since| latency.add(&since.latency));
    Totals {
        servers: servers.len(),
        running: servers.iter().filter(|server| server.state == ServerState::Running).count(),
        sessions: sum(|server| server.sessions),
        uids: view.uids,
        rooms: sum(|server| server.rooms),
        members: sum(|server| server.members),
        messages_per_second: frontends().map(|since| since.messages).sum(),
        deliveries_per_second: frontends().map(|since| since.deliveries).sum(),
        errors_per_second: frontends().map(|since| since.errors).sum(),
        p50_ms: latency.quantile_ms(0.5),
        p99_ms: latency.quantile_ms(0.99),
        rooms_moved: view.router.rooms_moved,
        buffer_bytes: sum(|server| server.buffer_bytes),
    }
}
