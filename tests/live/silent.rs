//! Clients that are silent at any stage prevent no login.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::client::{Client, Transport};
use crate::support::raw::{BINARY, HANDSHAKE, Raw, frame_header};
use crate::support::watch::{closed, connectors, port, wait_closed};
use crate::support::{patient, tutorial, wait_until};
use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::CloseReason::{Displaced, IdleTimeout, MessageTimeout};
use serde_json::json;

const PLACES: usize = 40;
const SHORT: Duration = Duration::from_secs(1);

fn gate(cluster: &RunningCluster) -> SocketAddr {
    cluster.address("gate-server-1").unwrap()
}

fn displaced(cluster: &RunningCluster) -> u64 {
    ["gate-server-1", "connector-server-1", "connector-server-2", "connector-server-3"]
        .map(|id| closed(cluster, id, Displaced))
        .iter()
        .sum()
}

/// Asks the gate, then logs in at a connector: the tutorial's way in.
fn log_in(cluster: &RunningCluster, name: &str) -> Client {
    let mut at_gate = Client::open(gate(cluster), Transport::WebSocket);
    let answer = at_gate.request("gate.gateHandler.queryEntry", json!({ "uid": name }));
    assert_eq!(answer["code"], 200, "{answer}");
    at_gate.close();
    Client::enter(connectors(cluster)[0], Transport::WebSocket, name, "lobby")
}

#[test]
fn silent_connections_give_way_to_those_who_come() {
    let options = Options { cluster_connections_max: Some(PLACES), ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut alice = log_in(&cluster, "alice");
    for (round, stage) in [&b""[..], HANDSHAKE, b"GET / HTTP/1.1\r\n", b"\x04\0\x10\0half"].iter().enumerate()
    {
        for address in [gate(&cluster), connectors(&cluster)[0]] {
            let before = displaced(&cluster);
            let silent: Vec<Raw> = (0..3 * PLACES)
                .map(|_| {
                    let mut raw = Raw::connect(address);
                    raw.send(stage);
                    raw
                })
                .collect();
            wait_until("the places are used up", || displaced(&cluster) >= before + 2 * PLACES as u64);
            let mut comes = log_in(&cluster, &format!("bob-{round}-{address}"));
            assert_eq!(
                comes.request("chat.chatHandler.send", json!({"content": "hi", "target": "*"})),
                json!({})
            );
            let all = ["gate-server-1", "connector-server-1"].map(|id| port(&cluster, id).connections);
            assert!(all.iter().sum::<usize>() <= PLACES + 2, "{all:?}");
            drop(silent);
        }
    }
    // With heartbeats, a client that has sent a message is never displaced.
    assert_eq!(alice.request("chat.chatHandler.send", json!({"content": "hi", "target": "*"})), json!({}));
}

#[test]
fn a_cluster_full_of_users_refuses_and_keeps_them() {
    let options = Options { cluster_connections_max: Some(5), ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let address = connectors(&cluster)[0];
    let names = ["a", "b", "c", "d", "e"];
    let mut users = names.map(|name| Client::enter(address, Transport::Tcp, name, "lobby"));
    wait_until("a newcomer is refused", || {
        Raw::connect(address).end();
        port(&cluster, "connector-server-1").refused > 0
    });
    assert_eq!(displaced(&cluster), 0);
    for user in &mut users {
        assert_eq!(user.request("chat.chatHandler.send", json!({"content": "hi", "target": "*"})), json!({}));
    }
}

#[test]
fn a_websocket_that_answers_no_ping_is_idle() {
    let options = Options { idle_timeout: SHORT, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut gone = Raw::open(gate(&cluster), Transport::WebSocket);
    let mut here = Client::open(gate(&cluster), Transport::WebSocket);
    wait_until("the one that is gone is closed", || {
        // Reading answers pings.
        assert_eq!(here.next(Duration::from_millis(20)), None);
        closed(&cluster, "gate-server-1", IdleTimeout) > 0
    });
    assert!(gone.end().starts_with(&[0x89, 0]), "a ping came first");
    assert_eq!(here.request("nobody.knows.this", json!({}))["code"], 500);
    assert_eq!(closed(&cluster, "gate-server-1", IdleTimeout), 1);
}

#[test]
fn a_message_that_does_not_end_is_not_waited_for() {
    let options = Options { message_timeout: SHORT, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut half = Raw::open(gate(&cluster), Transport::Tcp);
    half.send(b"\x04\0\x10\0half");
    let mut dripping = Raw::open(gate(&cluster), Transport::WebSocket);
    dripping.send(&frame_header(BINARY, true, 60_000));
    let mut whole = Client::open(gate(&cluster), Transport::WebSocket);
    wait_until("both are closed", || {
        dripping.send(b"x");
        closed(&cluster, "gate-server-1", MessageTimeout) == 2
    });
    assert_eq!(half.end(), b"");
    assert_eq!(whole.request("nobody.knows.this", json!({}))["code"], 500);
}

#[test]
fn unfinished_messages_take_bounded_memory() {
    const MAX: usize = 256 * 1024;
    let options = Options { unfinished_bytes_max: MAX, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut whole = Client::open(gate(&cluster), Transport::WebSocket);
    let hoarders: Vec<Raw> = (0..20)
        .map(|_| {
            let mut raw = Raw::open(gate(&cluster), Transport::WebSocket);
            raw.send(&frame_header(BINARY, true, 60_000));
            raw.send(&[7; 50_000]);
            raw
        })
        .collect();
    wait_closed(&cluster, "gate-server-1", Displaced, 15);
    assert!(port(&cluster, "gate-server-1").unfinished_bytes <= MAX);
    assert_eq!(whole.request("nobody.knows.this", json!({}))["code"], 500);
    drop(hoarders);
    wait_until("nothing is unfinished", || port(&cluster, "gate-server-1").unfinished_bytes == 0);
}
