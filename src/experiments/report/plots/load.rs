//! Load over time: one panel for each strategy on common scales, and a sheet of all panels.

use super::super::words;
use super::NARROW;
use super::canvas::{Anchor, Canvas};
use super::labels;
use super::load_panel::{self, Common, HEAT_LEVELS, Load};
use crate::experiments::{Results, StrategyResults};
use crate::stats::{Mark, ServerSeries};

/// Bound on the cells of all heat maps, which bounds the file.
const CELLS_MAX: usize = 60_000;

/// Bound on the rows of a heat map; with more servers, neighbours share one.
const ROWS_MAX: usize = 100;

/// Bound on the events listed on a sheet.
const MARKS_MAX: usize = 12;

/// The panels of strategies that have servers with a load.
pub(in crate::experiments::report) fn panels(results: &Results) -> Vec<Canvas> {
    let Some(common) = common(results) else {
        return Vec::new();
    };
    let panel = |strategy: &&StrategyResults| {
        load_panel::panel(&strategy.strategy.to_string(), &strategy.servers, &strategy.marks, &common)
    };
    strategies(results).iter().map(panel).collect()
}

/// Number of steps in a server's series.
pub(in crate::experiments::report) fn steps(series: &ServerSeries) -> usize {
    series.handled_per_s.len().max(series.busy.len()).max(series.in_system.len())
}

fn strategies(results: &Results) -> Vec<&StrategyResults> {
    let has_load =
        |series: &ServerSeries| series.step_s.is_finite() && series.step_s > 0.0 && steps(series) > 0;
    results.strategies.iter().filter(|strategy| strategy.servers.iter().any(has_load)).collect()
}

/// `None` when there is nothing to draw.
fn common(results: &Results) -> Option<Common> {
    let strategies = strategies(results);
    let series = || strategies.iter().flat_map(|strategy| &strategy.servers);
    let rows = strategies.iter().map(|strategy| strategy.servers.len()).max()?.clamp(1, ROWS_MAX);
    let steps_max = series().map(steps).max()?.max(1);
    let columns = (CELLS_MAX / (rows * strategies.len())).clamp(16, 64).min(steps_max);
    let end_s = series().map(|series| series.step_s * steps(series) as f64);
    let end_s = end_s.filter(|end_s| end_s.is_finite()).fold(0.0, f64::max);
    // Live runs only record what was handled.
    let heat = if series().any(|series| !series.busy.is_empty()) { Load::Busy } else { Load::Handled };
    let lines =
        if series().any(|series| !series.in_system.is_empty()) { Load::InHand } else { Load::Handled };
    let peak = |load: Load, strategy: &StrategyResults| {
        let values = strategy.servers.iter().flat_map(|series| load.of(series));
        values.copied().filter(|value| value.is_finite()).fold(0.0, f64::max)
    };
    let peaks: Vec<f64> = strategies.iter().map(|strategy| peak(lines, strategy)).collect();
    let least = peaks.iter().copied().fold(f64::MAX, f64::min);
    let most = peaks.iter().copied().fold(0.0, f64::max);
    let heat_full = match heat {
        Load::Busy => 1.0,
        _ => strategies.iter().map(|strategy| peak(heat, strategy)).fold(f64::MIN_POSITIVE, f64::max),
    };
    // Next to a strategy that drowned, a calm one would be a flat line on a linear axis.
    let lines_log = most > 100.0 && most > 30.0 * least.max(1.0);
    let rows_max = ROWS_MAX;
    let warmup_s = results.warmup_s;
    Some(Common { end_s, warmup_s, heat, heat_full, lines, lines_max: most, lines_log, rows_max, columns })
}

/// The legend of the heat maps; `None` without any.
pub(in crate::experiments::report) fn heat_legend(results: &Results) -> Option<Canvas> {
    let common = common(results)?;
    let mut canvas = Canvas::new(NARROW, 34.0, "Colours", "A stronger colour means more load.");
    let (left, wide) = (4.0, 22.0);
    let busy = common.heat == Load::Busy;
    let levels = if busy { HEAT_LEVELS + 1 } else { HEAT_LEVELS };
    let paths: Vec<(String, String)> =
        (1..levels).map(|level| (format!("h{level}"), format!("M{level} .5h1"))).collect();
    let width = wide * levels as f64;
    canvas.rect((left, 4.0), (width, 12.0), "cell");
    canvas.cells((left, 4.0), (width, 12.0), (levels, 1), &paths);
    let (least, most) = if busy {
        ("idle".to_owned(), "always".to_owned())
    } else {
        ("0".to_owned(), words::number(common.heat_full))
    };
    canvas.text(left, 28.0, Anchor::Start, "q", least);
    if busy {
        canvas.text(left + width / 2.0, 28.0, Anchor::Middle, "q", "half the time");
    }
    canvas.text(left + width, 28.0, Anchor::End, "q", most);
    canvas.text(left + width + 12.0, 14.0, Anchor::Start, "q", common.heat.caption());
    Some(canvas)
}

/// All panels on one sheet, with the events beneath; `None` without panels.
pub(in crate::experiments::report) fn grid(results: &Results) -> Option<Canvas> {
    let panels = panels(results);
    let tallest = panels.iter().map(|panel| panel.height).fold(0.0, f64::max);
    if panels.is_empty() {
        return None;
    }
    let columns = panels.len().min(3);
    let gap = 24.0;
    let rows = panels.len().div_ceil(columns);
    let marks = common_marks(results);
    let listed = marks.len().min(MARKS_MAX);
    let top = 12.0 + 34.0 + 12.0;
    let bottom = top + rows as f64 * (tallest + gap);
    let width = gap + columns as f64 * (NARROW + gap);
    let height = bottom + listed as f64 * labels::LINE + 12.0;
    let names: Vec<&str> = panels.iter().map(Canvas::title).collect();
    let description = format!("Each server's load, by strategy: {}.", names.join(", "));
    let mut sheet = Canvas::new(width, height, "Load over time", description);
    sheet.place((gap, 12.0), &heat_legend(results)?);
    for (index, panel) in panels.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        sheet.place((gap + column as f64 * (NARROW + gap), top + row as f64 * (tallest + gap)), panel);
    }
    for (index, mark) in marks.iter().take(listed).enumerate() {
        let text = format!("{}  {}  {}", index + 1, words::seconds(mark.at_s), mark.what);
        let fits = ((width - 2.0 * gap) / 6.7) as usize;
        let y = bottom + (index + 1) as f64 * labels::LINE;
        sheet.text(gap, y, Anchor::Start, "q", words::shortened(&text, fits));
    }
    Some(sheet)
}

/// The marks, if they are the same under every strategy; otherwise empty.
pub(in crate::experiments::report) fn common_marks(results: &Results) -> &[Mark] {
    let first = results.strategies.first().map_or(&[][..], |strategy| &strategy.marks);
    if results.strategies.iter().all(|strategy| strategy.marks == first) { first } else { &[] }
}
