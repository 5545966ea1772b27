//! A client that sends too much, reads too little or stays idle costs only itself, and bounded
//! memory.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Transport};
use crate::support::raw::{BINARY, HEARTBEAT, PING, Raw, data, enter, frame, frame_header, send};
use crate::support::watch::{
    Held, WatchedRoom, closed, connectors, open_files, port, resident_bytes, wait_closed,
};
use crate::support::{PATIENCE, patient, tutorial, wait_until};
use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::CloseReason;
use serde_json::{Value, json};
use socket2::SockRef;

// They measure memory, files or threads of the whole process.
crate::support::alone::alone!(
    a_flood_of_the_smallest_messages_is_read_no_faster_than_it_is_handled,
    a_flood_of_requests_through_the_cluster_delays_nobody,
    a_flood_of_notifies_through_the_cluster_delays_nobody,
    answers_that_nobody_reads_are_bounded,
    a_member_that_reads_nothing_is_closed_and_the_others_lose_nothing,
    a_burst_for_those_who_read_closes_none_of_them,
    a_socket_is_given_back_with_its_row_even_if_its_client_reads_nothing,
    two_thousand_that_come_and_go_leave_nothing,
    three_hundred_that_hang_about_cost_little_and_go,
    clusters_that_come_and_go_leave_no_socket_and_no_thread,
);

/// What everything in this file together may take.
const GROWTH_BYTES_MAX: usize = 64 << 20;

/// How long a flood lasts at least.
const FLOOD: Duration = Duration::from_secs(1);

/// How often the room talks during a flood at least. One that waits behind it hardly does once.
const ROUNDS_MIN: u64 = 3;

/// Runs `attack` while a room watches, and checks that it disturbs nobody.
fn beside_a_room(options: Options, attack: impl FnOnce(&RunningCluster, &WatchedRoom)) {
    let cluster = tutorial().options(options).start().unwrap();
    let room = WatchedRoom::start(&cluster, "lobby");
    let (held, files) = (Held::by(&cluster.view().unwrap()), open_files());
    attack(&cluster, &room);
    room.assert_works();
    held.wait_again(&cluster);
    wait_until("every socket is given back", || open_files() <= files);
    room.finish();
    Held::wait_nothing(&cluster);
}

/// A member of a room, entered by hand.
fn member(address: SocketAddr, name: &str, rid: &str) -> Raw {
    let mut raw = Raw::open(address, Transport::Tcp);
    raw.send(&enter(name, rid));
    raw.until(b"\"users\":");
    raw
}

/// Reads and discards on its own thread, until the end.
struct Reader {
    bytes: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn of(raw: &Raw) -> Self {
        let mut stream = raw.stream().try_clone().unwrap();
        stream.set_read_timeout(None).unwrap();
        let bytes = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 64 * 1024];
            while let Ok(more @ 1..) = stream.read(&mut buffer) {
                counter.fetch_add(more, Ordering::Relaxed);
            }
        });
        Self { bytes, thread }
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn join(self) {
        self.thread.join().unwrap();
    }
}

/// Floods, and sees that it takes no memory, and that the room talks on meanwhile.
fn flood_beside(room: &WatchedRoom, raw: &mut Raw, bytes: &[u8]) {
    // What the kernel has taken must be worked off before the test ends.
    SockRef::from(raw.stream()).set_send_buffer_size(32 * 1024).unwrap();
    let (rounds, resident, begun) = (room.rounds(), resident_bytes(), Instant::now());
    let mut sent = 0;
    while begun.elapsed() < FLOOD || room.rounds() < rounds + ROUNDS_MIN {
        raw.send(bytes);
        sent += bytes.len();
        let grown = resident_bytes().saturating_sub(resident);
        assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more after {sent} were sent");
        let talked = room.rounds() - rounds;
        let waited = begun.elapsed();
        assert!(talked >= ROUNDS_MIN || waited < PATIENCE, "the room talked {talked} times in {waited:?}");
    }
}

fn a_flood_of_the_smallest_messages_is_read_no_faster_than_it_is_handled() {
    beside_a_room(patient(), |cluster, room| {
        for transport in BOTH {
            let mut raw = Raw::open(connectors(cluster)[0], transport);
            // A message that is ignored: one byte.
            let messages = data(&[0x08]).repeat(10_000);
            let bytes = match transport {
                Transport::Tcp => messages,
                Transport::WebSocket => frame(BINARY, &messages),
            };
            flood_beside(room, &mut raw, &bytes);
            raw.assert_works(transport);
        }
    });
}

fn a_flood_of_requests_through_the_cluster_delays_nobody() {
    for threads in [1, 2] {
        flood_requests(Options { threads, ..patient() });
    }
}

fn flood_requests(options: Options) {
    beside_a_room(options, |cluster, room| {
        let mut raw = member(connectors(cluster)[0], "flooder", "loud");
        let reader = Reader::of(&raw);
        flood_beside(room, &mut raw, &send(5, &json!("again")).repeat(1000));
        raw.half_close();
        reader.join();
    });
}

fn a_flood_of_notifies_through_the_cluster_delays_nobody() {
    beside_a_room(patient(), |cluster, room| {
        let mut raw = member(connectors(cluster)[0], "flooder", "loud");
        let reader = Reader::of(&raw);
        let route = b"\x02\x15chat.chatHandler.send";
        let notify = data(&[&route[..], br#"{"content":1,"target":"nobody"}"#].concat());
        flood_beside(room, &mut raw, &notify.repeat(1000));
        raw.half_close();
        reader.join();
    });
}

fn answers_that_nobody_reads_are_bounded() {
    let options = Options { outbound_bytes_max: 64 * 1024, ..patient() };
    beside_a_room(options, |cluster, _| {
        let floods: [(&str, Transport, Vec<u8>); 4] = [
            ("connector-server-1", Transport::Tcp, HEARTBEAT.repeat(10_000)),
            ("connector-server-2", Transport::WebSocket, frame(BINARY, &HEARTBEAT.repeat(10_000))),
            ("gate-server-1", Transport::WebSocket, frame(PING, &[b'p'; 125]).repeat(300)),
            (
                "connector-server-3",
                Transport::Tcp,
                crate::support::raw::request(1, "a.b.c", "{}").repeat(2000),
            ),
        ];
        for (name, transport, bytes) in floods {
            let mut raw = Raw::open(cluster.address(name).unwrap(), transport);
            let before = resident_bytes();
            wait_until("it is closed", || {
                raw.send(&bytes);
                closed(cluster, name, CloseReason::SlowConsumer) == 1
            });
            let grown = resident_bytes().saturating_sub(before);
            assert!(grown < GROWTH_BYTES_MAX, "{name}: {grown} bytes more");
        }
    });
}

fn a_member_that_reads_nothing_is_closed_and_the_others_lose_nothing() {
    const ROUNDS: u64 = 400;
    let options = Options { outbound_bytes_max: 256 * 1024, ..patient() };
    beside_a_room(options, |cluster, _| {
        let addresses = connectors(cluster);
        let mut speaker = Client::enter(addresses[1], Transport::WebSocket, "speaker", "hall");
        let mut deaf = member(addresses[0], "deaf", "hall");
        let mut listener = Client::enter(addresses[0], Transport::Tcp, "listener", "hall");
        let content = "x".repeat(30_000);
        let mut left = Vec::new();
        let mut heard = |client: &mut Client| loop {
            let (route, push) = client.push();
            match route.as_str() {
                "onChat" => return push["msg"][0].as_u64().unwrap(),
                "onLeave" => left.push(push["user"].clone()),
                _ => assert_eq!(route, "onAdd"),
            }
        };
        for number in 0..ROUNDS {
            let body = json!({"content": [number, content], "target": "*"});
            assert_eq!(speaker.request("chat.chatHandler.send", body), json!({}));
            assert_eq!((heard(&mut speaker), heard(&mut listener)), (number, number));
        }
        wait_closed(cluster, "connector-server-1", CloseReason::SlowConsumer, 1);
        // Output that it did not read in time is gone; the connection has ended.
        deaf.end();
        assert_eq!((speaker.pushes(), listener.pushes()), (vec![], vec![]));
        assert_eq!(left, ["deaf", "deaf"], "each of the others hears of it once");
        speaker.close();
        listener.close();
    });
}

fn a_burst_for_those_who_read_closes_none_of_them() {
    const MEMBERS: usize = 40;
    beside_a_room(patient(), |cluster, _| {
        // More at once than may wait for one client, and each of them reads as fast as it can.
        let addresses = connectors(cluster);
        let mut members: Vec<Raw> =
            (0..MEMBERS).map(|n| member(addresses[n % 3], &format!("m{n}"), "hall")).collect();
        let readers: Vec<Reader> = members.iter().map(Reader::of).collect();
        let content = Value::from("x".repeat(60_000));
        for round in 0..2 {
            for member in &mut members {
                member.send(&send(round + 2, &content));
            }
        }
        wait_until("all have all", || {
            for connector in 1..=3 {
                let name = format!("connector-server-{connector}");
                assert_eq!(closed(cluster, &name, CloseReason::SlowConsumer), 0, "{name}");
            }
            readers.iter().all(|reader| reader.bytes() > 2 * MEMBERS * 60_000)
        });
        members.iter().for_each(Raw::half_close);
        readers.into_iter().for_each(Reader::join);
    });
}

fn a_socket_is_given_back_with_its_row_even_if_its_client_reads_nothing() {
    let options = Options { outbound_bytes_max: 32 << 20, ..patient() };
    beside_a_room(options, |cluster, _| {
        let address = connectors(cluster)[0];
        let mut speaker = Client::enter(connectors(cluster)[1], Transport::Tcp, "speaker", "hall");
        let files = open_files();
        let deaf: Vec<Raw> = (0..10).map(|n| member(address, &format!("deaf{n}"), "hall")).collect();
        let content = "x".repeat(60_000);
        // Past what the kernel holds for each.
        for _ in 0..150 {
            speaker.request("chat.chatHandler.send", json!({"content": content, "target": "*"}));
        }
        deaf.iter().for_each(Raw::half_close);
        wait_until("their rows are gone", || port(cluster, "connector-server-1").connections == 1);
        // The clients' own ends are still open.
        wait_until("their sockets are gone", || open_files() <= files + deaf.len());
        speaker.close();
    });
}

fn two_thousand_that_come_and_go_leave_nothing() {
    beside_a_room(patient(), |cluster, room| {
        let before = resident_bytes();
        for n in 0..2000 {
            let server = ["gate-server-1", "connector-server-1", "connector-server-2"][n % 3];
            let address = cluster.address(server).unwrap();
            match n % 5 {
                0 => drop(Raw::connect(address)),
                1 => Raw::connect(address).send(b"GET / HT"),
                2 => Raw::connect(address).send(crate::support::raw::HELLO),
                3 => drop(Raw::upgraded(address)),
                _ => Client::open(address, BOTH[n % 2]).close(),
            }
        }
        room.assert_works();
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
    });
}

fn three_hundred_that_hang_about_cost_little_and_go() {
    let options = Options { handshake_timeout: Duration::from_secs(3), ..patient() };
    beside_a_room(options, |cluster, room| {
        let before = resident_bytes();
        let address = cluster.address("gate-server-1").unwrap();
        let idle: Vec<Raw> = (0..300)
            .map(|n| {
                let mut raw = if n % 3 == 0 { Raw::upgraded(address) } else { Raw::connect(address) };
                match n % 3 {
                    // The longest frame and the longest package that may be declared, and not a
                    // byte of either.
                    0 => raw.send(&[frame_header(BINARY, true, 262_000), vec![0; 4]].concat()),
                    1 => raw.send(b"\x01\x01\0\0"),
                    _ => raw.send(b"GET / HTTP/1.1\r\nX-Slow"),
                }
                raw
            })
            .collect();
        room.assert_works();
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX / 4, "{grown} bytes more");
        wait_closed(cluster, "gate-server-1", CloseReason::HandshakeTimeout, 300);
        drop(idle);
    });
}

fn clusters_that_come_and_go_leave_no_socket_and_no_thread() {
    // What the first one opens for the whole process stays.
    let first = tutorial().options(Options { threads: 2, ..patient() }).start().unwrap();
    assert_eq!(threads(), 2, "a cluster's threads are known by their names");
    drop(first);
    let files = open_files();
    for n in 0..10 {
        let stop_timeout = Duration::from_millis(100);
        let options = Options { threads: 1 + n % 3, stop_timeout, ..patient() };
        let cluster = tutorial().options(options).start().unwrap();
        let client = Client::enter(connectors(&cluster)[0], BOTH[n % 2], "alice", "lobby");
        let silent = Raw::connect(connectors(&cluster)[1]);
        drop(cluster);
        drop((client, silent));
    }
    wait_until("all is given back", || open_files() <= files && threads() == 0);
}

/// The threads of clusters, by their names: other tests of this process come and go on theirs.
fn threads() -> usize {
    let names = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
        // One that has just ended has no name any more.
        std::fs::read_to_string(task.unwrap().path().join("comm")).ok()
    });
    names.filter(|name| name.starts_with("pomelo-sim") || name.starts_with("actix")).count()
}
