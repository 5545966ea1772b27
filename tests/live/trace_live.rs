//! Traces over real sockets, by order and by command.

use std::process::Stdio;
use std::time::Duration;

use crate::support::client::{Client, Transport};
use crate::support::served::World;
use crate::support::watch::{WatchedRoom, connectors};
use crate::support::{cluster, patient, tutorial, wait_until};
use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::trace::{Filter, Step, What};
use serde_json::{Value, json};

const SEND: &str = "chat.chatHandler.send";

/// The steps since then, once this many have come.
fn steps(cluster: &RunningCluster, since: u64, count: usize) -> Vec<Step> {
    wait_until("the steps are there", || cluster.trace(since).unwrap().steps.len() >= count);
    cluster.trace(since).unwrap().steps
}

fn only(uid: &str) -> Filter {
    Filter { uid: Some(uid.to_owned()), ..Filter::default() }
}

#[test]
fn a_message_is_followed_over_real_sockets_while_others_talk() {
    let cluster = tutorial().options(Options { threads: 2, ..patient() }).start().unwrap();
    let noise = WatchedRoom::start(&cluster, "noise");
    let mut alice = Client::enter(connectors(&cluster)[0], Transport::Tcp, "alice", "lobby");
    let mut bob = Client::enter(connectors(&cluster)[1], Transport::WebSocket, "bob", "lobby");
    assert_eq!(alice.push().0, "onAdd");
    assert!(!cluster.trace(0).unwrap().on);
    let on = cluster.trace_on(only("alice"), Duration::from_secs(60)).unwrap();
    assert!(on.on && on.filter == only("alice") && on.seconds_left > 50.0 && on.steps.is_empty(), "{on:?}");
    assert_eq!(alice.request(SEND, json!({"content": "hello", "target": "*"})), json!({}));
    assert_eq!((alice.push().0, bob.push().0), ("onChat".to_owned(), "onChat".to_owned()));
    let seen = steps(&cluster, on.next, 8);
    assert!(seen.iter().all(|step| step.trace == seen[0].trace), "{seen:?}");
    let names: Vec<Value> = seen.iter().map(|step| json!(step)["what"].clone()).collect();
    assert_eq!((&names[0], &names[1]), (&json!("received"), &json!("routed")));
    for (what, count) in [("pushed", 2), ("handled", 1), ("delivered", 2), ("answered", 1)] {
        assert_eq!(names.iter().filter(|name| **name == what).count(), count, "{what}: {names:?}");
    }
    let answered = seen.iter().find_map(|step| match &step.what {
        What::Answered { error: None, took_us } => Some(*took_us),
        _ => None,
    });
    assert!(answered.is_some(), "{seen:?}");
    // Real time: the steps are of this century, and in order.
    assert!(seen[0].at_ms > 1.6e12 && seen.last().unwrap().at_ms >= seen[0].at_ms);
    let off = cluster.trace_off().unwrap();
    assert_eq!((off.on, off.seconds_left), (false, 0.0));
    alice.request(SEND, json!({"content": "unseen", "target": "*"}));
    assert_eq!(cluster.trace(off.next).unwrap().steps, []);
    noise.finish();
}

#[test]
fn everything_traced_leaves_the_rooms_undisturbed_and_has_a_bound() {
    let cluster = cluster(2, 2).options(patient()).start().unwrap();
    let rooms: Vec<WatchedRoom> =
        (0..6).map(|room| WatchedRoom::start(&cluster, &format!("room{room}"))).collect();
    cluster.trace_on(Filter::default(), Duration::from_secs(60)).unwrap();
    rooms.iter().for_each(WatchedRoom::assert_works);
    // A server that comes meanwhile is watched too.
    cluster.restart("chat-server-1").unwrap();
    rooms.iter().for_each(WatchedRoom::assert_works);
    let next = cluster.trace(u64::MAX).unwrap().next;
    cluster
        .trace_on(
            Filter { server: Some("chat-server-1".into()), ..Filter::default() },
            Duration::from_secs(60),
        )
        .unwrap();
    let seen = steps(&cluster, next, 20);
    assert!(seen.iter().any(|step| step.server.as_str() == "chat-server-1"), "{seen:?}");
    let rounds: u64 = rooms.into_iter().map(WatchedRoom::finish).sum();
    assert!(rounds > 0);
}

#[test]
fn the_command_follows_shows_the_way_of_a_message_and_turns_it_off() {
    let world = World::served(&[]);
    let mut alice = Client::enter(world.address("connector-server-1"), Transport::Tcp, "alice", "lobby");
    for json in [false, true] {
        let mut arguments = vec!["trace", "--uid", "alice", "--count", "2"];
        arguments.extend(json.then_some("--json"));
        let command =
            world.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut following = Some(command);
        // It shows what is said once it follows.
        wait_until("it has seen two messages and ended", || {
            assert_eq!(alice.request(SEND, json!({"content": "hello", "target": "*"})), json!({}));
            following.as_mut().unwrap().try_wait().unwrap().is_some()
        });
        let output = following.take().unwrap().wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
        let text = String::from_utf8(output.stdout).unwrap();
        if json {
            let steps: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(steps[0]["what"], "received");
            assert!(steps.iter().any(|step| step["what"] == "answered" && step["tookUs"].is_u64()), "{text}");
        } else {
            let messages: Vec<&str> = text.trim_end().split("\n\n").collect();
            assert_eq!(messages.len(), 2, "{text}");
            let lines: Vec<&str> = messages[0].lines().collect();
            assert!(lines[0].starts_with("message "), "{text}");
            assert!(
                lines[1].contains("received request chat.chatHandler.send of alice*lobby in lobby"),
                "{text}"
            );
            assert!(lines[2].contains("routed to chat-server-3: chat of \"lobby\" by pomelo-crc"), "{text}");
            assert!(lines.iter().any(|line| line.contains("  answered after ")), "{text}");
        }
        let file = world.printed(&["list", "--json"]);
        assert!(serde_json::from_str::<Value>(&file).unwrap()["servers"].is_array());
    }
    world.end();
}
