//! The original Pomelo, started from `benches/pomelo`, and ours: the same conversation gives the
//! same bytes, so that the benches compare the same work.

use std::net::SocketAddr;

use crate::support::client::{Client, Got, Transport};
use crate::support::node::{self, Played};
use crate::support::official::{ENTER, QUERY_ENTRY, SEND};
use crate::support::processes::{Application, Whose, original_command};
use serde_json::json;

node::tests!(a_conversation_with_the_original_and_with_ours_has_the_same_bytes,);

fn a_conversation_with_the_original_and_with_ours_has_the_same_bytes() -> Played {
    let application = Application::new().unwrap();
    original_command()?;
    let original = application.start(Whose::Original).unwrap();
    assert_eq!(original.servers.len(), 7, "a process for each server of servers.json");
    let expected = conversation(application.gate);
    drop(original);
    let ours = application.start(Whose::Ours).unwrap();
    let here = conversation(application.gate);
    drop(ours);
    assert_eq!(here, expected);
    Ok(())
}

/// All packages of four users in two rooms, by name. Only packages of one server are ordered, and
/// responses and pushes come from several, so they are sorted. The two of a room are on two
/// connectors: the original's first push to a connector waits for its connection, and then also
/// reaches users that entered meanwhile.
fn conversation(gate: SocketAddr) -> Vec<(&'static str, Vec<String>)> {
    let mut gates = Client::open(gate, Transport::WebSocket);
    let mut login = |name: &str, room: &str| {
        let place = gates.request(QUERY_ENTRY, json!({ "uid": name }));
        let port = place["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let connector = SocketAddr::new(gate.ip(), port.unwrap_or_else(|| panic!("the gate says {place}")));
        let mut client = Client::open(connector, Transport::WebSocket);
        let entered = client.request(ENTER, json!({ "username": name, "rid": room }));
        assert!(entered["users"].is_array(), "{name} enters {room}: {entered}");
        client
    };
    let mut alice = login("alice", "lobby");
    let mut erin = login("erin", "lobby");
    assert_eq!(alice.push().0, "onAdd");
    let mut carol = login("carol", "garden");
    let mut eve = login("eve", "garden");
    assert_eq!(carol.push().0, "onAdd");

    alice.request(SEND, json!({ "content": "hello", "target": "*" }));
    assert_eq!((alice.push().0, erin.push().0), ("onChat".into(), "onChat".into()));
    erin.request(SEND, json!({ "content": {"words": ["你好", 1.5]}, "target": "alice", "route": "chat" }));
    assert_eq!(alice.push().0, "onChat");
    carol.request(SEND, json!({ "content": "out here", "target": "*" }));
    assert_eq!((carol.push().0, eve.push().0), ("onChat".into(), "onChat".into()));
    erin.package(pomelo_sim::wire::PackageType::Heartbeat, b"");
    assert_eq!(erin.next(crate::support::PATIENCE), Some(Got::Heartbeat));
    eve.close();
    assert_eq!(carol.push().0, "onLeave");

    let all = [("gate", gates), ("alice", alice), ("erin", erin), ("carol", carol)];
    all.map(|(name, client)| {
        let mut packages: Vec<String> =
            client.packages.iter().map(|package| package.escape_ascii().to_string()).collect();
        packages.sort();
        (name, packages)
    })
    .into()
}
