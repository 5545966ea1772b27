//! The router's cost: messages per second between servers through the router actor, compared with
//! the same actors that hold each other's addresses.
//!
//! Three connectors and three chat servers, as actors on one thread, with the same client requests
//! in flight in both cases. With the router each message goes to its actor, which chooses the
//! server (by the key's CRC-32) or looks it up by name. Without it each actor sends everything to
//! one address: the rooms are chosen so that each connector needs only one chat server. Two kinds
//! of servers:
//!
//! - `chat`: the crate's machines. A client's request becomes a message to the chat server, which
//!   answers, and pushes to the room's only member.
//! - `nothing`: minimal machines, one message there and one back. Only the mailboxes' cost remains.
//!
//! `cargo bench --bench router [-- --json]`

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod fixtures;
mod nothing;
mod shells;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use bytes::Bytes;
use pomelo_sim::ids::{ServerId, ServerType, SessionId};
use pomelo_sim::router::Router;
use pomelo_sim::servers::{Delivery, Server};
use pomelo_sim::time::Time;
use pomelo_sim::wire::{WireRoute, write_request};
use serde_json::{Value, json};

use nothing::{Answerer, Asker};
use shells::{Begin, Register, RouterShell, Sent, Shell, TalkTo, Way};
use support::Figure;

/// Servers of each kind.
const SERVERS: usize = 3;

/// Sessions of each connector, each with one request in flight.
const SESSIONS: usize = 64;

/// Requests of each connector in a round.
const REQUESTS: u64 = 60_000;

const ROUNDS: usize = 11;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Chat,
    Nothing,
}

/// The room of a session, owned by its connector's chat server.
fn room(router: &mut Router, connector: usize, session: usize) -> Arc<str> {
    let chat = ServerId::from(format!("chat-server-{}", connector + 1));
    let mut names = (0..).map(|n| format!("room-{connector}-{session}-{n}"));
    let is_there = |name: &String| router.owner(&ServerType::from("chat"), name).as_ref() == Some(&chat);
    names.find(is_there).unwrap().into()
}

fn request(route: &str, body: &Value) -> Bytes {
    let mut bytes = Vec::new();
    write_request(&mut bytes, 1, &WireRoute::Name(route.into()), body.to_string().as_bytes()).unwrap();
    // Without the package's head.
    Bytes::from(bytes.split_off(4))
}

/// One round: messages a second between servers.
async fn round(kind: Kind, is_direct: bool) -> f64 {
    let mut plan = fixtures::cluster(SERVERS, SERVERS).plan().unwrap();
    let rooms: Vec<Vec<Arc<str>>> = (0..SERVERS)
        .map(|connector| (0..SESSIONS).map(|session| room(&mut plan.router, connector, session)).collect())
        .collect();
    let router = RouterShell::new(plan.router).start();
    let (mut connectors, mut chats) = (Vec::new(), Vec::new());
    for planned in plan.servers {
        let list = match planned.spec.server_type.as_str() {
            "connector" => &mut connectors,
            "chat" => &mut chats,
            _ => continue,
        };
        let id = planned.spec.id.clone();
        let server: Box<dyn Server> = match (kind, planned.spec.server_type.as_str()) {
            (Kind::Chat, _) => (planned.make)(),
            (Kind::Nothing, "chat") => Box::new(Answerer(id.clone())),
            (Kind::Nothing, _) => Box::new(Asker { id: id.clone(), rooms: rooms[list.len()].clone() }),
        };
        let shell = Shell::new(server, Way::Router(router.clone())).start();
        router.send(Register(id, shell.clone())).await.unwrap();
        list.push(shell);
    }
    if kind == Kind::Chat {
        log_in(&connectors, &rooms).await;
    }
    for (connector, chat) in connectors.iter().zip(&chats).filter(|_| is_direct) {
        connector.send(TalkTo(chat.clone())).await.unwrap();
        chat.send(TalkTo(connector.clone())).await.unwrap();
    }
    let message =
        request("chat.chatHandler.send", &json!({"content": "as people write in chats", "target": "*"}));
    let begin = || Begin { first: messages(|_| message.clone()), then: message.clone(), requests: REQUESTS };
    let sent_before = sent(&connectors, &chats).await;
    let began = Instant::now();
    run(&connectors, begin).await;
    let took = began.elapsed();
    let sent = sent(&connectors, &chats).await - sent_before;
    // There and back, and the push.
    let expected = if kind == Kind::Chat { 3 } else { 2 } * REQUESTS * SERVERS as u64;
    assert_eq!(sent, expected, "messages between servers");
    sent as f64 / took.as_secs_f64()
}

fn session(index: usize) -> SessionId {
    SessionId::new(index as u32, index as u32)
}

/// A message from each session of a connector.
fn messages(message: impl Fn(usize) -> Bytes) -> Vec<Delivery> {
    (0..SESSIONS)
        .map(|index| Delivery::Message { session: session(index), bytes: message(index), since: Time::START })
        .collect()
}

async fn log_in(connectors: &[Addr<Shell>], rooms: &[Vec<Arc<str>>]) {
    let mut number = 0;
    run(connectors, || {
        let opened = (0..SESSIONS).map(|index| Delivery::Opened { session: session(index), peer: None });
        let enter = messages(|index| {
            let name = format!("user-{number}-{index}");
            request("connector.entryHandler.enter", &json!({"username": name, "rid": &*rooms[number][index]}))
        });
        number += 1;
        Begin { first: opened.chain(enter).collect(), then: Bytes::new(), requests: SESSIONS as u64 }
    })
    .await;
}

/// Gives all connectors their first messages, and waits until everything is answered.
async fn run(connectors: &[Addr<Shell>], begin: impl FnMut() -> Begin) {
    let mut begin = begin;
    let in_flight: Vec<_> = connectors.iter().map(|connector| connector.send(begin())).collect();
    for all_answered in in_flight {
        all_answered.await.unwrap().await.unwrap();
    }
}

async fn sent(connectors: &[Addr<Shell>], chats: &[Addr<Shell>]) -> u64 {
    let mut sum = 0;
    for shell in connectors.iter().chain(chats) {
        sum += shell.send(Sent).await.unwrap();
    }
    sum
}

fn main() {
    let mut rows = Vec::new();
    let mut figures = serde_json::Map::new();
    for (name, kind) in [("chat", Kind::Chat), ("nothing", Kind::Nothing)] {
        let (mut routed, mut direct, mut ratio) = (Figure::default(), Figure::default(), Figure::default());
        // The first round is a warm-up.
        for number in 0..=ROUNDS {
            // Alternate the order, so that background load affects both alike.
            let first = number % 2 == 0;
            let a = System::new().block_on(round(kind, first));
            let b = System::new().block_on(round(kind, !first));
            let (by_router, by_address) = if first { (b, a) } else { (a, b) };
            if number > 0 {
                routed.add(by_router / 1e6);
                direct.add(by_address / 1e6);
                ratio.add(by_router / by_address);
            }
        }
        rows.push(vec![name.to_owned(), routed.text(2), direct.text(2), ratio.text(2)]);
        let json = json!({"router": routed.json(), "direct": direct.json(), "ratio": ratio.json()});
        figures.insert(name.to_owned(), json);
    }
    let title = format!(
        "Messages between {SERVERS} connectors and {SERVERS} chat servers, on one thread, in millions a second: \
         median of {ROUNDS} rounds (least..greatest)"
    );
    support::print(
        &Value::Object(figures),
        &title,
        &["SERVERS", "BY THE ROUTER", "DIRECTLY", "RATIO"],
        &rows,
    );
}
