//! The supermarket model: many servers, and each job goes to the least loaded of a few that are drawn.

use super::Row;
use super::queues::{Load, mean_times};
use super::row::mean_and_error;
use crate::random::Law;

/// Loads of the tables.
const LOADS: [f64; 6] = [0.5, 0.7, 0.8, 0.9, 0.95, 0.99];

/// What the published simulations may be off, as a share (their text gives none): at 0.99 runs of 10^5 service times
/// leave about one percent.
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
        let jobs = if load > 0.96 { 800_000.0 } else { 200_000.0 };
        let times = times(choices, load, 100, jobs);
        Row::simulated(format!("load {load}"), target, target * error, &times)
    })
    .collect()
}

/// More servers than there are: the mean time differs from its limit by about c/n, so that of 500 and that of 1000 servers
/// together say what the limit is (Richardson).
fn limit(choices: u32, targets: [f64; 6]) -> Vec<Row> {
    let rows = LOADS.into_iter().zip(targets);
    rows.map(|(load, target)| {
        let jobs = if load > 0.96 { 1_000_000.0 } else { 200_000.0 };
        let (half, whole) = (times(choices, load, 500, jobs), times(choices, load, 1000, jobs));
        let (half, half_error) = mean_and_error(&half);
        let (whole, whole_error) = mean_and_error(&whole);
        let error = (2.0 * whole_error).hypot(half_error);
        Row::extrapolated(format!("load {load}"), target, 2.0 * whole - half, error)
    })
    .collect()
}

fn times(choices: u32, load: f64, servers: u32, jobs: f64) -> Vec<f64> {
    let strategy = format!("two-choices({choices})");
    mean_times(&Load { servers, load, jobs, ..Load::new(Law::exponential(1.0)) }, &strategy)
}
