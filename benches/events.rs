//! The virtual clock's speed: its event queue against a binary heap, and a queueing model on it
//! against SimPy.
//!
//! - `hold`: the hold model (Jones 1986). The queue holds a fixed number of events; one is taken
//!   and one is scheduled, later by a random gap with mean 1 s. The heap is the standard library's,
//!   with the same events in the same order, which is checked.
//! - `mm1`: an M/M/1 queue at load 0.8, one thread. An event is an arrival or a departure on both
//!   sides. SimPy's model is `events/mm1.py`; SimPy is installed with pip into a temporary folder.
//!
//! Both sides alternate; figures are medians. `cargo bench --bench events [-- hold|mm1] [--json]`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pomelo_sim::random::{Distribution, Random, Shape};
use pomelo_sim::scenario::Scenario;
use pomelo_sim::time::Time;
use pomelo_sim::virtual_time::{EventQueue, run_queue};
use serde_json::{Value, json};

use support::Figure;

const ROUNDS: usize = 5;

/// Distributions of the gaps, which must not affect the queue, and numbers of pending events.
const HOLDS: &[(&str, Gaps, &[usize])] = &[
    ("exponential", Gaps::Of(Shape::Exponential), &[10, 1_000, 100_000, 1_000_000, 10_000_000]),
    ("constant", Gaps::Of(Shape::Deterministic), &[1_000, 1_000_000]),
    ("bimodal", Gaps::Bimodal, &[1_000, 1_000_000]),
    ("heavy tail", Gaps::Of(Shape::Pareto(1.1)), &[1_000, 1_000_000]),
];

/// An event's payload, as large as the engines'.
type Payload = [u32; 4];

#[derive(Clone, Copy)]
enum Gaps {
    Of(Shape),
    /// Nine in ten are at most a tenth of the mean, the others about nine times the mean.
    Bimodal,
}

/// Gaps are drawn in advance: drawing them would cost more than some of the measured operations.
struct Drawn {
    gaps: Vec<u64>,
    next: usize,
}

trait Queue: Default {
    fn plan(&mut self, at: u64, event: Payload);
    fn pop(&mut self) -> Option<(u64, Payload)>;
}

impl Queue for EventQueue<Payload> {
    fn plan(&mut self, at: u64, event: Payload) {
        EventQueue::plan(self, Time::from_nanos(at), event);
    }

    fn pop(&mut self) -> Option<(u64, Payload)> {
        EventQueue::pop(self).map(|(at, event)| (at.as_nanos(), event))
    }
}

/// The obvious event queue: a heap of times and sequence numbers.
#[derive(Default)]
struct Heap {
    heap: BinaryHeap<Reverse<(u64, u64, Payload)>>,
    planned: u64,
}

impl Queue for Heap {
    fn plan(&mut self, at: u64, event: Payload) {
        self.planned += 1;
        self.heap.push(Reverse((at, self.planned, event)));
    }

    fn pop(&mut self) -> Option<(u64, Payload)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

impl Drawn {
    fn new(gaps: Gaps) -> Self {
        let mut random = Random::new(1, "gaps");
        let mut draw = || match gaps {
            Gaps::Of(shape) => Distribution { mean: 1e9, shape }.draw(&mut random),
            Gaps::Bimodal if random.chance(0.9) => 1e8 * random.unit(),
            Gaps::Bimodal => 9e9 + 1e9 * random.unit(),
        };
        // A length that is coprime to the numbers of events.
        Self { gaps: (0..65_521).map(|_| draw() as u64).collect(), next: 0 }
    }

    fn draw(&mut self) -> u64 {
        self.next = if self.next + 1 < self.gaps.len() { self.next + 1 } else { 0 };
        self.gaps[self.next]
    }
}

/// Millions of events taken and scheduled per second, and a digest of their order.
fn hold<Q: Queue>(pending: usize, gaps: Gaps) -> (f64, u64) {
    let mut drawn = Drawn::new(gaps);
    let mut first = Random::new(2, "first");
    let mut queue = Q::default();
    for number in 0..pending {
        let at = first.between(0, 1_000_000_000);
        queue.plan(at, [number as u32; 4]);
    }
    let mut turn = |count: usize| {
        let mut digest = 0_u64;
        for _ in 0..count {
            let (at, event) = queue.pop().unwrap();
            digest = digest.wrapping_mul(31).wrapping_add(at ^ u64::from(event[0]));
            queue.plan(at + drawn.draw(), event);
        }
        digest
    };
    // Run until the queue has reached its steady state.
    turn(pending.min(2_000_000));
    let count = 1_000_000;
    let start = Instant::now();
    let digest = turn(count);
    (count as f64 / start.elapsed().as_secs_f64() / 1e6, digest)
}

fn hold_table(json: &mut Value) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (name, gaps, pendings) in HOLDS {
        for pending in *pendings {
            let (mut ours, mut heaps) = (Figure::default(), Figure::default());
            for _ in 0..ROUNDS {
                let (rate, order) = hold::<EventQueue<Payload>>(*pending, *gaps);
                let (heap_rate, heap_order) = hold::<Heap>(*pending, *gaps);
                assert_eq!(order, heap_order, "another order, {name}, {pending} pending");
                ours.add(rate);
                heaps.add(heap_rate);
            }
            let ratio = ours.median() / heaps.median();
            rows.push(vec![
                (*name).to_owned(),
                pending.to_string(),
                ours.text(1),
                heaps.text(2),
                format!("{ratio:.1}"),
            ]);
            json["hold"][name][pending.to_string()] =
                json!({"queue": ours.json(), "heap": heaps.json(), "ratio": ratio});
        }
    }
    rows
}

/// A scenario whose service takes 1 ms on average: milliseconds here are SimPy's seconds.
fn mm1(duration_s: f64) -> Scenario {
    serde_json::from_value(json!({
        "name": "mm1",
        "question": "How quick is the virtual clock?",
        "queue": {"servers": 1, "arrivals": {"rate_per_s": 800.0}, "service_ms": {"mean": 1.0}},
        "strategies": ["round-robin"],
        "duration_s": duration_s,
    }))
    .unwrap()
}

/// Millions of events per second, and the mean time in system in service times.
fn ours(round: u32) -> (f64, f64) {
    let scenario = mm1(5_000.0);
    let start = Instant::now();
    let outcome = run_queue(&scenario, &scenario.strategies[0], round, 0.0).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let events = outcome.metrics["attempted"] + outcome.metrics["done"];
    (events / seconds / 1e6, outcome.metrics["job_ms.mean"])
}

/// A Python with SimPy, in a temporary folder.
struct SimPy {
    folder: PathBuf,
}

impl SimPy {
    fn install() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("pomelo-sim-simpy-{}", std::process::id()));
        let simpy = Self { folder };
        run(Command::new("python3").args(["-m", "venv"]).arg(&simpy.folder))?;
        run(Command::new(simpy.folder.join("bin/pip")).args(["install", "-q", "simpy==4.1.2"]))?;
        Ok(simpy)
    }

    fn run(&self, round: usize) -> Result<(f64, f64), String> {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/events/mm1.py");
        let mut python = Command::new(self.folder.join("bin/python"));
        let out = run(python.arg(model).args(["0.8", "200000", &round.to_string()]))?;
        let out: Value = serde_json::from_str(&out).map_err(|error| error.to_string())?;
        let number = |name: &str| out[name].as_f64().unwrap();
        Ok((number("events") / number("seconds") / 1e6, number("mean")))
    }
}

impl Drop for SimPy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let out = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !out.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&out.stderr)));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

fn mm1_table(json: &mut Value) -> Vec<Vec<String>> {
    let simpy = SimPy::install();
    if let Err(error) = &simpy {
        eprintln!("SIMPY IS NOT MEASURED, for it cannot be installed: {error}");
    }
    let (mut rates, mut means) = (Figure::default(), Figure::default());
    let (mut simpy_rates, mut simpy_means) = (Figure::default(), Figure::default());
    ours(0);
    for round in 0..ROUNDS {
        let (rate, mean) = ours(round as u32);
        rates.add(rate);
        means.add(mean);
        if let Ok(simpy) = &simpy {
            let (rate, mean) = simpy.run(round).unwrap();
            simpy_rates.add(rate);
            simpy_means.add(mean);
        }
    }
    json["mm1"]["queue model"] = json!({"events": rates.json(), "mean": means.json()});
    let mut rows = vec![vec!["queue model".to_owned(), rates.text(2), means.text(3), String::new()]];
    if simpy.is_ok() {
        let ratio = rates.median() / simpy_rates.median();
        rows.push(vec!["SimPy".to_owned(), simpy_rates.text(3), simpy_means.text(3), format!("{ratio:.1}")]);
        json["mm1"]["simpy"] =
            json!({"events": simpy_rates.json(), "mean": simpy_means.json(), "ratio": ratio});
    }
    rows
}

fn main() {
    let wanted = |part: &str| {
        let parts: Vec<String> =
            std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        parts.is_empty() || parts.iter().any(|wanted| wanted == part)
    };
    let start = Instant::now();
    let mut json = json!({});
    if wanted("mm1") {
        let rows = mm1_table(&mut json);
        let title = "M/M/1 at load 0.8, mean time in system 5: millions of events in a second, one thread";
        let head = ["", "M events/s", "mean time", "times SimPy"];
        if !support::wants_json() {
            support::print(&json, title, &head, &rows);
        }
    }
    if wanted("hold") {
        let rows = hold_table(&mut json);
        let title = "hold model: millions of events taken and planned in a second";
        let head = ["gaps", "pending", "event queue", "binary heap", "times the heap"];
        if !support::wants_json() {
            support::print(&json, title, &head, &rows);
        }
    }
    if support::wants_json() {
        println!("{json}");
    } else {
        println!("{:.0?} in all", Duration::from_secs(start.elapsed().as_secs()));
    }
}
