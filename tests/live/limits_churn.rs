//! Places of connections are given back however clients come and go, and however many.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::client::{BOTH, Client, Transport};
use crate::support::raw::{BINARY, CLOSE, HANDSHAKE, HELLO, Raw, enter, frame, package, upgrade_head};
use crate::support::watch::{Held, WatchedRoom, open_files, port, resident_bytes};
use crate::support::{patient, spec, wait_until};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::PortSnapshot;
use serde_json::json;
use socket2::{Domain, SockRef, Socket, Type};

// They measure memory, files or threads of the whole process.
crate::support::alone::alone!(thousands_that_come_and_go_in_every_way_leave_every_place_free,);

const PORT: &str = "connector-server-1";

/// Connections that come and go.
const CHURN: usize = 3000;

/// Threads that they come from.
const AT_ONCE: usize = 4;

const CONNECTIONS_MAX: usize = 12;
const PER_ADDRESS_MAX: usize = 6;

/// Much longer than a working client needs on a busy machine.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// This many of the silent ones wait until they are closed.
const WAITING: usize = 240;

const GROWTH_BYTES_MAX: usize = 64 << 20;

fn start() -> (RunningCluster, SocketAddr) {
    let mut spec = spec(3, 3);
    spec.servers.iter_mut().filter(|server| server.id.as_str() == PORT).for_each(|server| {
        server.max_connections = Some(CONNECTIONS_MAX);
    });
    let options = Options {
        connections_per_address_max: Some(PER_ADDRESS_MAX),
        handshake_timeout: HANDSHAKE_TIMEOUT,
        ..patient()
    };
    let cluster = Cluster::from_spec(spec).options(options).start().unwrap();
    let address = cluster.address(PORT).unwrap();
    (cluster, address)
}

/// A connection from one of this machine's own addresses; none when the port is too quick to close
/// it.
fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// Comes, does something, and goes, in one of many ways. There may be no place for it at any time.
fn come_and_go(n: usize, address: SocketAddr) {
    let from = [127, 0, 0, 2 + (n % 3) as u8];
    let mut raw = Raw::over(connect(from, address));
    let websocket = |raw: &mut Raw, frames: &[u8]| {
        raw.send(&[upgrade_head("").as_bytes(), frames].concat());
    };
    match n / 3 % 14 {
        0 => {}
        1 => raw.send(b"GET / HT"),
        2 => raw.send(HELLO),
        3 => raw.send(&[HELLO, &enter(&format!("guest{n}"), "attic")].concat()),
        4 => raw.send(&package(9, 0, b"")),
        5 => raw.send(&package(1, 2, b"{}")),
        6 => raw.send(b"POST / HTTP/1.1\r\n\r\n"),
        7 => websocket(&mut raw, &frame(BINARY, HELLO)),
        8 => websocket(&mut raw, &[frame(BINARY, HELLO), frame(CLOSE, b"\x03\xe8")].concat()),
        9 => websocket(&mut raw, &frame(0xf2, HELLO)),
        10 => raw.send(&[HELLO, &package(4, 0, b"")].concat()),
        // It says nothing more until it is closed.
        11 => raw.send(HANDSHAKE),
        12 => raw.send(&HANDSHAKE[..5]),
        _ => raw.send(&[HELLO, &package(5, 0, b"")].concat()),
    }
    match n % 5 {
        // Gone without a word, by a reset, by halves, and when the server has had enough of it.
        0 => {}
        1 => SockRef::from(raw.stream()).set_linger(Some(Duration::ZERO)).unwrap(),
        2 => drop(raw.stream().shutdown(std::net::Shutdown::Write)),
        3 => {
            drop(raw.stream().shutdown(std::net::Shutdown::Write));
            raw.end();
        }
        _ => {
            // One that has not shaken hands is closed in time, one that breaks the rules at once;
            // others would stay.
            let is_closed = match n / 3 % 14 {
                0 | 1 | 12 => n < WAITING,
                4 | 5 | 6 | 9 | 10 | 13 => true,
                _ => false,
            };
            if is_closed {
                raw.end();
            }
        }
    }
}

fn thousands_that_come_and_go_in_every_way_leave_every_place_free() {
    let (cluster, address) = start();
    let room = WatchedRoom::start(&cluster, "lobby");
    let held = Held::by(&cluster.view().unwrap());
    let (files, resident, before) = (open_files(), resident_bytes(), port(&cluster, PORT));
    std::thread::scope(|scope| {
        for thread in 0..AT_ONCE {
            scope.spawn(move || (thread..CHURN).step_by(AT_ONCE).for_each(|n| come_and_go(n, address)));
        }
    });
    // The last ones may still wait to be accepted: their clients have gone, and hold nothing.
    let seen = |now: &PortSnapshot| now.accepted - before.accepted + now.refused - before.refused;
    wait_until("each was taken or turned away", || seen(&port(&cluster, PORT)) >= CHURN as u64);
    held.wait_again(&cluster);
    wait_until("every socket is given back", || open_files() <= files);
    let grown = resident_bytes().saturating_sub(resident);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
    // Each that was taken has ended for a reason.
    let after = port(&cluster, PORT);
    let taken = after.accepted - before.accepted;
    assert_eq!(seen(&after), CHURN as u64, "{after:?}");
    assert_eq!(after.closed.values().sum::<u64>() - before.closed.values().sum::<u64>(), taken, "{after:?}");
    assert!(taken > 100, "{after:?}");
    assert!(after.closed.len() >= 6, "they end in many ways: {after:?}");

    // All places are there again: this address has one less, its watcher's.
    let mut clients: Vec<Client> = (1..PER_ADDRESS_MAX).map(|n| Client::open(address, BOTH[n % 2])).collect();
    assert!(is_turned_away([127, 0, 0, 1], address));
    clients.extend((PER_ADDRESS_MAX..CONNECTIONS_MAX).map(|n| {
        let stream = connect([127, 0, 0, 2], address);
        Client::over(stream, address, BOTH[n % 2]).shake_hands()
    }));
    assert!(is_turned_away([127, 0, 0, 3], address), "the port is full");
    assert_eq!(port(&cluster, PORT).connections, CONNECTIONS_MAX);
    for client in &mut clients {
        assert_eq!(client.request("nobody.knows.this", json!({}))["code"], 500);
    }
    clients.into_iter().for_each(Client::close);
    held.wait_again(&cluster);
    room.finish();
    Held::wait_nothing(&cluster);
}

fn is_turned_away(from: [u8; 4], address: SocketAddr) -> bool {
    let stream = connect(from, address);
    let mut client = Client::over(stream, address, Transport::Tcp);
    client.raw(HELLO);
    client.closed() == (None, None)
}
