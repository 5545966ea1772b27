//! Converts a scenario to a plan for robots, and their report to an outcome.

use std::collections::BTreeMap;

use super::watch::Seen;
use crate::robots::{Report, Settings, Summary};
use crate::router::RouterCounters;
use crate::scenario::{ChatModel, Scenario};
use crate::stats::{Balance, LatencyCurve, Mark, Outcome, Quantile};

/// Logins per second for a scenario in which everybody is in from the start.
const LOGINS_PER_S: f64 = 500.0;

/// The robots' plan.
pub(super) fn plan(
    scenario: &Scenario,
    chat: &ChatModel,
    gate: String,
    replication: u32,
    warmup_s: f64,
) -> Settings {
    let talk = chat.talk;
    // Robots have no silent periods: they talk at the average rate.
    let share = match (talk.on_s, talk.off_s) {
        (Some(on), Some(off)) => on.mean / (on.mean + off.mean),
        _ => 1.0,
    };
    Settings {
        gate: Some(gate),
        users: Some(chat.users as usize),
        rooms: Some(chat.rooms as usize),
        zipf: Some(chat.zipf),
        arrivals: Some(chat.logins_per_s.unwrap_or(LOGINS_PER_S)),
        rate: Some(talk.per_s * share),
        payload: Some(chat.payload_bytes.mean as usize),
        churn: Some(chat.session_s.map_or(0.0, |session| 60.0 / session.mean)),
        duration: Some(scenario.duration_s),
        warmup: Some(warmup_s),
        timeout: Some(chat.timeout_s),
        seed: Some(scenario.seed.wrapping_add(u64::from(replication))),
        ..Settings::default()
    }
}

/// The outcome of a run.
pub(super) fn outcome(report: &Report, router: RouterCounters, marks: Vec<Mark>, seen: Seen) -> Outcome {
    let mut metrics = BTreeMap::new();
    let mut latencies = BTreeMap::new();
    let measured = report.latency_us;
    for (name, summary) in [
        ("gate", measured.gate),
        ("enter", measured.enter),
        ("send", measured.send),
        ("deliver", measured.deliver),
    ] {
        put_quantiles(name, &summary, &mut metrics);
        latencies.extend(latency(&summary).map(|latency| (name.to_owned(), latency)));
    }
    let errors: u64 = report.errors.values().sum();
    let integrity = &report.integrity;
    for (name, value) in [
        ("messages", report.sends.count as f64),
        ("deliveries", report.deliveries.count as f64),
        ("throughput_per_s", report.deliveries.per_second),
        ("lost", integrity.lost as f64),
        ("lost.error", errors as f64),
        ("reconnects", report.returns as f64),
        ("moved_rooms", router.rooms_moved as f64),
        ("kicked", (router.missed + router.supplanted) as f64),
    ] {
        metrics.insert(name.to_owned(), value);
    }
    if let Some(balance) = Balance::of(&seen.handled) {
        for (name, value) in [
            ("balance.peak_to_mean", balance.peak_to_mean),
            ("balance.min_to_mean", balance.min_to_mean),
            ("balance.cv", balance.cv),
            ("balance.jain", balance.jain),
        ] {
            metrics.insert(name.to_owned(), value);
        }
    }
    Outcome { metrics, latencies, servers: seen.series, marks }
}

fn put_quantiles(name: &str, summary: &Summary, metrics: &mut BTreeMap<String, f64>) {
    let Summary { count, p50, p90, p99, p999, max, mean } = *summary;
    if count == 0 {
        return;
    }
    for (part, micros) in
        [("mean", mean), ("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)]
    {
        metrics.insert(format!("{name}_ms.{part}"), micros as f64 / 1e3);
    }
}

fn latency(summary: &Summary) -> Option<LatencyCurve> {
    let Summary { count, p50, p90, p99, p999, max, mean } = *summary;
    let points = [(0.5, p50), (0.9, p90), (0.99, p99), (0.999, p999), (1.0, max)];
    let quantiles = points.map(|(share, micros)| Quantile { share, ms: micros as f64 / 1e3 }).to_vec();
    (count > 0).then(|| LatencyCurve { count, mean_ms: mean as f64 / 1e3, quantiles })
}
