//! Views made by hand: what the stand-in of a cluster says of itself, and what pictures are made of.

use pomelo_sim::config::ServerSpec;
use pomelo_sim::live::{RoomLine, ServerState, ServerView, TypeView};
use pomelo_sim::ports::PortSnapshot;
use pomelo_sim::servers::{HostCounters, ServerSnapshot};
use pomelo_sim::stats::Histogram;

/// A server that has done nothing since it came up; none of it when it is not up.
pub fn server(spec: &ServerSpec, state: ServerState, uptime_seconds: f64) -> ServerView {
    let is_up = !matches!(state, ServerState::Stopped | ServerState::Killed);
    let account = ServerSnapshot {
        id: spec.id.clone(),
        server_type: spec.server_type.clone(),
        sessions: 2,
        bound: 2,
        channels: 1,
        members: 2,
        calls_pending: 0,
        is_restarting: false,
        counters: HostCounters::default(),
    };
    ServerView {
        id: spec.id.clone(),
        server_type: spec.server_type.clone(),
        frontend: spec.frontend,
        weight: spec.weight,
        state,
        clients: None,
        uptime_seconds: if is_up { uptime_seconds } else { 0.0 },
        restarts: 0,
        account: is_up.then_some(account),
        port: spec.frontend.then(PortSnapshot::default),
        latency: Histogram::default(),
        queue: 0,
    }
}

/// Puts a server on the list of its type.
pub fn list(types: &mut Vec<TypeView>, spec: &ServerSpec) {
    match types.iter_mut().find(|of| of.server_type == spec.server_type) {
        Some(of) => of.listed.push(spec.id.clone()),
        None => types.push(TypeView {
            server_type: spec.server_type.clone(),
            strategy: "ring(100)".parse().unwrap(),
            listed: vec![spec.id.clone()],
            is_changing: false,
        }),
    }
}

/// Two rooms.
pub fn rooms() -> Vec<RoomLine> {
    let room = |name: &str, members, messages, messages_per_second| RoomLine {
        room: name.to_owned(),
        key: Some(name.to_owned()),
        server: "chat-server-1".into(),
        members,
        messages,
        messages_per_second,
    };
    vec![room("lobby", 12, 40, 3), room("大厅", 2, 900, 0)]
}
