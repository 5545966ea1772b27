//! A connection's bytes: raw TCP, WebSocket upgrades and frames, up to the messages in them.

use std::sync::Arc;
use std::time::Duration;

use bolero::check;
use pomelo_sim::cluster::Options;
use pomelo_sim::ports::{
    CloseReason, ConnectionTimeouts, Fault, Places, PortOptions, Protocol, ProtocolEvent,
};
use pomelo_sim::time::Time;
use pomelo_sim::wire::{BODY_BYTES_LIMIT, HandshakeOffer, PackageDecoder, PackageType};

use super::input::{Script, hold, pieces, seeds};
use super::laws::{assert_printable, within};
use crate::support::raw::{HELLO, frame, upgrade_head};

/// Small, so that inputs go over it.
const BODY_BYTES_MAX: usize = 1024;

#[test]
fn connections() {
    let seeds = seeds("connections");
    check!(name = "connections").for_each(|input| {
        hold(&seeds, input, connection_law);
        connection_law(&websocket(&mut Script(input), &seeds));
    });
}

/// What came of a stream.
#[derive(PartialEq, Debug)]
struct Heard {
    opened: bool,
    messages: Vec<Vec<u8>>,
    told: Vec<u8>,
    end: Option<(CloseReason, String)>,
    close_code: Option<u16>,
}

/// However the bytes are cut, the same comes of them; the client is told nothing that it cannot
/// read; and memory is bounded by what came.
fn connection_law(bytes: &[u8]) {
    let whole = within(bytes.len(), 16, 64 * 1024, || heard(&[bytes]));
    let cut = within(bytes.len(), 16, 64 * 1024, || heard(&pieces(bytes)));
    assert_eq!(cut, whole);
    assert!(whole.opened || whole.messages.is_empty(), "messages before the handshake");
    assert!(whole.messages.iter().all(|message| message.len() <= BODY_BYTES_MAX));
    if let Some((reason, why)) = &whole.end {
        assert!(!matches!(reason, CloseReason::TooMany | CloseReason::Io), "{reason:?}");
        assert!(why.is_empty() == (*reason == CloseReason::Client), "{reason:?}: {why:?}");
        if !why.is_empty() {
            assert_printable(why);
        }
        let breaks = matches!(whole.close_code, Some(1002 | 1007 | 1009));
        assert_eq!(*reason == CloseReason::BadWebSocket, breaks, "{:?}", whole.close_code);
    }
    match whole.told.strip_prefix(b"HTTP/1.1 ") {
        Some(http) => http_law(http, &whole),
        None => packages_law(&whole.told),
    }
}

fn heard(pieces: &[&[u8]]) -> Heard {
    let (options, mut protocol) = (options(), Protocol::new(Time::START));
    let mut heard =
        Heard { opened: false, messages: Vec::new(), told: Vec::new(), end: None, close_code: None };
    'pieces: for piece in pieces {
        let mut input = *piece;
        loop {
            match protocol.receive(Time::START, &mut input, &options, &mut heard.told, |_| true) {
                Ok(None) => break,
                Ok(Some(ProtocolEvent::Handshake { answer, .. })) => {
                    protocol.reply(PackageType::Handshake, &answer, &mut heard.told);
                }
                Ok(Some(ProtocolEvent::Open)) => {
                    assert!(!std::mem::replace(&mut heard.opened, true), "opened twice");
                }
                Ok(Some(ProtocolEvent::Message(bytes))) => heard.messages.push(bytes.to_vec()),
                Ok(Some(ProtocolEvent::Heartbeat | ProtocolEvent::Ignored)) => {}
                Err(Fault(reason, why)) => {
                    heard.end = Some((reason, why));
                    break 'pieces;
                }
            }
        }
        assert!(input.is_empty(), "all is taken");
    }
    heard.close_code = protocol.take_close();
    heard
}

fn options() -> PortOptions {
    let second = Duration::from_secs(1);
    let timeouts = ConnectionTimeouts { handshake: second, ack: second, heartbeat: Some(second) };
    PortOptions {
        server: "connector-server-1".into(),
        offer: Arc::new(HandshakeOffer { heartbeat_s: Some(3), ..HandshakeOffer::default() }),
        timeouts,
        connections_max: None,
        cluster: Options { idle_timeout: second, body_bytes_max: BODY_BYTES_MAX, ..Options::default() },
        serials: Arc::default(),
        places: Places::default(),
    }
}

/// Before a server has sent a push, a client gets answers to handshakes and heartbeats.
fn packages_law(mut told: &[u8]) {
    let mut decoder = PackageDecoder::new(BODY_BYTES_LIMIT);
    while let Some(package) = decoder.next(&mut told).unwrap() {
        match package.kind {
            PackageType::Handshake => assert!(
                [&br#"{"code":500}"#[..], br#"{"code":200,"sys":{"heartbeat":3}}"#].contains(&package.body),
                "{}",
                package.body.escape_ascii()
            ),
            PackageType::Heartbeat => assert!(package.body.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert!(!decoder.is_partial());
}

/// An HTTP answer of well-formed lines: a refusal as long as it says, or an upgrade and frames.
fn http_law(http: &[u8], heard: &Heard) {
    let end = http.windows(4).position(|window| window == b"\r\n\r\n").expect("a head ends");
    let head = std::str::from_utf8(&http[..end]).unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    let mut length = None;
    for line in headers.split("\r\n") {
        let (name, value) = line.split_once(": ").expect("name: value");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'), "{line:?}");
        assert!(!value.is_empty() && !value.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
        length = if name == "Content-Length" { value.parse().ok() } else { length };
    }
    let rest = &http[end + 4..];
    if status == "101 Switching Protocols" {
        return frames_law(rest);
    }
    assert!(matches!(heard.end, Some((CloseReason::NotWebSocket, _))), "{status}");
    assert_eq!(length, Some(rest.len()), "{status}");
}

/// Frames as a server sends them: final, without mask; a package each, a pong, or a close at the
/// end.
fn frames_law(mut rest: &[u8]) {
    while let [first, second, behind @ ..] = rest {
        let (len, behind) = match second {
            0..=125 => (usize::from(*second), behind),
            126 => (usize::from(behind[0]) << 8 | usize::from(behind[1]), &behind[2..]),
            _ => panic!("masked, or longer than anything that is said here: {second}"),
        };
        let (payload, behind) = behind.split_at(len);
        match first {
            0x82 => {
                assert!(!payload.is_empty());
                packages_law(payload);
            }
            0x8a => assert!(len <= 125),
            0x88 => assert!(len != 1 && behind.is_empty(), "a close is the last"),
            _ => panic!("a frame {first:#x} from a server"),
        }
        rest = behind;
    }
    assert!(rest.is_empty());
}

/// An upgrade, a handshake, and frames of any kind, masked as they must be; their payloads are a
/// seed or a few bytes.
fn websocket(script: &mut Script<'_>, seeds: &[Vec<u8>]) -> Vec<u8> {
    const FIRST: [u8; 12] = [0x82, 0x82, 0x81, 0x02, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88, 0xc2, 0x09];
    let mut bytes = upgrade_head("").into_bytes();
    bytes.extend(frame(0x82, HELLO));
    for _ in 0..script.byte() % 16 {
        if script.is_over() {
            break;
        }
        let first = FIRST[script.below(FIRST.len())];
        let payload = match script.byte() % 4 {
            0 => seeds[script.below(seeds.len())].clone(),
            1 => vec![script.byte(); script.below(300)],
            // A data package around a message of one byte, and what a close says.
            2 => vec![4, 0, 0, 1, script.byte()],
            _ => vec![3, script.byte()],
        };
        bytes.extend(frame(first, &payload));
    }
    bytes
}
