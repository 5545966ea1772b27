//! The supermarket model: many servers, and each job joins the least loaded of a few random ones.

use super::Row;
use super::queues::{Load, mean_times};
use super::row::mean_and_error;
use crate::random::Distribution;

/// Loads of the published tables.
const LOADS: [f64; 6] = [0.5, 0.7, 0.8, 0.9, 0.95, 0.99];

/// Relative error assumed for the published simulations (their text gives none): at load 0.99, runs
/// of 10^5 service times leave about one percent.
const TABLE_ERROR: [f64; 6] = [0.001, 0.001, 0.001, 0.002, 0.003, 0.01];

pub(super) fn two() -> Vec<Row> {
    table(2, [1.2673, 1.6202, 1.9585, 2.6454, 3.4610, 5.9275])
}

pub(super) fn three() -> Vec<Row> {
    table(3, [1.1277, 1.3634, 1.5940, 2.0614, 2.6137, 4.4080])
}

pub(super) fn five() -> Vec<Row> {
    table(5, [1.0340, 1.1766, 1.3419, 1.6714, 2.0730, 3.4728])
}

pub(super) fn two_limit() -> Vec<Row> {
    limit(2, [1.2657, 1.6145, 1.9474, 2.6141, 3.3830, 5.4320])
}

pub(super) fn three_limit() -> Vec<Row> {
    limit(3, [1.1252, 1.3568, 1.5809, 2.0279, 2.5351, 3.8578])
}

/// 100 servers, distinct choices.
fn table(choices: u32, targets: [f64; 6]) -> Vec<Row> {
    let rows = LOADS.into_iter().zip(targets).zip(TABLE_ERROR);
    rows.map(|((load, target), error)| {
        let jobs = if load > 0.96 { 400_000.0 } else { 100_000.0 };
        let queue = Load { servers: 100, load, jobs, ..Load::new(Distribution::exponential(1.0)) };
        let times = mean_times(&queue, &format!("two-choices({choices})"));
        Row::simulated(format!("load {load}"), target, target * error, &times)
    })
    .collect()
}

/// The limit of infinitely many servers: the mean time differs from it by about c/n, so it is
/// extrapolated from 500 and 1000 servers (Richardson).
fn limit(choices: u32, targets: [f64; 6]) -> Vec<Row> {
    let rows = LOADS.into_iter().zip(targets);
    rows.map(|(load, target)| {
        // A queue forgets its start after about 1/(1 - load)² service times, sooner with choices.
        // The number of jobs is that times the number of servers.
        let service_times = if load > 0.96 { 400.0 } else { 3.0 / (1.0 - load) + 30.0 };
        let times = |servers: u32| {
            let warmup_jobs = Some(service_times * f64::from(servers) * load);
            let service = Distribution::exponential(1.0);
            let queue = Load { servers, load, jobs: 120_000.0, warmup_jobs, ..Load::new(service) };
            mean_times(&queue, &format!("two-choices({choices})"))
        };
        let (half, whole) = (times(500), times(1000));
        let (half, half_error) = mean_and_error(&half);
        let (whole, whole_error) = mean_and_error(&whole);
        let error = (2.0 * whole_error).hypot(half_error);
        Row::extrapolated(format!("load {load}"), target, 2.0 * whole - half, error)
    })
    .collect()
}
