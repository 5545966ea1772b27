//! Looking at a running cluster while it is being changed.

#![allow(clippy::unwrap_used)]

mod support;

use pomelo_sim::live::{EventKind, RunningCluster, ServerState};
use pomelo_sim::router::LinkRule;
use serde_json::json;
use support::client::{Client, Transport};
use support::watch::connectors;
use support::{cluster, wait_until};

fn state(cluster: &RunningCluster, id: &str) -> ServerState {
    cluster.list().unwrap().into_iter().find(|server| server.id.as_str() == id).unwrap().state
}

/// A stop waits for what is under way on a link that is cut. Whoever looks, or heals the link, does not wait for the stop.
#[test]
fn a_stop_that_waits_delays_nobody_who_looks() {
    let cluster = cluster(1, 2).start().unwrap();
    let mut alice = Client::enter(connectors(&cluster)[0], Transport::Tcp, "alice", "room");
    let rooms = cluster.snapshot().servers.into_iter().find(|server| server.server.channels > 0).unwrap();
    let id = rooms.server.id.to_string();
    let cut: LinkRule = serde_json::from_value(json!({"name": "cut", "from": id, "cut": true})).unwrap();
    cluster.add_link_rule(cut).unwrap();
    let asked = alice.send("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    let room_is_told = || {
        let now = cluster.snapshot().servers.into_iter().find(|server| server.server.id.as_str() == id);
        now.unwrap().server.counters.pushes > rooms.server.counters.pushes
    };
    wait_until("the push is on the link", room_is_told);
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| cluster.stop_server(&id));
        wait_until("the stop is seen", || state(&cluster, &id) == ServerState::Stopping);
        let view = cluster.view().unwrap();
        let seen = view.servers.iter().find(|server| server.id.as_str() == id).unwrap();
        assert_eq!((seen.state, view.rules.len()), (ServerState::Stopping, 1));
        assert!(seen.account.is_some());
        cluster.heal(Some("cut")).unwrap();
        stop.join().unwrap().unwrap();
    });
    assert_eq!(state(&cluster, &id), ServerState::Stopped);
    // Had the heal waited for the stop, it would stand behind it.
    let events = cluster.timeline().since(0).events;
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    let place = |kind| kinds.iter().position(|one| *one == kind).unwrap();
    assert!(place(EventKind::Link) < place(EventKind::Healed), "{kinds:?}");
    assert!(place(EventKind::Healed) < place(EventKind::Stopped), "{kinds:?}");
    assert_eq!(alice.response(asked), json!({}));
}
