//! A change of strategy for running servers: what moves, what stays, what is refused, and that the
//! preview predicts it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::world::{Player, PureWorld, World};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::ServerSpec;
use pomelo_sim::ids::{ServerId, Uid};
use pomelo_sim::router::{Preview, StrategyError};
use pomelo_sim::strategies::{ALL, StrategySpec};
use proptest::prelude::*;
use serde_json::json;

const SEND: &str = "chat.chatHandler.send";

fn cluster(connectors: usize, chats: usize, chat: &str) -> Cluster {
    let mut spec = crate::support::spec(connectors, chats);
    let connectors = spec.servers.iter_mut().filter(|server| server.server_type.as_str() == "connector");
    connectors.zip(3050..).for_each(|(server, port)| server.client_port = Some(port));
    Cluster::from_spec(spec).strategy("chat", chat).unwrap()
}

/// A strategy that finds a key again.
fn sticky(number: usize) -> String {
    let spec = ALL[number].spec();
    if spec.is_sticky() { spec.to_string() } else { format!("directory({spec})") }
}

/// Users in this many rooms, room `i` with `1 + i % 4` of them.
fn fill(world: &mut PureWorld, connectors: usize, rooms: usize) -> Vec<Player> {
    let users = (0..rooms).flat_map(|room| (0..=room % 4).map(move |user| (room, user)));
    let enter = |(at, (room, user)): (usize, (usize, usize))| {
        let connector = format!("connector-server-{}", 1 + at % connectors);
        world.enter(&connector, &format!("user{room}-{user}"), &format!("room{room}"))
    };
    users.enumerate().map(enter).collect()
}

/// Where each room is.
fn places(world: &PureWorld) -> BTreeMap<String, ServerId> {
    let mut places = BTreeMap::new();
    for (server, rooms) in world.cluster.router.rooms() {
        for room in rooms {
            assert_eq!(places.insert(room.channel.to_string(), server.clone()), None, "one place");
        }
    }
    places
}

fn preview(world: &PureWorld, server_type: &str, strategy: &str) -> Preview {
    fn name(uid: &Uid) -> &str {
        uid.as_str().split('*').next().unwrap_or_default()
    }
    world.cluster.router.preview(&server_type.into(), &strategy.parse().unwrap(), name).unwrap()
}

/// What each server has in hand, as a preview has it.
fn loads(preview: &Preview, of: fn(&pomelo_sim::router::ServerLoad) -> usize) -> Vec<usize> {
    preview.servers.iter().map(of).collect()
}

/// The change does what its preview says; nobody hears anything, and all is as it must be.
fn assert_as_foreseen(world: &mut PureWorld, players: &[Player], to: &str) {
    players.iter().for_each(|player| drop(world.pushes(*player)));
    let (before, places_before) = (world.cluster.router.counters(), places(world));
    let foreseen = preview(world, "chat", to);
    assert_eq!(world.cluster.router.counters(), before, "a preview changes nothing");
    world.cluster.steer("chat", to);
    world.cluster.settle();
    let (after, places_after) = (world.cluster.router.counters(), places(world));
    let moved = places_before.iter().filter(|(room, server)| places_after[*room] != **server).count();
    assert_eq!(moved, foreseen.rooms_moved, "{to}");
    assert_eq!(after.rooms_moved - before.rooms_moved, foreseen.rooms_moved as u64, "{to}");
    assert_eq!(after.members_moved - before.members_moved, foreseen.members_moved as u64, "{to}");
    assert_eq!(places_after.len(), foreseen.rooms);
    let now = preview(world, "chat", to);
    assert_eq!(
        loads(&now, |server| server.load_before),
        loads(&foreseen, |server| server.load_after),
        "{to}"
    );
    assert_eq!((now.rooms_moved, now.members), (0, foreseen.members));
    assert_eq!(world.cluster.audit(), []);
    for player in players {
        assert_eq!(world.pushes(*player), [], "nobody is told");
    }
    for (room, server) in &places_after {
        assert_eq!(world.cluster.router.owner(&"chat".into(), room).as_ref(), Some(server), "{to}");
    }
}

#[test]
fn every_change_of_one_strategy_for_another_does_what_its_preview_says() {
    for from in 0..ALL.len() {
        let world = &mut PureWorld::new(cluster(2, 3, &sticky(from)));
        let players = fill(world, 2, 12);
        for to in 0..ALL.len() {
            assert_as_foreseen(world, &players, &sticky(to));
            assert_as_foreseen(world, &players, &sticky(from));
        }
        for player in &players {
            assert_eq!(world.send(*player, "hello", "*"), json!({}));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_preview_is_exact(
        strategies in proptest::collection::vec(0..ALL.len(), 2..6),
        chats in 1_usize..6,
        rooms in 0_usize..20,
        goes in proptest::option::of(0_usize..6),
    ) {
        let world = &mut PureWorld::new(cluster(2, chats, &sticky(strategies[0])));
        let players = fill(world, 2, rooms);
        for (step, to) in strategies[1..].iter().enumerate() {
            if goes == Some(step) && chats > 1 && world.cluster.is_up("chat-server-1") {
                world.cluster.kill("chat-server-1");
                world.cluster.settle();
            }
            assert_as_foreseen(world, &players, &sticky(*to));
        }
    }
}

#[test]
fn a_directory_takes_every_room_where_it_is_and_a_sticky_strategy_takes_them_back() {
    let world = &mut PureWorld::new(cluster(1, 4, "rendezvous"));
    fill(world, 1, 20);
    let before = places(world);
    for directory in ["directory(least-connections)", "directory(ring)", "directory(round-robin)"] {
        world.cluster.steer("chat", directory);
        world.cluster.settle();
        assert_eq!(places(world), before, "{directory}");
    }
    assert_eq!(world.cluster.router.counters().rooms_moved, 0);
    // A room that was not there is chosen anew, one that ends is forgotten.
    world.enter("connector-server-1", "newcomer", "new");
    world.cluster.steer("chat", "jump");
    world.cluster.settle();
    assert!(places(world) != before);
    world.cluster.steer("chat", "rendezvous");
    world.cluster.settle();
    let mut after = places(world);
    after.remove("new").unwrap();
    assert_eq!(after, before, "back where they were");
    assert_eq!(world.cluster.router.unsettled(), 0);
}

#[test]
fn rooms_that_a_directory_took_over_are_forgotten_when_they_end() {
    let world = &mut PureWorld::new(cluster(1, 2, "pomelo-crc"));
    let players = fill(world, 1, 3);
    world.cluster.steer("chat", "directory(two-choices)");
    world.cluster.settle();
    assert_eq!(world.cluster.router.owner(&"chat".into(), "room0"), Some(places(world)["room0"].clone()));
    players.into_iter().for_each(|player| world.leave(player));
    assert_eq!(world.cluster.router.unsettled(), 3);
    (0..3).for_each(|_| world.cluster.advance(Duration::from_secs(4)));
    assert_eq!(world.cluster.router.unsettled(), 0);
    assert_eq!(world.cluster.router.owner(&"chat".into(), "room0"), None);
}

#[test]
fn what_is_under_way_to_a_room_that_moves_keeps_its_order() {
    let world = &mut PureWorld::new(cluster(1, 2, "jump"));
    let players = fill(world, 1, 8);
    let foreseen = preview(world, "chat", "crc32-mod");
    assert!(foreseen.rooms_moved > 0);
    // One server does not answer, so its keys wait; what is said before and after the change must
    // stay in order.
    world.cluster.stall("chat-server-1", true);
    let say = |world: &mut PureWorld, number: usize| -> Vec<u64> {
        let asked =
            players.iter().map(|player| world.ask(*player, SEND, &json!({"content": number, "target": "*"})));
        asked.collect()
    };
    let mut asked = say(world, 1);
    world.cluster.settle();
    world.cluster.steer("chat", "crc32-mod");
    asked.extend(say(world, 2));
    world.cluster.settle();
    world.cluster.steer("chat", "jump");
    asked.extend(say(world, 3));
    world.cluster.settle();
    world.cluster.steer("chat", "crc32-mod");
    asked.extend(say(world, 4));
    world.cluster.settle();
    world.cluster.stall("chat-server-1", false);
    world.cluster.settle();
    for (at, id) in asked.iter().enumerate() {
        assert_eq!(world.answer(players[at % players.len()], *id), Some(json!({})), "all are answered");
    }
    for player in &players {
        let heard = world.pushes(*player).into_iter().filter(|(route, _)| route == "onChat");
        let mut by_sender: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (_, body) in heard {
            let from = body["from"].as_str().unwrap().to_owned();
            by_sender.entry(from).or_default().push(body["msg"].as_u64().unwrap());
        }
        assert!(by_sender.values().all(|heard| *heard == [1, 2, 3, 4]), "{by_sender:?}");
    }
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn servers_that_come_later_are_chosen_by_the_new_strategy() {
    let world = &mut PureWorld::new(cluster(1, 2, "pomelo-crc"));
    let players = fill(world, 1, 16);
    world.cluster.steer("chat", "rendezvous");
    world.cluster.settle();
    let chat = |number: usize| -> ServerSpec {
        let id = format!("chat-server-{number}");
        crate::support::spec(1, number).servers.into_iter().find(|server| server.id.as_str() == id).unwrap()
    };
    let strategy = &mut ALL.iter().find(|entry| entry.name == "rendezvous").unwrap().spec().make(0);
    let expected = |strategy: &mut Box<dyn pomelo_sim::strategies::Strategy>, servers: &[&str]| {
        let candidate = |id: &&str| pomelo_sim::strategies::Candidate { id: (*id).into(), weight: 1.0 };
        strategy.rebuild(&servers.iter().map(candidate).collect::<Vec<_>>());
        let place = |room: usize| {
            let key = format!("room{room}");
            let at = strategy.peek(&key).unwrap();
            (key, ServerId::from(servers[at]))
        };
        (0..16).map(place).collect::<BTreeMap<_, _>>()
    };
    world.cluster.start(&chat(3));
    world.cluster.settle();
    assert_eq!(places(world), expected(strategy, &["chat-server-1", "chat-server-2", "chat-server-3"]));
    world.cluster.kill("chat-server-1");
    world.cluster.settle();
    assert_eq!(places(world), expected(strategy, &["chat-server-2", "chat-server-3"]));
    world.cluster.start(&chat(1));
    world.cluster.settle();
    assert_eq!(places(world), expected(strategy, &["chat-server-1", "chat-server-2", "chat-server-3"]));
    for player in players {
        assert_eq!(world.send(player, "hello", "*"), json!({}));
    }
}

#[test]
fn where_rooms_stay_they_stay_and_the_preview_says_what_that_means() {
    let options = Options { rebalance: false, ..Options::default() };
    let world = &mut PureWorld::new(cluster(1, 3, "jump").options(options));
    fill(world, 1, 12);
    let before = places(world);
    let foreseen = preview(world, "chat", "crc32-mod");
    assert_eq!((foreseen.rooms, foreseen.rooms_moved), (12, 0));
    assert!(foreseen.warnings[0].contains("--rebalance off"), "{:?}", foreseen.warnings);
    world.cluster.steer("chat", "crc32-mod");
    world.cluster.settle();
    assert_eq!(places(world), before);
    assert!(!world.cluster.router.is_changing());
    // A directory finds them there.
    world.cluster.steer("chat", "directory(random)");
    for (room, server) in before {
        assert_eq!(world.cluster.router.owner(&"chat".into(), &room), Some(server));
    }
}

#[test]
fn a_backend_is_not_chosen_anew_at_each_message() {
    let world = &mut PureWorld::new(cluster(2, 2, "jump"));
    let (mut out, now) = (Vec::new(), world.cluster.now);
    let mut set = |of: &str, strategy: &str| {
        let strategy: StrategySpec = strategy.parse().unwrap();
        world.cluster.router.set_strategy(now, &of.into(), strategy, &mut out)
    };
    let refused = set("chat", "two-choices").unwrap_err();
    assert!(matches!(refused, StrategyError::NotSticky(_)));
    assert!(refused.to_string().ends_with("write directory(two-choices)"), "{refused}");
    assert_eq!(set("connector", "two-choices"), Ok(()));
    let unknown = set("chats", "jump").unwrap_err();
    assert_eq!(unknown.to_string(), "no server type chats: expected one of chat, connector, gate");
    assert!(out.iter().all(|routed| routed.to.as_str().starts_with("connector")), "{out:?}");
    // Also while none of them is up.
    world.cluster.kill("connector-server-1");
    world.cluster.kill("connector-server-2");
    world.cluster.steer("connector", "least-connections");
    assert_eq!(world.cluster.router.strategy(&"connector".into()).unwrap().to_string(), "least-connections");
}

#[test]
fn logins_go_by_the_new_strategy_and_their_preview_counts_who_would_be_sent_elsewhere() {
    let world = &mut PureWorld::new(cluster(3, 1, "jump"));
    let gate = world.open("gate-server-1");
    let ask = |world: &mut PureWorld, name: &str| {
        let answer = world.request(gate, "gate.gateHandler.queryEntry", json!({"uid": name}));
        format!("connector-server-{}", answer["port"].as_u64().unwrap() - 3049)
    };
    let mut at = BTreeMap::new();
    for i in 0..30 {
        let name = format!("user{i}");
        let connector = ask(world, &name);
        world.enter(&connector, &name, "lobby");
        at.insert(name, connector);
    }
    let foreseen = preview(world, "connector", "rendezvous");
    assert_eq!((foreseen.users, foreseen.rooms, foreseen.warnings.len()), (30, 0, 0));
    let nothing = preview(world, "connector", "pomelo-crc");
    assert_eq!((nothing.users_moved, nothing.warnings.len()), (0, 1), "it is so already");
    let unknown = preview(world, "connector", "two-choices");
    assert_eq!(unknown.users_moved, 0);
    assert!(unknown.warnings[0].contains("anew at each login"), "{:?}", unknown.warnings);
    world.cluster.steer("connector", "rendezvous");
    world.cluster.settle();
    let mut sent = BTreeMap::new();
    let mut elsewhere = 0;
    for (name, connector) in &at {
        let now = ask(world, name);
        elsewhere += usize::from(now != *connector);
        *sent.entry(now).or_insert(0) += 1;
    }
    assert_eq!(elsewhere, foreseen.users_moved);
    assert_eq!(sent.into_values().collect::<Vec<_>>(), loads(&foreseen, |server| server.load_after));
    world.cluster.steer("connector", "least-connections");
    world.cluster.settle();
    assert_eq!(world.cluster.audit(), []);
}
