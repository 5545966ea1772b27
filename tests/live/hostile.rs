//! Hostile input affects only the connection that sends it: a room keeps talking, and nothing
//! leaks.

use std::time::Duration;

use crate::support::client::{BOTH, Transport};
use crate::support::raw::{
    BINARY, HEARTBEAT, HELLO, PING, Raw, TEXT, data, frame, frame_header, package, request, upgrade_head,
};
use crate::support::scene::{Fate, Scene};
use crate::support::watch::closed;
use pomelo_sim::ports::CloseReason;
use proptest::prelude::*;

const PORTS: [&str; 2] = ["gate-server-1", "connector-server-1"];

use CloseReason::{BadMessage, BadPackage, NotWebSocket};
use Fate::{Answered, Breaks, Ends, Ignored};

// They measure memory, files or threads of the whole process.
crate::support::alone::alone!(
    a_wrong_package_harms_nobody_else,
    a_wrong_frame_harms_nobody_else,
    a_wrong_upgrade_harms_nobody_else,
    what_is_cut_short_ends_with_its_client,
    arbitrary_bytes_disturb_nobody,
);

/// A handler that takes an object, whatever the server: each is sent to both.
fn handlers(body: &[u8]) -> Vec<u8> {
    let names = ["gate.gateHandler.queryEntry", "connector.entryHandler.enter"];
    names.iter().flat_map(|route| routed(0, 7, route.as_bytes(), body)).collect()
}

/// A request whose parts may be any bytes.
fn routed(flag: u8, id: u8, route: &[u8], body: &[u8]) -> Vec<u8> {
    let head = [flag, id, u8::try_from(route.len()).unwrap()];
    data(&[&head[..], route, body].concat())
}

/// Faults inside of packages, which both transports carry.
fn packages() -> Vec<(&'static str, Vec<u8>, Fate)> {
    const CODE_500: &str = r#"{"code":500"#;
    let deep = |levels: usize| [br#"{"uid":"#.to_vec(), b"[".repeat(levels)].concat();
    let huge_number = format!(r#"{{"uid":1{},"username":1e999,"rid":"x"}}"#, "0".repeat(60_000));
    vec![
        ("type 0", package(0, 0, b""), Ends(BadPackage)),
        ("type 6", package(6, 0, b""), Ends(BadPackage)),
        ("type 9", package(9, 2, b"{}"), Ends(BadPackage)),
        ("type 255", package(255, 0, b""), Ends(BadPackage)),
        ("a kick from a client", package(5, 2, b"{}"), Ends(BadPackage)),
        ("16 MB declared", package(4, 0xff_ffff, b"..."), Ends(BadPackage)),
        ("one byte over the bound declared", package(4, 64 * 1024 + 1, b""), Ends(BadPackage)),
        ("too long in truth", package(1, 100_000, &[b' '; 100_000]), Ends(BadPackage)),
        ("an empty message", data(b""), Ends(BadMessage)),
        ("a flag alone", data(b"\x00"), Ends(BadMessage)),
        ("an id cut short", data(b"\x00\x80\x80"), Ends(BadMessage)),
        ("an id of eleven bytes", data(&[&[0][..], &[0xff; 10], &[1, 0]].concat()), Ends(BadMessage)),
        ("an id over 64 bits", data(&[&[0][..], &[0xff; 9], &[2, 0]].concat()), Ends(BadMessage)),
        ("no route", data(b"\x00\x01"), Ends(BadMessage)),
        ("a route past the end", data(b"\x00\x01\xffgate"), Ends(BadMessage)),
        ("half a route code", data(b"\x01\x01\x00"), Ends(BadMessage)),
        ("type 4", data(b"\x08\x01\x00"), Ignored),
        ("type 5", data(b"\x0a"), Ignored),
        ("type 6 of message", data(b"\x0c\xff\xff"), Ignored),
        ("type 7", data(b"\x0e"), Ignored),
        ("a response", data(b"\x04\x01{}"), Ignored),
        ("a push", data(b"\x06\x03a.b{}"), Ignored),
        ("a notify to nobody", data(b"\x02\x03a.b{}"), Ignored),
        ("a request of id 0", routed(0, 0, b"a.b.c", b"{}"), Ignored),
        ("a code without a dictionary", data(b"\x01\x09\x00\x01{}"), Ignored),
        ("an empty route", routed(0, 9, b"", b"{}"), Answered(9, CODE_500)),
        ("a route that is no text", routed(0, 9, b"gate.\xff\xfe.\xc0", b"{}"), Answered(9, CODE_500)),
        ("a route of 255 bytes", routed(0, 9, &[b'.'; 255], b"{}"), Answered(9, CODE_500)),
        ("a remote", routed(0, 9, b"chat.chatRemote.kick", b"{}"), Answered(9, CODE_500)),
        (
            "a method of every object",
            routed(0, 9, b"gate.gateHandler.toString", b"{}"),
            Answered(9, CODE_500),
        ),
        ("a constructor", routed(0, 9, b"gate.gateHandler.constructor", b"{}"), Answered(9, CODE_500)),
        ("the gzip flag and others", routed(0xf0, 9, b"a.b.c", b"{}"), Answered(9, CODE_500)),
        ("id 2^63", request(1 << 63, "a.b.c", "{}"), Answered(1 << 63, CODE_500)),
        ("id 2^64-1", request(u64::MAX, "a.b.c", "{}"), Answered(u64::MAX, CODE_500)),
        ("no body", handlers(b""), Answered(7, CODE_500)),
        ("a body that is no text", handlers(b"{\"uid\":\"\xff\xfe\"}"), Answered(7, CODE_500)),
        ("a body that is no JSON", handlers(b"{uid}"), Answered(7, CODE_500)),
        ("an array", handlers(br#"["a","b"]"#), Answered(7, CODE_500)),
        ("null", handlers(b"null"), Answered(7, CODE_500)),
        ("a number", handlers(b" 7 "), Answered(7, CODE_500)),
        ("a string", handlers(br#""text""#), Answered(7, CODE_500)),
        ("wrong types", handlers(br#"{"uid":{},"username":[],"rid":null}"#), Answered(7, CODE_500)),
        (
            "half a surrogate pair",
            handlers(br#"{"uid":"\ud800","username":"\ud800","rid":"x"}"#),
            Answered(7, CODE_500),
        ),
        ("60,000 levels", handlers(&deep(60_000)), Answered(7, CODE_500)),
        ("a number of 60,000 digits", handlers(huge_number.as_bytes()), Answered(7, CODE_500)),
    ]
}

fn a_wrong_package_harms_nobody_else() {
    let scene = Scene::new();
    for port in PORTS {
        for transport in BOTH {
            for (name, bytes, fate) in packages() {
                eprintln!("{port} {transport:?}: {name}");
                let bytes = match transport {
                    Transport::Tcp => bytes,
                    Transport::WebSocket => frame(BINARY, &bytes),
                };
                let raw = scene.open(port, transport);
                scene.suffers(port, raw, transport, &bytes, fate);
            }
        }
    }
    scene.end();
}

fn a_wrong_frame_harms_nobody_else() {
    let hello = frame(BINARY, HELLO);
    let two = [request(5, "a.b.c", "{}"), request(6, "a.b.c", "{}")].concat();
    let cases = [
        ("unmasked", [frame_header(BINARY, false, 4), HEARTBEAT.to_vec()].concat(), Breaks(1002)),
        ("reserved bits", frame(0xf2, HEARTBEAT), Breaks(1002)),
        ("a reserved kind of frame", frame(0x83, HEARTBEAT), Breaks(1002)),
        ("a reserved kind of control frame", frame(0x8b, b""), Breaks(1002)),
        ("2^63 bytes declared", [frame_header(BINARY, true, 1 << 63), vec![0; 4]].concat(), Breaks(1009)),
        ("2^64-1 bytes declared", [frame_header(BINARY, true, u64::MAX), vec![0; 64]].concat(), Breaks(1009)),
        ("more than several packages", frame(BINARY, &[3; 300_000]), Breaks(1009)),
        ("text that is no text", frame(TEXT, b"\x03\0\0\0\xff"), Breaks(1007)),
        ("a ping of 126 bytes", frame(PING, &[0; 126]), Breaks(1002)),
        ("half a ping", frame(PING & 0x7f, b"1"), Breaks(1002)),
        ("half a close code", frame(crate::support::raw::CLOSE, b"\x03"), Breaks(1002)),
        ("garbage", b"hello? is anybody there?\r\n".repeat(9), Breaks(1002)),
        ("a continuation of nothing", frame(0x80, HEARTBEAT), Breaks(1002)),
        ("a message inside another", [frame(0x02, b"\x03"), frame(BINARY, b"\x03")].concat(), Breaks(1002)),
        ("an empty message", frame(BINARY, b""), Ends(BadPackage)),
        ("an empty text", frame(TEXT, b""), Ends(BadPackage)),
        (
            "a package over two messages",
            [frame(BINARY, &two[..9]), frame(BINARY, &two[9..])].concat(),
            Ends(BadPackage),
        ),
        ("a tail", frame(BINARY, &[HEARTBEAT, b"\x03"].concat()), Ends(BadPackage)),
        ("two packages in a message", frame(BINARY, &two), Answered(6, r#"{"code":500"#)),
        ("the handshake again", hello, Ignored),
        ("a ping", frame(PING, &[0; 125]), Ignored),
    ];
    let scene = Scene::new();
    for port in PORTS {
        for (name, bytes, fate) in &cases {
            eprintln!("{port}: {name}");
            let raw = scene.open(port, Transport::WebSocket);
            scene.suffers(port, raw, Transport::WebSocket, bytes, *fate);
        }
    }
    scene.end();
}

fn a_wrong_upgrade_harms_nobody_else() {
    let long = format!("X-Long: {}\r\n", "x".repeat(9 * 1024));
    let many: String = (0..100).map(|n| format!("X-{n}: 1\r\n")).collect();
    let flood = "X-Flood: 1\r\n".repeat(100_000);
    let cases = [
        ("a head of 9 KiB", upgrade_head(&long).into_bytes(), NotWebSocket),
        ("a head without end", format!("GET / HTTP/1.1\r\n{long}").into_bytes(), NotWebSocket),
        ("a hundred headers", upgrade_head(&many).into_bytes(), NotWebSocket),
        ("a megabyte of headers", upgrade_head(&flood).into_bytes(), NotWebSocket),
        ("NUL in the path", b"GET /\0 HTTP/1.1\r\n\r\n".to_vec(), NotWebSocket),
        ("NUL in a header", upgrade_head("X-Nul: a\0b\r\n").into_bytes(), NotWebSocket),
        ("a header cut in two", upgrade_head("Sec-WebSocket-Protocol: a\rb\r\n").into_bytes(), NotWebSocket),
        (
            "no key",
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".to_vec(),
            NotWebSocket,
        ),
        ("another method", upgrade_head("").replacen("GET", "POST", 1).into_bytes(), NotWebSocket),
        ("letters", b"AAAAAAAAAAAAAAAA".repeat(1024), NotWebSocket),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(), BadPackage),
        ("a method in small letters", upgrade_head("").replacen("GET", "get", 1).into_bytes(), BadPackage),
    ];
    let scene = Scene::new();
    for port in PORTS {
        for (name, bytes, reason) in &cases {
            eprintln!("{port}: {name}");
            let raw = Raw::connect(scene.cluster.address(port).unwrap());
            scene.suffers(port, raw, Transport::Tcp, bytes, Ends(*reason));
        }
    }
    scene.end();
}

fn what_is_cut_short_ends_with_its_client() {
    let scene = Scene::new();
    let whole = request(1, "gate.gateHandler.queryEntry", r#"{"uid":"alice"}"#);
    for port in PORTS {
        let before = closed(&scene.cluster, port, CloseReason::Client);
        let cuts = [1, 3, 4, 5, whole.len() - 1];
        for cut in cuts {
            let mut raw = scene.open(port, Transport::Tcp);
            raw.send(&whole[..cut]);
            raw.half_close();
            assert_eq!(raw.end(), b"");
        }
        let frames = frame(BINARY, &whole);
        for cut in cuts {
            let mut raw = scene.open(port, Transport::WebSocket);
            raw.send(&frames[..cut]);
            raw.half_close();
            raw.end();
        }
        // And the ones that end by a reset.
        for transport in BOTH {
            let mut raw = scene.open(port, transport);
            raw.send(if transport == Transport::Tcp { &whole[..2] } else { &frames[..2] });
            socket2::SockRef::from(raw.stream()).set_linger(Some(Duration::ZERO)).unwrap();
        }
        scene.room.assert_works();
        scene.held.wait_again(&scene.cluster);
        let ended =
            closed(&scene.cluster, port, CloseReason::Client) + closed(&scene.cluster, port, CloseReason::Io);
        assert_eq!(ended - before, 12);
    }
    scene.end();
}

/// Bytes as they come, and packages with any inside.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..600);
    let packages = proptest::collection::vec((0u8..8, proptest::collection::vec(any::<u8>(), 0..60)), 0..12)
        .prop_map(|all| all.iter().flat_map(|(kind, body)| package(*kind, body.len(), body)).collect());
    prop_oneof![noise, packages]
}

fn arbitrary_bytes_disturb_nobody() {
    let scene = Scene::new();
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    let input = (anything(), any::<bool>(), any::<bool>(), 0..PORTS.len());
    proptest!(config, |((bytes, after_hello, as_frame, port) in input)| {
        let transport = if as_frame { Transport::WebSocket } else { Transport::Tcp };
        let address = scene.cluster.address(PORTS[port]).unwrap();
        let mut raw = match (after_hello, transport) {
            (true, _) => Raw::open(address, transport),
            (false, Transport::Tcp) => Raw::connect(address),
            (false, Transport::WebSocket) => Raw::upgraded(address),
        };
        // Past the upgrade, half of it is frames and half is not.
        match bytes.first() {
            Some(first) if as_frame && first % 2 == 0 => raw.send(&bytes),
            _ => raw.packages(transport, &bytes),
        }
        raw.half_close();
        raw.end();
        scene.room.assert_works();
        scene.held.wait_again(&scene.cluster);
    });
    scene.end();
}
