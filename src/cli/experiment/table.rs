//! Results in a terminal: a table of strategies, the answer, the verdicts.

use std::env;
use std::io::{self, IsTerminal};

use unicode_width::UnicodeWidthStr;

use crate::experiments::text::{digits, figure, measured};
use crate::experiments::{Figure, Mode, Results, VerdictKind};
use crate::program;
use crate::stats::{Better, Metric};

/// The style of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// Letters only.
    Plain,
    /// The best in bold.
    Styled,
}

impl Look {
    /// Styled on a terminal, unless `NO_COLOR` says otherwise (no-color.org).
    pub(super) fn of_stdout() -> Self {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if io::stdout().is_terminal() && !plain { Look::Styled } else { Look::Plain }
    }
}

/// Most columns besides the strategy's name.
const COLUMNS_MAX: usize = 6;

struct Cell {
    text: String,
    bold: bool,
}

/// The whole output.
pub(super) fn text(results: &Results, look: Look) -> String {
    let scenario = &results.scenario;
    let mut text = format!("{}: {}\n", scenario.name, scenario.question);
    text += &format!("{}\n\n", conditions(results));
    text += &grid(&cells(results, &columns(results)), look);
    text += &format!("\n{}\n", results.answer);
    if !results.verdicts.is_empty() {
        text.push('\n');
    }
    for verdict in &results.verdicts {
        let word = match verdict.verdict {
            VerdictKind::Holds => "holds",
            VerdictKind::Fails => "FAILS",
            VerdictKind::CannotSay => "cannot say",
        };
        text += &format!("{word}: {}\n", verdict.text);
    }
    if results.verdicts.iter().any(|verdict| verdict.verdict == VerdictKind::CannotSay) {
        text += "a bound lies within an interval: more --replications would tell\n";
    }
    // Results name the installed command, on every machine; this line is to be typed here.
    let replay = results.replay.replacen("pomelo-sim", &program::command(), 1);
    text += &format!("\nagain: {replay}\n");
    text
}

fn conditions(results: &Results) -> String {
    let Results { replications, warmup_s, scenario, .. } = results;
    let runs =
        if *replications == 1 { "1 replication".to_owned() } else { format!("{replications} replications") };
    let clock = match (results.mode, &results.machine) {
        (Mode::Virtual, _) => "virtual".to_owned(),
        (Mode::Live, machine) => {
            format!("live on {}, not repeatable", machine.as_deref().unwrap_or("a machine"))
        }
    };
    format!(
        "{clock}, {runs} of {} s after {warmup_s} s of warm-up, seed {}",
        scenario.duration_s, scenario.seed
    )
}

/// The metric of the answer, then the key metrics of the model that were measured and differ from
/// 0.
fn columns(results: &Results) -> Vec<&'static Metric> {
    let tells = |name: &str| {
        let figures = results.strategies.iter().filter_map(|of| of.figures.get(name));
        figures.into_iter().any(|figure| figure.estimate.value != 0.0)
    };
    let keys = results.scenario.key_metrics().iter().copied();
    let others = keys.filter(|name| *name != results.metric && tells(name));
    std::iter::once(&*results.metric).chain(others).filter_map(Metric::named).take(COLUMNS_MAX).collect()
}

fn cells(results: &Results, columns: &[&'static Metric]) -> Vec<Vec<Cell>> {
    let plain = |text: String| Cell { text, bold: false };
    let head = |metric: &&Metric| {
        let unit = if metric.unit.is_empty() || metric.name.contains("_ms.") { "" } else { metric.unit };
        plain(format!("{} {unit}", metric.name).trim_end().to_owned())
    };
    let mut rows =
        vec![std::iter::once(plain("STRATEGY".to_owned())).chain(columns.iter().map(head)).collect()];
    for of in &results.strategies {
        let mut row = vec![plain(of.strategy.to_string())];
        for metric in columns {
            let own = of.figures.get(metric.name);
            let text = own.map_or("-".to_owned(), cell);
            let best = own.is_some_and(|own| is_best(own, metric, results));
            row.push(Cell { text, bold: best });
        }
        rows.push(row);
    }
    rows
}

/// `12.1 ±0.3 n.s.`
fn cell(own: &Figure) -> String {
    let mut text = match own.estimate.half_width {
        Some(half) if half > 0.0 => {
            let (value, half) = digits(own.estimate.value, half);
            format!("{value} ±{half}")
        }
        _ => figure(own.estimate.value, ""),
    };
    if own.against_first.as_ref().is_some_and(|beside| !beside.is_significant()) {
        text += " n.s.";
    }
    text
}

/// Whether no other strategy is better, and one is worse. Of strategies without a significant
/// difference none is marked.
fn is_best(own: &Figure, metric: &Metric, results: &Results) -> bool {
    let figures = results.strategies.iter().filter_map(|of| of.figures.get(metric.name));
    let mut beside = figures.filter_map(|figure| figure.against_first);
    if !beside.any(|both| both.is_significant() || both.difference.half_width.is_none()) {
        return false;
    }
    let all =
        || results.strategies.iter().filter_map(|of| of.figures.get(metric.name)).map(|f| f.estimate.value);
    let value = own.estimate.value;
    match metric.better {
        Better::Lower => all().all(|other| value <= other) && all().any(|other| value < other),
        Better::Higher => all().all(|other| value >= other) && all().any(|other| value > other),
        Better::Neither => false,
    }
}

/// Columns two spaces apart; the first to the left, figures to the right.
fn grid(rows: &[Vec<Cell>], look: Look) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].text.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - cell.text.width());
            let shown = match (cell.bold, look) {
                (true, Look::Styled) => format!("\x1b[1m{}\x1b[0m", cell.text),
                _ => cell.text.clone(),
            };
            if index == 0 {
                text += &format!("{shown}{space}");
            } else {
                text += &format!("  {space}{shown}");
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// `12.1 ± 0.3 ms`, for tables of another kind.
pub(super) fn with_unit(estimate: &crate::stats::Estimate, metric: &Metric) -> String {
    measured(estimate, metric.unit)
}
