//! Queues with known mean times, tails and losses.

use std::time::Duration;

use super::Row;
use crate::random::{Distribution, Shape};
use crate::scenario::{Arrivals, Keys, QueueModel, QueueServer, QueueServers, Scenario, Warmup};
use crate::stats::{Latencies, Outcome};
use crate::strategies::StrategySpec;
use crate::virtual_time::run_queue;

/// Replications of each: enough for the estimate of the standard error to be reliable.
const REPLICATIONS: u32 = 20;

/// A queue to measure. The mean service time is one millisecond.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) servers: u32,
    pub(super) workers: u32,
    /// Offered load of each worker at speed 1: 0.8 keeps four fifths of them busy.
    pub(super) load: f64,
    pub(super) service: Distribution,
    /// Longest queue.
    pub(super) queue_max: Option<u32>,
    /// Approximate number of measured jobs in each replication.
    pub(super) jobs: f64,
    /// Jobs of the warm-up; defaults to a quarter of `jobs`.
    pub(super) warmup_jobs: Option<f64>,
    /// Speed and weight of each server, when they differ.
    pub(super) each: Vec<(f64, f64)>,
    pub(super) keys: Option<Keys>,
}

impl Load {
    pub(super) fn new(service: Distribution) -> Self {
        Self {
            servers: 1,
            workers: 1,
            load: 0.8,
            service,
            queue_max: None,
            jobs: 150_000.0,
            warmup_jobs: None,
            each: Vec::new(),
            keys: None,
        }
    }

    fn scenario(&self, strategy: &StrategySpec) -> Scenario {
        let server = |speed, weight| QueueServer {
            id: None,
            workers: self.workers,
            speed,
            weight,
            queue_max: self.queue_max,
            count: 1,
        };
        let servers = if self.each.is_empty() {
            (0..self.servers).map(|_| server(1.0, 1.0)).collect()
        } else {
            self.each.iter().map(|(speed, weight)| server(*speed, *weight)).collect()
        };
        // A job takes a millisecond, so a worker serves a thousand per second.
        let rate_per_s = 1000.0 * self.load * f64::from(self.servers * self.workers);
        let queue = QueueModel {
            servers: QueueServers::Each(servers),
            arrivals: Arrivals { rate_per_s, gaps: Shape::Exponential, wave: 0.0, wave_period_s: 1.0 },
            service_ms: self.service,
            keys: self.keys,
            load_age_ms: 0.0,
            timeout_ms: None,
            retry: None,
        };
        Scenario {
            name: "verify".to_owned(),
            question: String::new(),
            queue: Some(queue),
            chat: None,
            strategies: vec![strategy.clone()],
            duration_s: self.jobs / rate_per_s,
            warmup_s: Warmup::Seconds(self.warmup_jobs.unwrap_or(self.jobs / 4.0) / rate_per_s),
            replications: REPLICATIONS,
            target_half_width: None,
            seed: 2001,
            metric: None,
            events: Vec::new(),
            expect: Vec::new(),
        }
    }
}

/// Runs all replications.
fn outcomes(load: &Load, strategy: &str) -> Vec<Outcome> {
    let strategy: StrategySpec =
        strategy.parse().unwrap_or_else(|error| unreachable!("a strategy of the table: {error}"));
    let scenario = load.scenario(&strategy);
    let Warmup::Seconds(warmup_s) = scenario.warmup_s else { unreachable!("seconds, as above") };
    let run = |replication| run_queue(&scenario, &strategy, replication, warmup_s);
    // A failed run gives no value, and its row fails.
    (0..REPLICATIONS).filter_map(|replication| run(replication).ok()).collect()
}

fn values(outcomes: &[Outcome], name: &str) -> Vec<f64> {
    outcomes.iter().filter_map(|outcome| outcome.metrics.get(name).copied()).collect()
}

fn metric(load: &Load, strategy: &str, name: &str) -> Vec<f64> {
    values(&outcomes(load, strategy), name)
}

/// Mean time of a job, in units of the mean service time.
pub(super) fn mean_times(load: &Load, strategy: &str) -> Vec<f64> {
    metric(load, strategy, "job_ms.mean")
}

/// More jobs at high load, where convergence is slow.
fn jobs(load: f64) -> f64 {
    match load {
        0.0..0.85 => 150_000.0,
        0.85..0.97 => 300_000.0,
        _ => 1_200_000.0,
    }
}

fn one_server(service: Distribution, targets: &[(f64, f64)]) -> Vec<Row> {
    let row = |(load, target): &(f64, f64)| {
        let times = mean_times(&Load { load: *load, jobs: jobs(*load), ..Load::new(service) }, "random");
        Row::simulated(format!("load {load}"), *target, 0.0, &times)
    };
    targets.iter().map(row).collect()
}

pub(super) fn mm1() -> Vec<Row> {
    one_server(
        Distribution::exponential(1.0),
        &[(0.5, 2.0), (0.8, 5.0), (0.9, 10.0), (0.95, 20.0), (0.99, 100.0)],
    )
}

pub(super) fn mm1_tail() -> Vec<Row> {
    let row = |load: f64| {
        let target = 100_f64.ln() / (1.0 - load);
        let queue = Load { load, jobs: jobs(load), ..Load::new(Distribution::exponential(1.0)) };
        Row::simulated(format!("load {load}"), target, 0.0, &metric(&queue, "random", "job_ms.p99"))
    };
    [0.5, 0.8, 0.9].map(row).into()
}

pub(super) fn md1() -> Vec<Row> {
    let targets = [(0.5, 1.5), (0.7, 2.0 + 1.0 / 6.0), (0.8, 3.0), (0.9, 5.5), (0.95, 10.5), (0.99, 50.5)];
    one_server(Distribution::fixed(1.0), &targets)
}

/// Pollaczek-Khinchine mean, T = 1 + ρ(1 + cs²)/(2(1 - ρ)), for any distribution of service.
pub(super) fn mg1() -> Vec<Row> {
    let targets = [(0.5, 3.5), (0.7, 6.0 + 5.0 / 6.0), (0.8, 11.0), (0.9, 23.5), (0.95, 48.5), (0.99, 248.5)];
    let mut rows = one_server(Distribution { mean: 1.0, shape: Shape::Hyperexponential(4.0) }, &targets);
    let lognormal = one_server(Distribution { mean: 1.0, shape: Shape::Lognormal(4.0) }, &targets[..3]);
    rows.extend(lognormal.into_iter().map(|row| Row { what: row.what + ", lognormal", ..row }));
    rows
}

const MMC: [(u32, f64, f64); 4] =
    [(2, 0.711_11, 2.777_78), (4, 0.596_43, 1.745_54), (8, 0.457_64, 1.286_03), (16, 0.304_88, 1.095_28)];

pub(super) fn mmc() -> Vec<Row> {
    let rows = |(workers, wait, time)| {
        let queue = Load { workers, jobs: 200_000.0, ..Load::new(Distribution::exponential(1.0)) };
        let outcomes = outcomes(&queue, "random");
        let row = |what: &str, target, name: &str| {
            Row::simulated(format!("c = {workers}: {what}"), target, 0.0, &values(&outcomes, name))
        };
        [row("P(wait)", wait, "wait_probability"), row("mean time", time, "job_ms.mean")]
    };
    MMC.into_iter().flat_map(rows).collect()
}

/// Erlang's loss formula by its recursion B(c) = aB(c-1)/(c + aB(c-1)); valid for any distribution
/// of service.
pub(super) fn loss() -> Vec<Row> {
    let row = |(workers, load, service, name): (u32, f64, Distribution, &str)| {
        let offered = load * f64::from(workers);
        let erlang = |blocked, c| offered * blocked / (f64::from(c) + offered * blocked);
        let target = (1..=workers).fold(1.0, erlang);
        let queue = Load { workers, load, queue_max: Some(0), ..Load::new(service) };
        let lost = metric(&queue, "random", "lost_fraction");
        Row::simulated(format!("c = {workers}, load {load}, {name}"), target, 0.0, &lost)
    };
    let hyperexponential = Distribution { mean: 1.0, shape: Shape::Hyperexponential(4.0) };
    [
        (1, 0.8, Distribution::exponential(1.0), "exponential"),
        (4, 0.8, Distribution::exponential(1.0), "exponential"),
        (10, 0.9, Distribution::fixed(1.0), "deterministic"),
        (10, 0.9, hyperexponential, "hyperexponential"),
    ]
    .map(row)
    .into()
}

pub(super) fn round_robin() -> Vec<Row> {
    let targets = [
        (2, 0.5, 1.618),
        (2, 0.8, 3.844),
        (2, 0.9, 7.588),
        (2, 0.95, 15.086),
        (10, 0.5, 1.3246),
        (10, 0.8, 2.9223),
        (10, 0.9, 5.6603),
        (10, 0.95, 11.155),
    ];
    let row = |(servers, load, target): (u32, f64, f64)| {
        let queue = Load { servers, load, jobs: jobs(load), ..Load::new(Distribution::exponential(1.0)) };
        // The targets are given to three decimals, or to four that differ by less than chance.
        let rounding = 0.0005 / 3.0;
        let times = mean_times(&queue, "round-robin");
        Row::simulated(format!("{servers} servers, load {load}"), target, rounding, &times)
    };
    targets.map(row).into()
}

pub(super) fn order() -> Vec<Row> {
    let four = Load { servers: 4, jobs: 200_000.0, ..Load::new(Distribution::exponential(1.0)) };
    let one_line = Load { servers: 1, workers: 4, ..four.clone() };
    let row = |(strategy, queue, target, error): (&str, &Load, f64, f64)| {
        let what = if queue.workers == 4 { "one line for all (M/M/4)" } else { strategy };
        Row::simulated(what, target, error, &mean_times(queue, strategy))
    };
    // The last three are exact; the others were simulated, to the digits given.
    [
        ("random", &one_line, 1.745_54, 0.0),
        ("least-connections", &four, 1.954, 0.001),
        ("two-choices", &four, 2.335, 0.001),
        ("join-idle-queue", &four, 2.336, 0.001),
        ("round-robin", &four, 3.267, 0.001),
        ("random", &four, 5.0, 0.0),
    ]
    .map(row)
    .into()
}

/// Speeds 1, 1, 1 and 0.5, and 1.6 jobs per service time.
pub(super) fn slow() -> Vec<Row> {
    const SPEEDS: [f64; 4] = [1.0, 1.0, 1.0, 0.5];
    const RATE: f64 = 1.6;
    // The split with the least mean time shares the spare capacity by the roots of the speeds.
    let (spare, roots) =
        (SPEEDS.iter().sum::<f64>() - RATE, SPEEDS.iter().map(|speed| speed.sqrt()).sum::<f64>());
    let best = SPEEDS.map(|speed| speed - speed.sqrt() * spare / roots);
    let row = |(what, strategy, weights, target): (&str, &str, [f64; 4], f64)| {
        let each = SPEEDS.into_iter().zip(weights).collect();
        let queue = Load {
            servers: 4,
            load: RATE / 4.0,
            each,
            jobs: 200_000.0,
            ..Load::new(Distribution::exponential(1.0))
        };
        Row::simulated(what, target, 0.0, &mean_times(&queue, strategy))
    };
    [
        ("the same to each", "random", [1.0; 4], 3.75),
        ("by speed", "weighted-rendezvous", SPEEDS, 2.105_26),
        ("the best fixed split", "weighted-rendezvous", best, 2.020_61),
    ]
    .map(row)
    .into()
}

/// Ten thousand operations of a millisecond, one every ten, then a stall in which as many more come
/// due.
pub(super) fn omission() -> Vec<Row> {
    let (mut seen, mut due) = (Latencies::default(), Latencies::default());
    for _ in 0..10_000 {
        seen.record(Duration::from_millis(1));
        due.record(Duration::from_millis(1));
    }
    seen.record(Duration::from_secs(100));
    for late in 0..10_000 {
        due.record(Duration::from_millis(100_000 - 10 * late));
    }
    // A histogram has three digits, and so do the published values.
    let near = |what: &str, target: f64, measured: f64| Row {
        what: what.to_owned(),
        target,
        measured,
        allowed: super::Allowed::Rounding(target * 0.001),
    };
    vec![
        near("mean as a closed loop sees it, ms", 10.999, seen.mean_ms()),
        near("mean from when each was due, s", 25.003, due.mean_ms() / 1e3),
        near("p50, ms", 1.0, due.quantile_ms(0.5)),
        near("p75, s", 50.0, due.quantile_ms(0.75) / 1e3),
        near("p99, s", 98.0, due.quantile_ms(0.99) / 1e3),
    ]
}
