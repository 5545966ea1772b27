//! The path of a room message: connector, router, chat server, router, connectors. The rate is in
//! room messages per second.
//!
//! `pure` is the machines alone, in one queue; `live` is the complete cluster, with actors and TCP
//! sockets, `IN_FLIGHT` messages at a time; `sockets` is the kernel's minimum for the same bytes:
//! one write and one read per member and batch, without any of our code. The difference between
//! `live` and `sockets` is our overhead.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pomelo_sim::wire::{WireRoute, write_push, write_request};
use serde_json::json;

use support::client::{Client, Transport};
use support::pure::PureCluster;
use support::tutorial;
use support::world::{PureWorld, World};

/// Messages that one sender keeps in flight.
const IN_FLIGHT: u64 = 64;

/// Sizes of the room; members are spread over three connectors.
const MEMBERS: [usize; 2] = [3, 30];

fn connector(n: usize) -> String {
    format!("connector-server-{}", n % 3 + 1)
}

fn body() -> serde_json::Value {
    json!({"content": "a message of fifty bytes, as people write in chats.", "target": "*"})
}

fn request(id: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_request(
        &mut bytes,
        id,
        &WireRoute::Name("chat.chatHandler.send".into()),
        body().to_string().as_bytes(),
    )
    .unwrap();
    bytes
}

fn pure(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay/pure");
    for members in MEMBERS {
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(members), |bench| {
            let mut world = PureWorld::new(tutorial());
            for n in 0..members {
                world.enter(&connector(n), &format!("user{n}"), "room1");
            }
            let sender = world.cluster.inboxes.keys().next().unwrap().clone();
            let message = &request(1)[4..];
            let cluster: &mut PureCluster = &mut world.cluster;
            bench.iter(|| {
                cluster.message(&sender, message);
                cluster.settle();
                cluster.inboxes.values_mut().for_each(Vec::clear);
            });
        });
    }
    group.finish();
}

fn live(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay/live");
    for members in MEMBERS {
        group.throughput(Throughput::Elements(IN_FLIGHT));
        group.bench_function(BenchmarkId::from_parameter(members), |bench| {
            let running = tutorial().start().unwrap();
            let mut clients: Vec<Client> = (0..members)
                .map(|n| {
                    let address = running.address(&connector(n)).unwrap();
                    Client::enter(address, Transport::Tcp, &format!("user{n}"), "room1")
                })
                .collect();
            for client in &mut clients {
                client.pushes();
            }
            let batch: Vec<u8> = (1..=IN_FLIGHT).flat_map(request).collect();
            let push_bytes = push().len() * IN_FLIGHT as usize;
            // A response is 4 bytes of header, flag, id and `{}`; the ids here take one byte.
            let response_bytes = 8 * IN_FLIGHT as usize;
            let mut buffer = vec![0; push_bytes + response_bytes];
            bench.iter(|| {
                clients[0].raw(&batch);
                clients[0].raw_stream().read_exact(&mut buffer).unwrap();
                for client in &mut clients[1..] {
                    client.raw_stream().read_exact(&mut buffer[..push_bytes]).unwrap();
                }
            });
            drop(clients);
            running.stop();
        });
    }
    group.finish();
}

/// The push that each member receives for [`body`].
fn push() -> Vec<u8> {
    let body = r#"{"msg":"a message of fifty bytes, as people write in chats.","from":"user0","target":"*"}"#;
    let mut bytes = Vec::new();
    write_push(&mut bytes, &WireRoute::Name("onChat".into()), body.as_bytes()).unwrap();
    bytes
}

fn sockets(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay/sockets");
    for members in MEMBERS {
        group.throughput(Throughput::Elements(IN_FLIGHT));
        group.bench_function(BenchmarkId::from_parameter(members), |bench| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let mut pairs: Vec<(TcpStream, TcpStream)> = (0..members)
                .map(|_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0))
                .collect();
            let batch: Vec<u8> = push().repeat(IN_FLIGHT as usize);
            let mut buffer = vec![0; batch.len()];
            bench.iter(|| {
                for (client, server) in &mut pairs {
                    server.write_all(&batch).unwrap();
                    client.read_exact(&mut buffer).unwrap();
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    targets = pure, live, sockets
}
criterion_main!(benches);
