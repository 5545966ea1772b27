//! Silent and slow clients are closed in time while a room on the same port talks at full speed and
//! loses nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::raw::{BINARY, HANDSHAKE, HEARTBEAT, HELLO, Raw, frame_header, upgrade_head};
use crate::support::watch::{Held, closed, port, resident_bytes, wait_closed};
use crate::support::{PATIENCE, patient, tutorial, wait_until};
use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::CloseReason;
use serde_json::json;

// They measure memory, files or threads of the whole process.
crate::support::alone::alone!(
    silent_clients_are_closed_in_time_beside_a_loud_room,
    who_drips_is_closed_in_time_beside_a_loud_room,
    who_beats_is_not_closed_however_loud_the_room_is,
);

/// What silent clients are given. The others need much less on a busy machine.
const SHORT: Duration = Duration::from_secs(2);

const PORT: &str = "connector-server-1";

/// Members of the room that talks.
const TALKERS: usize = 6;

/// Messages that each of them has under way at any time.
const UNDER_WAY: usize = 8;

/// What many silent clients may take.
const GROWTH_BYTES_MAX: usize = 64 << 20;

/// A room whose members each talk on their own thread, as fast as they are answered.
struct LoudRoom {
    stopping: Arc<AtomicBool>,
    /// Messages that were answered.
    said: Arc<AtomicU64>,
    threads: Vec<JoinHandle<[u64; TALKERS]>>,
}

impl LoudRoom {
    fn start(address: SocketAddr) -> Self {
        let (stopping, said) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let enter = |n| Client::enter(address, BOTH[n % 2], &format!("talker{n}"), "loud");
        let mut members: Vec<Client> = (0..TALKERS).map(enter).collect();
        for (place, member) in members.iter_mut().enumerate() {
            (place + 1..TALKERS).for_each(|_| assert_eq!(member.push().0, "onAdd"));
        }
        let ready = Arc::new(std::sync::Barrier::new(TALKERS));
        let talk = |client: Client| {
            let (stopping, said, ready) = (Arc::clone(&stopping), Arc::clone(&said), Arc::clone(&ready));
            std::thread::spawn(move || talk(client, &stopping, &said, &ready))
        };
        let threads = members.into_iter().map(talk).collect();
        Self { stopping, said, threads }
    }

    fn said(&self) -> u64 {
        assert!(self.threads.iter().all(|thread| !thread.is_finished()), "the loud room was disturbed");
        self.said.load(Ordering::Relaxed)
    }

    /// Ends it, and sees that each heard all that each has said.
    fn finish(self) -> u64 {
        self.stopping.store(true, Ordering::Relaxed);
        let heard: Vec<_> = self.threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(heard.iter().all(|counts| *counts == heard[0]), "all hear the same: {heard:?}");
        let all: u64 = heard[0].iter().sum();
        assert_eq!(all, self.said.load(Ordering::Relaxed), "what was answered was heard");
        all
    }
}

/// Talks and counts what it hears, from each in order; when it shall stop, until all have been
/// heard.
fn talk(
    mut client: Client,
    stopping: &AtomicBool,
    said: &AtomicU64,
    ready: &std::sync::Barrier,
) -> [u64; TALKERS] {
    let mut heard = [0; TALKERS];
    let (mut asked, mut answered, mut beat) = (0, 0, Instant::now());
    loop {
        while asked - answered < UNDER_WAY as u64 && !stopping.load(Ordering::Relaxed) {
            asked += 1;
            client.send("chat.chatHandler.send", json!({"content": asked, "target": "*"}));
        }
        if beat.elapsed() > Duration::from_millis(500) {
            client.raw(HEARTBEAT);
            beat = Instant::now();
        }
        if stopping.load(Ordering::Relaxed) && asked == answered {
            break;
        }
        hear(&mut client, &mut heard, &mut answered, said);
    }
    // Everybody's last message has been answered: its push was sent before.
    ready.wait();
    client.send("nobody.knows.this", json!({}));
    while answered == asked {
        hear(&mut client, &mut heard, &mut answered, &AtomicU64::new(0));
    }
    ready.wait();
    client.close();
    heard
}

fn hear(client: &mut Client, heard: &mut [u64; TALKERS], answered: &mut u64, said: &AtomicU64) {
    match client.next(PATIENCE) {
        Some(Got::Response(..)) => {
            *answered += 1;
            said.fetch_add(1, Ordering::Relaxed);
        }
        Some(Got::Push(route, body)) => {
            assert_eq!(route, "onChat");
            let from: usize = body["from"].as_str().unwrap().trim_start_matches("talker").parse().unwrap();
            heard[from] += 1;
            assert_eq!(body["msg"], heard[from], "each once, and in order");
        }
        Some(Got::Heartbeat) => {}
        other => panic!("the loud room got {other:?}"),
    }
}

fn is_closed(cluster: &RunningCluster, expected: &[(CloseReason, u64)]) -> bool {
    expected.iter().all(|(reason, count)| closed(cluster, PORT, *reason) >= *count)
}

fn silent_clients_are_closed_in_time_beside_a_loud_room() {
    const EACH: usize = 10;
    let options = Options {
        handshake_timeout: SHORT,
        ack_timeout: SHORT,
        // A client is given up after twice as long.
        heartbeat: Some(SHORT),
        idle_timeout: SHORT * 3 / 2,
        ..patient()
    };
    let cluster = tutorial().options(options).start().unwrap();
    let address = cluster.address(PORT).unwrap();
    let room = LoudRoom::start(address);
    wait_until("the room talks", || room.said() > 100);
    let (before, resident) = (room.said(), resident_bytes());

    let made: Vec<Vec<Raw>> = (0..EACH)
        .map(|_| {
            let mut half_a_head = Raw::connect(address);
            half_a_head.send(&upgrade_head("").as_bytes()[..60]);
            let mut half_a_package = Raw::connect(address);
            half_a_package.send(&HANDSHAKE[..7]);
            let mut half_a_frame = Raw::upgraded(address);
            half_a_frame.send(&[frame_header(BINARY, true, 60_000), vec![0; 9]].concat());
            let mut shaken = Raw::connect(address);
            shaken.send(HANDSHAKE);
            let mut shaken_web = Raw::upgraded(address);
            shaken_web.packages(Transport::WebSocket, HANDSHAKE);
            let mut working = Raw::connect(address);
            working.send(HELLO);
            let mut working_web = Raw::upgraded(address);
            working_web.packages(Transport::WebSocket, HELLO);
            vec![
                Raw::connect(address),
                Raw::upgraded(address),
                half_a_head,
                half_a_package,
                half_a_frame,
                shaken,
                shaken_web,
                working,
                working_web,
            ]
        })
        .collect();
    let each = EACH as u64;
    let expected = [
        (CloseReason::HandshakeTimeout, 5 * each),
        (CloseReason::AckTimeout, 2 * each),
        (CloseReason::IdleTimeout, each),
        (CloseReason::HeartbeatTimeout, each),
    ];
    wait_until("the silent are closed", || is_closed(&cluster, &expected));
    for (reason, count) in expected {
        wait_closed(&cluster, PORT, reason, count);
    }
    let after = room.said();
    let grown = resident_bytes().saturating_sub(resident);
    assert!(after > before + 100, "the room talked on: {before}, then {after}");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
    made.into_iter().flatten().for_each(|mut raw| {
        raw.end();
    });
    wait_until("only the room is left", || port(&cluster, PORT).connections == TALKERS);
    room.finish();
    Held::wait_nothing(&cluster);
}

fn who_drips_is_closed_in_time_beside_a_loud_room() {
    let heartbeat = Some(SHORT);
    let options = Options { handshake_timeout: SHORT, ack_timeout: SHORT, heartbeat, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let address = cluster.address(PORT).unwrap();
    let room = LoudRoom::start(address);
    wait_until("the room talks", || room.said() > 100);
    let before = room.said();
    // Each says a byte all the time, and never enough: of a head, a package, a frame, a fragment;
    // before the handshake, before its acknowledgement, and while it works.
    let long_package: &[u8] = b"\x04\0\xff\xff";
    let long_frame = [frame_header(BINARY, true, 60_000), vec![0; 4]].concat();
    let of = |begin: &dyn Fn() -> Raw, first: &[u8]| {
        let mut raw = begin();
        raw.send(first);
        raw
    };
    let connected = || Raw::connect(address);
    let shaken = || of(&connected, HANDSHAKE);
    let working = || Raw::open(address, Transport::Tcp);
    let upgraded = || Raw::upgraded(address);
    let upgraded_working = || Raw::open(address, Transport::WebSocket);
    let mut dripping = [
        of(&connected, b"GET / HTTP/1.1\r\nX-Slow: "),
        of(&connected, b"\x01\0\xff\xff"),
        of(&upgraded, &long_frame),
        of(&upgraded, &frame_header(0x02, true, 60_000)),
        of(&shaken, long_package),
        of(&working, long_package),
        of(&upgraded_working, &long_frame),
    ];
    let expected = [
        (CloseReason::HandshakeTimeout, 4),
        (CloseReason::AckTimeout, 1),
        (CloseReason::HeartbeatTimeout, 2),
    ];
    wait_until("the drips are closed", || {
        dripping.iter_mut().for_each(|raw| raw.send(b"x"));
        is_closed(&cluster, &expected)
    });
    for (reason, count) in expected {
        wait_closed(&cluster, PORT, reason, count);
    }
    assert!(room.said() > before, "the room talked on");
    dripping.iter_mut().for_each(|raw| {
        raw.end();
    });
    room.finish();
    Held::wait_nothing(&cluster);
}

fn who_beats_is_not_closed_however_loud_the_room_is() {
    let options = Options { heartbeat: Some(SHORT), ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let address = cluster.address(PORT).unwrap();
    let room = LoudRoom::start(address);
    let mut beating = BOTH.map(|transport| (Raw::open(address, transport), transport));
    // They are silent but for their heartbeats, past the timeout of twice the interval.
    let begun = Instant::now();
    while begun.elapsed() < SHORT * 5 / 2 {
        for (raw, transport) in &mut beating {
            raw.packages(*transport, HEARTBEAT);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    for (raw, transport) in &mut beating {
        raw.assert_works(*transport);
    }
    assert_eq!(closed(&cluster, PORT, CloseReason::HeartbeatTimeout), 0);
    drop(beating);
    room.finish();
    Held::wait_nothing(&cluster);
}
