//! Orders of events between servers that call each other, which once broke the cluster, each named
//! after the fault.

use std::time::Duration;

use crate::support::fragile::{FragileConnector, keep_panics_on_purpose_quiet};
use crate::support::shop::{bound, shops};
use crate::support::tutorial;
use crate::support::world::{Player, PureWorld, World};
use pomelo_sim::config::ServerSpec;
use pomelo_sim::router::LinkRule;
use serde_json::{Value, json};

const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";

fn rule(json: &str) -> LinkRule {
    serde_json::from_str(json).unwrap()
}

/// What a client has heard.
fn shouts(world: &mut PureWorld, player: Player) -> Vec<Value> {
    world.pushes(player).into_iter().map(|(_, body)| body).collect()
}

#[test]
fn a_bind_that_a_backend_asks_for_binds_the_session() {
    let world = &mut PureWorld::new(shops());
    let player = bound_nobody(world);
    assert_eq!(world.request(player, "shop.shop.bind", json!({"uid": "one"})), json!({"uid": "one"}));
    assert_eq!(world.cluster.audit(), []);
    world.leave(player);
    assert_eq!(world.cluster.router.uids().len(), 0);
}

/// A client that has a shop, and no uid.
fn bound_nobody(world: &mut PureWorld) -> Player {
    let player = bound(world, "desk-1", "for a moment");
    assert_eq!(world.request(player, "desk.desk.unbind", json!({})), json!({}));
    player
}

#[test]
fn a_remote_that_waits_on_a_frontend_goes_on_with_the_session_of_now() {
    let world = &mut PureWorld::new(shops());
    let player = bound_nobody(world);
    world.cluster.stall("shop-3", true);
    let asked = world.ask(player, "shop.shop.ask_desk", &json!({"server": "shop-3"}));
    world.cluster.settle();
    world.request(player, "desk.desk.bind", json!({"uid": "one", "aid": "a"}));
    world.cluster.stall("shop-3", false);
    world.cluster.settle();
    assert_eq!(world.answer(player, asked), Some(json!({"bound": true})));
    assert_eq!(world.cluster.audit(), []);
    world.leave(player);
    assert_eq!(world.cluster.router.uids().len(), 0);
}

#[test]
fn what_waits_for_a_room_between_two_servers_is_bounded() {
    let world = &mut PureWorld::new(tutorial());
    let alice = world.enter("connector-server-1", "alice", "room");
    let home = world.snapshots().into_iter().find(|server| server.channels > 0).unwrap().id;
    // The server that has the room hangs, and the room is to leave it.
    world.cluster.pause(home.as_str());
    let others =
        ["chat-server-4", "chat-server-5"].map(|id| ServerSpec { id: id.into(), ..spec("chat-server-1") });
    for other in others {
        if world.cluster.router.owner(&"chat".into(), "room") == Some(home.clone()) {
            world.cluster.start(&other);
            world.cluster.settle();
        }
    }
    assert_ne!(world.cluster.router.owner(&"chat".into(), "room"), Some(home.clone()));
    let long = json!({"content": "x".repeat(1 << 20), "target": "*"});
    let asked: Vec<u64> = (0..12).map(|_| world.ask(alice, SEND, &long)).collect();
    world.cluster.settle();
    let answers: Vec<Value> = asked.iter().filter_map(|id| world.answer(alice, *id)).collect();
    assert!(!answers.is_empty() && answers.iter().all(|answer| answer["code"] == 503), "{}", answers.len());
    world.cluster.resume(home.as_str());
    world.cluster.settle();
    let accepted = asked.iter().filter(|id| world.answer(alice, **id) == Some(json!({}))).count();
    assert_eq!(accepted + answers.len(), asked.len());
    assert_eq!(world.pushes(alice).len(), accepted);
    assert_eq!(world.cluster.audit(), []);
}

fn spec(id: &str) -> ServerSpec {
    crate::support::spec(3, 3).servers.into_iter().find(|spec| spec.id.as_str() == id).unwrap()
}

#[test]
fn what_an_acknowledged_message_told_others_arrives_though_its_server_vanishes() {
    let world = &mut PureWorld::new(shops());
    let player = bound(world, "desk-1", "one");
    world.cluster.install(rule(r#"{"from":"shop-2","to":"shop","latency":"500ms"}"#));
    assert_eq!(world.request(player, "shop.shop.note", json!({})), json!({}));
    world.cluster.kill("shop-2");
    world.cluster.settle();
    world.cluster.advance(Duration::from_secs(1));
    assert_eq!(world.request(player, "shop.shop.notes", json!({})), json!({"notes": 1}));
}

#[test]
fn a_call_that_ends_while_its_server_is_down_changes_no_room() {
    keep_panics_on_purpose_quiet();
    let world = &mut PureWorld::new(shops());
    let player = bound(world, "desk-1", "one");
    world.cluster.stall("shop-3", true);
    let asked = world.ask(player, "shop.shop.join_anyhow", &json!({"server": "shop-3"}));
    world.cluster.settle();
    world.cluster.advance(Duration::from_millis(2950));
    for _ in 0..2 {
        let other = bound(world, "desk-2", "other");
        assert_eq!(world.request(other, "shop.shop.panic", json!({}))["code"], 500);
        world.leave(other);
    }
    // It is down for 100 ms, and the call's deadline comes meanwhile; late as it is, it hears of
    // both at once.
    world.cluster.advance(Duration::from_millis(150));
    assert!(world.answer(player, asked).is_some());
    world.cluster.stall("shop-3", false);
    world.cluster.settle();
    world.cluster.advance(Duration::from_millis(100));
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn what_waits_behind_a_panic_is_done_by_the_server_that_has_started_again() {
    keep_panics_on_purpose_quiet();
    let world = &mut PureWorld::new(shops());
    let player = bound(world, "desk-1", "one");
    let answers = world.requests(
        player,
        &[("desk.desk.ask_then_panic", json!({"server": "shop-1"})), ("desk.desk.count", json!({}))],
    );
    assert_eq!(answers[0]["code"], 500);
    assert_eq!(answers[1], json!({"count": 1}), "nothing that the handler did has happened");
}

#[test]
fn a_late_entry_of_one_who_gave_its_uid_up_supplants_nobody() {
    let world = &mut PureWorld::new(shops());
    world.cluster.install(rule(r#"{"from":"desk-1","to":"shop","latency":"500ms"}"#));
    let first = bound(world, "desk-1", "one");
    world.ask(first, "shop.shop.join", &json!({}));
    world.cluster.settle();
    assert_eq!(world.request(first, "desk.desk.unbind", json!({})), json!({}));
    let second = world.open("desk-2");
    let bind = json!({"uid": "one", "aid": "a"});
    let refused = world.request(second, "desk.desk.bind", bind.clone());
    assert_eq!(
        refused["message"], "one is logged in already",
        "the first one's way into the room is not over"
    );
    for _ in 0..10 {
        world.cluster.advance(Duration::from_millis(200));
    }
    assert_eq!(world.request(second, "desk.desk.bind", bind), json!({}));
    assert_eq!(world.request(second, "shop.shop.join", json!({})), json!({}));
    assert_eq!(world.request(second, "shop.shop.shout", json!({"msg": "here"})), json!({}));
    assert_eq!(shouts(world, second), [json!({"msg": "here"})]);
}

#[test]
fn one_who_takes_back_at_once_the_uid_that_it_gave_up_has_it() {
    let world = &mut PureWorld::new(shops());
    let player = bound(world, "desk-1", "one");
    assert_eq!(world.request(player, "shop.shop.join", json!({})), json!({}));
    let again = [("desk.desk.unbind", json!({})), ("desk.desk.bind", json!({"uid": "one", "aid": "a"}))];
    assert_eq!(world.requests(player, &again), [json!({}), json!({})]);
    assert_eq!(world.request(player, "shop.shop.shout", json!({"msg": "to nobody"})), json!({}));
    // The same when a call is under way for it.
    world.request(player, "shop.shop.join", json!({}));
    world.ask(player, "shop.shop.notes", &json!({}));
    assert_eq!(world.requests(player, &again), [json!({}), json!({})]);
    assert_eq!(world.cluster.audit(), []);
    world.leave(player);
    assert_eq!(world.cluster.router.uids().len(), 0);
}

#[test]
fn a_push_does_not_overtake_an_answer_while_a_connector_starts_again() {
    keep_panics_on_purpose_quiet();
    let world = &mut PureWorld::new(tutorial().server_type::<FragileConnector>());
    let bob = world.enter("connector-server-2", "bob", "room");
    let home = world.snapshots().into_iter().find(|server| server.channels > 0).unwrap().id;
    world.cluster.stall(home.as_str(), true);
    let alice = world.open("connector-server-1");
    let other = world.open("connector-server-1");
    let entering = world.ask(alice, ENTER, &json!({"username": "alice", "rid": "room"}));
    world.cluster.settle();
    for _ in 0..2 {
        assert_eq!(world.request(other, "connector.entryHandler.panic", json!({}))["code"], 500);
    }
    world.cluster.stall(home.as_str(), false);
    world.cluster.settle();
    world.leave(bob);
    let early: Vec<_> = world.pushes_only(alice);
    assert_eq!(early, Vec::<String>::new(), "the list that it is about has not come");
    world.cluster.advance(Duration::from_millis(200));
    assert_eq!(world.answer(alice, entering), Some(json!({"users": ["bob", "alice"]})));
    assert_eq!(world.pushes_only(alice), ["onLeave"]);
}
