//! Whole experiments compared with queueing theory: how often their intervals contain the true
//! value.

use pomelo_sim::experiments::{self, Mode, Options};
use pomelo_sim::scenario::Scenario;
use serde_json::json;

/// M/M/1 at half load, sixty seeds: a mean of T = 1/(μ - λ) = 20 ms, 50 % that wait, W = T - 10 ms.
/// Of sixty intervals 57 are expected to hold the truth, with a standard deviation of 1.7; four of
/// these are allowed.
#[test]
fn intervals_of_experiments_hold_what_theory_says() {
    const SEEDS: u64 = 60;
    let truths =
        [("job_ms.mean", 20.0), ("wait_ms.mean", 10.0), ("wait_probability", 0.5), ("in_system.mean", 1.0)];
    let mut held = [0; 4];
    for seed in 1..=SEEDS {
        let scenario = json!({
            "name": "mm1",
            "question": "How long does a job take?",
            "queue": {"servers": 1, "arrivals": {"rate_per_s": 50}, "service_ms": {"mean": 10}},
            "strategies": ["random"],
            "duration_s": 40,
            "warmup_s": 2,
            "replications": 6,
            "seed": seed,
        });
        let scenario = Scenario::from_json(&scenario.to_string(), "mm1").unwrap();
        let engine = experiments::engine(&scenario, Mode::Virtual);
        let results = experiments::run(&scenario, &*engine, &Options::default(), &|_| {}).unwrap();
        for (held, (metric, truth)) in held.iter_mut().zip(truths) {
            *held += usize::from(results.strategies[0].figures[metric].estimate.contains(truth));
        }
    }
    assert!(held.iter().all(|held| (50..=60).contains(held)), "{held:?} of {SEEDS} hold {truths:?}");
}

/// What the answer says of random against one queue for all, M/M/1 five times against M/M/5 at 80
/// %: 50 ms against 15.54 ms.
#[test]
fn a_difference_is_as_theory_says_and_marked() {
    let scenario = json!({
        "name": "pooling",
        "question": "What does one queue for all save?",
        "queue": {"servers": 5, "arrivals": {"rate_per_s": 400}, "service_ms": {"mean": 10}},
        "strategies": ["random", "crc32-mod", "least-connections"],
        "duration_s": 60,
        "warmup_s": 5,
        "replications": 6,
    });
    let scenario = Scenario::from_json(&scenario.to_string(), "pooling").unwrap();
    let engine = experiments::engine(&scenario, Mode::Virtual);
    let results = experiments::run(&scenario, &*engine, &Options::default(), &|_| {}).unwrap();
    let figures = |index: usize| &results.strategies[index].figures["job_ms.mean"];
    // The shortest queue is between one queue for all, which never leaves a server idle, and half
    // of what blind choice takes.
    let best = figures(2).estimate;
    assert!(best.high() > 15.54 && best.low() < 25.0, "{best:?}");
    assert!(figures(2).against_first.unwrap().is_significant());
    // A hash of keys of their own is as blind as chance.
    let blind = figures(1).against_first.unwrap();
    assert!(!blind.is_significant(), "{blind:?}");
    assert!(
        results.answer.starts_with("least-connections has the lowest job_ms.mean: "),
        "{}",
        results.answer
    );
}
