//! Orders of events that went wrong once between servers whose handlers call each other, each by the name of what it broke.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use pomelo_sim::router::LinkRule;
use serde_json::json;
use support::shop::{bound, shops};
use support::world::{Player, PureWorld, World};

fn rule(json: &str) -> LinkRule {
    serde_json::from_str(json).unwrap()
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
