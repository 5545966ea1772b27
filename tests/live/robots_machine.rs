//! A robot as a state machine: what it sends and when, and how it reads answers.

use std::time::Duration;

use crate::support::stand::{Stand, TIMEOUT, frame, upgraded};
use pomelo_sim::robots::robot::Next;
use pomelo_sim::wire::{Message, MessageKind, PackageDecoder, PackageType, WireRoute};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// The packages in what a client said: over a WebSocket each is a masked frame.
fn packages(websocket: bool, bytes: &[u8]) -> Vec<(PackageType, Vec<u8>)> {
    let plain = if websocket { unmasked(bytes).concat() } else { bytes.to_vec() };
    let mut decoder = PackageDecoder::new(1 << 20);
    let (mut input, mut found) = (&*plain, Vec::new());
    while let Some(package) = decoder.next(&mut input).unwrap() {
        found.push((package.kind, package.body.to_vec()));
    }
    assert!(!decoder.is_partial());
    found
}

/// The payloads of binary frames, which must be short and masked.
fn unmasked(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!((*first, second & 0x80), (0x82, 0x80));
        let (len, rest) = match second & 0x7f {
            126 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            len => (usize::from(len), rest),
        };
        let (mask, rest) = rest.split_at(4);
        payloads.push(rest[..len].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect());
        bytes = &rest[len..];
    }
    payloads
}

fn request(websocket: bool, bytes: &[u8]) -> (u64, String, Value) {
    let packages = packages(websocket, bytes);
    let (kind, body) = packages.last().unwrap();
    assert_eq!(*kind, PackageType::Data);
    let message = Message::decode(body).unwrap();
    let MessageKind::Request { id } = message.kind else { panic!("{message:?}") };
    let route = match message.route.unwrap() {
        WireRoute::Name(name) => name.into_owned(),
        WireRoute::Code(code) => code.to_string(),
    };
    (id, route, serde_json::from_slice(message.body).unwrap())
}

#[test]
fn a_login_as_the_official_client_does_it() {
    for websocket in [false, true] {
        let mut stand = Stand::new(websocket);
        if websocket {
            let head = String::from_utf8(stand.said()).unwrap();
            assert!(
                head.starts_with("GET / HTTP/1.1\r\nHost: gate:3014\r\nUpgrade: websocket\r\n"),
                "{head}"
            );
            assert_eq!(stand.give(upgraded(&head).as_bytes()), Next::Stay);
        }
        let hello = packages(websocket, &stand.said());
        let hello: Vec<_> = hello.iter().map(|(kind, body)| (*kind, String::from_utf8_lossy(body))).collect();
        let expected = r#"{"sys":{"type":"pomelo-sim-robot","version":"0.0.1"}}"#;
        assert_eq!(hello, [(PackageType::Handshake, expected.into())]);

        let reply = stand.package(PackageType::Handshake, b"{\"code\":200,\"sys\":{}}");
        assert_eq!(stand.give(&reply), Next::Stay);
        let said = stand.said();
        assert_eq!(packages(websocket, &said)[0], (PackageType::HandshakeAck, vec![]));
        let asked = (1, "gate.gateHandler.queryEntry".to_owned(), json!({"uid": "robot-0"}));
        assert_eq!(request(websocket, &said), asked);

        stand.send_on();
        stand.greet(b"{\"code\":200,\"sys\":{\"heartbeat\":3}}");
        let body = json!({"username": "robot-0", "rid": "robot-room-0"});
        let asked = (1, "connector.entryHandler.enter".to_owned(), body);
        assert_eq!(request(websocket, &stand.said()), asked);
        assert_eq!(stand.respond(1, b"{\"users\":[]}"), Next::Stay);
        assert!(stand.robot.is_in());

        stand.robot.say(&mut stand.shared, stand.now, stand.now);
        let (id, route, body) = request(websocket, &stand.said());
        assert_eq!((id, &*route), (2, "chat.chatHandler.send"));
        let content = body["content"].as_str().unwrap();
        assert_eq!(content.len(), 64);
        assert!(content.starts_with("robot:0:1:0:xxx"), "{content}");
        assert_eq!(body["from"], "robot-0");
        assert_eq!((&body["rid"], &body["target"]), (&json!("robot-room-0"), &json!("*")));
        assert!(stand.shared.errors().is_empty());
    }
}

#[test]
fn routes_that_the_server_gives_codes_travel_as_codes() {
    let mut stand = Stand::new(false);
    let dict = json!({"gate.gateHandler.queryEntry": 7, "onChat": 9});
    stand.greet(json!({"code": 200, "sys": {"dict": dict, "useDict": true}}).to_string().as_bytes());
    assert_eq!(request(false, &stand.said()).1, "7");
    stand.send_on();
    stand.greet(b"{\"code\":200,\"sys\":{\"dict\":{\"onChat\":9}}}");
    stand.respond(1, b"{\"users\":[]}");
    // It is by its code that this is known to be chat: only then can it be foreign.
    let push = stand.push(&WireRoute::Code(9), r#"{"msg":"robot:9:1:0:"}"#);
    stand.give(&push);
    let push = stand.push(&WireRoute::Code(8), r#"{"msg":"robot:9:1:0:"}"#);
    stand.give(&push);
    assert_eq!(stand.shared.judge().verdict().foreign, 1);
}

#[test]
fn a_window_is_kept_full_and_no_fuller() {
    let mut stand = Stand::entered(false);
    stand.shared.open_windows(&stand.plan);
    assert_eq!(stand.tick(), Next::Stay);
    assert_eq!(packages(false, &stand.said()).len(), 2);
    stand.respond(3, b"{}");
    assert_eq!(request(false, &stand.said()).0, 4);
    let both = [stand.response(2, b"{}"), stand.response(4, b"{}")].concat();
    stand.give(&both);
    assert_eq!(packages(false, &stand.said()).len(), 2, "both go out in one write");
    stand.shared.close_windows();
    stand.respond(5, b"{}");
    assert!(stand.said().is_empty());
}

#[test]
fn heartbeats_are_sent_as_long_after_the_servers_as_it_asked() {
    let mut stand = Stand::entered(true);
    let due = stand.robot.due(&stand.shared);
    assert_eq!(due.since(stand.now), 3 * SECOND);
    assert_eq!(stand.later(3 * SECOND), Next::Stay);
    assert_eq!(packages(true, &stand.said()), [(PackageType::Heartbeat, vec![])]);
    assert_eq!(stand.later(3 * SECOND), Next::Stay);
    assert!(stand.said().is_empty(), "the server's turn");
    let beat = stand.package(PackageType::Heartbeat, b"");
    stand.give(&beat);
    assert!(stand.said().is_empty(), "not at once, else the two would never rest");
    assert_eq!(stand.robot.due(&stand.shared).since(stand.now), 3 * SECOND);
}

#[test]
fn websocket_frames_may_be_cut_pinged_between_and_filled_with_packages() {
    let mut stand = Stand::entered(true);
    stand.shared.open_windows(&stand.plan);
    stand.tick();
    stand.said();
    let response = |id| {
        let mut package = Vec::new();
        pomelo_sim::wire::write_response(&mut package, id, b"{}");
        package
    };
    let two = [response(2), response(3)].concat();
    let (head, tail) = two.split_at(5);
    let cut = [frame(0x02, head), frame(0x89, b"ping"), frame(0x00, b""), frame(0x80, tail)].concat();
    assert_eq!(stand.give(&cut), Next::Stay);
    let said = stand.said();
    let (pong, requests) = said.split_at(2 + 4 + 4);
    assert_eq!((pong[0], pong[1]), (0x8a, 0x84));
    assert_eq!(packages(true, requests).len(), 2);
    assert!(stand.shared.errors().is_empty());
}

#[test]
fn what_a_server_must_not_send_ends_the_connection_by_name() {
    let long_ping = frame(0x89, &[0; 126]);
    let mut cut_package = frame(0x82, b"\x04\0\0");
    cut_package.extend_from_slice(&frame(0x82, b"\x01\0"));
    for (bytes, error) in [
        (frame(0xc2, b""), "expected a WebSocket frame, got an extension that was not negotiated"),
        (
            b"\x82\x84\0\0\0\0".to_vec(),
            "expected a WebSocket frame, got a masked frame, which only clients send",
        ),
        (frame(0x80, b""), "expected a WebSocket frame, got a continuation without a first frame"),
        (
            [frame(0x02, b""), frame(0x82, b"")].concat(),
            "expected a WebSocket frame, got a new message before the end of a fragmented one",
        ),
        (long_ping, "expected a WebSocket frame, got a control frame that is too long or fragmented"),
        (frame(0x83, b""), "expected a WebSocket frame, got an unknown opcode"),
        (cut_package, "expected a WebSocket frame, got a new message in the middle of a package"),
        (frame(0x88, b"\x03\xe8"), "closed by the server"),
        (frame(0x82, b"\x09\0\0\0"), "expected a package type from 1 to 5, got 9"),
        (frame(0x82, b"\x05\0\0\x15{\"reason\":\"a\\u001bb\"}"), "kicked: ab"),
    ] {
        let mut stand = Stand::entered(true);
        assert_eq!(stand.give(&bytes), Next::Close, "{error}");
        let errors: Vec<_> = stand.shared.errors().iter().map(|(kind, count)| (&**kind, *count)).collect();
        assert_eq!(errors, [(error, 1)]);
        assert_eq!(stand.later(SECOND), Next::Gate, "it comes back");
    }
}

#[test]
fn no_upgrade_is_a_failed_login() {
    for (answer, why) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404"),
        ("HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: x\r\n\r\n", "a wrong Sec-WebSocket-Accept"),
        ("\u{1}\0\0\u{15}", "a response that is not HTTP"),
        (&format!("HTTP/1.1 200 OK\r\n{}", "x".repeat(9000)), "a response head that is too long"),
    ] {
        let mut stand = Stand::new(true);
        assert_eq!(stand.give(answer.as_bytes()), Next::Close);
        assert!(stand.shared.errors().is_empty(), "it tries again");
        assert_eq!(stand.later(SECOND), Next::Gate);
        stand.robot.connected("gate:3014");
        assert_eq!(stand.give(answer.as_bytes()), Next::Close);
        let expected = format!("gate: expected an upgrade to WebSocket, got {why}");
        assert_eq!(stand.shared.errors().keys().collect::<Vec<_>>(), [&expected]);
        assert_eq!(stand.later(60 * SECOND), Next::Stay, "it has given up");
    }
}

#[test]
fn a_request_that_is_late_is_an_error_once_and_makes_room_for_the_next() {
    let mut stand = Stand::entered(false);
    stand.shared.open_windows(&stand.plan);
    stand.tick();
    stand.said();
    assert_eq!(stand.later(TIMEOUT), Next::Stay);
    assert_eq!(stand.shared.errors()["send: timeout"], 2);
    let said = packages(false, &stand.said());
    assert_eq!(said.iter().filter(|(kind, _)| *kind == PackageType::Data).count(), 2);
    stand.shared.close_windows();
    for id in 2..=5 {
        stand.respond(id, b"{}");
    }
    stand.respond(5, b"{}");
    assert_eq!(stand.shared.errors().len(), 2);
    assert_eq!(stand.shared.errors()["send: an answer without a request"], 1);
    assert_eq!(stand.shared.judge().verdict().unanswered, 0);
}

#[test]
fn one_who_leaves_waits_for_its_answers_and_says_nothing_until_it_is_back() {
    let mut stand = Stand::entered(true);
    stand.robot.say(&mut stand.shared, stand.now, stand.now);
    stand.said();
    assert_eq!(stand.robot.leave(&mut stand.shared, stand.now), Next::Stay);
    stand.robot.say(&mut stand.shared, stand.now, stand.now);
    assert!(stand.said().is_empty());
    assert_eq!(stand.respond(2, b"{}"), Next::Close);
    assert_eq!(stand.said()[0], 0x88, "over a WebSocket it says that it goes");
    stand.robot.say(&mut stand.shared, stand.now, stand.now);
    assert_eq!(stand.later(SECOND), Next::Gate);
    stand.robot.connected("gate:3014");
    // It is on its way, and late: this one is to be said.
    let due = stand.now;
    stand.robot.say(&mut stand.shared, due, due);
    stand.now = stand.now + SECOND;
    stand.greet(b"{\"code\":200}");
    stand.send_on();
    stand.greet(b"{\"code\":200}");
    stand.said();
    stand.respond(1, b"{\"users\":[]}");
    let said = stand.said();
    assert_eq!(packages(true, &said).len(), 1, "and nothing of what was due before");
    let content = format!("robot:0:2:{}:", due.as_nanos());
    assert!(request(true, &said).2["content"].as_str().unwrap().starts_with(&content));
    assert!(stand.shared.errors().is_empty());
}

#[test]
fn a_login_that_gets_no_answer_ends_at_its_timeout() {
    let mut stand = Stand::new(false);
    stand.greet(b"{\"code\":200}");
    assert_eq!(stand.later(TIMEOUT - SECOND), Next::Stay);
    assert_eq!(stand.later(SECOND), Next::Close);
    assert_eq!(stand.later(SECOND), Next::Gate);
    stand.robot.connected("gate:3014");
    assert_eq!(stand.later(TIMEOUT), Next::Close);
    assert_eq!(stand.shared.errors()["gate: timeout"], 1);
    stand.robot.say(&mut stand.shared, stand.now, stand.now);
    assert_eq!(stand.shared.errors()["send: not logged in"], 1);
}
