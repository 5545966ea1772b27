//! A client port accepts WebSocket and raw TCP on one address, however the bytes of a correct
//! client are split.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::raw::{
    ACK, BINARY, CLOSE, HANDSHAKE, HEARTBEAT, HELLO, PING, PONG, Raw, TEXT, frame, request, upgrade_head,
    upgrade_head_of_version,
};
use crate::support::watch::{connectors, wait_closed};
use crate::support::{PATIENCE, patient, tutorial};
use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::CloseReason;
use serde_json::json;

const WELCOME_OF_GATE: &[u8] = b"\x01\0\0\x15{\"code\":200,\"sys\":{}}";

/// The end of a WebSocket: a close frame that says 1000 or 1002.
const CLOSED_1000: &[u8] = b"\x88\x02\x03\xe8";

fn start() -> RunningCluster {
    tutorial().options(patient()).start().unwrap()
}

fn gate(cluster: &RunningCluster) -> SocketAddr {
    cluster.address("gate-server-1").unwrap()
}

/// A package in a frame, as servers send it.
fn framed(package: &[u8]) -> Vec<u8> {
    let mut bytes = vec![BINARY, u8::try_from(package.len()).unwrap()];
    bytes.extend_from_slice(package);
    bytes
}

#[test]
fn one_address_speaks_both_transports() {
    let cluster = start();
    for address in [gate(&cluster), connectors(&cluster)[0]] {
        let mut clients = BOTH.map(|transport| Client::open(address, transport));
        for client in &mut clients {
            assert_eq!(client.request("nobody.knows.this", json!({}))["code"], 500);
        }
    }
}

#[test]
fn packages_may_come_byte_by_byte() {
    let cluster = start();
    let mut raw = Raw::connect(gate(&cluster));
    raw.drip(HELLO);
    raw.expect(WELCOME_OF_GATE);
    raw.drip(&request(1, "gate.gateHandler.queryEntry", r#"{"uid":"alice"}"#));
    raw.until(b"\x04\x01{\"code\":200,\"host\":\"127.0.0.1\",\"port\":");
}

#[test]
fn an_upgrade_and_its_frames_may_come_byte_by_byte() {
    let cluster = start();
    let mut raw = Raw::connect(gate(&cluster));
    raw.drip(upgrade_head("").as_bytes());
    assert!(raw.head().contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the RFC's example");
    raw.drip(&frame(BINARY, HELLO));
    raw.expect(&framed(WELCOME_OF_GATE));
    raw.assert_works(Transport::WebSocket);
}

#[test]
fn an_upgrade_may_be_cut_anywhere() {
    let cluster = start();
    let head = upgrade_head("");
    for cut in 1..head.len() {
        let mut raw = Raw::connect(gate(&cluster));
        raw.send(&head.as_bytes()[..cut]);
        std::thread::sleep(Duration::from_micros(300));
        let mut rest = head.as_bytes()[cut..].to_vec();
        rest.extend(frame(BINARY, HELLO));
        raw.send(&rest);
        assert!(raw.head().starts_with("HTTP/1.1 101 "), "cut at {cut}");
        raw.expect(&framed(WELCOME_OF_GATE));
    }
}

#[test]
fn frames_may_come_with_the_upgrade_and_messages_with_the_handshake() {
    let cluster = start();
    let mut all = upgrade_head("").into_bytes();
    all.extend(frame(BINARY, HANDSHAKE));
    all.extend(frame(BINARY, ACK));
    all.extend(frame(TEXT, &request(9, "nobody.knows.this", "{}")));
    let mut raw = Raw::connect(gate(&cluster));
    raw.send(&all);
    raw.head();
    raw.expect(&framed(WELCOME_OF_GATE));
    raw.until(b"\x04\x09{\"code\":500");

    let mut raw = Raw::connect(gate(&cluster));
    raw.send(&[HELLO, &request(9, "nobody.knows.this", "{}")].concat());
    raw.expect(WELCOME_OF_GATE);
    raw.until(b"\x04\x09{\"code\":500");
}

#[test]
fn every_heartbeat_is_answered_but_on_the_gate() {
    let cluster = start();
    for transport in BOTH {
        let mut client = Client::open(connectors(&cluster)[0], transport);
        for _ in 0..5 {
            client.raw(HEARTBEAT);
        }
        for _ in 0..5 {
            assert_eq!(client.next(PATIENCE), Some(Got::Heartbeat));
        }
        let mut client = Client::open(gate(&cluster), transport);
        client.raw(HEARTBEAT);
        let id = client.send("nobody.knows.this", json!({}));
        assert!(matches!(client.next(PATIENCE), Some(Got::Response(of, _)) if of == id));
    }
}

#[test]
fn versions_13_and_8_are_spoken_7_is_not() {
    let cluster = start();
    for (version, status) in [("13", "101"), ("8", "101"), ("7", "400"), ("99", "400"), ("", "400")] {
        let mut raw = Raw::connect(gate(&cluster));
        raw.send(upgrade_head_of_version(version, "").as_bytes());
        let head = raw.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "version {version}: {head}");
        if status == "400" {
            raw.end();
        }
    }
    wait_closed(&cluster, "gate-server-1", CloseReason::NotWebSocket, 3);
}

#[test]
fn the_first_subprotocol_is_echoed() {
    let cluster = start();
    let mut raw = Raw::connect(gate(&cluster));
    raw.send(upgrade_head("sec-websocket-protocol: pomelo.v2 , chat\r\n").as_bytes());
    assert!(raw.head().ends_with("\r\nSec-WebSocket-Protocol: pomelo.v2"));
}

#[test]
fn what_is_no_upgrade_is_told_so_and_closed() {
    let cluster = start();
    for line in ["GET / HTTP/1.1", "POST /chat HTTP/1.1", "HEAD / HTTP/1.0", "OPTIONS * HTTP/1.1"] {
        let mut raw = Raw::connect(gate(&cluster));
        raw.send(format!("{line}\r\nHost: localhost\r\n\r\n").as_bytes());
        let answer = String::from_utf8(raw.end()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"), "{answer}");
        assert!(answer.ends_with("over WebSocket or raw TCP\n"), "{answer}");
    }
    wait_closed(&cluster, "gate-server-1", CloseReason::NotWebSocket, 4);
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let cluster = start();
    let mut raw = Raw::upgraded(gate(&cluster));
    raw.send(&frame(PING, b"are you there"));
    raw.expect(&[&[PONG, 13], &b"are you there"[..]].concat());
    raw.send(&frame(PONG, b"unasked"));
    raw.send(&frame(BINARY, HELLO));
    raw.expect(&framed(WELCOME_OF_GATE));
}

#[test]
fn a_message_may_be_fragmented_with_pings_between() {
    const BINARY_BEGINS: u8 = 0x02;
    const CONTINUES: u8 = 0x00;
    const ENDS: u8 = 0x80;
    let cluster = start();
    let mut raw = Raw::upgraded(gate(&cluster));
    raw.send(&frame(BINARY_BEGINS, &HELLO[..3]));
    raw.send(&frame(PING, b"1"));
    raw.expect(&[PONG, 1, b'1']);
    raw.send(&frame(CONTINUES, &HELLO[3..10]));
    raw.send(&frame(CONTINUES, b""));
    raw.send(&frame(PING, b"2"));
    raw.expect(&[PONG, 1, b'2']);
    raw.send(&frame(ENDS, &HELLO[10..]));
    raw.expect(&framed(WELCOME_OF_GATE));
    raw.assert_works(Transport::WebSocket);
}

#[test]
fn a_close_frame_is_answered_once_and_the_connection_ends() {
    let cluster = start();
    let mut raw = Raw::open(gate(&cluster), Transport::WebSocket);
    raw.send(&frame(CLOSE, b"\x03\xe8bye"));
    assert!(raw.end().starts_with(b"\x88"));
    wait_closed(&cluster, "gate-server-1", CloseReason::Client, 1);

    let mut client = Client::open(gate(&cluster), Transport::WebSocket);
    client.raw(&[9, 0, 0, 0]);
    assert_eq!(client.closed(), (None, Some(1000)), "a server's close is normal to a Pomelo client");
}

#[test]
fn a_wrong_handshake_is_answered_and_closed() {
    let cluster = start();
    for body in ["", "null", "{}", r#"{"sys":null}"#, r#"{"sys":0}"#, "{nonsense"] {
        let mut raw = Raw::connect(gate(&cluster));
        raw.send(&crate::support::raw::package(1, body.len(), body.as_bytes()));
        assert_eq!(raw.end(), b"\x01\0\0\x0c{\"code\":500}", "{body}");
        let mut raw = Raw::upgraded(gate(&cluster));
        raw.send(&frame(BINARY, &crate::support::raw::package(1, body.len(), body.as_bytes())));
        assert_eq!(raw.end(), [&framed(b"\x01\0\0\x0c{\"code\":500}"), CLOSED_1000].concat(), "{body}");
    }
    wait_closed(&cluster, "gate-server-1", CloseReason::HandshakeRefused, 12);
}

#[test]
fn what_comes_in_the_wrong_state_is_ignored() {
    let cluster = start();
    let early = [ACK, HEARTBEAT, &request(1, "nobody.knows.this", "{}")].concat();
    for transport in BOTH {
        let mut client = Client::connect(connectors(&cluster)[0], transport);
        client.raw(&early);
        client.raw(HANDSHAKE);
        assert!(matches!(client.next(PATIENCE), Some(Got::Handshake(_))));
        client.raw(&[HANDSHAKE, HEARTBEAT, &request(2, "nobody.knows.this", "{}")].concat());
        client.raw(ACK);
        assert_eq!(client.next(PATIENCE), Some(Got::Heartbeat));
        client.raw(&[HANDSHAKE, ACK].concat());
        let id = client.send("nobody.knows.this", json!({}));
        assert!(matches!(client.next(PATIENCE), Some(Got::Response(of, _)) if of == id));
    }
    assert_eq!(crate::support::watch::port(&cluster, "connector-server-1").ignored, 16);
}
