//! A strategy's servers over time: utilisation as a heat map with a row for each server, and below
//! it their jobs as lines.

use std::ops::Range;

use super::super::words;
use super::NARROW;
use super::canvas::{Anchor, Canvas};
use super::labels;
use super::scale::Scale;
use crate::stats::{Mark, ServerSeries};

/// A series of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Fraction of the time in which it was busy.
    Busy,
    /// Jobs waiting or in service.
    InHand,
    /// Jobs finished per second.
    Handled,
}

impl Load {
    /// The series, step by step; empty when unknown.
    pub(super) fn of(self, series: &ServerSeries) -> &[f64] {
        match self {
            Load::Busy => &series.busy,
            Load::InHand => &series.in_system,
            Load::Handled => &series.handled_per_s,
        }
    }

    pub(super) fn caption(self) -> &'static str {
        match self {
            Load::Busy => "utilisation of a server",
            Load::InHand => "jobs: waiting or in service",
            Load::Handled => "handled per second",
        }
    }

    fn short(self) -> &'static str {
        self.caption().split(':').next().unwrap_or_default()
    }
}

/// The scales shared by all panels.
pub(super) struct Common {
    pub(super) end_s: f64,
    pub(super) warmup_s: f64,
    pub(super) heat: Load,
    /// The value with the darkest shade.
    pub(super) heat_full: f64,
    pub(super) lines: Load,
    pub(super) lines_max: f64,
    pub(super) lines_log: bool,
    pub(super) rows_max: usize,
    pub(super) columns: usize,
}

/// Shades from idle to always busy; the last one is reserved for always.
pub(super) const HEAT_LEVELS: usize = 7;

/// Up to this many servers have a line each; with more, only the most loaded, the median and the
/// least.
const LINES_MAX: usize = 8;

/// Up to this many rows are named.
const NAMES_MAX: usize = 16;

/// Points of a line.
const POINTS_MAX: usize = 100;

/// Bound on the marks drawn.
const MARKS_MAX: usize = 30;

const TOP: f64 = 40.0;
const LINES_HEIGHT: f64 = 84.0;
const RIGHT: f64 = NARROW - 12.0;

/// Positions within a panel.
struct Frame {
    left: f64,
    heat_height: f64,
    lines_top: f64,
    lines_bottom: f64,
}

pub(super) fn panel(name: &str, servers: &[ServerSeries], marks: &[Mark], common: &Common) -> Canvas {
    let shared = servers.len().div_ceil(common.rows_max).max(1);
    let rows: Vec<&[ServerSeries]> = servers.chunks(shared).collect();
    let row_height = match rows.len() {
        few if few <= LINES_MAX => 16.0,
        some if some <= NAMES_MAX => 13.0,
        many => (180.0 / many as f64).clamp(1.8, 8.0),
    };
    let heat_height = row_height * rows.len() as f64;
    let left = if rows.len() <= NAMES_MAX { 116.0 } else { 58.0 };
    let lines_top = TOP + heat_height + 24.0;
    let frame = Frame { left, heat_height, lines_top, lines_bottom: lines_top + LINES_HEIGHT };
    let description = describe(servers, shared, common);
    let mut canvas = Canvas::new(NARROW, frame.lines_bottom + 36.0, name, description);
    canvas.text(0.0, 14.0, Anchor::Start, "t", words::shortened(name, 40));
    let time = Scale::from_zero([common.end_s].into_iter(), frame.left, RIGHT);
    names(&mut canvas, &rows, row_height, &frame, servers.len());
    canvas.rect((frame.left, TOP), (RIGHT - frame.left, heat_height), "cell");
    let grid = (common.columns, rows.len());
    canvas.cells((frame.left, TOP), (RIGHT - frame.left, heat_height), grid, &heat(&rows, common));
    lines(&mut canvas, servers, common, &frame, &time);
    if common.warmup_s > 0.0 {
        let end = time.at(common.warmup_s);
        canvas.rect((frame.left, TOP), (end - frame.left, frame.lines_bottom - TOP), "warm");
    }
    for tick in time.time_ticks(4) {
        let x = time.at(tick);
        let anchor = if x > RIGHT - 20.0 { Anchor::End } else { Anchor::Middle };
        canvas.text(x, frame.lines_bottom + 15.0, anchor, "q", words::seconds(tick));
    }
    draw_marks(&mut canvas, marks, &frame, &time);
    canvas
}

fn names(canvas: &mut Canvas, rows: &[&[ServerSeries]], height: f64, frame: &Frame, servers: usize) {
    let middle = |row: usize| TOP + (row as f64 + 0.5) * height + 4.0;
    let lines = servers <= LINES_MAX;
    if rows.len() <= NAMES_MAX {
        for (index, row) in rows.iter().enumerate() {
            let Some(server) = row.first() else { continue };
            let edge = frame.left - if lines { 26.0 } else { 6.0 };
            let id = words::shortened(server.id.as_str(), if lines { 15 } else { 18 });
            canvas.text(edge, middle(index), Anchor::End, "q", id);
            if lines {
                // The server's colour in the lines below.
                let y = middle(index) - 4.0;
                canvas.polyline(&[(frame.left - 22.0, y), (frame.left - 5.0, y)], &labels::look(index));
            }
        }
        return;
    }
    canvas.text(frame.left - 6.0, TOP + 9.0, Anchor::End, "q", "first");
    canvas.text(
        frame.left - 6.0,
        TOP + frame.heat_height / 2.0 + 4.0,
        Anchor::End,
        "q",
        format!("{servers}"),
    );
    canvas.text(frame.left - 6.0, TOP + frame.heat_height / 2.0 + 16.0, Anchor::End, "q", "servers");
    canvas.text(frame.left - 6.0, TOP + frame.heat_height, Anchor::End, "q", "last");
}

/// For each level, a path of its cells; adjacent cells of a row are merged.
fn heat(rows: &[&[ServerSeries]], common: &Common) -> Vec<(String, String)> {
    let mut paths = vec![String::new(); HEAT_LEVELS + 1];
    for (row, servers) in rows.iter().enumerate() {
        let levels: Vec<usize> = (0..common.columns).map(|column| level(servers, column, common)).collect();
        let mut column = 0;
        for run in levels.chunk_by(|a, b| a == b) {
            paths[run[0]].push_str(&format!("M{column} {row}.5h{}", run.len()));
            column += run.len();
        }
    }
    let paths = paths.into_iter().enumerate().skip(1).filter(|(_, path)| !path.is_empty());
    paths.map(|(level, path)| (format!("h{level}"), path)).collect()
}

/// The shade of the most loaded server in the column; 0 is idle or absent.
fn level(servers: &[ServerSeries], column: usize, common: &Common) -> usize {
    let mean = |series: &ServerSeries| {
        let range = steps_of(series, column, common.columns, common.end_s);
        let values = common.heat.of(series).iter().skip(range.start).take(range.len().max(1));
        let sums = values
            .filter(|value| value.is_finite())
            .fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
        if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 }
    };
    let load = servers.iter().map(mean).fold(0.0, f64::max) / common.heat_full;
    match load {
        ..0.005 => 0,
        0.995.. if common.heat == Load::Busy => HEAT_LEVELS,
        _ => ((load * (HEAT_LEVELS - 1) as f64).ceil() as usize).clamp(1, HEAT_LEVELS - 1),
    }
}

/// The steps in one of `parts` equal parts of the time.
fn steps_of(series: &ServerSeries, part: usize, parts: usize, end_s: f64) -> Range<usize> {
    let each = end_s / parts as f64 / series.step_s;
    // The conversion saturates: NaN or a large float gives an index without a step.
    (part as f64 * each).round() as usize..((part + 1) as f64 * each).round() as usize
}

fn lines(canvas: &mut Canvas, servers: &[ServerSeries], common: &Common, frame: &Frame, time: &Scale) {
    let (bottom, top) = (frame.lines_bottom, frame.lines_top);
    let y = if common.lines_log {
        Scale::log(1.0, common.lines_max, bottom, top)
    } else {
        Scale::from_zero([common.lines_max].into_iter(), bottom, top).to_whole_ticks(3)
    };
    for tick in y.ticks(3) {
        canvas.line((frame.left, y.at(tick)), (RIGHT, y.at(tick)), "grid");
        let below = if common.lines_log && tick <= 1.0 { "≤ " } else { "" };
        canvas.text(
            frame.left - 6.0,
            y.at(tick) + 4.0,
            Anchor::End,
            "q",
            format!("{below}{}", words::number(tick)),
        );
    }
    canvas.line((frame.left, bottom), (RIGHT, bottom), "axis");
    let caption = if servers.len() <= LINES_MAX { common.lines.caption() } else { common.lines.short() };
    canvas.text(frame.left, top - 7.0, Anchor::Start, "q o", caption);
    let bins = servers.iter().map(|series| common.lines.of(series).len()).max().unwrap_or(0).min(POINTS_MAX);
    let curve = |values: &[f64]| -> Vec<(f64, f64)> {
        let place = |bin: usize| (bin as f64 + 0.5) / bins as f64 * common.end_s;
        values.iter().enumerate().map(|(bin, value)| (time.at(place(bin)), y.at(*value))).collect()
    };
    let lines: Vec<Vec<f64>> = servers.iter().map(|series| peaks(series, bins, common)).collect();
    if servers.len() <= LINES_MAX {
        for (index, line) in lines.iter().enumerate() {
            canvas.open(servers[index].id.as_str());
            canvas.polyline(&curve(line), &labels::look(index));
            canvas.close();
        }
        return;
    }
    let mut sorted: Vec<Vec<f64>> =
        (0..bins).map(|bin| lines.iter().map(|line| line[bin]).collect()).collect();
    sorted.iter_mut().for_each(|bin| bin.sort_by(f64::total_cmp));
    let of = |index: usize| curve(&sorted.iter().map(|bin| bin[index]).collect::<Vec<_>>());
    let (high, median, low) = (of(servers.len() - 1), of(servers.len() / 2), of(0));
    let band: Vec<(f64, f64)> = high.iter().chain(low.iter().rev()).copied().collect();
    canvas.polygon(&band, "band");
    canvas.polyline(&high, "high");
    canvas.polyline(&median, "mid d1");
    let key = [("high", "most loaded", 158.0), ("mid d1", "median", 72.0)];
    for (class, text, from_right) in key {
        let x = RIGHT - from_right;
        canvas.polyline(&[(x, top - 11.0), (x + 16.0, top - 11.0)], class);
        canvas.text(x + 20.0, top - 7.0, Anchor::Start, "q o", text);
    }
}

/// The maximum of each bin, so that peaks stay visible.
fn peaks(series: &ServerSeries, bins: usize, common: &Common) -> Vec<f64> {
    let value = |bin: usize| {
        let range = steps_of(series, bin, bins, common.end_s);
        let values = common.lines.of(series).iter().skip(range.start).take(range.len().max(1));
        values.copied().filter(|value| value.is_finite()).fold(0.0, f64::max)
    };
    (0..bins).map(value).collect()
}

fn draw_marks(canvas: &mut Canvas, marks: &[Mark], frame: &Frame, time: &Scale) {
    let mut last = f64::MIN;
    for (index, mark) in marks.iter().take(MARKS_MAX).enumerate().filter(|(_, mark)| mark.at_s.is_finite()) {
        let x = time.at(mark.at_s);
        canvas.open(format!("{}: {}", words::seconds(mark.at_s), mark.what));
        canvas.line((x, TOP - 3.0), (x, frame.lines_bottom), "mark");
        if x - last > 13.0 {
            canvas.text(x, TOP - 7.0, Anchor::Middle, "q b", index + 1);
            last = x;
        }
        canvas.close();
    }
}

fn describe(servers: &[ServerSeries], shared: usize, common: &Common) -> String {
    let rows = if shared > 1 { format!(", each row the most loaded of {shared}") } else { String::new() };
    let values = |series| common.lines.of(series).iter().map(move |value| (series, *value));
    let peak = servers.iter().flat_map(values).filter(|(_, value)| value.is_finite());
    let peak = peak.max_by(|a, b| a.1.total_cmp(&b.1)).map_or_else(String::new, |(series, value)| {
        format!(" Most {}: {} on {}.", common.lines.short(), words::number(value), series.id)
    });
    format!("{} over time{rows}.{peak}", words::count(servers.len(), "server"))
}
