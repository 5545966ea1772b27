//! Orders of events that once broke the cluster, each named after the fault. Storms found them;
//! here they are played step by step.

use std::time::Duration;

use crate::support::areas::{areas, bound};
use crate::support::fragile::{FragileChat, PANIC_ROUTE, keep_panics_on_purpose_quiet};
use crate::support::pure::PureCluster;
use crate::support::tutorial;
use crate::support::world::{Player, PureWorld, World};
use pomelo_sim::config::ServerSpec;
use pomelo_sim::ids::ServerId;
use pomelo_sim::router::LinkRule;
use serde_json::{Value, json};

const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";

/// More than a request may take.
const TOO_LATE: Duration = Duration::from_secs(4);

fn enter(name: &str) -> Value {
    json!({"username": name, "rid": "room"})
}

/// What a member of the room has heard of comings and goings.
fn presence(world: &mut PureWorld, player: Player) -> Vec<String> {
    let pushes = world.pushes(player).into_iter();
    pushes.map(|(route, body)| format!("{route} {}", body["user"].as_str().unwrap_or("-"))).collect()
}

/// The chat server that holds the room.
fn home(world: &mut PureWorld) -> ServerId {
    let mut holders = world.snapshots().into_iter().filter(|server| server.channels > 0);
    let home = holders.next().expect("no room").id;
    assert_eq!(holders.next(), None, "two servers hold rooms");
    home
}

fn spec(id: &str) -> ServerSpec {
    crate::support::spec(3, 3).servers.into_iter().find(|spec| spec.id.as_str() == id).unwrap()
}

#[test]
fn what_a_lost_connector_had_asked_for_comes_before_the_next_one_of_the_name() {
    let world = &mut PureWorld::new(tutorial());
    let witness = world.enter("connector-server-2", "witness", "room");
    let home = home(world);
    // alice's way into the room ends in the mailbox of a chat server that is slow; then her
    // connector vanishes.
    world.cluster.stall(home.as_str(), true);
    let first = world.open("connector-server-1");
    world.ask(first, ENTER, &enter("alice"));
    world.cluster.settle();
    world.cluster.kill("connector-server-1");
    let second = world.open("connector-server-3");
    let asked = world.ask(second, ENTER, &enter("alice"));
    world.cluster.settle();
    assert_eq!(world.answer(second, asked), None, "the name is not free yet");
    world.cluster.stall(home.as_str(), false);
    world.cluster.settle();
    assert_eq!(world.answer(second, asked), Some(json!({"users": ["witness", "alice"]})));
    assert_eq!(presence(world, witness), ["onAdd alice", "onLeave alice", "onAdd alice"]);
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_name_of_a_lost_connector_is_free_when_it_is_too_late_for_what_it_asked() {
    let world = &mut PureWorld::new(tutorial());
    // room1 lives on chat-server-3, and room2 on chat-server-1.
    let witness = world.enter("connector-server-2", "witness", "room1");
    world.enter("connector-server-1", "alice", "room2");
    // This chat server does not say that it is done with what the connector asked.
    world.cluster.pause("chat-server-3");
    world.cluster.kill("connector-server-1");
    world.cluster.settle();
    world.cluster.advance(TOO_LATE);
    assert_eq!(world.cluster.router.uids().len(), 1, "only the witness");
    world.cluster.resume("chat-server-3");
    world.cluster.settle();
    assert_eq!(world.send(witness, "all is well", "*"), json!({}));
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn one_who_left_a_room_without_a_server_and_came_back_has_left_it_once() {
    let world = &mut PureWorld::new(crate::support::cluster(2, 1));
    let witness = world.enter("connector-server-2", "witness", "room");
    // alice is let in, but her connector hears of it too late, when the only chat server is gone.
    let late = r#"{"from":"chat","to":"connector-server-1","latency":"5s"}"#;
    world.cluster.install(serde_json::from_str::<LinkRule>(late).unwrap());
    let alice = world.open("connector-server-1");
    let refused = world.ask(alice, ENTER, &enter("alice"));
    world.cluster.settle();
    world.cluster.kill("chat-server-1");
    world.cluster.settle();
    world.cluster.advance(TOO_LATE);
    assert_eq!(world.answer(alice, refused).unwrap()["code"], 504);
    world.cluster.heal();
    // The same session has the same name again when the server comes back: it is not in the room
    // for that.
    let again = world.ask(alice, ENTER, &enter("alice"));
    while world.cluster.router.uids().len() < 2 {
        assert!(world.cluster.turn(), "it asks for the name");
    }
    world.cluster.stall("connector-server-1", true);
    let chat = crate::support::spec(2, 1)
        .servers
        .into_iter()
        .find(|spec| spec.id.as_str() == "chat-server-1")
        .unwrap();
    world.cluster.start(&chat);
    world.cluster.settle();
    assert_eq!(presence(world, witness), ["onAdd alice", "onLeave alice"]);
    world.cluster.stall("connector-server-1", false);
    world.cluster.settle();
    // The answer keeps behind the one that is late.
    world.cluster.advance(Duration::from_millis(1500));
    assert_eq!(world.answer(alice, again), Some(json!({"users": ["witness", "alice"]})));
    assert_eq!(presence(world, witness), ["onAdd alice"]);
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn one_whose_connection_ends_while_it_enters_has_left_when_the_next_comes() {
    let world = &mut PureWorld::new(tutorial());
    let witness = world.enter("connector-server-2", "witness", "room");
    let slow = r#"{"from":"connector-server-1","to":"chat","latency":"500ms"}"#;
    world.cluster.install(serde_json::from_str::<LinkRule>(slow).unwrap());
    let first = world.open("connector-server-1");
    world.ask(first, ENTER, &enter("alice"));
    world.cluster.settle();
    world.leave(first);
    // The next one's way is fast.
    let second = world.open("connector-server-3");
    let asked = world.ask(second, ENTER, &enter("alice"));
    world.cluster.settle();
    for _ in 0..20 {
        world.cluster.advance(Duration::from_millis(100));
    }
    let answer = world.answer(second, asked).unwrap();
    let heard = presence(world, witness);
    match answer["users"].is_array() {
        true => assert_eq!(heard, ["onAdd alice", "onLeave alice", "onAdd alice"]),
        // As Pomelo answers while the first one is there.
        false => assert_eq!(
            (&answer["code"], heard),
            (&json!(500), vec!["onAdd alice".to_owned(), "onLeave alice".to_owned()])
        ),
    }
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_leave_that_comes_while_a_restart_and_a_move_meet_is_told_once() {
    let world = &mut PureWorld::new(tutorial().server_type::<FragileChat>());
    keep_panics_on_purpose_quiet();
    let players: Vec<Player> = (0..3)
        .map(|n| world.enter(&format!("connector-server-{}", n + 1), &format!("u{n}"), "room"))
        .collect();
    players.iter().for_each(|player| drop(world.pushes(*player)));
    let home = home(world);
    // Two panics: the second restart is waited for, and the room is asked to move meanwhile.
    for _ in 0..2 {
        let answer = world.request(players[0], PANIC_ROUTE, json!({}));
        assert_eq!(answer["code"], 500);
    }
    world.cluster.stop(home.as_str());
    world.leave(players[2]);
    world.cluster.settle();
    world.cluster.advance(Duration::from_millis(150));
    for player in &players[..2] {
        assert_eq!(presence(world, *player), ["onLeave u2"]);
    }
    assert!(!world.cluster.is_up(home.as_str()));
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_room_waits_for_a_handler_that_waits_for_another_server() {
    let world = &mut PureWorld::new(areas());
    let players = ["one", "two"].map(|uid| bound(world, "door-server-1", uid, "a"));
    for player in players {
        world.request(player, "area.area.join", json!({}));
    }
    // "a" belongs to area-2. Its handler asks area-3, which does not answer for now.
    let snapshot = |world: &mut PureWorld, id: &str| {
        world.snapshots().into_iter().find(|server| server.id.as_str() == id).map(|server| server.members)
    };
    assert_eq!(snapshot(world, "area-2"), Some(2));
    world.cluster.stall("area-3", true);
    let early = world.ask(players[0], "area.area.ask_then_shout", &json!({"server": "area-3"}));
    world.cluster.settle();
    world.cluster.stop("area-2");
    world.cluster.settle();
    let late = world.ask(players[1], "area.area.shout", &json!({"msg": "behind it"}));
    world.cluster.settle();
    assert_eq!((world.answer(players[0], early), world.answer(players[1], late)), (None, None));
    assert_eq!(snapshot(world, "area-2"), Some(2), "the room has not moved");
    world.cluster.stall("area-3", false);
    world.cluster.settle();
    assert_eq!(
        (world.answer(players[0], early), world.answer(players[1], late)),
        (Some(json!({})), Some(json!({})))
    );
    for player in players {
        let shouts = [json!({"by": "area-2", "of": "area-3"}), json!({"msg": "behind it"})];
        let heard: Vec<Value> = world.pushes(player).into_iter().map(|(_, body)| body).collect();
        assert_eq!(heard, shouts);
    }
    assert_eq!(snapshot(world, "area-2"), None);
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn what_one_delivery_sends_is_carried_whole_or_not_at_all() {
    let world = &mut PureWorld::new(tutorial());
    let players: Vec<Player> = (0..3)
        .map(|n| world.enter(&format!("connector-server-{}", n + 1), &format!("u{n}"), "room"))
        .collect();
    players.iter().for_each(|player| drop(world.pushes(*player)));
    let home = home(world);
    // At whatever moment the server vanishes, all hear the message and it is acknowledged, or
    // nobody does and it is not.
    for turns in 0..20 {
        let asked = world.ask(players[0], SEND, &json!({"content": turns, "target": "*"}));
        for _ in 0..turns {
            world.cluster.turn();
        }
        world.cluster.kill(home.as_str());
        world.cluster.settle();
        world.cluster.start(&spec(home.as_str()));
        world.cluster.settle();
        world.cluster.advance(TOO_LATE);
        let acknowledged = world.answer(players[0], asked) == Some(json!({}));
        for player in &players {
            assert_eq!(world.pushes(*player).len(), usize::from(acknowledged), "after {turns} turns");
        }
    }
}

/// A directory with one chat server, which is lost and comes back while its last words are still on
/// their way. alice and bob are in its room, to which it has not been chosen again.
fn lost_and_back() -> (PureWorld, Player) {
    let one_chat =
        crate::support::cluster(3, 1).strategy("chat", "directory(smooth-weighted-round-robin)").unwrap();
    let mut world = PureWorld::new(one_chat);
    let alice = world.enter("connector-server-1", "alice", "room");
    world.cluster.install(LinkRule {
        cut: true,
        ..serde_json::from_value(json!({"from": "chat-server-1", "to": "connector-server-2"})).unwrap()
    });
    let bob = world.open("connector-server-2");
    world.ask(bob, ENTER, &enter("bob"));
    world.cluster.settle();
    world.cluster.kill("chat-server-1");
    world.cluster.settle();
    let again = crate::support::spec(3, 1).servers.into_iter().find(|it| it.id.as_str() == "chat-server-1");
    world.cluster.start(&again.unwrap());
    (world, alice)
}

/// carol enters the room, and finds all who are in it.
fn carol_finds_them(world: &mut PureWorld, alice: Player) {
    let carol = world.open("connector-server-3");
    let asked = world.ask(carol, ENTER, &enter("carol"));
    world.cluster.settle();
    assert_eq!(world.answer(carol, asked), Some(json!({"users": ["alice", "bob", "carol"]})));
    assert_eq!(presence(world, alice), ["onAdd bob", "onAdd carol"]);
    world.cluster.heal();
    world.cluster.settle();
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_room_that_waited_for_the_next_choice_is_there_before_who_made_it() {
    let (mut world, alice) = lost_and_back();
    carol_finds_them(&mut world, alice);
}

#[test]
fn a_name_is_not_free_while_a_call_that_a_stopping_connector_gave_up_is_on_its_way() {
    let world = &mut PureWorld::new(tutorial());
    let witness = world.enter("connector-server-2", "witness", "room");
    // The connector stops waiting for alice's entry before the chat server has heard of it.
    let slow = r#"{"from":"connector-server-1","to":"chat","latency":"2500ms"}"#;
    world.cluster.install(serde_json::from_str::<LinkRule>(slow).unwrap());
    let first = world.open("connector-server-1");
    let given_up = world.ask(first, ENTER, &enter("alice"));
    world.cluster.settle();
    world.cluster.stop("connector-server-1");
    let second = world.open("connector-server-3");
    // alice tries again as soon as she is refused, until the name is hers.
    let mut asked = None;
    let answer = (0..100).find_map(|_| {
        let id = *asked.get_or_insert_with(|| world.ask(second, ENTER, &enter("alice")));
        world.cluster.advance(Duration::from_millis(100));
        let answer = world.answer(second, id)?;
        asked = None;
        answer["users"].is_array().then_some(answer)
    });
    assert_eq!(answer, Some(json!({"users": ["witness", "alice"]})));
    assert_eq!(world.answer(first, given_up).unwrap()["code"], 504);
    assert_eq!(presence(world, witness), ["onAdd alice", "onLeave alice", "onAdd alice"]);
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_room_without_a_server_goes_to_the_one_that_the_next_strategy_chooses() {
    let (mut world, alice) = lost_and_back();
    world.cluster.settle();
    // Nobody has asked for the room since; the new strategy needs no choice.
    world.cluster.steer("chat", "pomelo-crc");
    carol_finds_them(&mut world, alice);
}

/// alice's way into the room ends before a paused server, and her connector vanishes. Then the room
/// gets another server, and alice comes back elsewhere: the room must not greet her twice.
fn back_while_the_room_moves(moves: impl Fn(&mut PureCluster, &ServerId)) {
    let world = &mut PureWorld::new(tutorial());
    let witness = world.enter("connector-server-2", "witness", "room");
    let home = home(world);
    world.cluster.pause(home.as_str());
    let first = world.open("connector-server-1");
    world.ask(first, ENTER, &enter("alice"));
    world.cluster.settle();
    world.cluster.kill("connector-server-1");
    moves(&mut world.cluster, &home);
    let second = world.open("connector-server-3");
    let asked = world.ask(second, ENTER, &enter("alice"));
    world.cluster.settle();
    if world.cluster.is_up(home.as_str()) {
        world.cluster.resume(home.as_str());
    }
    world.cluster.settle();
    assert_eq!(world.answer(second, asked), Some(json!({"users": ["witness", "alice"]})));
    assert_eq!(presence(world, witness), ["onAdd alice"]);
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn what_a_lost_connector_had_asked_of_a_paused_server_is_not_done_when_the_room_moves() {
    back_while_the_room_moves(|cluster, home| {
        let owner = |cluster: &PureCluster| cluster.router.owner(&"chat".into(), "room");
        let others = ["crc32-mod", "jump", "rendezvous", "maglev"];
        let moved = others.iter().any(|strategy| {
            cluster.steer("chat", strategy);
            owner(cluster).as_ref() != Some(home)
        });
        assert!(moved, "every strategy leaves the room on {home}");
    });
}

#[test]
fn what_a_lost_connector_had_asked_of_a_paused_server_is_not_done_when_that_vanishes() {
    back_while_the_room_moves(|cluster, home| cluster.kill(home.as_str()));
}
