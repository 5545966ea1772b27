//! Latency by percentile: one plot for each operation, one line for each strategy.

use std::collections::BTreeSet;

use super::super::words;
use super::canvas::{Anchor, Canvas};
use super::labels;
use super::scale::Scale;
use super::{NARROW, WIDE};
use crate::experiments::Results;
use crate::stats::LatencyCurve;

/// One line.
struct Line {
    name: String,
    index: usize,
    /// Nines (0 for the median… 1 for 90 %, 2 for 99 %) and milliseconds.
    points: Vec<(f64, f64)>,
}

/// Percentiles below this are left out: they say little, and would take a decade of the axis.
const SHARE_MIN: f64 = 0.1;

const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// Operations with latencies under any strategy, first the one of the answer.
pub(in crate::experiments::report) fn kinds(results: &Results) -> Vec<&str> {
    let curves = results.strategies.iter().flat_map(|strategy| strategy.curves.iter());
    let kinds = curves.filter(|(_, curve)| !points(curve).is_empty()).map(|(kind, _)| kind.as_str());
    let mut kinds: Vec<&str> = kinds.collect::<BTreeSet<_>>().into_iter().collect();
    kinds.sort_by_key(|kind| !results.metric.starts_with(&format!("{kind}_ms.")));
    kinds
}

/// The curves of one operation; `None` without any.
pub(in crate::experiments::report) fn curves(results: &Results, kind: &str, width: f64) -> Option<Canvas> {
    let strategies = results.strategies.iter().enumerate();
    let lines: Vec<Line> = strategies
        .filter_map(|(index, strategy)| {
            let points = points(strategy.curves.get(kind)?);
            (!points.is_empty()).then(|| Line { name: strategy.strategy.to_string(), index, points })
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let narrow = width < WIDE.midpoint(NARROW);
    let name_max = if narrow { 14 } else { 28 };
    let longest =
        lines.iter().map(|line| labels::width(&words::shortened(&line.name, name_max))).fold(0.0, f64::max);
    let height =
        (TOP + BOTTOM + lines.len() as f64 * labels::LINE + 40.0).max(if narrow { 260.0 } else { 360.0 });
    let (left, right) = (if narrow { 46.0 } else { 62.0 }, width - longest - 34.0);
    let (top, bottom) = (TOP, height - BOTTOM);
    let values = || lines.iter().flat_map(|line| line.points.iter().map(|(_, ms)| *ms));
    let y = Scale::fitting(values(), bottom, top).to_whole_ticks(6);
    let nines = lines.iter().flat_map(|line| line.points.iter().map(|(nines, _)| *nines)).fold(1.0, f64::max);
    let x = |value: f64| left + (value / nines).clamp(0.0, 1.0) * (right - left);
    let title = format!("Latency of {kind} by percentile");
    let mut canvas = Canvas::new(width, height, title, describe(results, kind));
    for tick in y.ticks(6) {
        canvas.line((left, y.at(tick)), (right, y.at(tick)), "grid");
        canvas.text(left - 6.0, y.at(tick) + 4.0, Anchor::End, "q", words::milliseconds(tick));
    }
    let mut free = f64::MIN;
    for (share, text) in shares().take_while(|(share, _)| *share <= nines) {
        let (place, half) = (x(share), labels::width(text) / 2.0);
        if place - half < free {
            continue;
        }
        free = place + half + 4.0;
        canvas.line((place, top), (place, bottom), "grid");
        canvas.text(place, bottom + 15.0, Anchor::Middle, "q", text);
    }
    canvas.line((left, bottom), (right, bottom), "axis");
    let scale = if y.is_log() { "percentile; latency logarithmic" } else { "percentile" };
    canvas.text(left.midpoint(right), bottom + 32.0, Anchor::Middle, "q", scale);
    draw(&mut canvas, &lines, (&x, &y), (right, top, bottom), name_max);
    Some(canvas)
}

fn draw(
    canvas: &mut Canvas,
    lines: &[Line],
    (x, y): (&dyn Fn(f64) -> f64, &Scale),
    (right, top, bottom): (f64, f64, f64),
    name_max: usize,
) {
    let ends: Vec<(f64, f64)> = lines
        .iter()
        .filter_map(|line| line.points.last())
        .map(|(nines, ms)| (x(*nines), y.at(*ms)))
        .collect();
    let wanted: Vec<f64> = ends.iter().map(|(_, y)| *y).collect();
    let places = labels::spread(&wanted, labels::LINE, top + 4.0, bottom - 2.0);
    for ((line, end), place) in lines.iter().zip(&ends).zip(&places) {
        let points: Vec<(f64, f64)> = line.points.iter().map(|(nines, ms)| (x(*nines), y.at(*ms))).collect();
        canvas.open(&line.name);
        let strong = if line.index == 0 { " strong" } else { "" };
        canvas.polyline(&points, &format!("{}{strong}", labels::look(line.index)));
        canvas.polyline(&[*end, (right + 10.0, *place), (right + 14.0, *place)], "lead");
        labels::marker(canvas, *end, line.index);
        labels::marker(canvas, (right + 20.0, *place), line.index);
        let name = words::shortened(&line.name, name_max);
        canvas.text(right + 29.0, place + 4.0, Anchor::Start, if line.index == 0 { "b" } else { "" }, name);
        canvas.close();
    }
}

/// Points on the scale of HDR plots, where each nine is equally wide. A curve ends where a single
/// measurement remains.
fn points(curve: &LatencyCurve) -> Vec<(f64, f64)> {
    let end = (curve.count.max(2) as f64).log10();
    let place = |share: f64| if share >= 1.0 { end } else { -(1.0 - share).log10() };
    let points = curve.quantiles.iter().filter(|of| of.ms.is_finite() && of.share >= SHARE_MIN);
    points
        .map(|quantile| (place(quantile.share), quantile.ms))
        .filter(|(nines, _)| *nines <= end && nines.is_finite())
        .collect()
}

/// Percentiles labelled along the axis, by their nines.
fn shares() -> impl Iterator<Item = (f64, &'static str)> {
    let nines = ["90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999", "99.999999", "99.9999999"];
    let half = std::iter::once((2f64.log10(), "50"));
    half.chain((1..).map(f64::from).zip(nines))
}

fn describe(results: &Results, kind: &str) -> String {
    let strategies = results.strategies.iter();
    let each: Vec<String> = strategies
        .filter_map(|strategy| {
            let curve = strategy.curves.get(kind)?;
            let at = |share: f64| {
                let quantile = curve.quantiles.iter().find(|quantile| quantile.share >= share);
                quantile.map_or_else(|| words::NONE.to_owned(), |quantile| words::milliseconds(quantile.ms))
            };
            let name = &strategy.strategy;
            Some(format!("{name}: median {}, 99 % {}, largest {}", at(0.5), at(0.99), at(1.0)))
        })
        .collect();
    format!("How long {kind} took, of all replications together. {}.", each.join("; "))
}
