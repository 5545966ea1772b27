//! Two hundred users in twenty rooms: every member receives everything once and in order, and
//! nothing leaks.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::client::{BOTH, Client, Got};
use crate::support::watch::{Held, account, connectors};
use crate::support::{PATIENCE, patient, tutorial};
use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use serde_json::{Value, json};

const ROOMS: usize = 20;
const MEMBERS: usize = 10;
const MESSAGES: usize = 20;

struct User {
    name: String,
    client: Client,
}

fn start(threads: usize) -> RunningCluster {
    tutorial().options(Options { threads, ..patient() }).start().unwrap()
}

/// Asks the gate where to go, and goes there.
fn log_in(cluster: &RunningCluster, name: &str, rid: &str, place: usize) -> User {
    let gate = cluster.address("gate-server-1").unwrap();
    let mut client = Client::open(gate, BOTH[place % 2]);
    let entry = client.request("gate.gateHandler.queryEntry", json!({"uid": name}));
    assert_eq!((&entry["code"], &entry["host"]), (&json!(200), &json!("127.0.0.1")));
    client.close();
    let port = u16::try_from(entry["port"].as_u64().unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert!(connectors(cluster).contains(&address), "{entry}");
    User { name: name.to_owned(), client: Client::enter(address, BOTH[place / 2 % 2], name, rid) }
}

/// The next push or close of a client; answers to its messages are counted.
fn next_push(user: &mut User, answers: &mut usize) -> (String, Value) {
    loop {
        match user.client.next(PATIENCE) {
            Some(Got::Push(route, body)) => return (route, body),
            Some(Got::Response(_, body)) => {
                assert_eq!(body, json!({}));
                *answers += 1;
            }
            other => panic!("{}: expected a push, got {other:?}", user.name),
        }
    }
}

fn crowd(threads: usize) {
    let cluster = start(threads);
    let mut rooms: Vec<Vec<User>> = Vec::new();
    for room in 0..ROOMS {
        let member = |place| log_in(&cluster, &format!("user{room}-{place}"), &format!("room{room}"), place);
        rooms.push((0..MEMBERS).map(member).collect());
    }
    let held = Held::by(&cluster.view().unwrap());
    assert_eq!((held.bound, held.members, held.channels, held.uids), (200, 200, ROOMS, 200), "{held:?}");

    // Each has heard of those who came later, and of nobody else.
    for room in &mut rooms {
        for place in 0..MEMBERS {
            for later in place + 1..MEMBERS {
                let newcomer = room[later].name.clone();
                let heard = json!({"route": "onAdd", "user": newcomer});
                assert_eq!(room[place].client.push(), ("onAdd".to_owned(), heard));
            }
        }
    }

    // All talk at once.
    for number in 0..MESSAGES {
        for user in rooms.iter_mut().flatten() {
            user.client.send("chat.chatHandler.send", json!({"content": number, "target": "*"}));
        }
    }
    for room in &mut rooms {
        let names: Vec<String> = room.iter().map(|user| user.name.clone()).collect();
        for user in room {
            let mut answers = 0;
            let mut heard: BTreeMap<String, u64> = BTreeMap::new();
            for _ in 0..MEMBERS * MESSAGES {
                let (route, push) = next_push(user, &mut answers);
                let from = push["from"].as_str().unwrap().to_owned();
                let next = heard.entry(from).or_default();
                assert_eq!(
                    (route.as_str(), push["msg"].as_u64()),
                    ("onChat", Some(*next)),
                    "{}: {push}",
                    user.name
                );
                *next += 1;
            }
            // In order from 0, so `MESSAGES` of each is each of them once.
            let all: BTreeMap<String, u64> =
                names.iter().map(|name| (name.clone(), MESSAGES as u64)).collect();
            assert_eq!(heard, all, "{}", user.name);
            while answers < MESSAGES {
                match user.client.next(PATIENCE) {
                    Some(Got::Response(_, body)) if body == json!({}) => answers += 1,
                    other => panic!("{}: expected an answer, got {other:?}", user.name),
                }
            }
        }
    }

    // One after the other leaves; those who are still there hear of each, once.
    for mut room in rooms {
        while !room.is_empty() {
            let User { name, mut client } = room.remove(room.len() / 2);
            assert_eq!(client.pushes(), [], "{name}: nothing more before it leaves");
            client.close();
            for user in &mut room {
                let heard = json!({"route": "onLeave", "user": name});
                assert_eq!(user.client.push(), ("onLeave".to_owned(), heard));
            }
        }
    }
    Held::wait_nothing(&cluster);

    let counters = |id: String| account(&cluster, &id).counters;
    for counters in
        (1..=3).flat_map(|n| [format!("connector-server-{n}"), format!("chat-server-{n}")]).map(counters)
    {
        let faults = [counters.timeouts, counters.late_answers, counters.refused, counters.panics];
        assert_eq!(faults, [0; 4], "{counters:?}");
    }
    let sent: u64 = (1..=3).map(|n| counters(format!("chat-server-{n}")).invocations).sum();
    // Each enters and talks.
    assert_eq!(sent, (ROOMS * MEMBERS * (MESSAGES + 1)) as u64);
}

#[test]
fn two_hundred_users_on_one_thread() {
    crowd(1);
}

#[test]
fn two_hundred_users_on_two_threads() {
    crowd(2);
}
