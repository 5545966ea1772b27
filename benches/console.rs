//! What the console costs a cluster at full load: the processor time of its threads, and of its looks at the cluster.
//!
//! A cluster in its own process, with one stream of server-sent events that is read all the time, and robots here that keep
//! as much in flight as it takes. Threads tell their processor time each (`/proc/PID/task`, so this needs Linux): what is
//! not the cluster's is the console's. Its looks, one a second, are answered on the cluster's thread: they are counted by
//! asking many times more often while the same users are connected and silent.
//!
//! `cargo bench --bench console [-- --json]`

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pomelo_sim::robots::{self, Progress, Settings, Transport};
use serde_json::{Value, json};
use support::Figure;
use tempfile::TempDir;

const ROUNDS: usize = 5;

/// Seconds of load in a round.
const SECONDS: f64 = 4.0;

/// Looks that are asked for in a round without load.
const LOOKS: u32 = 400;

/// The cluster's process, and where things are.
struct Cluster {
    process: Child,
    gate: String,
    console: SocketAddr,
    _banner: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Cluster {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let servers = |kind: &str, count: usize, more: Value| -> Vec<Value> {
            let one = |n: usize| {
                let mut server = more.clone();
                server["id"] = json!(format!("{kind}-server-{n}"));
                server["host"] = json!("127.0.0.1");
                server
            };
            (1..=count).map(one).collect()
        };
        let frontend = json!({"clientPort": 0, "frontend": true});
        let servers = json!({
            "connector": servers("connector", 3, frontend.clone()),
            "chat": servers("chat", 3, json!({"port": 0})),
            "gate": servers("gate", 1, frontend),
        });
        fs::write(folder.path().join("servers.json"), servers.to_string()).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"))
            .args(["serve", "--admin", "off", "--console", "0", "--heartbeat", "0", "--config"])
            .arg(folder.path())
            .env_remove("NODE_ENV")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut banner = BufReader::new(process.stdout.take().unwrap());
        let mut text = String::new();
        while !text.contains("Ctrl-C") {
            assert!(banner.read_line(&mut text).unwrap() > 0, "no banner: {text}");
        }
        let after = |what: &str| text.split(what).nth(1).unwrap().split(['\n', '/']).next().unwrap();
        let (gate, console) = (after("at the gate, ").to_owned(), after("console http://").parse().unwrap());
        Self { process, gate, console, _banner: banner, _folder: folder }
    }

    /// Reads the stream until it ends.
    fn watch(&self) {
        let mut stream = self.ask("/api/v1/live");
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        });
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.console).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.console);
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    /// Processor time so far, in seconds: of the cluster's threads, and of all others.
    fn cpu(&self) -> (f64, f64) {
        let tasks = format!("/proc/{}/task", self.process.id());
        let (mut own, mut others) = (0.0, 0.0);
        for task in fs::read_dir(tasks).unwrap() {
            let path = task.unwrap().path();
            // A thread may end meanwhile.
            let read = |file: &str| fs::read_to_string(path.join(file)).unwrap_or_default();
            let nanos: f64 =
                read("schedstat").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
            // The cluster's own threads have no name but the program's.
            *(if read("comm").trim() == "pomelo-sim" { &mut own } else { &mut others }) += nanos / 1e9;
        }
        (own, others)
    }

    /// Lets robots do that, and gives the difference of what is read when their load begins and when it ends.
    fn load(&self, settings: Settings, mut at_load: impl FnMut()) -> ((f64, f64), f64, f64) {
        let settings = Settings {
            gate: Some(self.gate.clone()),
            users: Some(300),
            rooms: Some(10),
            transport: Some(Transport::Tcp),
            arrivals: Some(1000.0),
            warmup: Some(1.0),
            ..settings
        };
        let (mut first, mut last) = (None, (0.0, 0.0));
        let (mut began, mut ended) = (Duration::ZERO, Duration::ZERO);
        let stop = AtomicBool::new(false);
        let report = robots::run(&settings.plan().unwrap(), &stop, |progress: &Progress| {
            if progress.phase == "measuring" {
                if first.is_none() {
                    at_load();
                    (first, began) = (Some(self.cpu()), progress.elapsed);
                }
                (last, ended) = (self.cpu(), progress.elapsed);
            }
        });
        let report = report.unwrap();
        assert!(report.is_clean(), "{:?}", report.errors);
        let first = first.unwrap();
        ((last.0 - first.0, last.1 - first.1), (ended - began).as_secs_f64(), report.deliveries.per_second)
    }
}

fn main() {
    let cluster = Cluster::start();
    cluster.watch();
    let (mut threads, mut looks, mut whole) = (Figure::default(), Figure::default(), Figure::default());
    let (mut look_us, mut rates) = (Figure::default(), Figure::default());
    for _ in 0..ROUNDS {
        let load =
            Settings { senders: Some(10), window: Some(16), duration: Some(SECONDS), ..Settings::default() };
        let ((own, others), seconds, rate) = cluster.load(load, || {});
        let silent = Settings { senders: Some(0), duration: Some(1.0), ..Settings::default() };
        let mut look = 0.0;
        cluster.load(silent, || {
            let before = cluster.cpu().0;
            for _ in 0..LOOKS {
                cluster.ask("/api/v1/view").read_to_end(&mut Vec::new()).unwrap();
            }
            look = (cluster.cpu().0 - before) / f64::from(LOOKS);
        });
        // One look a second, of what the cluster takes in a second.
        let (of_threads, of_looks) = (100.0 * others / own, 100.0 * look * seconds / own);
        threads.add(of_threads);
        looks.add(of_looks);
        whole.add(of_threads + of_looks);
        look_us.add(look * 1e6);
        rates.add(rate / 1e6);
    }
    let figures = [
        ("deliveries a second, millions", rates, 2),
        ("a look, on the cluster's thread, µs", look_us, 0),
        ("the console's threads, % of the cluster's CPU", threads, 3),
        ("its looks, % of the cluster's CPU", looks, 3),
        ("both", whole, 3),
    ];
    let json: Value =
        figures.iter().map(|(what, figure, _)| json!({"what": what, "is": figure.json()})).collect();
    let rows: Vec<Vec<String>> =
        figures.iter().map(|(what, figure, digits)| vec![(*what).to_owned(), figure.text(*digits)]).collect();
    support::print(
        &json,
        "A console that is watched, beside a cluster that has all it can do",
        &["", "MEDIAN"],
        &rows,
    );
}
