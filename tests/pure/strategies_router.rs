//! Strategies in the router: real loads, weights and latencies, and rooms that a directory
//! remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::world::{Player, PureWorld, World};
use bytes::Bytes;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::{AppError, CallId, Destination, Envelope, Invoke, InvokeKind, Payload};
use pomelo_sim::ids::ServerId;
use pomelo_sim::router::{Routed, Router};
use pomelo_sim::time::Time;
use serde_json::{Value, json};

/// One gate, and so many connectors, with ports by which they can be told, and chat servers.
fn cluster(connectors: usize, chats: usize, strategies: &[(&str, &str)]) -> Cluster {
    let mut spec = crate::support::spec(connectors, chats);
    let connectors = spec.servers.iter_mut().filter(|server| server.server_type.as_str() == "connector");
    connectors.zip(3050..).for_each(|(server, port)| server.client_port = Some(port));
    let cluster = Cluster::from_spec(spec);
    strategies.iter().fold(cluster, |cluster, (of, name)| cluster.strategy(of, name).unwrap())
}

/// How many of those who ask the gate are sent to each connector.
fn ask_gate(world: &mut PureWorld, count: usize) -> BTreeMap<u64, usize> {
    let gate = world.open("gate-server-1");
    let mut sent = BTreeMap::new();
    for i in 0..count {
        let answer = world.request(gate, "gate.gateHandler.queryEntry", json!({"uid": format!("guest{i}")}));
        *sent.entry(answer["port"].as_u64().unwrap()).or_insert(0) += 1;
    }
    sent
}

/// Half of what an inventor asks for comes before the others ask, half between them.
#[test]
fn who_invents_names_at_a_gate_keeps_nobody_out() {
    let world = &mut PureWorld::new(cluster(2, 1, &[("connector", "directory(least-connections)")]));
    let inventor = world.open("gate-server-1");
    let mut invented = 0;
    let mut invent = |world: &mut PureWorld, count: usize| {
        for _ in 0..count {
            invented += 1;
            let uid = json!({"uid": format!("invented {invented}")});
            assert_eq!(world.request(inventor, "gate.gateHandler.queryEntry", uid)["code"], 200);
        }
    };
    invent(world, 374);
    assert_eq!(world.cluster.router.unsettled(), 64, "its latest");
    for number in 0..187 {
        invent(world, 2);
        let (name, gate) = (format!("user{number}"), world.open("gate-server-1"));
        let asked = json!({"uid": name});
        let answer = world.request(gate, "gate.gateHandler.queryEntry", asked.clone());
        world.leave(gate);
        let again = world.open("gate-server-1");
        assert_eq!(world.request(again, "gate.gateHandler.queryEntry", asked), answer, "it is kept");
        let connector = if answer["port"] == 3050 { "connector-server-1" } else { "connector-server-2" };
        world.enter(connector, &name, "lobby");
    }
    assert_eq!(world.cluster.router.unsettled(), 64 + 187);
}

#[test]
fn three_hundred_who_ask_at_once_are_not_all_sent_to_one_connector() {
    let world = &mut PureWorld::new(cluster(3, 1, &[("connector", "least-connections")]));
    assert_eq!(ask_gate(world, 300), BTreeMap::from([(3050, 100), (3051, 100), (3052, 100)]));

    let world = &mut PureWorld::new(cluster(3, 1, &[("connector", "two-choices")]));
    let sent = ask_gate(world, 300);
    assert!(sent.values().all(|count| count.abs_diff(100) < 10), "{sent:?}");
}

#[test]
fn sessions_that_are_there_count_and_promises_that_are_not_kept_lapse() {
    let world = &mut PureWorld::new(cluster(3, 1, &[("connector", "least-connections")]));
    for i in 0..20 {
        world.enter("connector-server-1", &format!("user{i}"), "lobby");
    }
    assert_eq!(ask_gate(world, 20), BTreeMap::from([(3051, 10), (3052, 10)]));
    // Nobody came: five seconds later all is as if they had not asked.
    world.cluster.advance(Duration::from_secs(6));
    assert_eq!(ask_gate(world, 10), BTreeMap::from([(3051, 5), (3052, 5)]));
    // Ten come, and ten that were there go.
    let mut players: Vec<Player> = Vec::new();
    for i in 0..5 {
        players.push(world.enter("connector-server-2", &format!("guest{i}"), "lobby"));
        players.push(world.enter("connector-server-3", &format!("guest{}", i + 5), "lobby"));
    }
    assert_eq!(ask_gate(world, 10), BTreeMap::from([(3051, 5), (3052, 5)]), "they are counted once");
    for player in players {
        world.leave(player);
    }
    world.cluster.advance(Duration::from_secs(6));
    assert_eq!(ask_gate(world, 40), BTreeMap::from([(3051, 20), (3052, 20)]));
}

fn rooms(world: &PureWorld) -> BTreeMap<String, Vec<String>> {
    let rooms = world.cluster.router.rooms();
    let names = |rooms: Vec<pomelo_sim::envelope::Room>| {
        rooms.into_iter().map(|room| room.channel.to_string()).collect()
    };
    rooms.into_iter().map(|(server, rooms)| (server.to_string(), names(rooms))).collect()
}

fn chat(number: usize) -> ServerSpec {
    let id = format!("chat-server-{number}");
    crate::support::spec(1, number).servers.into_iter().find(|server| server.id.as_str() == id).unwrap()
}

#[test]
fn a_directory_moves_no_room_to_a_server_that_is_added_and_sends_new_rooms_there() {
    let world = &mut PureWorld::new(cluster(1, 3, &[("chat", "directory(least-connections)")]));
    for i in 0..6 {
        world.enter("connector-server-1", &format!("user{i}"), &format!("room{i}"));
    }
    let before = rooms(world);
    assert!(before.len() == 3 && before.values().all(|rooms| rooms.len() == 2), "{before:?}");
    world.cluster.start(&chat(4));
    world.cluster.settle();
    assert_eq!(rooms(world), before);
    assert_eq!(world.cluster.router.counters().rooms_moved, 0);
    let newcomer = world.enter("connector-server-1", "newcomer", "new");
    assert_eq!(rooms(world)["chat-server-4"], ["new"]);
    // A user who enters an existing room reaches its server, however loaded that is.
    world.enter("connector-server-1", "friend", "room0");
    assert_eq!(world.send(newcomer, "hello", "*"), json!({}));
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_directory_gives_the_rooms_of_a_server_that_went_to_others_and_leaves_them_there() {
    let world = &mut PureWorld::new(cluster(1, 3, &[("chat", "directory(least-connections)")]));
    let players: Vec<Player> = (0..9)
        .map(|i| world.enter("connector-server-1", &format!("user{i}"), &format!("room{}", i % 9)))
        .collect();
    for (goes, how) in [("chat-server-2", "kill"), ("chat-server-1", "stop")] {
        let before = rooms(world);
        match how {
            "kill" => world.cluster.kill(goes),
            _ => world.cluster.stop(goes),
        }
        world.cluster.settle();
        let after = rooms(world);
        assert!(!after.contains_key(goes));
        for (server, rooms) in before.iter().filter(|(server, _)| *server != goes) {
            assert!(rooms.iter().all(|room| after[server].contains(room)), "{server} keeps {rooms:?}");
        }
        assert_eq!(after.values().map(Vec::len).sum::<usize>(), 9);
        world.cluster.start(&chat(goes[12..].parse().unwrap()));
        world.cluster.settle();
        assert_eq!(rooms(world), after, "nothing goes back to {goes}");
        assert_eq!(world.cluster.audit(), []);
    }
    for player in &players {
        assert_eq!(world.send(*player, "hello", "*"), json!({}));
        world.leave(*player);
    }
    assert_eq!(world.cluster.router.unsettled(), 9, "somebody may be on the way");
    world.cluster.advance(Duration::from_secs(4));
    world.cluster.advance(Duration::from_secs(4));
    assert_eq!(world.cluster.router.unsettled(), 0);
    assert_eq!(world.cluster.router.owner(&"chat".into(), "room0"), None, "forgotten");
}

/// A call from a connector to whichever chat server has the key.
fn call(number: u64, key: &str, now: Time) -> Envelope {
    let invoke = Invoke {
        call: Some(CallId(number)),
        kind: InvokeKind::Remote,
        route: "chatRemote.look".into(),
        session: None,
        body: Bytes::from_static(b"{}"),
        since: now,
        deadline: now + Duration::from_secs(3),
        key: None,
    };
    let to = Destination::Route { server_type: "chat".into(), key: Some(key.into()) };
    Envelope::new("connector-server-1".into(), to, Payload::Invoke(Box::new(invoke)))
}

fn router(strategies: &[(&str, &str)], chats: usize) -> Router {
    cluster(1, chats, strategies).plan().unwrap().router
}

/// Where a call goes, or the error that its sender gets.
fn route(router: &mut Router, now: Time, envelope: Envelope) -> Result<ServerId, AppError> {
    let mut out = Vec::new();
    router.route(now, envelope, &mut out);
    match out.remove(0) {
        Routed { envelope: Envelope { payload: Payload::Answer { result, .. }, .. }, .. } => {
            Err(result.unwrap_err())
        }
        Routed { to, .. } => Ok(to),
    }
}

#[test]
fn names_without_end_are_refused_and_forgotten_when_no_server_can_make_a_room_of_them_any_more() {
    let router = &mut router(&[("chat", "directory(round-robin)")], 2);
    let now = Time::START;
    for i in 0..100_000 {
        route(router, now, call(i, &format!("name{i}"), now)).unwrap();
    }
    let error = route(router, now, call(100_000, "one more", now)).unwrap_err();
    assert_eq!((error.code, &*error.message), (503, "busy: too many new keys of chat at once"));
    assert!(route(router, now, call(100_001, "name7", now)).is_ok(), "those that are known are found");

    // Each server is asked to say when it has done what it was sent.
    let later = Time::START + Duration::from_secs(7);
    let mut out = Vec::new();
    router.tick(later, &mut out);
    let drains: Vec<(ServerId, u64)> = out
        .into_iter()
        .map(|routed| match routed.envelope.payload {
            Payload::Drain { change } => (routed.to, change),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(drains.len(), 2);
    route(router, later, call(100_002, "name7", later)).unwrap();
    for (id, change) in &drains {
        assert_eq!(router.unsettled(), 100_000, "not before all have said so");
        let payload = Payload::Drained { change: *change };
        router.route(later, Envelope::new(id.clone(), Destination::Router, payload), &mut Vec::new());
    }
    assert_eq!(router.unsettled(), 1, "one was asked for meanwhile");
}

#[test]
fn peak_ewma_learns_how_long_calls_take_and_avoids_who_is_slow() {
    let router = &mut router(&[("chat", "directory(peak-ewma)")], 2);
    let at = |ms: u64| Time::START + Duration::from_millis(ms);
    let first = route(router, at(0), call(1, "a", at(0))).unwrap();
    // The other one has nothing in hand yet, so it is next.
    let second = route(router, at(0), call(2, "b", at(0))).unwrap();
    assert_ne!(first, second);
    let answer = |router: &mut Router, ms: u64, from: &ServerId, number: u64| {
        let payload = Payload::Answer { call: CallId(number), result: Ok(Bytes::from_static(b"{}")) };
        let to = Destination::Server("connector-server-1".into());
        router.route(at(ms), Envelope::new(from.clone(), to, payload), &mut Vec::new());
    };
    answer(router, 5, &second, 2);
    answer(router, 1000, &first, 1);
    for i in 0..20 {
        let key = format!("room{i}");
        assert_eq!(route(router, at(1000), call(10 + i, &key, at(1000))).unwrap(), second);
    }
    // Now that one does not answer at all, and the first one is quick.
    let quick = route(router, at(1500), call(50, "a", at(1500))).unwrap();
    answer(router, 1501, &quick, 50);
    router.tick(at(9000), &mut Vec::new());
    let next = route(router, at(9000), call(51, "new", at(9000))).unwrap();
    assert_eq!(next, first, "silence counts as the time that callers have waited");
}

#[test]
fn weights_of_the_configuration_give_shares_of_the_rooms() {
    let mut spec = crate::support::spec(1, 3);
    for (server, weight) in
        spec.servers.iter_mut().filter(|server| server.server_type.as_str() == "chat").zip([1.0, 2.0, 1.0])
    {
        server.weight = weight;
    }
    let cluster = Cluster::from_spec(spec).strategy("chat", "weighted-rendezvous").unwrap();
    let router = cluster.plan().unwrap().router;
    let owner = |i: usize| router.owner(&"chat".into(), &format!("room{i}")).unwrap();
    let share = (0..10_000).filter(|i| owner(*i).as_str() == "chat-server-2").count();
    // Five standard deviations of a binomial of 10,000 with chance 1/2.
    assert!(share.abs_diff(5000) < 250, "{share}");
}

#[test]
fn a_backend_is_refused_a_strategy_that_does_not_find_rooms_again() {
    let refused =
        |of: &str, name: &str| cluster(2, 2, &[(of, name)]).plan().err().map(|error| error.to_string());
    assert_eq!(
        refused("chat", "two-choices(3)").unwrap(),
        "strategy two-choices(3) of chat: each pick is a new choice, but rooms on a backend must be found again; \
         write directory(two-choices(3))"
    );
    assert_eq!(refused("chat", "directory(two-choices(3))"), None);
    assert_eq!(refused("connector", "two-choices(3)"), None);
}

/// The tutorial, whole, under each pair of strategies.
#[test]
fn people_chat_under_every_strategy() {
    for entry in pomelo_sim::strategies::ALL {
        let spec = entry.spec();
        let name = spec.to_string();
        let chat = if spec.is_sticky() { name.clone() } else { format!("directory({name})") };
        let world = &mut PureWorld::new(cluster(2, 3, &[("chat", &chat), ("connector", &name)]));
        let mut heard: Vec<Value> = Vec::new();
        let players: Vec<Player> = (0..4)
            .map(|i| world.enter(&format!("connector-server-{}", i % 2 + 1), &format!("user{i}"), "lobby"))
            .collect();
        assert_eq!(ask_gate(world, 4).values().sum::<usize>(), 4);
        world.send(players[0], "hello", "*");
        for player in players {
            heard.extend(
                world
                    .pushes(player)
                    .into_iter()
                    .filter(|(route, _)| route == "onChat")
                    .map(|(_, body)| body["msg"].clone()),
            );
        }
        assert_eq!(heard, vec![json!("hello"); 4], "{chat}");
    }
}
