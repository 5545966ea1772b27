//! Runs scenarios of the queue model, and compares their figures with theory.

// Included by several tests, none of which uses all of it.
#![allow(dead_code, unreachable_pub)]

use pomelo_sim::random::Random;
use pomelo_sim::scenario::Scenario;
use pomelo_sim::stats::Outcome;
use pomelo_sim::virtual_time::run_queue;
use serde_json::{Value, json};

/// A scenario with this `queue`, this strategy, and this many measured seconds.
pub fn scenario(queue: Value, strategy: &str, duration_s: f64) -> Scenario {
    // Each gets its own random stream: otherwise all tests would share the luck of one seed.
    let seed = Random::new(0, &queue.to_string()).between(0, u64::MAX);
    let scenario = json!({
        "name": "test",
        "question": "Is it as theory says?",
        "queue": queue,
        "strategies": [strategy],
        "duration_s": duration_s,
        "seed": seed,
    });
    serde_json::from_value(scenario).unwrap()
}

/// `servers` that serve a job in 1 ms on average, with this law; `rate` jobs come in a millisecond.
pub fn queue(servers: Value, rate: f64, service: Value) -> Value {
    json!({
        "servers": servers,
        "arrivals": {"rate_per_s": rate * 1000.0},
        "service_ms": {"mean": 1.0, "shape": service},
    })
}

pub fn exponential() -> Value {
    json!("exponential")
}

pub fn play(scenario: &Scenario, replication: u32, warmup_s: f64) -> Outcome {
    run_queue(scenario, &scenario.strategies[0], replication, warmup_s).unwrap()
}

/// A figure over replications: its mean, and the standard error of that.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub mean: f64,
    pub error: f64,
}

impl Figure {
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, error: (variance / n).sqrt() }
    }

    /// It is within four standard errors of the target: of the hundred figures that are held here,
    /// one or two would be off by more than three. And the errors are small enough for that to say
    /// something: a test that would pass with a figure a tenth off is none.
    #[track_caller]
    pub fn is(self, what: &str, target: f64) {
        let Self { mean, error } = self;
        assert!(4.0 * error <= 0.1 * target, "{what}: {mean} ± {error} says too little about {target}");
        assert!((mean - target).abs() <= 4.0 * error, "{what}: {mean} ± {error}, expected {target}");
    }

    /// It is surely less than the other: by three standard errors of both.
    #[track_caller]
    pub fn is_less(self, what: &str, other: Self) {
        let least = 3.0 * self.error.hypot(other.error);
        assert!(other.mean - self.mean > least, "{what}: {self:?} is not surely less than {other:?}");
    }
}

/// Twenty replications of a scenario.
pub struct Lab {
    pub outcomes: Vec<Outcome>,
}

impl Lab {
    pub fn run(scenario: &Scenario, warmup_s: f64) -> Self {
        Self { outcomes: (0..20).map(|replication| play(scenario, replication, warmup_s)).collect() }
    }

    pub fn figure(&self, metric: &str) -> Figure {
        let value = |outcome: &Outcome| *outcome.metrics.get(metric).unwrap_or_else(|| panic!("no {metric}"));
        Figure::of(&self.outcomes.iter().map(value).collect::<Vec<_>>())
    }
}

/// What must hold of every outcome, whatever the scenario is: every job is accounted for exactly,
/// and what servers held on average is what jobs spent there.
#[track_caller]
pub fn holds(outcome: &Outcome) {
    let figure = |name: &str| outcome.metrics[name];
    let reasons = ["queue_full", "timeout", "gave_up", "server_gone", "no_server"];
    let lost: f64 = reasons.iter().map(|reason| figure(&format!("lost.{reason}"))).sum();
    assert_eq!(figure("lost"), lost);
    assert_eq!(figure("attempted"), figure("done") + lost + figure("in_flight"), "{:?}", outcome.metrics);
    assert!(figure("little_error") < 1e-9, "{}", figure("little_error"));
    assert!(
        outcome.metrics.values().all(|value| value.is_finite() && *value >= 0.0),
        "{:?}",
        outcome.metrics
    );
    assert!(figure("utilisation.max") <= 1.0 && figure("wait_probability") <= 1.0);
}
