//! How evenly servers worked: one row for each strategy, one dot for each server.

use super::super::words;
use super::canvas::{Anchor, Canvas};
use super::labels;
use super::scale::Scale;
use super::{NARROW, WIDE};
use crate::experiments::{Results, StrategyResults};

/// The work of a strategy's servers relative to the mean, which is 1: busy time, or messages
/// handled where only those are known.
struct Works {
    /// The strategy.
    name: String,
    /// Id and work of each server.
    servers: Vec<(String, f64)>,
}

const TOP: f64 = 8.0;
const BOTTOM: f64 = 40.0;

/// Diameter of a dot.
const DOT: f64 = 5.0;

/// Offsets of dots above and below a row's middle, in the order in which they are tried.
const LANES: [f64; 5] = [0.0, -5.0, 5.0, -10.0, 10.0];

/// The work in the measured time of the first replication, for strategies that have any.
fn works(results: &Results) -> Vec<Works> {
    results.strategies.iter().filter_map(|strategy| of(strategy, results.warmup_s)).collect()
}

fn of(strategy: &StrategyResults, warmup_s: f64) -> Option<Works> {
    let work = |busy: &[f64], step_s: f64| -> f64 {
        let warmup = if step_s > 0.0 { (warmup_s / step_s).ceil().max(0.0) as usize } else { 0 };
        busy.iter().skip(warmup).filter(|busy| busy.is_finite()).sum::<f64>() * step_s.max(0.0)
    };
    let servers: Vec<(String, f64)> = strategy
        .servers
        .iter()
        .map(|server| {
            let values = if server.busy.is_empty() { &server.handled_per_s } else { &server.busy };
            (server.id.to_string(), work(values, server.step_s))
        })
        .filter(|(_, work)| work.is_finite())
        .collect();
    let mean = servers.iter().map(|(_, work)| work).sum::<f64>() / servers.len() as f64;
    let by_mean = |(id, work): (String, f64)| (id, work / mean);
    (mean.is_finite() && mean > 0.0).then(|| Works {
        name: strategy.strategy.to_string(),
        servers: servers.into_iter().map(by_mean).collect(),
    })
}

/// The plot; `None` when no server had work.
pub(in crate::experiments::report) fn balance(results: &Results, width: f64) -> Option<Canvas> {
    let works = works(results);
    if works.is_empty() {
        return None;
    }
    let narrow = width < WIDE.midpoint(NARROW);
    let longest = works.iter().map(|row| labels::width(&row.name)).fold(0.0, f64::max);
    let pitch = if narrow { 44.0 } else { 30.0 };
    let (left, right) =
        if narrow { (14.0, width - 14.0) } else { ((longest + 22.0).clamp(90.0, 240.0), width - 230.0) };
    let height = TOP + works.len() as f64 * pitch + BOTTOM;
    let bottom = height - BOTTOM;
    let values = works.iter().flat_map(|row| row.servers.iter().map(|(_, work)| *work));
    let scale = Scale::around(values.chain([0.9, 1.1]), left, right);
    let mut canvas = Canvas::new(width, height, "Work by server", describe(&works));
    for tick in scale.ticks(if narrow { 4 } else { 6 }) {
        canvas.line((scale.at(tick), TOP), (scale.at(tick), bottom), "grid");
        canvas.text(scale.at(tick), bottom + 15.0, Anchor::Middle, "q", words::percent(tick));
    }
    canvas.line((scale.at(1.0), TOP), (scale.at(1.0), bottom), "one");
    let axis = "work of each server, by the mean of all: 100 % is even";
    canvas.text(left.midpoint(right), bottom + 32.0, Anchor::Middle, "q", axis);
    for (index, row) in works.iter().enumerate() {
        let y = TOP + index as f64 * pitch + if narrow { 28.0 } else { pitch / 2.0 };
        let dots = swarm(row.servers.iter().map(|(_, work)| scale.at(*work)).collect(), y);
        canvas.open(sentence(row));
        canvas.line((left, y), (right, y), "grid");
        canvas.dots(&dots, "work");
        let peak = peak(row).map_or_else(String::new, |(id, work)| {
            format!("{} {}", words::shortened(id, if narrow { 16 } else { 20 }), words::percent(*work))
        });
        if narrow {
            canvas.text(left, y - 13.0, Anchor::Start, "", words::shortened(&row.name, 22));
            canvas.text(right, y - 13.0, Anchor::End, "q", peak);
        } else {
            canvas.text(left - 12.0, y + 4.0, Anchor::End, "", words::shortened(&row.name, 32));
            canvas.text(right + 14.0, y + 4.0, Anchor::Start, "q", format!("busiest: {peak}"));
        }
        canvas.close();
    }
    Some(canvas)
}

/// Moves dots that would overlap above and below the line.
fn swarm(mut places: Vec<f64>, y: f64) -> Vec<(f64, f64)> {
    places.sort_by(f64::total_cmp);
    let mut last = [f64::MIN; LANES.len()];
    let dot = |x: f64| {
        let free = (0..LANES.len()).find(|lane| x - last[*lane] >= DOT);
        // Without a free lane, reuse the one whose last dot ends first.
        let lane = free.unwrap_or_else(|| {
            let ends = last.iter().enumerate();
            ends.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(lane, _)| lane)
        });
        last[lane] = x;
        (x, y + LANES[lane])
    };
    places.into_iter().map(dot).collect()
}

fn peak(row: &Works) -> Option<&(String, f64)> {
    // Among equal servers, the first.
    row.servers.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1))
}

fn sentence(row: &Works) -> String {
    let least = row.servers.iter().map(|(_, work)| *work).fold(f64::MAX, f64::min);
    let most = peak(row).map_or(1.0, |(_, work)| *work);
    format!("{}: from {} to {} of the mean", row.name, words::percent(least), words::percent(most))
}

fn describe(works: &[Works]) -> String {
    format!(
        "Work of each server by the mean of all. {}.",
        works.iter().map(sentence).collect::<Vec<_>>().join("; ")
    )
}
