//! A client that loses its connection and comes back has its session, and the messages that it
//! missed, once and in order.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::comeback::{
    CUTS, Cut, FIRST, Guest, ask, ask_by, assert_accounted, chat, first, greet, narrow, numbers, options,
    reset, start, wait_away,
};
use crate::support::house::{DOOR, counting_house, house};
use crate::support::raw::{Raw, package};
use crate::support::watch::{connectors, port};
use crate::support::{PATIENCE, patient, tutorial, wait_until};
use pomelo_sim::cluster::Options;
use pomelo_sim::wire::PackageType;
use serde_json::{Value, json};

#[test]
fn off_nothing_is_offered_and_nobody_waits() {
    let options = patient();
    let cluster = tutorial().options(options).start().unwrap();
    for user in [json!({}), json!({"resume": {"token": "0".repeat(32), "received": 0}})] {
        let mut client = Client::connect(first(&cluster), Transport::Tcp);
        assert_eq!(greet(&mut client, &user), json!({"code": 200, "sys": {"heartbeat": 600}}));
    }
    let mut bob = Client::enter(connectors(&cluster)[1], Transport::Tcp, "bob", "lobby");
    reset(Client::enter(first(&cluster), Transport::Tcp, "alice", "lobby"));
    assert_eq!((bob.push().0.as_str(), bob.push().0.as_str()), ("onAdd", "onLeave"));
    let port = port(&cluster, FIRST);
    assert_eq!((port.kept_bytes, port.away, port.resume_refused), (0, 0, 0));
}

/// However it goes, and whatever such a client says of itself.
#[test]
fn one_who_knows_nothing_of_it_ends_with_its_connection() {
    let short = Some(Duration::from_secs(1));
    let cluster = tutorial().options(Options { heartbeat: short, ..options() }).start().unwrap();
    let plain = json!({"code": 200, "sys": {"heartbeat": 1}});
    let users = [json!({}), json!(null), json!({"name": "x"}), json!({"resume": false})];
    for (user, cut) in users.iter().flat_map(|user| CUTS.map(|cut| (user, cut))) {
        let mut client = Client::connect(first(&cluster), BOTH[usize::from(cut == Cut::Reset)]);
        assert_eq!(greet(&mut client, user), plain, "{user}");
        client.package(PackageType::HandshakeAck, b"");
        let body = json!({"username": "alice", "rid": "lobby"});
        let answer = client.request("connector.entryHandler.enter", body);
        assert_eq!(answer, json!({"users": ["alice"]}), "{user}, after {cut:?}");
        let silent = match cut {
            Cut::Close => {
                client.close();
                None
            }
            Cut::Reset => {
                reset(client);
                None
            }
            Cut::Silence => Some(client),
        };
        wait_until("her name is free again", || cluster.view().unwrap().uids == 0);
        let port = port(&cluster, FIRST);
        assert_eq!((port.away, port.kept_bytes), (0, 0), "{user}, {cut:?}");
        drop(silent);
    }
    // One who knows of it is kept meanwhile, in the same cluster.
    let alice = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby");
    let mut alice = alice.cut(Cut::Close).back(first(&cluster), Transport::WebSocket);
    assert_eq!(alice.say(1, "*"), json!({}));
    assert_accounted(&cluster, FIRST);
}

#[test]
fn a_token_comes_behind_what_always_came() {
    for (grace, seconds) in [(Duration::from_secs(30), "30"), (Duration::from_millis(1500), "1.5")] {
        let cluster = tutorial().options(Options { resume: Some(grace), ..options() }).start().unwrap();
        let mut raw = Raw::connect(first(&cluster));
        let hello = br#"{"sys":{},"user":{"resume":{}}}"#;
        raw.send(&package(1, hello.len(), hello));
        raw.until(b"{\"code\":200,\"sys\":{\"heartbeat\":600},\"user\":{\"resume\":{\"token\":\"");
        let token = raw.until(b"\"");
        assert!(token.len() == 32 && token.iter().all(u8::is_ascii_hexdigit), "{}", token.escape_ascii());
        raw.expect(format!(",\"seconds\":{seconds}}}}}}}").as_bytes());
    }
}

#[test]
fn who_comes_back_has_missed_nothing_and_nobody_has_noticed() {
    let cluster = start();
    let mut bob = Guest::enter(connectors(&cluster)[1], Transport::Tcp, "bob", "lobby");
    let mut alice = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby");
    let mut round = 0;
    // From TCP to WebSocket, from there to WebSocket, to TCP, and to TCP.
    for transport in [Transport::WebSocket, Transport::WebSocket, Transport::Tcp, Transport::Tcp] {
        for cut in CUTS {
            round += 1;
            alice.catch_up();
            let lost = alice.cut(cut);
            if cut != Cut::Silence {
                wait_away(&cluster, FIRST, 1);
            }
            assert_eq!(bob.say(format!("all {round}"), "*"), json!({}));
            // A client that is away can be sent it later.
            assert_eq!(bob.say(format!("you {round}"), "alice"), json!({}));
            alice = lost.back(first(&cluster), transport);
            // The session is bound to its uid, and in its room.
            assert_eq!(alice.say(format!("back {round}"), "*"), json!({}), "{cut:?}, {transport:?}");
        }
    }
    alice.catch_up();
    bob.catch_up();
    let said = (1..=round).flat_map(|n| [format!("all {n}"), format!("you {n}"), format!("back {n}")]);
    assert_eq!(alice.heard(), said.map(Value::from).collect::<Vec<_>>());
    let to_all: Vec<_> = (1..=round)
        .flat_map(|n| [chat(format!("all {n}"), "bob"), chat(format!("back {n}"), "alice")])
        .collect();
    assert_eq!(bob.pushes().split_first().unwrap().1, to_all, "behind alice's onAdd nothing else is heard");
    let port = port(&cluster, FIRST);
    assert_eq!((port.resumed, port.resume_refused, port.away), (round, 0, 0));
    assert_eq!(cluster.view().unwrap().uids, 2);
    assert_accounted(&cluster, FIRST);
}

#[test]
fn the_old_connection_is_closed_when_the_new_one_is_there_first() {
    for (old, new) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
        let cluster = start();
        let mut lost = Guest::enter(first(&cluster), old, "alice", "lobby").cut(Cut::Silence);
        let mut silent = lost.silent.take().unwrap();
        let mut alice = lost.back(first(&cluster), new);
        // It is told nothing, and not heard any more.
        assert_eq!(silent.closed().0, None);
        silent.send("chat.chatHandler.send", json!({"content": "a ghost", "target": "*"}));
        drop(silent);
        alice.catch_up();
        assert_eq!(alice.heard(), numbers(0..0));
        wait_until("its row is given back", || port(&cluster, FIRST).connections == 1);
        assert_eq!(alice.say(1, "*"), json!({}));
        assert_accounted(&cluster, FIRST);
    }
}

#[test]
fn what_was_sent_but_not_received_comes_again() {
    for transport in BOTH {
        let cluster = start();
        let mut bob = Guest::enter(connectors(&cluster)[1], Transport::Tcp, "bob", "lobby");
        let mut alice = Guest::enter(first(&cluster), transport, "alice", "lobby");
        alice.catch_up();
        let say = |bob: &mut Guest, range: std::ops::Range<u64>| {
            let frames = port(&cluster, FIRST).frames_out + (range.end - range.start);
            range.for_each(|n| assert_eq!(bob.say(n, "*"), json!({})));
            wait_until("all is written", || {
                let port = port(&cluster, FIRST);
                port.frames_out == frames && port.waiting_bytes == 0
            });
        };
        say(&mut bob, 0..20);
        // She has read none of it, and says so.
        let mut alice = alice.cut(Cut::Reset).back(first(&cluster), transport);
        alice.catch_up();
        assert_eq!(alice.heard(), numbers(0..20));
        // What was received is remembered of a handshake that was not acknowledged.
        say(&mut bob, 20..22);
        let lost = alice.cut(Cut::Reset);
        wait_away(&cluster, FIRST, 1);
        let mut client = Client::connect(first(&cluster), transport);
        greet(&mut client, &json!({"resume": lost.claim()}));
        reset(client);
        wait_away(&cluster, FIRST, 1);
        let (guest, answer) = ask(first(&cluster), transport, &json!({"token": lost.token}));
        assert_eq!(answer["resumed"], true, "{answer}");
        let mut alice = lost.taken_up(guest);
        alice.catch_up();
        assert_eq!(alice.heard(), numbers(0..22));
        // One who does not say what it has received is taken to have received what was written.
        say(&mut bob, 22..27);
        let lost = alice.cut(Cut::Reset);
        wait_away(&cluster, FIRST, 1);
        assert_eq!(bob.say(27, "*"), json!({}));
        let (guest, answer) = ask(first(&cluster), transport, &json!({"token": lost.token}));
        assert_eq!(answer["resumed"], true, "{answer}");
        let mut alice = lost.taken_up(guest);
        alice.catch_up();
        assert_eq!(alice.heard(), [numbers(0..22), numbers(27..28)].concat());
    }
}

#[test]
fn a_slow_reader_goes_on_where_it_was() {
    const PUSH_BYTES: usize = 32 * 1024;
    for (transport, cut) in BOTH.into_iter().flat_map(|it| CUTS.map(|cut| (it, cut))) {
        let max = 64 * 1024 * 1024;
        let options = Options { resume_bytes_max: max, outbound_bytes_max: max, ..options() };
        let cluster = tutorial().options(options).start().unwrap();
        let mut bob = Guest::enter(connectors(&cluster)[1], Transport::Tcp, "bob", "lobby");
        let (mut alice, _) = ask_by(narrow(first(&cluster), transport), &json!({"token": ""}));
        assert!(alice.try_enter("alice", "lobby")["users"].is_array());
        let mut said = Vec::new();
        let mut say = |bob: &mut Guest| {
            let content = format!("{:0PUSH_BYTES$}", said.len());
            assert_eq!(bob.say(&*content, "*"), json!({}));
            said.push(Value::from(content));
            said.clone()
        };
        // Some of it is in the old connection's outbox when that is lost, and some is half out.
        while port(&cluster, FIRST).waiting_bytes < 4 * PUSH_BYTES {
            say(&mut bob);
        }
        while alice.heard().len() < 3 {
            alice.client.next(PATIENCE);
        }
        say(&mut bob);
        let mut lost = alice.cut(cut);
        if cut == Cut::Reset {
            wait_away(&cluster, FIRST, 1);
        }
        say(&mut bob);
        // The second time it is all in the outbox, and she has read a part.
        let claim = lost.claim();
        let (guest, answer) = ask_by(narrow(first(&cluster), BOTH[1]), &claim);
        assert_eq!(answer["resumed"], true, "{answer}");
        let silent = lost.silent.take();
        let mut alice = lost.taken_up(guest);
        while alice.heard().len() < 5 {
            alice.client.next(PATIENCE);
        }
        let lost = alice.cut(cut);
        let (guest, _) = ask_by(narrow(first(&cluster), transport), &lost.claim());
        let mut alice = lost.taken_up(guest);
        let said = say(&mut bob);
        while alice.heard().len() < said.len() {
            assert!(alice.client.next(PATIENCE).is_some());
        }
        alice.catch_up();
        assert!(alice.heard() == said, "{transport:?}, {cut:?}");
        drop(silent);
    }
}

#[test]
fn what_was_let_go_unwritten_is_no_loss_once_it_is_written() {
    let options = Options { resume_bytes_max: 8 * 1024, ..options() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut bob = Guest::enter(connectors(&cluster)[1], Transport::Tcp, "bob", "lobby");
    let (mut alice, _) = ask_by(narrow(first(&cluster), Transport::Tcp), &json!({"token": ""}));
    assert!(alice.try_enter("alice", "lobby")["users"].is_array());
    let content = "x".repeat(4 * 1024);
    while port(&cluster, FIRST).waiting_bytes < 32 * 1024 {
        assert_eq!(bob.say(&*content, "*"), json!({}));
    }
    alice.catch_up();
    let mut alice = alice.cut(Cut::Reset).back(first(&cluster), Transport::WebSocket);
    assert_eq!(alice.say(1, "*"), json!({}));
    // Lost while more waits than is kept, the session is of no use.
    let (mut carol, _) = ask_by(narrow(first(&cluster), Transport::Tcp), &json!({"token": ""}));
    assert!(carol.try_enter("carol", "lobby")["users"].is_array());
    while port(&cluster, FIRST).waiting_bytes < 32 * 1024 {
        assert_eq!(bob.say(&*content, "*"), json!({}));
        alice.catch_up();
    }
    let lost = carol.cut(Cut::Reset);
    wait_until("carol has left", || cluster.view().unwrap().uids == 2);
    assert_eq!(lost.ask(first(&cluster), Transport::Tcp).1["resumed"], false);
}

#[test]
fn one_who_listens_on_after_all_is_given_nothing_twice() {
    // She is given up after twice as long, and all that is said to her is said before.
    let heartbeat = Some(Duration::from_secs(3));
    let max = 64 * 1024 * 1024;
    let options = Options { heartbeat, resume_bytes_max: max, outbound_bytes_max: max, ..options() };
    let cluster = tutorial().options(options).start().unwrap();
    let (mut alice, _) = ask_by(narrow(first(&cluster), Transport::Tcp), &json!({"token": ""}));
    assert!(alice.try_enter("alice", "lobby")["users"].is_array());
    let mut bob = Guest::enter(connectors(&cluster)[1], Transport::Tcp, "bob", "lobby");
    let mut said = Vec::new();
    while port(&cluster, FIRST).waiting_bytes < 256 * 1024 {
        let content = format!("{:032768}", said.len());
        bob.client.package(PackageType::Heartbeat, b"");
        assert_eq!(bob.say(&*content, "*"), json!({}));
        said.push(Value::from(content));
    }
    // Her heart does not beat; then she reads what still comes, and comes back.
    wait_away(&cluster, FIRST, 1);
    while !matches!(alice.client.next(PATIENCE), Some(Got::Closed(_)) | None) {}
    let mut alice = alice.cut(Cut::Close).back(first(&cluster), Transport::Tcp);
    while alice.heard().len() < said.len() {
        assert!(alice.client.next(PATIENCE).is_some());
    }
    assert!(alice.heard() == said);
}

#[test]
fn a_websocket_is_closed_in_good_order_all_the_same() {
    let cluster = start();
    let hello = br#"{"sys":{},"user":{"resume":true}}"#;
    let hello = [&package(1, hello.len(), hello), crate::support::raw::ACK].concat();
    let mut raw = Raw::open_by(first(&cluster), Transport::WebSocket, &hello);
    raw.send(&crate::support::raw::frame(crate::support::raw::CLOSE, b"\x03\xe8"));
    assert_eq!(raw.end(), b"\x88\x02\x03\xe8");
    wait_away(&cluster, FIRST, 1);
}

#[test]
fn what_was_asked_before_is_answered_after() {
    for cut in CUTS {
        let (cluster, messages) = counting_house(options());
        let address = cluster.address(DOOR).unwrap();
        let mut guest = Guest::open(address, Transport::Tcp);
        let asked = guest.client.send("door.doorHandler.ring", json!({"ms": 200, "n": 1}));
        wait_until("it is read", || messages.read() == 1);
        let mut guest = guest.cut(cut).back(address, Transport::WebSocket);
        assert_eq!(guest.client.response(asked)["n"], 1);
        assert_eq!(guest.client.request("door.doorHandler.ring", json!({"ms": 0, "n": 2}))["n"], 2);
        // And once more, with the answer ready before the client is back.
        let asked = guest.client.send("door.doorHandler.ring", json!({"ms": 50, "n": 3}));
        wait_until("it is read", || messages.read() == 3);
        let lost = guest.cut(Cut::Reset);
        wait_away(&cluster, DOOR, 1);
        std::thread::sleep(Duration::from_millis(100));
        let mut guest = lost.back(address, Transport::Tcp);
        assert_eq!(guest.client.response(asked)["n"], 3);
        assert_eq!(guest.responses().len(), 3);
    }
}

/// Messages of one client that may be under way; while there are more, nothing is read from it.
const IN_FLIGHT_MAX: usize = 64;

#[test]
fn messages_under_way_move_with_their_session() {
    for cut in [Cut::Silence, Cut::Reset] {
        let (cluster, messages) = counting_house(options());
        let address = cluster.address(DOOR).unwrap();
        let mut guest = Guest::open(address, Transport::Tcp);
        let mut asked: BTreeSet<u64> = BTreeSet::new();
        // With those that follow these are as many as may be, so all are read before the next cut.
        for n in 0..IN_FLIGHT_MAX - 3 {
            asked.insert(guest.client.send("bell.bellHandler.ring", json!({"ms": 5, "n": n})));
        }
        wait_until("all are read", || messages.read() == asked.len() as u64);
        let mut lost = guest.cut(cut);
        for transport in [Transport::WebSocket, Transport::Tcp, Transport::WebSocket] {
            let mut guest = lost.back(address, transport);
            asked.insert(guest.client.send("bell.bellHandler.ring", json!({"ms": 0, "n": 0})));
            wait_until("it is read", || messages.read() == asked.len() as u64);
            lost = guest.cut(Cut::Close);
        }
        let mut guest = lost.back(address, Transport::Tcp);
        for n in 0..2 * IN_FLIGHT_MAX {
            asked.insert(guest.client.send("bell.bellHandler.ring", json!({"ms": 0, "n": n})));
        }
        while guest.responses().len() < asked.len() {
            assert!(guest.client.next(PATIENCE).is_some(), "{} of {}", guest.responses().len(), asked.len());
        }
        let answered: Vec<u64> = guest.responses().into_iter().map(|(id, _)| id).collect();
        assert_eq!(answered.iter().copied().collect::<BTreeSet<_>>(), asked, "each is answered");
        assert_eq!(answered.len(), asked.len(), "and once");
    }
}

#[test]
fn coming_back_gives_no_room_for_more_messages() {
    for is_away in [false, true] {
        let (cluster, messages) = counting_house(options());
        let address = cluster.address(DOOR).unwrap();
        let mut guest = Guest::open(address, Transport::Tcp);
        for n in 0..IN_FLIGHT_MAX {
            guest.client.send("bell.bellHandler.ring", json!({"ms": if n == 0 { 500 } else { 0 }}));
            // A reader that waits for room finds no end of its connection, so it is away only
            // before that.
            if is_away && n == IN_FLIGHT_MAX - 2 {
                wait_until("all are read", || messages.read() == n as u64 + 1);
                guest = guest.cut(Cut::Reset).back(address, Transport::Tcp);
            }
        }
        wait_until("all are read", || messages.read() == IN_FLIGHT_MAX as u64);
        let mut guest = guest.cut(Cut::Silence).back(address, Transport::WebSocket);
        // The door would answer this at once, if it read it.
        let last = guest.client.send("nobody.knows.this", json!({}));
        guest.client.response(last);
        assert_ne!(guest.responses()[0].0, last, "it is read when a message is done with");
        while guest.responses().len() <= IN_FLIGHT_MAX {
            assert!(guest.client.next(PATIENCE).is_some());
        }
        wait_until("the old rows are given back", || port(&cluster, DOOR).connections == 1);
    }
}

#[test]
fn what_is_said_to_everybody_is_said_to_those_who_are_away() {
    let cluster = house(options());
    let address = cluster.address(DOOR).unwrap();
    let mut here = Guest::open(address, Transport::WebSocket);
    let away = Guest::open(address, Transport::Tcp).cut(Cut::Close);
    wait_away(&cluster, DOOR, 1);
    assert_eq!(here.client.request("door.doorHandler.shout", json!({"n": 1})), json!({}));
    // One is half back, and has not acknowledged yet.
    let mut client = Client::connect(address, Transport::WebSocket);
    assert_eq!(greet(&mut client, &json!({"resume": away.claim()}))["user"]["resume"]["resumed"], true);
    assert_eq!(here.client.request("door.doorHandler.shout", json!({"n": 2})), json!({}));
    client.package(PackageType::HandshakeAck, b"");
    for n in 1..=2 {
        assert_eq!(client.next(PATIENCE), Some(Got::Push("onShout".to_owned(), json!({"n": n}))));
    }
}

#[test]
fn handshake_acknowledgement_and_messages_may_come_in_one_piece() {
    for transport in BOTH {
        let cluster = start();
        let mut bob = Guest::enter(connectors(&cluster)[1], Transport::Tcp, "bob", "lobby");
        let lost = Guest::enter(first(&cluster), transport, "alice", "lobby").cut(Cut::Reset);
        wait_away(&cluster, FIRST, 1);
        assert_eq!(bob.say("missed", "alice"), json!({}));
        let mut client = Client::connect(first(&cluster), transport);
        let hello = json!({"sys": {}, "user": {"resume": lost.claim()}}).to_string();
        let send = crate::support::raw::send(7, &json!("at once"));
        let hello = crate::support::raw::package(1, hello.len(), hello.as_bytes());
        client.raw(&[&hello, crate::support::raw::ACK, &send].concat());
        let Some(Got::Handshake(answer)) = client.next(PATIENCE) else { panic!("no handshake") };
        assert_eq!(answer["user"]["resume"]["resumed"], true);
        assert_eq!(client.next(PATIENCE), Some(Got::Heartbeat));
        for said in ["missed", "at once"] {
            assert_eq!(client.push().1["msg"], said);
        }
        assert_eq!(client.response(7), json!({}));
    }
}

#[test]
fn silence_counts_as_a_lost_connection() {
    let short = Duration::from_secs(2);
    let beating = Options { heartbeat: Some(short), ..options() };
    for options in [beating, Options { idle_timeout: short, ..options() }] {
        let cluster = tutorial().options(options).start().unwrap();
        let lost = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby").cut(Cut::Silence);
        wait_away(&cluster, FIRST, 1);
        let mut alice = lost.back(first(&cluster), Transport::WebSocket);
        assert_eq!(alice.say(1, "*"), json!({}));
        assert_accounted(&cluster, FIRST);
    }
}
