//! Plots as separate files: `plots/*.svg`, light or dark as the reader's screen.

use std::path::PathBuf;

use super::plots::{self, WIDE};
use super::{Document, Exporter};
use crate::experiments::Results;

/// The SVG format.
pub(super) struct Svg;

impl Exporter for Svg {
    fn summary(&self) -> &'static str {
        "plots/*.svg: one file a plot"
    }

    fn documents(&self, results: &Results) -> Vec<Document> {
        let mut plots = vec![
            ("answer".to_owned(), plots::bars(results, WIDE)),
            ("load".to_owned(), plots::grid(results)),
            ("moved-keys".to_owned(), plots::moves(results, WIDE)),
            ("balance".to_owned(), plots::balance(results, WIDE)),
        ];
        for (index, kind) in plots::kinds(results).into_iter().enumerate() {
            plots.push((latency_file(kind, index), plots::curves(results, kind, WIDE)));
        }
        let documents = plots.into_iter().filter_map(|(name, plot)| {
            let path = PathBuf::from("plots").join(format!("{name}.svg"));
            Some(Document { path, text: plot?.file() })
        });
        documents.collect()
    }
}

/// `latency-send`; numbered if the operation's name is unsafe as a file name.
fn latency_file(kind: &str, index: usize) -> String {
    let plain = kind.len() <= 40 && kind.chars().all(|character| character.is_ascii_lowercase());
    if plain { format!("latency-{kind}") } else { format!("latency-{}", index + 1) }
}
