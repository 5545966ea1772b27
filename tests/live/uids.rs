//! A uid exists once in the cluster: bound, refused, claimed from another session, given back.

use std::time::Duration;

use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::envelope::Payload;
use pomelo_sim::router::OnDuplicate;
use serde_json::json;

use crate::support::areas::{DOOR, areas, bound};
use crate::support::client::Transport;
use crate::support::patient;
use crate::support::world::{LiveWorld, PureWorld, World};

#[test]
fn a_uid_is_bound_once_and_comes_back() {
    let world = &mut PureWorld::new(areas());
    let first = bound(world, DOOR, "u", "a");
    let second = world.open("door-server-2");
    let bind = ("door.door.bind", json!({"uid": "u", "aid": "a"}));
    let refused = world.request(second, bind.0, bind.1.clone());
    assert_eq!(refused, json!({"code": 500, "message": "u is logged in already"}));
    assert_eq!(world.request(first, "door.door.unbind", json!({})), json!({"bound": false}));
    assert_eq!(world.request(second, bind.0, bind.1.clone()), json!({"uid": "u"}));
    world.leave(second);
    assert_eq!(world.request(first, bind.0, bind.1), json!({"uid": "u"}));
    assert_eq!(world.cluster.router.uids().len(), 1);
}

fn kicking(cluster: Cluster) -> Cluster {
    cluster.options(Options { on_duplicate: OnDuplicate::Kick, ..patient() })
}

#[test]
fn a_second_login_may_kick_the_first() {
    for world in [
        &mut PureWorld::new(kicking(crate::support::tutorial())) as &mut dyn World,
        &mut LiveWorld::new(kicking(crate::support::tutorial()), Transport::WebSocket),
    ] {
        let witness = world.enter("connector-server-1", "witness", "room");
        let first = world.enter("connector-server-1", "alice", "room");
        world.pushes(witness);
        let second = world.enter("connector-server-2", "alice", "room");
        assert_eq!(world.kicked(first), "logged in elsewhere");
        let told = |route: &str| (route.to_owned(), json!({"route": route, "user": "alice"}));
        assert_eq!(
            world.pushes(witness),
            [told("onLeave"), told("onAdd")],
            "one leaves, then the other comes"
        );
        assert_eq!(world.send(second, "here I am", "witness"), json!({}));
        assert_eq!(world.pushes(witness).len(), 1);
        assert_eq!(world.send(witness, "welcome", "alice"), json!({}));
        assert_eq!(world.pushes(second).len(), 1);
    }
}

#[test]
fn of_many_who_claim_a_uid_the_last_keeps_it() {
    let world = &mut PureWorld::new(kicking(areas()));
    let bind = ("door.door.bind", json!({"uid": "u", "aid": "a"}));
    let claimants: Vec<_> = (0..5).map(|n| world.open(["door-server-1", "door-server-2"][n % 2])).collect();
    let asked: Vec<_> = claimants.iter().map(|claimant| world.ask(*claimant, bind.0, &bind.1)).collect();
    world.cluster.settle();
    let (last, others) = claimants.split_last().unwrap();
    for (claimant, id) in claimants.iter().zip(asked) {
        assert_eq!(world.answer(*claimant, id), Some(json!({"uid": "u"})), "each is granted in its turn");
    }
    for claimant in others {
        assert_eq!(world.kicked(*claimant), "logged in elsewhere");
    }
    assert_eq!(world.request(*last, "area.area.where", json!({})), json!({"area": "area-2"}));
    assert_eq!(world.cluster.router.counters().supplanted, 4);
    assert_eq!(world.cluster.router.uids().len(), 1);
}

#[test]
fn a_claimant_that_leaves_claims_nothing() {
    // With the usual deadlines: on the pure cluster no time passes by itself.
    let options = Options { on_duplicate: OnDuplicate::Kick, ..Options::default() };
    let world = &mut PureWorld::new(areas().options(options));
    let holder = bound(world, DOOR, "u", "a");
    // The holder's frontend does not hear that it is to kick it, so the claim waits.
    world.cluster.lost = Box::new(|_, envelope| matches!(envelope.payload, Payload::Kick { .. }));
    let claimant = world.open("door-server-2");
    let claim = world.ask(claimant, "door.door.bind", &json!({"uid": "u", "aid": "a"}));
    world.cluster.settle();
    assert_eq!(world.answer(claimant, claim), None);
    world.cluster.advance(Duration::from_secs(4));
    assert_eq!(world.answer(claimant, claim).unwrap()["code"], 504, "answered at its deadline");
    world.leave(holder);
    assert_eq!(world.cluster.router.uids().len(), 0);
}

#[test]
fn a_backend_cannot_take_a_session_s_uid() {
    let world = &mut PureWorld::new(areas());
    let player = bound(world, DOOR, "u", "a");
    let refused = world.request(player, "area.area.unbind", json!({}));
    assert_eq!(refused["code"], 500, "{refused}");
    let second = world.open("door-server-2");
    assert_eq!(world.request(second, "door.door.bind", json!({"uid": "u", "aid": "a"}))["code"], 500);
}

#[test]
fn a_client_that_leaves_while_it_is_bound_leaves_no_uid() {
    let world = &mut PureWorld::new(areas());
    let player = world.open(DOOR);
    world.ask(player, "door.door.bind", &json!({"uid": "u", "aid": "a"}));
    // Both stand in the queue: the close is handled before the router's answer.
    world.leave(player);
    assert_eq!(world.cluster.router.uids().len(), 0);
    bound(world, DOOR, "u", "a");
}

#[test]
fn a_uid_whose_grant_was_lost_is_free_again() {
    let world = &mut PureWorld::new(areas());
    let player = world.open(DOOR);
    world.cluster.lost = Box::new(|_, envelope| matches!(envelope.payload, Payload::Answer { .. }));
    let bind = world.ask(player, "door.door.bind", &json!({"uid": "u", "aid": "a"}));
    world.cluster.settle();
    world.cluster.advance(Duration::from_secs(4));
    assert_eq!(world.answer(player, bind).unwrap()["code"], 504);
    assert_eq!(world.cluster.router.uids().len(), 0);
    world.cluster.lost = Box::new(|_, _| false);
    bound(world, "door-server-2", "u", "a");
}
