//! The counters of servers and router, on the pure machines and on a running cluster.

use std::time::Duration;

use crate::support::client::{BOTH, Client};
use crate::support::watch::connectors;
use crate::support::world::{PureWorld, World};
use crate::support::{cluster, patient, tutorial, wait_until};
use pomelo_sim::router::{EdgeView, LinkRule};
use pomelo_sim::stats::Histogram;
use serde_json::{Value, json};

const SEND: &str = "chat.chatHandler.send";

fn rule(rule: Value) -> LinkRule {
    serde_json::from_value(rule).unwrap()
}

fn hello() -> Value {
    json!({"content": "hello", "target": "*"})
}

fn between(world: &PureWorld, from: &str, to: &str) -> (u64, usize) {
    let edges = world.cluster.router.edges();
    let edge = edges.iter().find(|edge| edge.from.as_str() == from && edge.to.as_str() == to);
    edge.map_or((0, 0), |EdgeView { envelopes, held, .. }| (*envelopes, *held))
}

/// What was counted since: how many, and the longest, in milliseconds.
fn since(before: &Histogram, now: &Histogram) -> (u64, f64) {
    let since = now.since(before);
    (since.count(), since.sum_seconds() * 1e3 / since.count().max(1) as f64)
}

#[test]
fn a_frontend_times_requests_and_a_backend_calls() {
    let world = &mut PureWorld::new(cluster(1, 1));
    let alice = world.enter("connector-server-1", "alice", "room");
    let latencies = |world: &PureWorld| {
        ["connector-server-1", "chat-server-1"].map(|id| world.cluster.server(id).latency())
    };
    let before = latencies(world);
    assert_eq!(before.each_ref().map(Histogram::count), [1, 1], "the entry, and the call of it");
    // 20 ms there and 30 ms back.
    world.cluster.install(rule(json!({"from": "connector", "latency": "20ms"})));
    world.cluster.install(rule(json!({"from": "chat", "latency": "30ms"})));
    let asked = world.ask(alice, SEND, &hello());
    world.cluster.settle();
    for _ in 0..5 {
        world.cluster.advance(Duration::from_millis(10));
    }
    assert_eq!(world.answer(alice, asked), Some(json!({})));
    let after = latencies(world);
    assert_eq!(since(&before[0], &after[0]), (1, 50.0));
    assert_eq!(since(&before[1], &after[1]), (1, 20.0));
    // A notify has no response to be timed by; for the chat server it is a call as any other.
    world.notify(alice, SEND, hello());
    world.cluster.advance(Duration::from_millis(20));
    assert_eq!(since(&after[0], &latencies(world)[0]), (0, 0.0));
    assert_eq!(since(&after[1], &latencies(world)[1]), (1, 20.0));
}

#[test]
fn what_waits_for_the_handler_of_its_frontend_is_timed_from_its_arrival() {
    let world = &mut PureWorld::new(cluster(1, 1));
    let alice = world.open("connector-server-1");
    world.cluster.install(rule(json!({"to": "chat", "latency": "30ms"})));
    // The second waits until the entry is done.
    world.ask(alice, "connector.entryHandler.enter", &json!({"username": "alice", "rid": "room"}));
    world.cluster.settle();
    world.cluster.advance(Duration::from_millis(10));
    let asked = world.ask(alice, SEND, &hello());
    world.cluster.settle();
    for _ in 0..5 {
        world.cluster.advance(Duration::from_millis(10));
    }
    assert_eq!(world.answer(alice, asked), Some(json!({})));
    let latency = world.cluster.server("connector-server-1").latency();
    // 30 ms for the entry; the message waits for 20 of them, and takes as long itself.
    assert_eq!((latency.count(), latency.sum_seconds()), (2, 0.08));
}

#[test]
fn a_call_that_no_answer_came_for_counts_with_its_time() {
    let world = &mut PureWorld::new(cluster(1, 1));
    let alice = world.enter("connector-server-1", "alice", "room");
    world.cluster.pause("chat-server-1");
    let before = world.cluster.server("connector-server-1").latency();
    let asked = world.ask(alice, SEND, &hello());
    world.cluster.settle();
    world.cluster.advance(Duration::from_secs(3));
    assert_eq!(world.answer(alice, asked).unwrap()["code"], 504);
    assert_eq!(since(&before, &world.cluster.server("connector-server-1").latency()), (1, 3000.0));
    // Too late for the server too: it answers that it did nothing, and nobody counts that twice.
    world.cluster.resume("chat-server-1");
    world.cluster.settle();
    assert_eq!(since(&before, &world.cluster.server("connector-server-1").latency()).0, 1);
}

#[test]
fn edges_count_what_arrives_and_show_what_is_held() {
    let world = &mut PureWorld::new(cluster(1, 1));
    let (connector, chat) = ("connector-server-1", "chat-server-1");
    let alice = world.enter(connector, "alice", "room");
    let (there, back) = (between(world, connector, chat), between(world, chat, connector));
    world.send(alice, "hello", "*");
    // The call; its push and its answer.
    assert_eq!(between(world, connector, chat), (there.0 + 1, 0));
    assert_eq!(between(world, chat, connector), (back.0 + 2, 0));
    assert!(world.cluster.router.edges().iter().all(|edge| edge.from != edge.to));

    world.cluster.install(rule(json!({"from": "chat", "cut": true})));
    world.ask(alice, SEND, &hello());
    world.cluster.settle();
    assert_eq!(between(world, chat, connector), (back.0 + 2, 2), "on the link");
    world.cluster.heal();
    world.cluster.settle();
    assert_eq!(between(world, chat, connector), (back.0 + 4, 0));

    world.cluster.pause(chat);
    world.ask(alice, SEND, &hello());
    world.cluster.settle();
    assert_eq!(between(world, connector, chat), (there.0 + 2, 1), "before a paused server");
    assert_eq!(world.cluster.router.waiting_for(&chat.into()), 1);
    world.cluster.resume(chat);
    world.cluster.settle();
    assert_eq!(between(world, connector, chat), (there.0 + 3, 0));
    assert_eq!(world.cluster.router.waiting_for(&chat.into()), 0);
}

#[test]
fn edges_show_what_waits_for_a_list_that_changes() {
    let world = &mut PureWorld::new(cluster(1, 2));
    let alice = world.enter("connector-server-1", "alice", "room");
    let is_here = |world: &PureWorld, id| world.cluster.server(id).snapshot().channels == 1;
    let (here, there) = match is_here(world, "chat-server-1") {
        true => ("chat-server-1", "chat-server-2"),
        false => ("chat-server-2", "chat-server-1"),
    };
    // It does not come to saying that it is done with all before.
    world.cluster.stall(here, true);
    let (now, mut out) = (world.cluster.now, Vec::new());
    world.cluster.router.retire(now, &here.into(), &mut out);
    world.ask(alice, SEND, &hello());
    world.cluster.settle();
    assert_eq!(between(world, "connector-server-1", there).1, 1);
    assert!(world.cluster.router.types().iter().any(|of| of.is_changing));
}

#[test]
fn a_channel_counts_its_pushes() {
    let world = &mut PureWorld::new(cluster(1, 1));
    let alice = world.enter("connector-server-1", "alice", "room");
    let bob = world.enter("connector-server-1", "bob", "room");
    let pushes = |world: &PureWorld| {
        let channels = world.cluster.server("chat-server-1").channels().unwrap();
        let channel = channels.get("room").unwrap();
        (channel.pushes(), channel.pushes_per_second(world.cluster.now))
    };
    // Alice heard of bob; nobody was there to hear of alice.
    let before = pushes(world);
    world.send(alice, "one", "*");
    world.send(bob, "two", "*");
    // A private message goes to sessions, not to the room.
    world.send(alice, "psst", "bob");
    assert_eq!(pushes(world), (before.0 + 2, 0), "the second at hand is not over");
    world.cluster.advance(Duration::from_secs(1));
    assert_eq!(pushes(world), (before.0 + 2, before.0 as u32 + 2));
    world.cluster.advance(Duration::from_secs(1));
    assert_eq!(pushes(world), (before.0 + 2, 0));
    let members: usize = world.snapshots().iter().map(|server| server.members).sum();
    assert_eq!(members, 2);
    world.leave(bob);
    world.leave(alice);
    assert_eq!(world.snapshots().iter().map(|server| server.members).sum::<usize>(), 0);
}

#[test]
fn a_view_of_a_running_cluster_has_all_figures() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let at = connectors(&cluster);
    let mut clients: Vec<Client> = (0..6)
        .map(|n| Client::enter(at[n % 3], BOTH[n % 2], &format!("user{n}"), &format!("room{}", n % 4)))
        .collect();
    for client in &mut clients {
        assert_eq!(client.request(SEND, hello()), json!({}));
    }
    let view = cluster.view().unwrap();
    let sum = |frontend: bool| {
        let mut all = Histogram::default();
        view.servers.iter().filter(|server| server.frontend == frontend).for_each(|s| all.add(&s.latency));
        all
    };
    // Six entries and six messages; the chat servers were asked once for each of them.
    assert_eq!((sum(true).count(), sum(false).count()), (12, 12));
    assert!(sum(true).quantile_ms(0.5).unwrap() > 0.0);
    assert!(view.servers.iter().any(|server| server.queue > 0), "somebody had something to do");
    assert!(view.servers.iter().all(|server| server.uptime_seconds > 0.0));
    let carried = |of_type: &str| {
        let from = |edge: &&EdgeView| edge.from.as_str().starts_with(of_type);
        view.edges.iter().filter(from).map(|edge| edge.envelopes).sum::<u64>()
    };
    assert!(carried("connector") >= 12 && carried("chat") >= 18, "{:?}", view.edges);
    let strategies: Vec<(String, usize)> =
        view.types.iter().map(|of| (of.strategy.to_string(), of.listed.len())).collect();
    assert_eq!(strategies, [("pomelo-crc".into(), 3), ("pomelo-crc".into(), 3), ("pomelo-crc".into(), 1)]);
    assert_eq!((view.uids, view.env.as_str()), (6, "development"));
    // As it goes over the admin port.
    let written = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<pomelo_sim::live::ClusterView>(&written).unwrap(), view);

    // Messages to a paused server wait in its queue, also during queries.
    let room = view.servers.iter().find(|server| server.account.as_ref().unwrap().channels > 0).unwrap();
    cluster.pause(room.id.as_str()).unwrap();
    let asked: Vec<u64> = clients.iter_mut().map(|client| client.send(SEND, hello())).collect();
    let waits = || {
        let now = cluster.view().unwrap();
        let queue = now.servers.iter().find(|server| server.id == room.id).unwrap().queue;
        let held: usize = now.edges.iter().filter(|edge| edge.to == room.id).map(|edge| edge.held).sum();
        queue > 0 && held > 0
    };
    wait_until("something waits for the paused server", waits);
    assert!(waits(), "looking takes nothing away");
    cluster.resume(room.id.as_str()).unwrap();
    for (client, asked) in clients.iter_mut().zip(asked) {
        assert_eq!(client.response(asked), json!({}));
    }
}
