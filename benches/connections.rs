//! Memory per connection, and of the program without connections: the binary as a separate process
//! with the tutorial's seven servers on free ports, and 10,000 clients in this one.
//!
//! Memory is resident memory (see `robots::process`), measured in this order: all ports are open;
//! every client has finished its handshake; all have entered one of 1000 rooms; each has sent some
//! messages to its room, and all have read them; all have left; the same number have connected and
//! entered again. The kernel's socket buffers are not included.
//!
//! `cargo bench --bench connections [-- --json]`; needs room for 10,000 file descriptors a process.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod fixtures;
mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pomelo_sim::robots::process::Processes;
use serde_json::{Value, json};

use fixtures::client::{Client, Transport};
use fixtures::served::World;
use support::Figure;

const STARTS: usize = 10;

const CLIENTS: usize = 10_000;

const ROOMS: usize = 1000;

/// Messages that each client sends to its room.
const MESSAGES: usize = 5;

/// Timeouts far beyond the run, so that only the clients' actions matter.
const FLAGS: [&str; 6] = ["--admin", "off", "--heartbeat", "0", "--idle-timeout", "86400"];

/// Resident memory at one point, in bytes.
struct Moment {
    name: &'static str,
    resident: f64,
}

fn served() -> (World, Processes) {
    let (mut world, _) = World::new();
    world.serve(&FLAGS);
    let process = world.serve.as_ref().unwrap().process.id();
    (world, Processes::new(vec![process]).unwrap())
}

/// The connectors' addresses from the banner.
fn connectors(world: &World) -> Vec<SocketAddr> {
    let rows = world.banner().lines().filter(|line| line.starts_with("connector-server"));
    rows.map(|row| row.split_whitespace().last().unwrap().parse().unwrap()).collect()
}

/// Milliseconds from the start of the process until all ports are open, and MiB then.
fn starts() -> (Figure, Figure) {
    let (mut took, mut resident) = (Figure::default(), Figure::default());
    for _ in 0..STARTS {
        let (mut world, _) = World::new();
        let began = Instant::now();
        world.serve(&FLAGS);
        took.add(began.elapsed().as_secs_f64() * 1e3);
        let process = Processes::new(vec![world.serve.as_ref().unwrap().process.id()]).unwrap();
        resident.add(process.resident_bytes().unwrap() as f64 / f64::from(1 << 20));
    }
    (took, resident)
}

/// Resident memory while clients connect, chat and leave.
fn moments(transport: impl Fn(usize) -> Transport) -> Vec<Moment> {
    let (world, process) = served();
    let addresses = connectors(&world);
    let mut moments = Vec::new();
    let mut note = |name| {
        // Wait until the sent messages are processed.
        std::thread::sleep(Duration::from_secs(1));
        moments.push(Moment { name, resident: process.resident_bytes().unwrap() as f64 });
    };
    note("no clients");
    let come = |n: usize| Client::open(addresses[n % addresses.len()], transport(n));
    let mut clients: Vec<Client> = (0..CLIENTS).map(come).collect();
    note("after the handshake");
    enter(&mut clients);
    note("in 1000 rooms");
    let body = || json!({"content": "a message of fifty bytes, as people write in chats.", "target": "*"});
    for _ in 0..MESSAGES {
        for client in &mut clients {
            assert_eq!(client.request("chat.chatHandler.send", body()), json!({}));
        }
    }
    // Pushes that arrived while a client waited for its answers have been read already.
    let heard: usize = clients.iter_mut().map(|client| client.pushes().len()).sum();
    assert_eq!(heard, CLIENTS * (CLIENTS / ROOMS) * MESSAGES);
    note("after they chatted");
    drop(clients);
    note("when all have gone");
    let mut clients: Vec<Client> = (0..CLIENTS).map(come).collect();
    enter(&mut clients);
    note("come again");
    moments
}

/// All enter their rooms, and read the pushes about each other.
fn enter(clients: &mut [Client]) {
    for (n, client) in clients.iter_mut().enumerate() {
        let body = json!({"username": format!("user{n}"), "rid": format!("room{}", n % ROOMS)});
        let answer = client.request("connector.entryHandler.enter", body);
        assert!(answer["users"].is_array(), "{answer}");
    }
    clients.iter_mut().for_each(|client| drop(client.pushes()));
}

fn main() {
    let (took, resident) = starts();
    let json_of_start = json!({"milliseconds": took.json(), "resident_mib": resident.json()});
    let title =
        format!("From the start of the process to all ports open, {STARTS} times: median (least..greatest)");
    let start = vec![took.text(1), resident.text(2)];
    let is_mixed = |n: usize| if n.is_multiple_of(2) { Transport::Tcp } else { Transport::WebSocket };
    let runs = [
        ("tcp", moments(|_| Transport::Tcp)),
        ("websocket", moments(|_| Transport::WebSocket)),
        ("mix", moments(is_mixed)),
    ];
    let mut figures = serde_json::Map::new();
    let mut rows = Vec::new();
    for (name, moments) in &runs {
        let base = moments[0].resident;
        let each: Vec<(&str, f64)> =
            moments.iter().map(|moment| (moment.name, (moment.resident - base) / CLIENTS as f64)).collect();
        let json: serde_json::Map<String, Value> =
            each.iter().map(|(name, bytes)| ((*name).to_owned(), json!(bytes.round()))).collect();
        figures.insert((*name).to_owned(), Value::Object(json));
        let cells = each[1..].iter().map(|(_, bytes)| format!("{bytes:.0}"));
        rows.push(std::iter::once((*name).to_owned()).chain(cells).collect());
    }
    if support::wants_json() {
        let json = json!({"start": json_of_start, "bytes_per_connection": figures});
        return support::print(&json, "", &[], &[]);
    }
    support::print(&Value::Null, &title, &["MILLISECONDS", "RESIDENT MIB"], &[start]);
    let title = format!(
        "Resident bytes per connection above those before the first, {CLIENTS} clients in {ROOMS} rooms"
    );
    let head: Vec<&str> =
        std::iter::once("TRANSPORT").chain(runs[0].1[1..].iter().map(|moment| moment.name)).collect();
    support::print(&Value::Null, &title, &head, &rows);
}
