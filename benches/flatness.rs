//! Checks that the cost of a delivery is independent of the number of members, rooms and
//! connections.
//!
//! A cluster in its own process, clients in this one, raw TCP. The cost is the cluster's CPU time
//! per message received by a client. In each step some senders write `BATCH` messages at once, and
//! the next step starts when all clients have read the expected messages. Three series vary one
//! quantity each:
//!
//! - `members`: one room with one sender.
//! - `connections`: ten rooms of ten with one sender each, and all other connections idle in one
//!   room each.
//! - `rooms`: rooms of one, all of them sending, ten at a time. Rooms and connections grow, and
//!   nothing is shared.
//!
//! A write to a socket costs far more than a frame in it: the table shows frames per write next to
//! the costs.
//!
//! `cargo bench --bench flatness [-- SERIES...] [--json]`; needs room for 10,000 file descriptors a
//! process.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod fixtures;
mod support;

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use pomelo_sim::cluster::Options;
use pomelo_sim::robots::process::Processes;
use pomelo_sim::wire::{WireRoute, write_push, write_request};
use serde_json::{Value, json};

use fixtures::client::{Client, Transport};
use support::Figure;

/// Messages that a sender writes at once.
const BATCH: usize = 16;

const ROUNDS: usize = 7;

/// Approximate number of messages that clients receive in a round.
const DELIVERIES: usize = 400_000;

const CONTENT: &str = "a message of fifty bytes, as people write in chats.";

/// Marks the cluster's process.
const SERVE: &str = "--serve";

/// The cluster's process: prints its connectors' addresses, then its ports' counters for each line
/// of input.
fn serve() {
    let options = Options {
        heartbeat: Some(Duration::ZERO),
        idle_timeout: Duration::from_secs(86_400),
        ..Options::default()
    };
    let running = fixtures::tutorial().options(options).start().unwrap();
    let addresses: Vec<SocketAddr> =
        (1..=3).map(|n| running.address(&format!("connector-server-{n}")).unwrap()).collect();
    println!("{}", json!(addresses));
    for _ in std::io::stdin().lines() {
        let ports: Vec<_> = running.list().unwrap().into_iter().filter_map(|server| server.port).collect();
        let frames: u64 = ports.iter().map(|port| port.frames_out).sum();
        let writes: u64 = ports.iter().map(|port| port.writes).sum();
        println!("{}", json!([frames, writes]));
    }
    running.stop();
}

struct Served {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    addresses: Vec<SocketAddr>,
    process: Processes,
}

impl Served {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let addresses = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        let process = Processes::new(vec![child.id()]).unwrap();
        Self { orders: child.stdin.take(), child, answers, addresses, process }
    }

    /// Frames and writes so far.
    fn counted(&mut self) -> (u64, u64) {
        self.orders.as_mut().unwrap().write_all(b"\n").unwrap();
        serde_json::from_str(&self.answers.next().unwrap().unwrap()).unwrap()
    }

    fn enter(&self, n: usize, room: usize) -> Client {
        let address = self.addresses[n % self.addresses.len()];
        Client::enter(address, Transport::Tcp, &user(n), &format!("room{room}"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends at the end of its standard input.
        self.orders = None;
        let _ = self.child.wait();
    }
}

/// All names have the same length, and so have all pushes.
fn user(n: usize) -> String {
    format!("user{n:05}")
}

/// An active room: the first member sends to the others.
type Talking = Vec<Client>;

/// A series: its name, the measurement of one point, and its sizes.
type Series = (&'static str, fn(usize) -> Point, &'static [usize]);

/// The measurement of one point of a series.
struct Point {
    series: &'static str,
    size: usize,
    /// Microseconds per delivery.
    cost: Figure,
    frames_per_write: Figure,
}

impl Point {
    /// Drives `at_once` rooms at a time until there are enough deliveries, `ROUNDS` times.
    fn measure(
        series: &'static str,
        size: usize,
        served: &mut Served,
        rooms: &mut [Talking],
        at_once: usize,
    ) -> Self {
        let (batch, push, response) = bytes();
        let mut buffer = vec![0; push + response];
        let each: usize = rooms.iter().map(|room| room.len() * BATCH).sum();
        let passes = DELIVERIES.div_ceil(each);
        let (mut cost, mut frames_per_write) = (Figure::default(), Figure::default());
        // The first round is a warm-up.
        for round in 0..=ROUNDS {
            let (frames_before, writes_before) = served.counted();
            let before = served.process.cpu().unwrap();
            for _ in 0..passes {
                for rooms in rooms.chunks_mut(at_once) {
                    rooms.iter_mut().for_each(|room| room[0].raw(&batch));
                    for room in &mut *rooms {
                        room[0].raw_stream().read_exact(&mut buffer).unwrap();
                        for member in &mut room[1..] {
                            member.raw_stream().read_exact(&mut buffer[..push]).unwrap();
                        }
                    }
                }
            }
            let spent = served.process.cpu().unwrap() - before;
            let (frames, writes) = served.counted();
            if round > 0 {
                cost.add(spent.as_secs_f64() * 1e6 / (passes * each) as f64);
                frames_per_write.add((frames - frames_before) as f64 / (writes - writes_before) as f64);
            }
        }
        Self { series, size, cost, frames_per_write }
    }
}

/// The requests of a sender, and the lengths of the pushes and of the responses to them.
fn bytes() -> (Vec<u8>, usize, usize) {
    let (mut request, mut push) = (Vec::new(), Vec::new());
    let body = json!({"content": CONTENT, "target": "*"}).to_string();
    let send = WireRoute::Name("chat.chatHandler.send".into());
    write_request(&mut request, 1, &send, body.as_bytes()).unwrap();
    let body = json!({"msg": CONTENT, "from": user(0), "target": "*"}).to_string();
    write_push(&mut push, &WireRoute::Name("onChat".into()), body.as_bytes()).unwrap();
    // A response is four bytes of head, a flag, the id in one byte, and `{}`.
    (request.repeat(BATCH), push.len() * BATCH, 8 * BATCH)
}

/// Reads the pushes received since a client entered.
fn settle(rooms: &mut [Talking]) {
    rooms.iter_mut().flatten().for_each(|client| drop(client.pushes()));
}

fn members(size: usize) -> Point {
    let mut served = Served::start();
    let mut rooms = [(0..size).map(|n| served.enter(n, 0)).collect::<Talking>()];
    settle(&mut rooms);
    Point::measure("members", size, &mut served, &mut rooms, 1)
}

fn connections(size: usize) -> Point {
    let mut served = Served::start();
    let mut rooms: Vec<Talking> =
        (0..10).map(|room| (0..10).map(|n| served.enter(room * 10 + n, room)).collect()).collect();
    let idle: Vec<Client> = (100..size).map(|n| served.enter(n, n)).collect();
    settle(&mut rooms);
    let point = Point::measure("connections", size, &mut served, &mut rooms, 10);
    drop(idle);
    point
}

fn rooms(size: usize) -> Point {
    let mut served = Served::start();
    let mut rooms: Vec<Talking> = (0..size).map(|n| vec![served.enter(n, n)]).collect();
    settle(&mut rooms);
    Point::measure("rooms", size, &mut served, &mut rooms, 10)
}

fn main() {
    if std::env::args().any(|argument| argument == SERVE) {
        return serve();
    }
    let series: [Series; 3] = [
        ("members", members, &[10, 100, 1000]),
        ("connections", connections, &[100, 1000, 10_000]),
        ("rooms", rooms, &[10, 100, 1000, 10_000]),
    ];
    let named = |name: &str| std::env::args().any(|argument| argument == name);
    let is_any_named = series.iter().any(|(name, ..)| named(name));
    let wanted = series.iter().filter(|(name, ..)| !is_any_named || named(name));
    let points: Vec<Point> =
        wanted.flat_map(|(_, measure, sizes)| sizes.iter().map(|size| measure(*size))).collect();
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for point in &points {
        let Point { series, size, cost, frames_per_write } = point;
        let first = points.iter().find(|first| first.series == *series).unwrap();
        let ratio = cost.median() / first.cost.median();
        rows.push(vec![
            (*series).to_owned(),
            size.to_string(),
            cost.text(3),
            frames_per_write.text(1),
            format!("{ratio:.2}"),
        ]);
        figures.push(json!({
            "series": series, "size": size, "cpu_us_per_delivery": cost.json(),
            "frames_per_write": frames_per_write.json(), "ratio": ratio,
        }));
    }
    let title = format!(
        "The cluster's processor time for each delivery: median of {ROUNDS} rounds (least..greatest)"
    );
    let head = ["SERIES", "SIZE", "CPU US PER DELIVERY", "FRAMES PER WRITE", "RATIO TO FIRST"];
    support::print(&Value::Array(figures), &title, &head, &rows);
}
