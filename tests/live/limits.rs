//! Limits for a client, an address and a port; each refusal is answered and counted.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::PortSnapshot;
use pomelo_sim::servers::{HostCounters, SessionLimits};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::client::{BOTH, Client, Transport};
use crate::support::watch::port;
use crate::support::world::{PureWorld, World};
use crate::support::{PATIENCE, patient, tutorial, wait_until};

const SEND: &str = "chat.chatHandler.send";

fn hello() -> Value {
    json!({"content": "x", "target": "*"})
}

fn counters(world: &mut PureWorld, server: &str) -> HostCounters {
    world.snapshots().into_iter().find(|snapshot| snapshot.id.as_str() == server).unwrap().counters
}

#[test]
fn a_session_sends_no_more_in_a_second_than_it_may() {
    let options = Options {
        sessions: SessionLimits { messages_per_second_max: Some(10), ..SessionLimits::default() },
        ..Options::default()
    };
    let world = &mut PureWorld::new(tutorial().options(options));
    let [alice, bob] = ["alice", "bob"].map(|name| world.enter("connector-server-1", name, "room"));
    world.cluster.advance(Duration::from_secs(5));
    world.pushes(alice);

    let burst = |world: &mut PureWorld, count: usize| -> Vec<Value> {
        let answers = world.requests(alice, &vec![(SEND, hello()); count]);
        answers.into_iter().filter(|answer| answer["code"] == 503).collect()
    };
    let refused = burst(world, 12);
    assert_eq!(
        refused,
        vec![json!({"code": 503, "message": "busy: at most 10 messages a second (--rate-limit)"}); 2]
    );
    // Half a second later there is room for five more, and no more after a long silence than for
    // ten.
    world.cluster.advance(Duration::from_millis(500));
    assert_eq!(burst(world, 6).len(), 1);
    world.cluster.advance(Duration::from_secs(60));
    assert_eq!(burst(world, 11).len(), 1);
    assert_eq!(counters(world, "connector-server-1").refused, 4);
    // What one session may is not taken from another; and what was refused reached nobody.
    assert_eq!(world.send(bob, "hello", "*"), json!({}));
    assert_eq!(world.pushes(bob).len(), 10 + 5 + 10 + 1);
}

#[test]
fn a_server_waits_for_no_more_calls_than_it_may() {
    let options = Options {
        sessions: SessionLimits { calls_max: 3, ..SessionLimits::default() },
        ..Options::default()
    };
    let world = &mut PureWorld::new(tutorial().options(options));
    let alice = world.enter("connector-server-1", "alice", "room");
    let bob = world.enter("connector-server-2", "bob", "room");
    world.cluster.lost = Box::new(|to, _| to.as_str().starts_with("chat"));
    let asked: Vec<u64> = (0..5).map(|_| world.ask(alice, SEND, &hello())).collect();
    world.cluster.settle();
    let codes: Vec<Option<Value>> = asked.iter().map(|id| world.answer(alice, *id)).collect();
    let busy = json!({"code": 503, "message": "busy: 3 requests are in flight already (--calls-max)"});
    assert_eq!(codes, [None, None, None, Some(busy.clone()), Some(busy)]);
    world.cluster.lost = Box::new(|_, _| false);
    assert_eq!(world.send(bob, "another server is not busy", "*"), json!({}));
    world.cluster.advance(Duration::from_secs(4));
    assert_eq!(world.send(alice, "the deadline made room", "*"), json!({}));
}

/// A connection from one of this machine's own addresses.
fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sees the connection closed, without a byte.
fn is_turned_away(mut stream: TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0) | Err(_))
}

/// What the first connector's port holds and has counted.
fn first_port(cluster: &RunningCluster) -> PortSnapshot {
    port(cluster, "connector-server-1")
}

#[test]
fn a_reader_that_is_always_behind_takes_no_more_memory_than_what_waits() {
    const BEHIND_BYTES: usize = 640 * 1024;
    const PUSHED_BYTES: usize = 12 * 1024 * 1024;
    let cluster = tutorial().options(patient()).start().unwrap();
    let [first, second] =
        ["connector-server-1", "connector-server-2"].map(|server| cluster.address(server).unwrap());
    // A small window and short segments, so that the kernel takes little at a time, and the outbox
    // is never empty.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.connect(&first.into()).unwrap();
    let mut behind = Client::over(socket.into(), first, Transport::Tcp).shake_hands();
    behind.request("connector.entryHandler.enter", json!({"username": "behind", "rid": "room"}));
    let mut sender = Client::enter(second, Transport::Tcp, "sender", "room");
    let content = "x".repeat(32 * 1024);
    let mut buffer = vec![0; 16 * 1024];
    let mut most_bytes = 0;
    for _ in 0..PUSHED_BYTES / content.len() {
        assert_eq!(sender.request(SEND, json!({"content": content, "target": "*"})), json!({}));
        let mut port = first_port(&cluster);
        while port.waiting_bytes > BEHIND_BYTES {
            behind.raw_stream().read_exact(&mut buffer).unwrap();
            port = first_port(&cluster);
        }
        most_bytes = most_bytes.max(port.outbox_bytes);
    }
    assert!(most_bytes > BEHIND_BYTES, "it was behind: {most_bytes}");
    assert!(most_bytes <= 4 * BEHIND_BYTES, "{most_bytes} bytes held for {BEHIND_BYTES} waiting");
    assert_eq!(first_port(&cluster).connections, 1, "it was not kicked");
}

#[test]
fn one_address_gets_no_more_connections_than_it_may() {
    let options = Options { connections_per_address_max: Some(3), ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let address = cluster.address("connector-server-1").unwrap();
    let port = || first_port(&cluster);
    let mut clients: Vec<Client> = (0..3).map(|n| Client::open(address, BOTH[n % 2])).collect();
    for round in 0..5 {
        assert!(is_turned_away(connect([127, 0, 0, 1], address)));
        assert_eq!((port().connections, port().refused), (3, round + 1));
        clients.remove(0).close();
        wait_until("the place is given back", || port().connections == 2);
        clients.push(Client::open(address, BOTH[round as usize % 2]));
    }
    // Another address has its own places.
    let elsewhere = [connect([127, 0, 0, 2], address), connect([127, 0, 0, 2], address)];
    wait_until("they are taken", || port().connections == 5);
    assert_eq!(port().refused, 5);
    drop(elsewhere);
    clients.into_iter().for_each(Client::close);
    wait_until("all have left", || port().connections == 0);
}

#[test]
fn an_address_on_the_blacklist_is_turned_away() {
    let blacklist = vec![IpAddr::from([127, 0, 0, 3])];
    let cluster = tutorial().options(Options { blacklist, ..patient() }).start().unwrap();
    for server in ["gate-server-1", "connector-server-1"] {
        let address = cluster.address(server).unwrap();
        assert!(is_turned_away(connect([127, 0, 0, 3], address)));
        let mut client = Client::open(address, BOTH[0]);
        assert_eq!(client.request("nobody.knows.this", json!({}))["code"], 500);
        client.close();
    }
    let turned_away: u64 = cluster
        .list()
        .unwrap()
        .iter()
        .filter_map(|server| server.port.as_ref())
        .map(|port| port.blacklisted)
        .sum();
    assert_eq!(turned_away, 2);
}
