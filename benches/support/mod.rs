//! Shared by the benches that print tables: rounds, medians, tables and `--json`.

// Included by several benches, none of which uses all of it.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use serde_json::{Value, json};

/// A figure measured several times.
#[derive(Clone, Default, Debug)]
pub struct Figure(Vec<f64>);

impl Figure {
    pub fn add(&mut self, value: f64) {
        let Self(values) = self;
        values.push(value);
        values.sort_by(f64::total_cmp);
    }

    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The smallest and the largest.
    pub fn spread(&self) -> (f64, f64) {
        (self.0[0], self.0[self.0.len() - 1])
    }

    pub fn json(&self) -> Value {
        let (least, greatest) = self.spread();
        json!({"median": self.median(), "min": least, "max": greatest, "rounds": self.0.len()})
    }

    /// The median and the range, with this number of decimals.
    pub fn text(&self, digits: usize) -> String {
        let (least, greatest) = self.spread();
        format!("{:.digits$} ({least:.digits$}..{greatest:.digits$})", self.median())
    }
}

impl FromIterator<f64> for Figure {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut figure = Self::default();
        values.into_iter().for_each(|value| figure.add(value));
        figure
    }
}

/// Whether to print the result as one JSON object.
pub fn wants_json() -> bool {
    std::env::args().any(|argument| argument == "--json")
}

/// Prints the rows under their heads, or the JSON.
pub fn print(json: &Value, title: &str, head: &[&str], rows: &[Vec<String>]) {
    if wants_json() {
        return println!("{json}");
    }
    println!("{title}\n");
    let width_of = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = head.iter().enumerate().map(|(at, head)| width_of(at).max(head.len())).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(&mut head.iter().copied());
    rows.iter().for_each(|row| line(&mut row.iter().map(String::as_str)));
    println!();
}
