//! A client port closes clients that are silent for too long, and no others.

use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::raw::{HANDSHAKE, HEARTBEAT, Raw, frame, upgrade_head};
use crate::support::watch::{closed, connectors, port, wait_closed};
use crate::support::{PATIENCE, patient, tutorial, wait_until};
use pomelo_sim::cluster::Options;
use pomelo_sim::ports::CloseReason;
use serde_json::json;

/// The timeout under test. Much longer than a correct client needs on a busy machine.
const SHORT: Duration = Duration::from_secs(2);

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let options = Options { handshake_timeout: SHORT, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    for name in ["gate-server-1", "connector-server-1"] {
        let address = cluster.address(name).unwrap();
        let begun = Instant::now();
        let mut silent = Raw::connect(address);
        let mut upgraded = Raw::upgraded(address);
        let mut half_a_package = Raw::connect(address);
        half_a_package.send(&HANDSHAKE[..7]);
        let mut half_a_head = Raw::connect(address);
        half_a_head.send(b"GET / HTTP/1.1\r\n");
        // One who drips says something all the time, but never enough.
        let mut dripping = Raw::connect(address);
        while closed(&cluster, name, CloseReason::HandshakeTimeout) < 5 {
            dripping.send(b"G");
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(begun.elapsed() >= SHORT);
        for raw in [&mut silent, &mut half_a_package, &mut half_a_head, &mut dripping] {
            assert_eq!(raw.end(), b"");
        }
        assert_eq!(upgraded.end(), b"\x88\x02\x03\xe8");
        wait_closed(&cluster, name, CloseReason::HandshakeTimeout, 5);
    }
}

#[test]
fn an_acknowledgement_that_does_not_come_is_not_waited_for() {
    let options = Options { ack_timeout: SHORT, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    for transport in BOTH {
        let mut client = Client::connect(connectors(&cluster)[0], transport);
        let begun = Instant::now();
        client.raw(HANDSHAKE);
        assert!(matches!(client.next(PATIENCE), Some(Got::Handshake(_))));
        let code = (transport == Transport::WebSocket).then_some(1000);
        assert_eq!(client.closed(), (None, code));
        assert!(begun.elapsed() >= SHORT);
    }
    wait_closed(&cluster, "connector-server-1", CloseReason::AckTimeout, 2);
}

#[test]
fn only_heartbeats_keep_a_connection_of_a_connector() {
    let options = Options { heartbeat: Some(SHORT), ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let address = connectors(&cluster)[0];
    let begun = Instant::now();
    let mut talkers = BOTH.map(|transport| Client::open(address, transport));
    let mut beaters = BOTH.map(|transport| Client::open(address, transport));
    let mut at_gate =
        BOTH.map(|transport| Client::open(cluster.address("gate-server-1").unwrap(), transport));
    let opened = Instant::now();
    let mut ended_after = None;
    // Until the talkers are closed, and past the timeout of those who beat.
    while ended_after.is_none() || opened.elapsed() < 2 * SHORT + SHORT / 4 {
        for talker in &mut talkers {
            talker.send("nobody.knows.this", json!({}));
        }
        for beater in &mut beaters {
            beater.raw(HEARTBEAT);
        }
        if closed(&cluster, "connector-server-1", CloseReason::HeartbeatTimeout) == 2 {
            ended_after = ended_after.or(Some(begun.elapsed()));
        }
        assert!(opened.elapsed() < PATIENCE, "data is no heartbeat");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(ended_after.unwrap() >= 2 * SHORT, "{ended_after:?}");
    let [mut tcp, mut websocket] = talkers;
    assert_eq!((tcp.closed(), websocket.closed()), ((None, None), (None, Some(1000))));
    for client in beaters.iter_mut().chain(&mut at_gate) {
        assert_eq!(client.request("nobody.knows.this", json!({}))["code"], 500);
    }
    drop((tcp, websocket));
    wait_until("the talkers' rows are given back", || port(&cluster, "connector-server-1").connections == 2);
    assert_eq!(closed(&cluster, "connector-server-1", CloseReason::HeartbeatTimeout), 2);
}

#[test]
fn a_heartbeat_of_less_than_a_second_is_one_of_a_second() {
    for (millis, seconds) in [(1500, json!(2)), (1, json!(1)), (0, json!(null))] {
        let options = Options { heartbeat: Some(Duration::from_millis(millis)), ..patient() };
        let cluster = tutorial().options(options).start().unwrap();
        let mut client = Client::connect(connectors(&cluster)[0], Transport::Tcp);
        client.raw(HANDSHAKE);
        let Some(Got::Handshake(answer)) = client.next(PATIENCE) else { panic!("no handshake") };
        assert_eq!(answer["sys"]["heartbeat"], seconds, "{millis} ms");
    }
}

#[test]
fn an_idle_tcp_connection_ends_a_websocket_does_not() {
    let options = Options { idle_timeout: SHORT, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let address = cluster.address("gate-server-1").unwrap();
    let mut idle = Client::open(address, Transport::Tcp);
    let mut websocket = Client::open(address, Transport::WebSocket);
    let mut busy = Client::open(address, Transport::Tcp);
    let mut unknown = Raw::connect(address);
    let mut upgrading = Raw::connect(address);
    upgrading.send(&upgrade_head("").as_bytes()[..40]);
    let begun = Instant::now();
    // Until the others are closed, and past the timeout of the busy one.
    while closed(&cluster, "gate-server-1", CloseReason::IdleTimeout) < 3 || begun.elapsed() < SHORT * 5 / 4 {
        assert!(begun.elapsed() < PATIENCE, "an idle one stays");
        busy.raw(HEARTBEAT);
        // Reading answers pings.
        assert_eq!(websocket.next(Duration::from_millis(50)), None);
    }
    assert_eq!(idle.closed(), (None, None));
    assert_eq!((unknown.end(), upgrading.end()), (vec![], vec![]));
    wait_closed(&cluster, "gate-server-1", CloseReason::IdleTimeout, 3);
    assert_eq!(busy.request("nobody.knows.this", json!({}))["code"], 500);
    assert_eq!(websocket.request("nobody.knows.this", json!({}))["code"], 500);
}

#[test]
fn one_that_was_told_to_go_is_cut_off_when_it_does_not() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let mut stubborn = Raw::open(cluster.address("gate-server-1").unwrap(), Transport::WebSocket);
    stubborn.send(&frame(crate::support::raw::BINARY, &[9, 0, 0, 0]));
    assert_eq!(stubborn.end(), b"\x88\x02\x03\xe8");
    // It keeps its side open, and talks on.
    wait_until("its row is given back", || {
        stubborn.send(b"and another thing");
        port(&cluster, "gate-server-1").connections == 0
    });
    assert_eq!(closed(&cluster, "gate-server-1", CloseReason::BadPackage), 1);
}
