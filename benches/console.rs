//! The console's cost for a cluster at full load: CPU time of its threads, and of its snapshots of
//! the cluster.
//!
//! A cluster in a separate process, with one open stream of server-sent events, and robots here
//! that saturate it. CPU time is read per thread (`/proc/PID/task`, so this needs Linux): every
//! thread that is not the cluster's is the console's. The console's snapshots, one per second, are
//! taken on the cluster's thread: their cost is measured on a cluster in this process, with many
//! snapshots while the same number of users is connected and silent.
//!
//! `cargo bench --bench console [-- --json]`

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::ClusterSpec;
use pomelo_sim::robots::{self, Progress, Settings, TransportChoice};
use serde_json::{Value, json};
use support::Figure;
use tempfile::TempDir;

const ROUNDS: usize = 5;

/// Seconds of load in a round.
const SECONDS: f64 = 4.0;

/// Snapshots in a round without load.
const LOOKS: u32 = 400;

/// The cluster's process, and its addresses.
struct Process {
    process: Child,
    gate: String,
    console: SocketAddr,
    _banner: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Process {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("servers.json"), servers_json()).unwrap();
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

    /// Reads a stream until it ends.
    fn watch(&self) {
        let mut stream = TcpStream::connect(self.console).unwrap();
        let head = format!("GET /api/v1/live HTTP/1.1\r\nHost: {}\r\n\r\n", self.console);
        stream.write_all(head.as_bytes()).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        });
    }

    /// CPU time so far, in seconds: of the cluster's threads, and of all others.
    fn cpu(&self) -> (f64, f64) {
        let (mut own, mut others) = (0.0, 0.0);
        for (thread, seconds) in threads(&self.process.id().to_string()) {
            // The cluster's threads keep the program's name.
            let name = fs::read_to_string(thread.join("comm")).unwrap_or_default();
            *(if name.trim() == "pomelo-sim" { &mut own } else { &mut others }) += seconds;
        }
        (own, others)
    }
}

/// The threads of a process, and the CPU time of each, in seconds.
fn threads(process: &str) -> Vec<(PathBuf, f64)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let read = |path: PathBuf| {
        // A thread may end meanwhile.
        let nanos = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        let nanos: f64 = nanos.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        (path, nanos / 1e9)
    };
    tasks.map(|task| read(task.unwrap().path())).collect()
}

/// The tutorial's servers, on free ports.
fn servers_json() -> String {
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
    servers.to_string()
}

/// Runs robots against a gate and returns deliveries per second. `at_load` is called during the
/// load, at its start and then a few times a second.
fn load(gate: &str, settings: Settings, mut at_load: impl FnMut(Duration)) -> f64 {
    let settings = Settings {
        gate: Some(gate.to_owned()),
        users: Some(300),
        rooms: Some(10),
        transport: Some(TransportChoice::Tcp),
        arrivals: Some(1000.0),
        warmup: Some(1.0),
        ..settings
    };
    let stop = AtomicBool::new(false);
    let report = robots::run(&settings.plan().unwrap(), &stop, |progress: &Progress| {
        if progress.phase == "measuring" {
            at_load(progress.elapsed);
        }
    });
    let report = report.unwrap();
    assert!(report.is_clean(), "{:?}", report.errors);
    report.deliveries.per_second
}

/// Cost of a snapshot on the cluster's thread, in seconds, while 300 users are connected and
/// silent.
fn look() -> f64 {
    let before: Vec<PathBuf> = threads("self").into_iter().map(|(thread, _)| thread).collect();
    let spec = ClusterSpec::from_json(&servers_json(), "development", Path::new("servers.json")).unwrap();
    let cluster = Cluster::from_spec(spec).start().unwrap();
    let own: Vec<PathBuf> = threads("self").into_iter().map(|(thread, _)| thread).collect();
    let own: Vec<PathBuf> = own.into_iter().filter(|thread| !before.contains(thread)).collect();
    let cpu = || {
        let all = threads("self").into_iter();
        all.filter(|(thread, _)| own.contains(thread)).map(|(_, seconds)| seconds).sum::<f64>()
    };
    let silent = Settings { senders: Some(0), duration: Some(1.0), ..Settings::default() };
    let mut cost = None;
    load(&cluster.address("gate-server-1").unwrap().to_string(), silent, |_| {
        if cost.is_none() {
            let before = cpu();
            for _ in 0..LOOKS {
                drop(cluster.view().unwrap());
            }
            cost = Some((cpu() - before) / f64::from(LOOKS));
        }
    });
    cluster.stop();
    cost.unwrap()
}

fn main() {
    let cluster = Process::start();
    cluster.watch();
    let (mut threads, mut looks, mut whole) = (Figure::default(), Figure::default(), Figure::default());
    let (mut look_us, mut rates) = (Figure::default(), Figure::default());
    for _ in 0..ROUNDS {
        let full =
            Settings { senders: Some(10), window: Some(16), duration: Some(SECONDS), ..Settings::default() };
        let mut seen = Vec::new();
        let rate = load(&cluster.gate, full, |elapsed| seen.push((elapsed, cluster.cpu())));
        let (first, last) = (seen[0], seen[seen.len() - 1]);
        let seconds = (last.0 - first.0).as_secs_f64();
        let (own, others) = (last.1.0 - first.1.0, last.1.1 - first.1.1);
        let look = look();
        // One snapshot per second, relative to the cluster's CPU time per second.
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
