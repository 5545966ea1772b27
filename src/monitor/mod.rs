//! What a cluster does, second by second: rates, percentiles and balance, out of two views of it.
//!
//! Pure: whoever looks brings the views and the time. Console, metrics and `top` show the same [`Picture`].

mod picture;

pub use picture::{ClusterPicture, EdgePicture, EdgeState, Picture, ServerPicture, Totals, TypePicture};

use crate::ids::ServerId;
use crate::live::{ClusterView, ServerState, ServerView};
use crate::stats::Balance;

/// Makes a picture of each view, with the view before in mind.
#[derive(Default)]
pub struct Monitor {
    before: Option<ClusterView>,
}

impl Monitor {
    /// Takes a view; `at_ms` is the time of day, in milliseconds since 1970.
    pub fn take(&mut self, at_ms: u64, view: ClusterView) -> Picture {
        let before = self.before.take();
        let seconds = before.as_ref().map_or(0.0, |before| view.uptime_seconds - before.uptime_seconds);
        let servers: Vec<ServerPicture> = view
            .servers
            .iter()
            .map(|server| {
                let before = before.as_ref().and_then(|before| find(before, &server.id));
                picture_of(server, before, seconds)
            })
            .collect();
        let types = view.types.iter().map(|of_type| {
            let of = |load: fn(&ServerPicture) -> f64| {
                let listed = servers.iter().filter(|server| of_type.listed.contains(&server.id));
                Balance::of(&listed.map(load).collect::<Vec<f64>>())
            };
            TypePicture {
                server_type: of_type.server_type.clone(),
                strategy: of_type.strategy.to_string(),
                listed: of_type.listed.clone(),
                is_changing: of_type.is_changing,
                by_count: of(|server| server.load as f64),
                by_messages: of(|server| server.messages_per_second),
            }
        });
        let picture = Picture {
            at_ms,
            cluster: ClusterPicture {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                env: view.env.clone(),
                source: view.source.clone(),
                uptime_seconds: view.uptime_seconds,
            },
            totals: totals(&servers, &view),
            types: types.collect(),
            edges: Vec::new(),
            rules: view.rules.clone(),
            servers,
        };
        self.before = Some(view);
        picture
    }
}

fn find<'a>(view: &'a ClusterView, id: &ServerId) -> Option<&'a ServerView> {
    view.servers.iter().find(|server| server.id == *id)
}

fn picture_of(server: &ServerView, before: Option<&ServerView>, seconds: f64) -> ServerPicture {
    let messages = |server: &ServerView| {
        server.account.as_ref().map_or(0, |account| account.counters.messages + account.counters.invocations)
    };
    let more = messages(server).saturating_sub(before.map_or(0, messages));
    let account = server.account.as_ref();
    let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    ServerPicture {
        id: server.id.clone(),
        server_type: server.server_type.clone(),
        frontend: server.frontend,
        weight: server.weight,
        state: server.state,
        clients: server.clients,
        uptime_seconds: server.uptime_seconds,
        restarts: server.restarts,
        sessions: account.map_or(0, |account| account.sessions),
        bound: account.map_or(0, |account| account.bound),
        rooms: account.map_or(0, |account| account.channels),
        members: account.map_or(0, |account| account.members),
        load: account.map_or(0, |account| if server.frontend { account.sessions } else { account.members }),
        messages_per_second: rate(more),
        deliveries_per_second: 0.0,
        errors_per_second: 0.0,
        p50_ms: None,
        p99_ms: None,
        queue: server.queue,
        calls_pending: account.map_or(0, |account| account.calls_pending),
        buffer_bytes: server.port.as_ref().map_or(0, |port| port.outbox_bytes + port.kept_bytes),
    }
}

fn totals(servers: &[ServerPicture], view: &ClusterView) -> Totals {
    let sum = |of: fn(&ServerPicture) -> usize| servers.iter().map(of).sum();
    Totals {
        servers: servers.len(),
        running: servers.iter().filter(|server| server.state == ServerState::Running).count(),
        sessions: sum(|server| server.sessions),
        uids: view.uids,
        rooms: sum(|server| server.rooms),
        members: sum(|server| server.members),
        messages_per_second: 0.0,
        deliveries_per_second: 0.0,
        errors_per_second: 0.0,
        p50_ms: None,
        p99_ms: None,
        rooms_moved: view.router.rooms_moved,
        buffer_bytes: sum(|server| server.buffer_bytes),
    }
}
