//! Tables for spreadsheets and notebooks, as in RFC 4180: a header line, then one line for each
//! value.
//!
//! | file | one line for each | columns |
//! |---|---|---|
//! | `figures.csv` | strategy, metric and replication | `strategy`, `metric`, `unit`, `replication` (from 1), `value` (empty where it did not come up) |
//! | `latencies.csv` | strategy, kind of latency and point of its curve | `strategy`, `kind`, `count` (of the whole curve), `share` (of all that took no longer), `ms` |
//! | `servers.csv` | strategy, server and step of time | `strategy`, `server`, `server_type`, `from_s`, `to_s`, `handled_per_s`, `busy` (0 to 1), `in_system` (mean); empty what is not known; with six digits; of the first replication |

use std::path::PathBuf;

use csv::{Terminator, Writer, WriterBuilder};

use super::measure::Measure;
use super::plots::steps;
use super::{Document, Exporter};
use crate::experiments::Results;

/// The CSV format.
pub(super) struct Csv;

impl Exporter for Csv {
    fn summary(&self) -> &'static str {
        "figures.csv, latencies.csv, servers.csv: one line a value"
    }

    fn documents(&self, results: &Results) -> Vec<Document> {
        [
            ("figures.csv", figures(results)),
            ("latencies.csv", latencies(results)),
            ("servers.csv", servers(results)),
        ]
        .map(|(path, text)| Document { path: PathBuf::from(path), text })
        .into()
    }
}

fn figures(results: &Results) -> String {
    let mut table = Table::new(&["strategy", "metric", "unit", "replication", "value"]);
    for strategy in &results.strategies {
        let name = strategy.strategy.to_string();
        for (metric, figure) in &strategy.figures {
            for (index, value) in figure.values.iter().enumerate() {
                let (unit, replication) = (Measure::named(metric).unit(), (index + 1).to_string());
                table.row(&[&name, metric, unit, &replication, &number(value.unwrap_or(f64::NAN))]);
            }
        }
    }
    table.finish()
}

fn latencies(results: &Results) -> String {
    let mut table = Table::new(&["strategy", "kind", "count", "share", "ms"]);
    for strategy in &results.strategies {
        let name = strategy.strategy.to_string();
        for (kind, curve) in &strategy.curves {
            let count = curve.count.to_string();
            for quantile in &curve.quantiles {
                table.row(&[&name, kind, &count, &number(quantile.share), &number(quantile.ms)]);
            }
        }
    }
    table.finish()
}

fn servers(results: &Results) -> String {
    let names = ["strategy", "server", "server_type", "from_s", "to_s", "handled_per_s", "busy", "in_system"];
    let mut table = Table::new(&names);
    for strategy in &results.strategies {
        let name = strategy.strategy.to_string();
        for series in &strategy.servers {
            let (id, server_type) = (series.id.as_str(), series.server_type.as_str());
            for step in 0..steps(series) {
                let at = |step: usize| number(six_digits(step as f64 * series.step_s));
                let of = |values: &[f64]| number(six_digits(values.get(step).copied().unwrap_or(f64::NAN)));
                let values =
                    [&series.handled_per_s, &series.busy, &series.in_system].map(|values| of(values));
                let [handled, busy, in_system] = &values;
                table.row(&[&name, id, server_type, &at(step), &at(step + 1), handled, busy, in_system]);
            }
        }
    }
    table.finish()
}

/// A series is for plotting: six digits suffice, and halve the file.
fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// The shortest exact form; empty for a number that is not finite.
fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// A table in memory.
struct Table(Writer<Vec<u8>>);

impl Table {
    fn new(names: &[&str]) -> Self {
        let mut table = Self(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new()));
        table.row(names);
        table
    }

    fn row(&mut self, fields: &[&str]) {
        // Writing to memory cannot fail, and all rows of a table have equally many fields.
        let _ = self.0.write_record(fields);
    }

    fn finish(self) -> String {
        let bytes = self.0.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }
}
