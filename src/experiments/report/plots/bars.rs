//! A figure by strategy: bars with 95 % intervals, the best first.

use super::super::measure::{Measure, against_first};
use super::super::words;
use super::canvas::{Anchor, Canvas};
use super::labels;
use super::scale::Scale;
use super::{NARROW, WIDE};
use crate::experiments::{Figure, Results};

/// One row.
struct Row<'a> {
    name: String,
    figure: &'a Figure,
    is_first: bool,
}

/// Positions within the plot.
struct Layout {
    /// Left end of the bars.
    left: f64,
    /// Right end of the bars.
    right: f64,
    /// Distance between rows.
    pitch: f64,
    /// Distance from a row's top to its bar.
    bar: f64,
    bar_height: f64,
    narrow: bool,
}

const TOP: f64 = 8.0;
const BOTTOM: f64 = 38.0;

/// Bars of the answer's metric; `None` when no strategy has it.
pub(in crate::experiments::report) fn bars(results: &Results, width: f64) -> Option<Canvas> {
    let measure = Measure::named(&results.metric);
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (index, strategy) in results.strategies.iter().enumerate() {
        if let Some(figure) = measure.of(strategy) {
            rows.push(Row { name: strategy.strategy.to_string(), figure, is_first: index == 0 });
        }
    }
    if rows.is_empty() {
        return None;
    }
    rows.sort_by(|a, b| measure.compare(a.figure.estimate.value, b.figure.estimate.value));
    let best = measure.best(results);
    let layout = layout(&rows, width);
    let ends = || {
        rows.iter().flat_map(|row| {
            [row.figure.estimate.low(), row.figure.estimate.value, row.figure.estimate.high()]
        })
    };
    // The interval of a positive figure may extend below 0; a logarithmic axis cuts it off.
    let values = || rows.iter().map(|row| row.figure.estimate.value);
    let scale = Scale::fitting(values(), layout.left, layout.right);
    let scale = if scale.is_log() {
        let least = values().filter(|value| *value > 0.0).fold(f64::MAX, f64::min);
        Scale::log(least / 1.5, ends().fold(f64::MIN, f64::max), layout.left, layout.right)
    } else {
        Scale::from_zero(ends(), layout.left, layout.right)
    };
    let height = TOP + rows.len() as f64 * layout.pitch + BOTTOM;
    let title = format!("{} by strategy", measure.with_unit());
    let mut canvas = Canvas::new(width, height, title, describe(&rows, &measure));
    axis(&mut canvas, &scale, &measure, height, &layout);
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + index as f64 * layout.pitch;
        let is_best = best == Some(row.figure.estimate.value);
        draw(&mut canvas, row, y, &scale, &layout, is_best);
    }
    Some(canvas)
}

fn layout(rows: &[Row<'_>], width: f64) -> Layout {
    if width < WIDE.midpoint(NARROW) {
        return Layout {
            left: 8.0,
            right: width - 14.0,
            pitch: 54.0,
            bar: 20.0,
            bar_height: 13.0,
            narrow: true,
        };
    }
    let longest = rows.iter().map(|row| labels::width(&row.name)).fold(0.0, f64::max);
    let left = (longest + 16.0).clamp(90.0, 230.0);
    Layout { left, right: width - 250.0, pitch: 30.0, bar: 6.0, bar_height: 18.0, narrow: false }
}

fn axis(canvas: &mut Canvas, scale: &Scale, measure: &Measure<'_>, height: f64, layout: &Layout) {
    let bottom = height - BOTTOM;
    let ticks = scale.ticks(if layout.narrow { 3 } else { 5 });
    for (index, tick) in ticks.iter().enumerate() {
        let x = scale.at(*tick);
        canvas.line((x, TOP), (x, bottom), "grid");
        let last = layout.narrow && index + 1 == ticks.len();
        let anchor = match index {
            0 if layout.narrow => Anchor::Start,
            _ if last => Anchor::End,
            _ => Anchor::Middle,
        };
        canvas.text(x, bottom + 15.0, anchor, "q", words::number(*tick));
    }
    let what = if scale.is_log() { ", logarithmic" } else { "" };
    let better = if measure.judges() { format!(" – {}", measure.direction()) } else { String::new() };
    let middle = layout.left.midpoint(layout.right);
    canvas.text(middle, bottom + 32.0, Anchor::Middle, "q", format!("{}{what}{better}", measure.with_unit()));
}

fn draw(canvas: &mut Canvas, row: &Row<'_>, y: f64, scale: &Scale, layout: &Layout, is_best: bool) {
    let estimate = &row.figure.estimate;
    let (top, middle) = (y + layout.bar, y + layout.bar + layout.bar_height / 2.0);
    let value = words::plus_minus(estimate);
    let against = if row.is_first { "baseline for the others".to_owned() } else { against_first(row.figure) };
    canvas.open(format!("{}: {value}", row.name));
    let x = scale.at(estimate.value);
    if scale.is_log() {
        // On a logarithmic axis the length of a bar has no meaning, so draw dots.
        canvas.line((layout.left, middle), (layout.right, middle), "grid");
        canvas.dots(&[(x, middle)], if is_best { "dot best" } else { "dot" });
    } else {
        let zero = scale.at(0.0);
        let class = if is_best { "bar best" } else { "bar" };
        canvas.rect((zero.min(x), top), ((x - zero).abs().max(1.0), layout.bar_height), class);
    }
    if estimate.half_width.is_some_and(|half| half > 0.0) {
        let (low, high) = (scale.at(estimate.low()), scale.at(estimate.high()));
        canvas.line((low, middle), (high, middle), "err");
        for end in [low, high] {
            canvas.line((end, middle - 4.0), (end, middle + 4.0), "err");
        }
    }
    let class = if is_best { "b" } else { "" };
    if layout.narrow {
        canvas.text(layout.left, y + 14.0, Anchor::Start, class, words::shortened(&row.name, 24));
        canvas.text(layout.right, y + 14.0, Anchor::End, class, &value);
        if !row.is_first {
            canvas.text(layout.right, top + layout.bar_height + 11.0, Anchor::End, "q", against);
        }
    } else {
        let name = words::shortened(&row.name, 32);
        canvas.text(layout.left - 8.0, middle + 4.0, Anchor::End, class, name);
        canvas.text(layout.right + 118.0, middle + 4.0, Anchor::End, class, &value);
        let against = if row.is_first { "baseline".to_owned() } else { against };
        canvas.text(layout.right + 130.0, middle + 4.0, Anchor::Start, "q", against);
    }
    canvas.close();
}

fn describe(rows: &[Row<'_>], measure: &Measure<'_>) -> String {
    let each = |row: &Row<'_>| {
        let against = if row.is_first { "the baseline".to_owned() } else { against_first(row.figure) };
        let against = if against.is_empty() { against } else { format!(" ({against})") };
        format!("{} {}{against}", row.name, words::plus_minus(&row.figure.estimate))
    };
    let rows: Vec<String> = rows.iter().map(each).collect();
    let sure = if measure.judges() { ", the best first" } else { "" };
    format!("{}: {}{sure}. {}.", measure.with_unit(), measure.summary(), rows.join("; "))
}
