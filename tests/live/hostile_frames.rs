//! WebSocket fragments, control frames between them, and invalid text: everything that the protocol
//! allows is read.

use crate::support::client::Transport;
use crate::support::raw::{BINARY, CLOSE, HEARTBEAT, PING, PONG, Raw, frame, request};
use crate::support::scene::{Fate, Scene};
use crate::support::watch::{connectors, resident_bytes, wait_closed};
use pomelo_sim::ports::CloseReason;
use serde_json::json;

/// First bytes of frames that are not final, and of the last one.
const BINARY_BEGINS: u8 = 0x02;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;

use Fate::{Answered, Breaks, Ends, Ignored};

// They measure memory, files or threads of the whole process.
crate::support::alone::alone!(
    fragments_are_one_message_or_none,
    a_close_in_the_middle_of_a_message_is_a_close,
    a_message_that_never_ends_takes_no_more_than_it_may,
    what_is_no_text_becomes_text_before_others_see_it,
);

fn frames(all: &[(u8, &[u8])]) -> Vec<u8> {
    all.iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
}

fn fragments_are_one_message_or_none() {
    let asked = request(5, "a.b.c", "{}");
    let (head, tail) = asked.split_at(7);
    // A character of three bytes in a route's name, cut after two of them.
    let chinese = request(6, "试.b.c", "{}");
    let (half, rest) = chinese.split_at(9);
    let pings = frame(PING, b"p").repeat(2000);
    let between = [frame(BINARY_BEGINS, head), pings, frame(ENDS, tail)].concat();
    let one_by_one: Vec<u8> = [
        frame(BINARY_BEGINS, b""),
        asked.iter().flat_map(|byte| frame(CONTINUES, &[*byte])).collect(),
        frame(ENDS, b""),
    ]
    .concat();
    let empty =
        [frame(BINARY_BEGINS, head), frame(CONTINUES, b"").repeat(20_000), frame(ENDS, tail)].concat();
    let too_long =
        [frame(BINARY_BEGINS, HEARTBEAT), frame(CONTINUES, &HEARTBEAT.repeat(15_000)).repeat(5)].concat();
    let error = r#"{"code":500"#;
    let cases = [
        ("a byte a fragment", one_by_one, Answered(5, error)),
        ("twenty thousand empty fragments", empty, Answered(5, error)),
        ("two thousand pings between", between, Answered(5, error)),
        (
            "a pong and a ping between",
            frames(&[(BINARY_BEGINS, head), (PONG, b""), (PING, b""), (ENDS, tail)]),
            Answered(5, error),
        ),
        (
            "text cut in a character",
            frames(&[(TEXT_BEGINS, half), (PING, b"x"), (ENDS, rest)]),
            Answered(6, error),
        ),
        ("text that ends in half a character", frames(&[(TEXT_BEGINS, half), (ENDS, b"")]), Breaks(1007)),
        (
            "text that goes wrong in its second part",
            frames(&[(TEXT_BEGINS, half), (ENDS, b"\xff")]),
            Breaks(1007),
        ),
        ("more than several packages in all", too_long, Breaks(1009)),
        (
            "a second beginning",
            frames(&[(BINARY_BEGINS, head), (PING, b""), (BINARY_BEGINS, tail)]),
            Breaks(1002),
        ),
        ("text inside of binary", frames(&[(BINARY_BEGINS, head), (0x81, b"{}")]), Breaks(1002)),
        ("a ping in fragments", frames(&[(PING & 0x7f, b"1"), (ENDS, b"2")]), Breaks(1002)),
        ("a close in fragments", frames(&[(CLOSE & 0x7f, b"\x03"), (ENDS, b"\xe8")]), Breaks(1002)),
        (
            "a long ping between",
            frames(&[(BINARY_BEGINS, head), (PING, &[0; 126]), (ENDS, tail)]),
            Breaks(1002),
        ),
        ("reserved bits in the second part", frames(&[(BINARY_BEGINS, head), (0xc0, tail)]), Breaks(1002)),
        ("an end after the end", frames(&[(BINARY, HEARTBEAT), (ENDS, b"")]), Breaks(1002)),
        (
            "nothing at all in two parts",
            frames(&[(BINARY_BEGINS, b""), (ENDS, b"")]),
            Ends(CloseReason::BadPackage),
        ),
        (
            "half a package in two parts",
            frames(&[(BINARY_BEGINS, &head[..2]), (ENDS, &head[2..])]),
            Ends(CloseReason::BadPackage),
        ),
        (
            "a heartbeat in four parts",
            frames(&[(BINARY_BEGINS, b"\x03"), (CONTINUES, b"\0"), (CONTINUES, b"\0"), (ENDS, b"\0")]),
            Ignored,
        ),
    ];
    let scene = Scene::new();
    for port in ["gate-server-1", "connector-server-1"] {
        for (name, bytes, fate) in &cases {
            eprintln!("{port}: {name}");
            let raw = scene.open(port, Transport::WebSocket);
            scene.suffers(port, raw, Transport::WebSocket, bytes, *fate);
        }
    }
    scene.end();
}

fn a_close_in_the_middle_of_a_message_is_a_close() {
    let scene = Scene::new();
    let bytes = frames(&[(BINARY_BEGINS, b"\x03\0"), (CLOSE, b"\x03\xe9"), (ENDS, b"\0\0")]);
    let mut raw = scene.open("gate-server-1", Transport::WebSocket);
    raw.send(&bytes);
    assert!(raw.end().starts_with(b"\x88"), "it is answered");
    wait_closed(&scene.cluster, "gate-server-1", CloseReason::Client, 1);
    scene.end();
}

fn a_message_that_never_ends_takes_no_more_than_it_may() {
    let scene = Scene::new();
    let address = scene.cluster.address("gate-server-1").unwrap();
    let mut endless: Vec<Raw> = (0..50).map(|_| Raw::upgraded(address)).collect();
    let before = resident_bytes();
    for raw in &mut endless {
        raw.send(&frame(BINARY_BEGINS, b"\x04"));
        // Up to the bound of a message, and many fragments after that.
        raw.send(&frame(CONTINUES, &[0; 60_000]).repeat(4));
        raw.send(&frame(CONTINUES, b"").repeat(1000));
    }
    scene.room.assert_works();
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 4 * 50 * 262_144, "{grown} bytes more");
    for mut raw in endless {
        raw.send(&frame(CONTINUES, &[0; 60_000]));
        assert!(raw.end().ends_with(b"\x88\x02\x03\xf1"), "a message that is too big");
    }
    wait_closed(&scene.cluster, "gate-server-1", CloseReason::BadWebSocket, 50);
    scene.end();
}

fn what_is_no_text_becomes_text_before_others_see_it() {
    let scene = Scene::new();
    let address = connectors(&scene.cluster)[0];
    let mut friend = crate::support::client::Client::enter(address, Transport::WebSocket, "friend", "attic");
    let mut raw = Raw::open(address, Transport::Tcp);
    let asked = |id: u8, route: &[u8], body: &[u8]| {
        crate::support::raw::data(&[&[0, id, u8::try_from(route.len()).unwrap()][..], route, body].concat())
    };
    // As Node.js reads it: what is wrong is U+FFFD, and a pair of surrogates is its character.
    raw.send(&asked(
        1,
        b"connector.entryHandler.enter",
        b"{\"username\":\"a\xff\xed\xa0\xbd\xed\xb8\x80\",\"rid\":\"attic\"}",
    ));
    raw.until("{\"users\":[\"friend\",\"a\u{fffd}😀\"]}".as_bytes());
    assert_eq!(friend.push().1, json!({"route": "onAdd", "user": "a\u{fffd}😀"}));
    raw.send(&asked(
        2,
        b"chat.chatHandler.send",
        b"{\"content\":\"\xc0\x80\xf4\x90\x80\x80\",\"target\":\"*\"}",
    ));
    let (route, push) = friend.push();
    assert_eq!(route, "onChat");
    assert_eq!((&push["from"], &push["msg"]), (&json!("a\u{fffd}😀"), &json!("\u{fffd}".repeat(6))));
    // Deep content is refused where others could not read it, and passes where they can.
    for (levels, is_passed) in
        [(1, true), (100, true), (126, true), (127, false), (128, false), (20_000, false)]
    {
        let content = ["[".repeat(levels), "]".repeat(levels)].concat();
        raw.send(&asked(
            3,
            b"chat.chatHandler.send",
            format!(r#"{{"content":{content},"target":"*"}}"#).as_bytes(),
        ));
        if is_passed {
            assert_eq!(friend.push().1["msg"].to_string(), content, "{levels} levels");
        } else {
            raw.until(br#"{"code":500"#);
            assert_eq!(friend.pushes(), [], "{levels} levels");
        }
    }
    // Half a pair of surrogates passes unread, but takes nothing with it.
    let hidden =
        format!(r#"{{"content":["\ud800",{}{}],"target":"*"}}"#, "[".repeat(20_000), "]".repeat(20_000));
    raw.send(&asked(4, b"chat.chatHandler.send", hidden.as_bytes()));
    raw.until(br#"{"code":500"#);
    assert_eq!(friend.pushes(), []);
    drop(raw);
    assert_eq!(friend.push().0, "onLeave");
    friend.close();
    scene.end();
}
