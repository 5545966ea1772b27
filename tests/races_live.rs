//! Orders of events that went wrong once in the live cluster, each by the name of what it broke.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use pomelo_sim::config::ServerSpec;
use serde_json::json;
use support::client::{Client, Transport};
use support::cluster;

const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";

fn spec(cluster: &pomelo_sim::live::RunningCluster, id: &str) -> ServerSpec {
    cluster.servers().find(|(spec, _)| spec.id.as_str() == id).unwrap().0
}

#[test]
fn a_server_that_is_removed_and_added_takes_no_answers_of_its_predecessor() {
    let cluster = cluster(2, 1).start().unwrap();
    let id = "connector-server-1";
    let mut old = Client::enter(cluster.address(id).unwrap(), Transport::WebSocket, "old", "room");
    // What the old one asks is answered when another one of the name is there.
    cluster.pause("chat-server-1").unwrap();
    for n in 0..8 {
        old.send(SEND, json!({"content": n, "target": "*"}));
    }
    support::wait_until("the calls are under way", || {
        let snapshot = cluster.snapshot();
        snapshot
            .servers
            .iter()
            .any(|server| server.server.id.as_str() == id && server.server.calls_pending == 8)
    });
    let spec = spec(&cluster, id);
    cluster.remove(id).unwrap();
    cluster.add(spec).unwrap();
    let address = cluster.address(id).unwrap();
    let mut clients: Vec<(Client, u64)> = (0..4)
        .map(|n| {
            let mut client = Client::open(address, Transport::WebSocket);
            let entering = client.send(ENTER, json!({"username": format!("new{n}"), "rid": "room"}));
            (client, entering)
        })
        .collect();
    support::wait_until("the calls are under way", || {
        let snapshot = cluster.snapshot();
        snapshot
            .servers
            .iter()
            .any(|server| server.server.id.as_str() == id && server.server.calls_pending == 4)
    });
    cluster.resume("chat-server-1").unwrap();
    for (client, entering) in &mut clients {
        let answer = client.response(*entering);
        assert!(answer["users"].is_array(), "{answer}");
    }
    assert_eq!(cluster.audit_for(Duration::from_secs(5)).unwrap(), []);
}

#[test]
fn a_server_that_is_stopped_has_not_come_up_again() {
    let cluster = cluster(1, 2).start().unwrap();
    let restarts = || {
        let list = cluster.list().unwrap();
        list.into_iter().find(|server| server.id.as_str() == "chat-server-2").unwrap().restarts
    };
    cluster.stop_server("chat-server-2").unwrap();
    assert_eq!(restarts(), 0);
    cluster.restart("chat-server-2").unwrap();
    assert_eq!(restarts(), 1);
    cluster.kill("chat-server-2").unwrap();
    assert_eq!(restarts(), 1);
}
