//! Moved keys against balance: each strategy is a point; the lower left is best.

use super::super::words;
use super::canvas::{Anchor, Canvas};
use super::labels::{self, Taken};
use super::scale::Scale;
use super::{NARROW, WIDE};
use crate::experiments::Results;

const MOVED: &str = "moved_fraction";
const PEAK: &str = "balance.peak_to_mean";

/// A strategy's point, and both half widths.
struct Point {
    name: String,
    index: usize,
    moved: f64,
    peak: f64,
    half_widths: (f64, f64),
}

/// The plot; `None` when no strategy has both figures, or no key moved under any.
pub(in crate::experiments::report) fn moves(results: &Results, width: f64) -> Option<Canvas> {
    let points = points(results);
    if points.iter().all(|point| point.moved == 0.0) {
        return None;
    }
    let narrow = width < WIDE.midpoint(NARROW);
    let height = if narrow { 340.0 } else { 420.0 };
    let (left, right, top, bottom) = (52.0, width - 16.0, 28.0, height - 42.0);
    let x = Scale::from_zero(points.iter().map(|point| point.moved), left, right).to_whole_ticks(5);
    let y = Scale::around(points.iter().map(|point| point.peak).chain([1.0]), bottom, top);
    let title = "Moved keys against balance";
    let mut canvas = Canvas::new(width, height, title, describe(&points));
    for tick in x.ticks(if narrow { 4 } else { 6 }) {
        canvas.line((x.at(tick), top), (x.at(tick), bottom), "grid");
        let anchor = if x.at(tick) > right - 12.0 { Anchor::End } else { Anchor::Middle };
        canvas.text(x.at(tick), bottom + 15.0, anchor, "q", words::percent(tick));
    }
    for tick in y.ticks(5) {
        canvas.line((left, y.at(tick)), (right, y.at(tick)), "grid");
        canvas.text(left - 6.0, y.at(tick) + 4.0, Anchor::End, "q", words::number(tick));
    }
    canvas.line((left, bottom), (right, bottom), "axis");
    canvas.line((left, top), (left, bottom), "axis");
    canvas.text(left.midpoint(right), bottom + 34.0, Anchor::Middle, "q", "← keys moved: fewer is better");
    canvas.text(8.0, top - 14.0, Anchor::Start, "q", "busiest server by the mean: 1 is even ↓");
    let mut taken = Taken::default();
    for point in &points {
        taken.add(x.at(point.moved) - 6.0, y.at(point.peak) - 6.0, 12.0, 12.0);
    }
    for point in &points {
        let place = (x.at(point.moved), y.at(point.peak));
        let (wide, high) = point.half_widths;
        let hint = (words::percent(point.moved), words::number(point.peak));
        canvas.open(format!("{}: {} moved, peak {}", point.name, hint.0, hint.1));
        let across = (x.at(point.moved - wide), x.at(point.moved + wide));
        let along = (y.at(point.peak - high), y.at(point.peak + high));
        canvas.line((across.0, place.1), (across.1, place.1), "lead");
        canvas.line((place.0, along.0), (place.0, along.1), "lead");
        labels::marker(&mut canvas, place, point.index);
        canvas.close();
    }
    for point in &points {
        let place = (x.at(point.moved), y.at(point.peak));
        let name = words::shortened(&point.name, if narrow { 18 } else { 30 });
        let class = if point.index == 0 { "b o" } else { "o" };
        taken.label(&mut canvas, place, &name, class, [left + 2.0, top, right, bottom]);
    }
    Some(canvas)
}

fn points(results: &Results) -> Vec<Point> {
    let strategies = results.strategies.iter().enumerate();
    let points = strategies.filter_map(|(index, strategy)| {
        let of = |name: &str| Some(strategy.figures.get(name)?.estimate).filter(|of| of.value.is_finite());
        let (moved, peak) = (of(MOVED)?, of(PEAK)?);
        let half = |width: Option<f64>| width.filter(|half| half.is_finite()).unwrap_or(0.0);
        Some(Point {
            name: strategy.strategy.to_string(),
            index,
            moved: moved.value,
            peak: peak.value,
            half_widths: (half(moved.half_width), half(peak.half_width)),
        })
    });
    points.collect()
}

fn describe(points: &[Point]) -> String {
    let each = points.iter().map(|point| {
        let (moved, peak) = (words::percent(point.moved), words::number(point.peak));
        format!("{}: {moved} of the keys moved, the busiest server had {peak} times the mean", point.name)
    });
    format!("{}.", each.collect::<Vec<_>>().join("; "))
}
