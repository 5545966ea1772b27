//! The chat tutorial's behaviour, each part on the pure cluster, in virtual time, and on the live
//! one over TCP and WebSocket.

use pomelo_sim::scenario::Costs;
use serde_json::{Value, json};

use crate::support::client::Transport;
use crate::support::virtual_world::VirtualWorld;
use crate::support::world::{LiveWorld, Player, PureWorld, World};
use crate::support::{patient, tutorial};

/// Makes four tests of each behaviour.
macro_rules! behaviours {
    ($($name:ident)*) => { $(
        mod $name {
            use super::*;

            #[test]
            fn pure() {
                super::$name(&mut PureWorld::new(tutorial()));
            }

            #[test]
            fn in_virtual_time() {
                super::$name(&mut VirtualWorld::new(tutorial(), Some(Costs::default())));
            }

            #[test]
            fn tcp() {
                super::$name(&mut LiveWorld::new(tutorial().options(patient()), Transport::Tcp));
            }

            #[test]
            fn websocket() {
                super::$name(&mut LiveWorld::new(tutorial().options(patient()), Transport::WebSocket));
            }
        }
    )* };
}

behaviours! {
    gate_names_the_connector_of_the_tutorials_dispatch
    gate_takes_a_number_as_its_text_and_refuses_what_is_no_uid
    members_see_each_other_come_speak_and_go
    users_stand_grouped_by_connector
    private_messages_reach_only_their_target
    an_absent_target_is_answered
    content_passes_as_javascript_would_write_it
    the_route_field_is_echoed
    a_message_right_behind_the_login_finds_its_room
    a_uid_is_in_the_cluster_once
    a_second_login_on_a_session_is_refused
    a_refused_login_leaves_the_session_free
    names_that_could_deceive_are_refused
    the_same_name_in_two_rooms_is_two_users
    nobody_speaks_before_entering
    nobody_speaks_for_another
    unknown_routes_list_the_known_ones
    remotes_are_out_of_reach
    frontends_serve_only_their_own_clients
    bodies_that_are_no_objects_are_refused
    a_notify_is_carried_out_and_not_answered
    a_room_called_proto_is_an_ordinary_room
    everything_is_gone_when_everybody_is
}

const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";
const QUERY: &str = "gate.gateHandler.queryEntry";
const CONNECTORS: [&str; 3] = ["connector-server-1", "connector-server-2", "connector-server-3"];

fn on_add(user: &str) -> (String, Value) {
    ("onAdd".to_owned(), json!({"route": "onAdd", "user": user}))
}

fn on_leave(user: &str) -> (String, Value) {
    ("onLeave".to_owned(), json!({"route": "onLeave", "user": user}))
}

fn on_chat(content: &str, from: &str, target: &str) -> (String, Value) {
    ("onChat".to_owned(), json!({"msg": content, "from": from, "target": target}))
}

/// An answer that says what was wrong.
fn assert_refused(answer: &Value, what: &str) {
    assert_eq!(answer["code"], 500, "{answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(message.contains(what), "expected {what:?} in {answer}");
}

/// Everything bound, everything in rooms: what is left behind.
fn assert_empty(world: &mut dyn World) {
    for server in world.snapshots() {
        let left = (server.sessions, server.channels, server.members, server.calls_pending);
        assert_eq!(left, (0, 0, 0, 0), "{server:?}");
    }
}

fn trio(world: &mut dyn World, rid: &str) -> [Player; 3] {
    let players = [0, 1, 2].map(|n| world.enter(CONNECTORS[n], ["alice", "bob", "carol"][n], rid));
    for player in players {
        world.pushes(player);
    }
    players
}

fn gate_names_the_connector_of_the_tutorials_dispatch(world: &mut dyn World) {
    let client = world.open("gate-server-1");
    // alice 663665735 mod 3 = 2, user1 |-1940814507| mod 3 = 0, a |-390611389| mod 3 = 1.
    let ports = ["alice", "user1", "a"].map(|uid| {
        let answer = world.request(client, QUERY, json!({"uid": uid}));
        assert_eq!((&answer["code"], &answer["host"]), (&json!(200), &json!("127.0.0.1")), "{answer}");
        answer["port"].clone()
    });
    let again =
        ["alice", "user1", "a"].map(|uid| world.request(client, QUERY, json!({"uid": uid}))["port"].clone());
    assert_eq!(ports, again);
}

fn gate_takes_a_number_as_its_text_and_refuses_what_is_no_uid(world: &mut dyn World) {
    let client = world.open("gate-server-1");
    for (number, text) in [(json!(7), "7"), (json!(0), "0"), (json!(1.5), "1.5"), (json!(-3), "-3")] {
        let by_number = world.request(client, QUERY, json!({"uid": number}));
        assert_eq!(by_number["code"], 200, "{by_number}");
        assert_eq!(by_number, world.request(client, QUERY, json!({"uid": text})));
    }
    for uid in [json!(""), json!(null), json!(true), json!(["a"]), json!({"a": 1}), json!("x".repeat(65))] {
        assert_refused(&world.request(client, QUERY, json!({"uid": uid})), "");
    }
    assert_refused(&world.request(client, QUERY, json!({})), "uid");
    assert_refused(&world.request(client, QUERY, json!({"uid": [1]})), "body: uid: invalid type: sequence");
}

fn members_see_each_other_come_speak_and_go(world: &mut dyn World) {
    let alice = world.open(CONNECTORS[0]);
    assert_eq!(
        world.request(alice, ENTER, json!({"username": "alice", "rid": "lobby"})),
        json!({"users": ["alice"]})
    );
    let bob = world.open(CONNECTORS[1]);
    let users = world.request(bob, ENTER, json!({"username": "bob", "rid": "lobby"}));
    assert_eq!(users, json!({"users": ["alice", "bob"]}));
    assert_eq!(world.pushes(alice), [on_add("bob")]);
    assert_eq!(world.pushes(bob), []);

    assert_eq!(world.send(bob, "hello", "*"), json!({}));
    assert_eq!(world.pushes(alice), [on_chat("hello", "bob", "*")]);
    assert_eq!(world.pushes(bob), [on_chat("hello", "bob", "*")]);

    world.leave(bob);
    assert_eq!(world.pushes(alice), [on_leave("bob")]);
    // The name is free again at once.
    let bob = world.enter(CONNECTORS[2], "bob", "lobby");
    assert_eq!(world.pushes(alice), [on_add("bob")]);
    assert_eq!(world.pushes(bob), []);
}

fn users_stand_grouped_by_connector(world: &mut dyn World) {
    let mut users = Value::Null;
    for (name, connector) in [("a", 0), ("b", 1), ("c", 2), ("d", 0), ("e", 1)] {
        let player = world.open(CONNECTORS[connector]);
        users = world.request(player, ENTER, json!({"username": name, "rid": "order"}));
    }
    assert_eq!(users, json!({"users": ["a", "d", "b", "e", "c"]}));
}

fn private_messages_reach_only_their_target(world: &mut dyn World) {
    let [alice, bob, carol] = trio(world, "pm");
    assert_eq!(world.send(alice, "psst", "bob"), json!({}));
    assert_eq!(world.pushes(bob), [on_chat("psst", "alice", "bob")]);
    assert_eq!(world.pushes(alice), []);
    assert_eq!(world.pushes(carol), []);
    assert_eq!(world.send(alice, "note", "alice"), json!({}));
    assert_eq!(world.pushes(alice), [on_chat("note", "alice", "alice")]);
}

fn an_absent_target_is_answered(world: &mut dyn World) {
    let [alice, bob, _] = trio(world, "absent");
    world.enter(CONNECTORS[0], "dave", "elsewhere");
    for target in
        [json!("nobody"), json!("dave"), json!(""), json!(null), json!(5), json!({"a": 1}), json!(["*", "*"])]
    {
        let answer = world.request(alice, SEND, json!({"content": "x", "target": target}));
        assert_refused(&answer, "target");
    }
    assert_refused(&world.request(alice, SEND, json!({"content": "x"})), "target");
    world.leave(bob);
    assert_refused(&world.send(alice, "x", "bob"), "bob");
}

fn content_passes_as_javascript_would_write_it(world: &mut dyn World) {
    let alice = world.enter(CONNECTORS[0], "alice", "any");
    for content in
        [json!(null), json!(1.5), json!([1, {"b": [], "a": "\u{1}"}]), json!("测试 😀 \" \\ \u{2028}")]
    {
        world.request(alice, SEND, json!({"content": content, "target": "*"}));
        assert_eq!(world.pushes(alice)[0].1, json!({"msg": content, "from": "alice", "target": "*"}));
    }
    world.request(alice, SEND, json!({"target": "*"}));
    assert_eq!(world.pushes(alice)[0].1, json!({"from": "alice", "target": "*"}), "no content, no msg");
    world.request(alice, SEND, json!({"content": 1, "target": ["*"]}));
    assert_eq!(world.pushes(alice)[0].1, json!({"msg": 1, "from": "alice", "target": ["*"]}));
}

fn the_route_field_is_echoed(world: &mut dyn World) {
    let alice = world.enter(CONNECTORS[0], "alice", "echo");
    let answer = world.request(alice, SEND, json!({"content": "x", "target": "*", "route": "my.route.x"}));
    assert_eq!(answer, json!({"route": "my.route.x"}));
}

fn a_message_right_behind_the_login_finds_its_room(world: &mut dyn World) {
    let alice = world.open(CONNECTORS[1]);
    let send = |content: &str| (SEND, json!({"content": content, "target": "*"}));
    let enter = (ENTER, json!({"username": "alice", "rid": "quick"}));
    let answers = world.requests(alice, &[enter, send("one"), send("two"), send("three")]);
    assert_eq!(answers, [json!({"users": ["alice"]}), json!({}), json!({}), json!({})]);
    let heard = ["one", "two", "three"].map(|content| on_chat(content, "alice", "*"));
    assert_eq!(world.pushes(alice), heard);
}

fn a_uid_is_in_the_cluster_once(world: &mut dyn World) {
    let first = world.enter(CONNECTORS[0], "dup", "room");
    for connector in CONNECTORS {
        let second = world.open(connector);
        let answer = world.request(second, ENTER, json!({"username": "dup", "rid": "room"}));
        assert_eq!((&answer["code"], &answer["error"]), (&json!(500), &json!(true)), "{connector}: {answer}");
        assert_refused(&world.send(second, "x", "*"), "");
        assert_eq!(world.pushes(first), [], "the first hears nothing of it");
    }
    assert_eq!(world.send(first, "still here", "*"), json!({}));
}

fn a_second_login_on_a_session_is_refused(world: &mut dyn World) {
    let alice = world.enter(CONNECTORS[0], "alice", "one");
    for (name, rid) in [("alice", "two"), ("eve", "one"), ("alice", "one")] {
        assert_refused(&world.request(alice, ENTER, json!({"username": name, "rid": rid})), "alice*one");
    }
    assert_eq!(world.send(alice, "as before", "*"), json!({}));
    assert_eq!(world.pushes(alice), [on_chat("as before", "alice", "*")]);
}

fn a_refused_login_leaves_the_session_free(world: &mut dyn World) {
    let alice = world.open(CONNECTORS[0]);
    for body in [
        json!({}),
        json!({"username": "alice"}),
        json!({"rid": "r"}),
        json!({"username": "alice", "rid": null}),
    ] {
        assert_refused(&world.request(alice, ENTER, body), "");
    }
    let answer = world.request(alice, ENTER, json!({"username": "alice", "rid": "r"}));
    assert_eq!(answer, json!({"users": ["alice"]}));
}

fn names_that_could_deceive_are_refused(world: &mut dyn World) {
    let player = world.open(CONNECTORS[0]);
    let long = "x".repeat(65);
    // Nothing to see, a line break of Unicode, a text that runs backwards, a name that looks like
    // another.
    let unseen = [" ", "\u{200b}", "\u{2028}", "a\u{2029}b", "\u{202e}ecila", "alice\u{200d}"];
    for bad in ["", "*", "victim*evil", "a\u{0}b", "a\nb", long.as_str()].into_iter().chain(unseen) {
        for (name, rid) in [(bad, "room"), ("alice", bad)] {
            assert_refused(&world.request(player, ENTER, json!({"username": name, "rid": rid})), "");
        }
    }
    for bad in [json!(true), json!([]), json!({}), json!(["a"])] {
        assert_refused(&world.request(player, ENTER, json!({"username": bad, "rid": "room"})), "");
    }
    // Sixty-four characters, not bytes; and a number is its text.
    let longest = "测".repeat(64);
    let answer = world.request(player, ENTER, json!({"username": longest, "rid": 42}));
    assert_eq!(answer, json!({"users": [longest]}));
    let same_room = world.open(CONNECTORS[1]);
    let answer = world.request(same_room, ENTER, json!({"username": 7, "rid": "42"}));
    assert_eq!(answer, json!({"users": [longest, "7"]}));
}

fn the_same_name_in_two_rooms_is_two_users(world: &mut dyn World) {
    let one = world.enter(CONNECTORS[0], "alice", "one");
    let two = world.enter(CONNECTORS[0], "alice", "two");
    world.send(one, "to one", "*");
    assert_eq!(world.pushes(one), [on_chat("to one", "alice", "*")]);
    assert_eq!(world.pushes(two), []);
}

fn nobody_speaks_before_entering(world: &mut dyn World) {
    let player = world.open(CONNECTORS[0]);
    assert_refused(&world.send(player, "x", "*"), "enter");
}

fn nobody_speaks_for_another(world: &mut dyn World) {
    let [alice, bob, _] = trio(world, "mine");
    let outsider = world.enter(CONNECTORS[0], "eve", "other");
    let forged = json!({"content": "x", "target": "*", "from": "alice", "rid": "mine", "uid": "alice*mine"});
    assert_eq!(world.request(outsider, SEND, forged), json!({}));
    assert_eq!(world.pushes(outsider), [on_chat("x", "eve", "*")]);
    assert_eq!(world.pushes(alice), []);
    assert_eq!(world.pushes(bob), []);
}

fn unknown_routes_list_the_known_ones(world: &mut dyn World) {
    let player = world.open(CONNECTORS[0]);
    let cases = [
        ("chat.chatHandler.nope", "chatHandler.send"),
        ("connector.entryHandler.constructor", "entryHandler.enter"),
        ("CONNECTOR.entryHandler.enter", "chat, connector, gate"),
        ("connector.entryHandler", "entryHandler.enter"),
        ("connector.entryHandler.enter.more", "entryHandler.enter"),
        ("connector", "chat, connector, gate"),
        ("", "chat, connector, gate"),
        (".", "chat, connector, gate"),
        ("__proto__.a.b", "chat, connector, gate"),
    ];
    for (route, known) in cases {
        assert_refused(&world.request(player, route, json!({})), known);
    }
}

fn remotes_are_out_of_reach(world: &mut dyn World) {
    let alice = world.enter(CONNECTORS[0], "alice", "room");
    for remote in ["chat.chatRemote.add", "chat.chatRemote.kick"] {
        assert_refused(&world.request(alice, remote, json!({"uid": "alice*room"})), "unknown route");
    }
}

fn frontends_serve_only_their_own_clients(world: &mut dyn World) {
    let on_connector = world.open(CONNECTORS[0]);
    assert_refused(&world.request(on_connector, QUERY, json!({"uid": "alice"})), "frontend");
    let on_gate = world.open("gate-server-1");
    assert_refused(&world.request(on_gate, ENTER, json!({"username": "a", "rid": "b"})), "frontend");
    assert_refused(&world.request(on_gate, SEND, json!({"content": "x", "target": "*"})), "rid");
}

fn bodies_that_are_no_objects_are_refused(world: &mut dyn World) {
    let player = world.open(CONNECTORS[0]);
    for body in
        [json!([]), json!([{"username": "a", "rid": "b"}]), json!(null), json!(1), json!("x"), json!(true)]
    {
        assert_refused(&world.request(player, ENTER, body), "object");
    }
}

fn a_notify_is_carried_out_and_not_answered(world: &mut dyn World) {
    let alice = world.enter(CONNECTORS[0], "alice", "quiet");
    world.notify(alice, SEND, json!({"content": "n", "target": "*"}));
    assert_eq!(world.pushes(alice), [on_chat("n", "alice", "*")]);
    world.notify(alice, SEND, json!({"content": "n", "target": "nobody"}));
    assert_eq!(world.pushes(alice), []);
}

fn a_room_called_proto_is_an_ordinary_room(world: &mut dyn World) {
    for rid in ["__proto__", "constructor", "<b>x</b>", "房间1", "😀"] {
        let player = world.open(CONNECTORS[0]);
        let answer = world.request(player, ENTER, json!({"username": "__proto__", "rid": rid}));
        assert_eq!(answer, json!({"users": ["__proto__"]}), "{rid}");
    }
}

fn everything_is_gone_when_everybody_is(world: &mut dyn World) {
    let players = trio(world, "short");
    for player in players {
        world.leave(player);
    }
    assert_empty(world);
}
