//! The report: medians over the rounds.

use std::fmt;
use std::io::{IsTerminal, stderr};

use serde_json::{Value, json};

use crate::drive::{Load, Sample};
use crate::servers::Kind;

/// One server under one load in one round.
pub struct Cell {
    pub load: Load,
    pub kind: Kind,
    pub round: usize,
    pub sample: Sample,
}

#[derive(Default)]
pub struct Report {
    cells: Vec<Cell>,
}

/// One line of the table.
struct Row {
    load: Load,
    kind: Kind,
    deliveries_per_second: f64,
    cpu_us: f64,
    client_cpu_us: f64,
    /// Ratios to each other server under the same load: of rates, and of CPU times.
    ratios: Vec<(Kind, f64, f64)>,
}

impl Report {
    pub fn add(&mut self, cell: Cell) {
        self.cells.push(cell);
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for Cell { load, kind, .. } in &self.cells {
            if rows.iter().any(|row| row.load == *load && row.kind == *kind) {
                continue;
            }
            let of =
                |kind: Kind| self.cells.iter().filter(move |cell| cell.load == *load && cell.kind == kind);
            let middle =
                |figure: fn(&Sample) -> f64| median(of(*kind).map(|cell| figure(&cell.sample)).collect());
            let against = |other: Kind, figure: fn(&Sample) -> f64| {
                let pairs = of(*kind).filter_map(|mine| {
                    let theirs = of(other).find(|theirs| theirs.round == mine.round)?;
                    Some(figure(&mine.sample) / figure(&theirs.sample))
                });
                median(pairs.collect())
            };
            let rate: fn(&Sample) -> f64 = |sample| sample.deliveries_per_second;
            let cpu: fn(&Sample) -> f64 = |sample| sample.cpu_us;
            let others = [Kind::Each, Kind::Coalesced, Kind::Nats].into_iter();
            let others = others.filter(|other| *kind == Kind::Ours && of(*other).next().is_some());
            rows.push(Row {
                load: *load,
                kind: *kind,
                deliveries_per_second: middle(rate),
                cpu_us: middle(cpu),
                client_cpu_us: middle(|sample| sample.client_cpu_us),
                ratios: others.map(|other| (other, against(other, rate), against(other, cpu))).collect(),
            });
        }
        rows
    }

    pub fn json(&self) -> Value {
        let rows = self.rows().into_iter().map(|row| {
            let ratios = row.ratios.iter().map(
                |(other, rate, cpu)| json!({"to": other.name(), "deliveries_per_second": rate, "cpu": cpu}),
            );
            json!({
                "members": row.load.members, "senders": row.load.senders, "window": row.load.window,
                "server": row.kind.name(), "deliveries_per_second": row.deliveries_per_second,
                "cpu_us_per_delivery": row.cpu_us, "client_cpu_us_per_delivery": row.client_cpu_us,
                "ratios": ratios.collect::<Vec<_>>(),
            })
        });
        rows.collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>7} {:>7} {:>6}  {:<23} {:>9} {:>7} {:>7}  ours to it: rate, CPU",
            "members", "senders", "window", "server", "M/s", "CPU us", "client"
        )?;
        let rows = self.rows();
        for row in &rows {
            let Load { members, senders, window } = row.load;
            write!(
                f,
                "{members:>7} {senders:>7} {window:>6}  {:<23} {:>9.3} {:>7.3} {:>7.3}",
                row.kind.name(),
                row.deliveries_per_second / 1e6,
                row.cpu_us,
                row.client_cpu_us
            )?;
            let ours = rows.iter().find(|ours| ours.load == row.load && ours.kind == Kind::Ours);
            let ratio = ours.and_then(|ours| ours.ratios.iter().find(|(other, ..)| *other == row.kind));
            match ratio {
                Some((_, rate, cpu)) => writeln!(f, "  {rate:.2} x, {cpu:.2} x")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

/// One progress line for all rounds, on a terminal.
pub fn progress(round: usize, rounds: usize) {
    if stderr().is_terminal() {
        eprint!("\rround {round} of {rounds}{}", if round == rounds { "\n" } else { "" });
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => figures[len / 2],
        len => (figures[len / 2 - 1] + figures[len / 2]) / 2.0,
    }
}
