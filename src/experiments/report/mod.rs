//! Reports of an experiment, written from its [`Results`] alone: CSV, SVG plots, and one HTML file
//! that works offline.
//!
//! [`EXPORTERS`] lists every format, without `results.json`, the source of all reports. The same
//! results give the same bytes.

mod csv;
mod html;
mod markup;
mod measure;
mod plots;
mod svg;
mod words;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Results;
use crate::whole_file::{ORDINARY, write_whole};

/// A report format.
pub trait Exporter: Sync {
    /// The files it writes and their purpose, in a line.
    fn summary(&self) -> &'static str;

    /// The files it writes.
    fn documents(&self, results: &Results) -> Vec<Document>;
}

/// A file of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// Path within the report's directory: `plots/load.svg`.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// A report cannot be written.
#[derive(Debug, Error)]
#[error("{file}: cannot be written: {reason}")]
pub struct ReportError {
    /// The file or directory.
    pub file: String,
    /// The cause.
    pub reason: io::Error,
}

/// Every format.
pub static EXPORTERS: &[&dyn Exporter] = &[&csv::Csv, &svg::Svg, &html::Html];

/// Writes the report in every format into a directory, creating it if needed. Each file is replaced
/// atomically. Returns the files in the order in which they were written.
///
/// # Errors
/// A directory cannot be created, or a file cannot be written.
pub fn write_all(results: &Results, directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut written = Vec::new();
    for document in EXPORTERS.iter().flat_map(|exporter| exporter.documents(results)) {
        let path = directory.join(&document.path);
        let failed = |reason: io::Error| ReportError { file: path.display().to_string(), reason };
        fs::create_dir_all(path.parent().unwrap_or(directory)).map_err(failed)?;
        write_whole(&path, document.text.as_bytes(), ORDINARY).map_err(failed)?;
        written.push(path);
    }
    Ok(written)
}
