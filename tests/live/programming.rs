//! The programming model: server types, calls, filters, hooks, sessions, channels and deadlines.

#[path = "../examples/time_server.rs"]
mod time_server;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::ClusterSpec;
use pomelo_sim::envelope::{AppError, Payload, Session};
use pomelo_sim::ids::Uid;
use pomelo_sim::router::by;
use pomelo_sim::servers::{Filter, FilterCall};
use serde_json::{Value, json};

use crate::support::areas::{DOOR, areas, bound};
use crate::support::client::Transport;
use crate::support::patient;
use crate::support::world::{LiveWorld, PureWorld, World};

#[test]
fn the_time_server_of_the_example_stamps_messages() {
    let play = |world: &mut dyn World| {
        let alice = world.enter("connector-server-1", "alice", "r");
        let bob = world.enter("connector-server-1", "bob", "r");
        // alice*r and bob*r: whichever time server they hash to counts on its own.
        for (player, from) in [(alice, "alice*r"), (bob, "bob*r")] {
            assert_eq!(world.request(player, "chat.chatHandler.send", json!({"content": "when"})), json!({}));
            for hearer in [alice, bob] {
                let pushes = world.pushes(hearer);
                assert_eq!(pushes.len(), 1, "{pushes:?}");
                assert_eq!((&pushes[0].1["from"], &pushes[0].1["msg"]), (&json!(from), &json!("when")));
                assert!(pushes[0].1["uptime_ms"].is_u64() && pushes[0].1["asked"].is_u64(), "{pushes:?}");
            }
        }
        let asked: u64 = world
            .snapshots()
            .iter()
            .filter(|server| server.server_type.as_str() == "time")
            .map(|server| server.counters.invocations)
            .sum();
        assert_eq!(asked, 2);
    };
    play(&mut PureWorld::new(time_server::cluster().unwrap()));
    play(&mut LiveWorld::new(time_server::cluster().unwrap().options(patient()), Transport::WebSocket));
}

#[test]
fn a_route_function_sees_session_and_message() {
    let world = &mut PureWorld::new(areas());
    // `a` is at index 1 of 3 and `alice` at 2: see the dispatch vectors.
    for (aid, area) in [("a", "area-2"), ("alice", "area-3"), ("user1", "area-1")] {
        let player = bound(world, DOOR, aid, aid);
        assert_eq!(world.request(player, "area.area.where", json!({})), json!({"area": area}));
    }
    let by_message = by(|input| {
        let body: Value = serde_json::from_slice(input.body).map_err(|_| AppError::new("no JSON"))?;
        body["to"]
            .as_str()
            .map(|key| key.to_owned().into())
            .ok_or_else(|| AppError::new("the message has no `to`"))
    });
    let world = &mut PureWorld::new(areas().route("area", by_message));
    let player = world.open(DOOR);
    assert_eq!(world.request(player, "area.area.where", json!({"to": "alice"})), json!({"area": "area-3"}));
    let refused = world.request(player, "area.area.where", json!({}));
    assert_eq!(refused, json!({"code": 500, "message": "no route to area: the message has no `to`"}));
}

#[test]
fn a_strategy_can_be_chosen_for_a_type() {
    // crc32("user1") is 2354152789, as a signed number -1940814507: 1 and 0 of 3.
    let area_of = |cluster: Cluster| {
        let world = &mut PureWorld::new(cluster);
        let player = bound(world, DOOR, "u", "user1");
        world.request(player, "area.area.where", json!({}))
    };
    assert_eq!(area_of(areas()), json!({"area": "area-1"}));
    assert_eq!(area_of(areas().strategy("area", "crc32-mod").unwrap()), json!({"area": "area-2"}));
    let unknown = areas().strategy("area", "crc33").err().unwrap().to_string();
    assert!(unknown.contains("crc32-mod"), "{unknown}");
}

#[test]
fn a_backend_pushes_settings_to_the_session() {
    let world = &mut PureWorld::new(areas());
    let player = bound(world, DOOR, "u", "a");
    assert_eq!(world.request(player, "area.area.set", json!({"seen": [1, 2]})), json!({}));
    let settings = world.request(player, "door.door.settings", json!({}));
    assert_eq!(settings, json!({"aid": "a", "seen": [1, 2], "kept": null}));
}

#[test]
fn of_a_key_that_occurs_twice_the_last_counts() {
    let world = &mut PureWorld::new(areas());
    let player = bound(world, DOOR, "u", "a");
    let key = world.cluster.inboxes.keys().next().unwrap().clone();
    let message = pomelo_sim::wire::Message {
        kind: pomelo_sim::wire::MessageKind::Request { id: 99 },
        route: Some("area.area.typed".into()),
        body: br#"{"word":1,"word":"last"}"#,
    };
    let mut bytes = Vec::new();
    message.encode(&mut bytes).unwrap();
    world.cluster.message(&key, &bytes);
    world.cluster.settle();
    assert_eq!(world.answer(player, 99), Some(json!("last")));
    let misfit = world.request(player, "area.area.typed", json!({"word": [1]}));
    assert_eq!(misfit["message"], "body: word: invalid type: sequence, expected a string");
}

#[test]
fn calls_to_one_server_and_notifies_to_all_of_a_type() {
    let world = &mut PureWorld::new(areas());
    let player = bound(world, DOOR, "u", "a");
    for area in ["area-1", "area-2", "area-3"] {
        assert_eq!(world.request(player, "area.area.ask", json!({"server": area})), json!(area));
    }
    let missing = world.request(player, "area.area.ask", json!({"server": "area-9"}));
    assert_eq!(missing, json!({"code": 500, "message": "no server area-9"}));
    world.request(player, "area.area.ring", json!({}));
    let mut heard: Vec<Value> =
        world.pushes(player).into_iter().map(|(_, body)| body["area"].clone()).collect();
    heard.sort_by_key(Value::to_string);
    assert_eq!(heard, ["area-1", "area-2", "area-3"]);
}

#[test]
fn hooks_run_at_start() {
    let world = &mut LiveWorld::new(areas().options(patient()), Transport::Tcp);
    let player = bound(world, DOOR, "u", "a");
    let started = world.request(player, "area.area.hooks", json!({}));
    assert_eq!(started, json!(["create", "after_start", "after_start_all"]));
}

#[test]
fn channels_uids_and_broadcasts() {
    let world = &mut PureWorld::new(areas());
    let one = bound(world, DOOR, "one", "a");
    let two = bound(world, "door-server-2", "two", "a");
    let unbound = world.open(DOOR);
    world.request(one, "area.area.join", json!({}));
    let members = world.request(two, "area.area.join", json!({}));
    assert_eq!(members, json!({"members": ["one", "two"]}));
    world.request(one, "area.area.shout", json!({"n": 1}));
    world.request(one, "area.area.tell", json!({"uids": ["two", "nobody"], "msg": "psst"}));
    world.request(one, "area.area.news", json!({"n": 2}));
    let shout = ("onShout".to_owned(), json!({"n": 1}));
    let tell = ("onTell".to_owned(), json!({"msg": "psst"}));
    let news = ("onNews".to_owned(), json!({"n": 2}));
    assert_eq!(world.pushes(one), [shout.clone(), news.clone()]);
    assert_eq!(world.pushes(two), [shout, tell, news.clone()]);
    assert_eq!(world.pushes(unbound), [news]);
    assert_eq!(world.cluster.router.counters().uids_unknown, 1);

    assert_eq!(world.request(one, "area.area.leave", json!({})), json!({"was_in": true}));
    assert_eq!(world.request(one, "area.area.leave", json!({})), json!({"was_in": false}));
    world.request(two, "area.area.shout", json!({"n": 3}));
    assert_eq!(world.pushes(one), []);
    assert_eq!(world.pushes(two).len(), 1);
}

#[test]
fn closed_sessions_are_told_to_the_backend_once() {
    let world = &mut PureWorld::new(areas());
    let one = bound(world, DOOR, "one", "a");
    let two = bound(world, DOOR, "two", "a");
    for player in [one, two] {
        world.request(player, "area.area.join", json!({}));
    }
    world.notify(two, "area.area.kick", json!({"reason": "enough"}));
    assert_eq!(world.kicked(two), "enough");
    world.leave(two);
    assert_eq!(world.pushes(one), [("onGone".to_owned(), json!({"uid": "two"}))]);
}

#[test]
fn calls_can_follow_one_another() {
    let world = &mut PureWorld::new(areas());
    let player = bound(world, DOOR, "u", "a");
    let chain = world.request(player, "area.area.chain", json!({}));
    assert_eq!(chain, json!({"one": "area-2", "two": "area-3"}));
    let nobody = world.request(player, "area.area.ask_nobody", json!({}));
    assert_eq!(nobody, json!({"code": 500, "message": "no server type nowhere"}));
}

#[test]
fn a_panicking_handler_is_answered_and_the_connection_works_on() {
    for world in [
        &mut PureWorld::new(areas()) as &mut dyn World,
        &mut LiveWorld::new(areas().options(patient()), Transport::Tcp),
    ] {
        let player = bound(world, DOOR, "u", "a");
        let answer = world.request(player, "door.door.panic", json!({}));
        assert_eq!(answer["code"], 500);
        assert!(!answer["message"].as_str().unwrap().contains("on purpose"), "{answer}");
        assert_eq!(world.request(player, "area.area.where", json!({})), json!({"area": "area-2"}));
    }
}

/// Logs what passes it, and refuses what says so.
struct Gatekeeper {
    name: &'static str,
    log: Arc<Mutex<Vec<String>>>,
}

impl Filter for Gatekeeper {
    fn before(&self, call: &mut FilterCall<'_>) -> Result<(), AppError> {
        self.log.lock().unwrap().push(format!("{} before {}", self.name, call.route));
        let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
        if body["refuse"] == self.name {
            return Err(AppError::new(format!("{} refuses", self.name)).with_code(403));
        }
        if let Some(secret) = body["say"].as_str() {
            *call.body = Bytes::from(json!({"n": secret.replace("damn", "***")}).to_string());
        }
        Ok(())
    }

    fn after(&self, route: &str, session: Option<&Session>, result: &mut Result<Bytes, AppError>) {
        let uid = session.and_then(|session| session.uid.as_ref()).map_or("-", Uid::as_str);
        let how = if result.is_ok() { "ok" } else { "error" };
        self.log.lock().unwrap().push(format!("{} after {route} {uid} {how}", self.name));
    }
}

#[test]
fn filters_stand_around_handlers() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let keeper = |name| Gatekeeper { name, log: Arc::clone(&log) };
    let cluster = areas()
        .global_filter(keeper("global"))
        .filter("area", keeper("area"))
        .filter("area", keeper("inner"));
    let world = &mut PureWorld::new(cluster);
    let player = bound(world, DOOR, "u", "a");
    world.request(player, "area.area.join", json!({}));
    log.lock().unwrap().clear();

    world.request(player, "area.area.shout", json!({"say": "damn it"}));
    assert_eq!(world.pushes(player), [("onShout".to_owned(), json!({"n": "*** it"}))]);
    let passed: Vec<String> = std::mem::take(&mut log.lock().unwrap());
    let expected = [
        "global before area.area.shout",
        "area before area.shout",
        "inner before area.shout",
        "inner after area.shout u ok",
        "area after area.shout u ok",
        "global after area.area.shout u ok",
    ];
    assert_eq!(passed, expected);

    for who in ["global", "area"] {
        let refused = world.request(player, "area.area.shout", json!({"refuse": who}));
        assert_eq!(refused, json!({"code": 403, "message": format!("{who} refuses")}));
    }
    assert_eq!(world.pushes(player), []);
}

#[test]
fn a_request_without_an_answer_is_answered_at_its_deadline() {
    let options = Options { request_timeout: Duration::from_secs(3), ..Options::default() };
    let world = &mut PureWorld::new(crate::support::tutorial().options(options));
    let alice = world.enter("connector-server-1", "alice", "room1");
    // chat-server-3 holds room1; from now on nothing that it is asked arrives.
    world.cluster.lost = Box::new(|to, envelope| {
        to.as_str().starts_with("chat") && matches!(envelope.payload, Payload::Invoke(_))
    });
    let send = world.ask(alice, "chat.chatHandler.send", &json!({"content": "x", "target": "*"}));
    let stranger = world.open("connector-server-2");
    let enter =
        world.ask(stranger, "connector.entryHandler.enter", &json!({"username": "bob", "rid": "room1"}));
    world.cluster.settle();
    world.cluster.advance(Duration::from_millis(2_900));
    assert_eq!(world.answer(alice, send), None);
    world.cluster.advance(Duration::from_millis(200));
    let answer = world.answer(alice, send).expect("answered at the deadline");
    assert_eq!(
        answer,
        json!({"code": 504, "message": "chat.chatHandler.send: no answer in time (--request-timeout)"})
    );
    let answer = world.answer(stranger, enter).expect("answered at the deadline");
    assert_eq!((&answer["code"], &answer["error"]), (&json!(504), &json!(true)), "{answer}");

    // What did not answer in time left nothing behind: bob may enter when the network is well
    // again.
    world.cluster.lost = Box::new(|_, _| false);
    assert_eq!(
        world.request(stranger, "connector.entryHandler.enter", json!({"username": "bob", "rid": "room1"})),
        json!({"users": ["alice", "bob"]})
    );
    assert!(world.snapshots().iter().all(|server| server.calls_pending == 0));
}

#[test]
fn an_answer_after_the_deadline_is_counted_and_dropped() {
    let world = &mut PureWorld::new(crate::support::tutorial());
    let alice = world.enter("connector-server-1", "alice", "room1");
    let id = world.ask(alice, "chat.chatHandler.send", &json!({"content": "x", "target": "*"}));
    // The deadline passes while the request still stands in the queue.
    world.cluster.advance(Duration::from_secs(10));
    assert!(world.answer(alice, id).is_some());
    assert_eq!(world.answer(alice, id), None, "one answer only");
}

#[test]
fn without_servers_of_a_type_callers_hear_so() {
    let world = &mut PureWorld::new(crate::support::cluster(1, 0));
    let player = world.open("connector-server-1");
    let enter = ("connector.entryHandler.enter", json!({"username": "a", "rid": "r"}));
    let answer = world.request(player, enter.0, enter.1.clone());
    assert_eq!(answer, json!({"code": 500, "error": true, "message": "no chat server is left"}));
    assert_eq!(world.cluster.router.uids().len(), 0, "the uid is free again");
    let world = &mut PureWorld::new(crate::support::cluster(0, 1));
    let client = world.open("gate-server-1");
    let answer = world.request(client, "gate.gateHandler.queryEntry", json!({"uid": "alice"}));
    assert_eq!(answer, json!({"code": 500, "message": "no connector server is left"}));
}

#[test]
fn the_gate_hands_out_the_client_host_of_frontends_only() {
    let connector = |more: &str| {
        let json = format!(
            r#"{{"gate": [{{"id": "gate-server-1", "host": "127.0.0.1", "clientPort": 1, "frontend": true}}],
                "connector": [{{"id": "c", "host": "10.0.0.7", "clientPort": 2 {more}}}]}}"#
        );
        let spec = ClusterSpec::from_json(&json, "development", Path::new("servers.json")).unwrap();
        let world = &mut PureWorld::new(Cluster::from_spec(spec));
        let client = world.open("gate-server-1");
        world.request(client, "gate.gateHandler.queryEntry", json!({"uid": "alice"}))
    };
    let inside = connector(r#", "frontend": true"#);
    assert_eq!(inside, json!({"code": 200, "host": "10.0.0.7", "port": 2}));
    let outside = connector(r#", "frontend": true, "clientHost": "chat.example.com""#);
    assert_eq!(outside, json!({"code": 200, "host": "chat.example.com", "port": 2}));
    assert_eq!(connector("")["code"], 500, "nobody listens there");
}

#[test]
fn a_type_without_code_is_named() {
    let spec = ClusterSpec::from_json(
        r#"{"gate": [{"id": "g", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
            "chta": [{"id": "c", "host": "127.0.0.1"}]}"#,
        "development",
        Path::new("servers.json"),
    );
    let error = Cluster::from_spec(spec.unwrap()).start().err().unwrap().to_string();
    assert!(error.contains("chta") && error.contains("\"chat\""), "{error}");
}
