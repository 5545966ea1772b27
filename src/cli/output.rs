//! What commands print: plain tables, text on stdout, the one error on stderr.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// Rows under a header, in columns two spaces apart, as wide as a terminal shows them.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|cells| cells.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for cells in &lines {
        let padded =
            cells.iter().zip(&widths).map(|(cell, width)| cell.clone() + &" ".repeat(width - cell.width()));
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Why a command failed.
pub(super) type Failure = Box<dyn Error>;

/// How a command ends: with an exit code, or with one error.
pub(super) type Outcome = Result<ExitCode, Failure>;

/// Prints to stdout. Returns the exit code 0.
pub(super) fn print(text: &str) -> Outcome {
    write(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a report. Returns the exit code 1 if it found something.
pub(super) fn print_found(text: &str, is_well: bool) -> Outcome {
    write(text)?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One JSON object, indented.
pub(super) fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Prints to stdout. A reader that went away (`| head`) is not a failure.
pub(super) fn write(text: &str) -> Result<(), String> {
    write_on(text).map(|_| ())
}

/// The same, for a command that prints repeatedly. False when the reader went away.
pub(super) fn write_on(text: &str) -> Result<bool, String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(format!("stdout: {error}")),
    }
}

/// Prints a warning to stderr.
pub(super) fn warn(warning: impl Display) {
    // Stderr may be closed.
    let _ = writeln!(io::stderr(), "warning: {warning}");
}

/// Prints the error. Returns the exit code for bad input, 2.
pub(super) fn refuse(error: impl Display) -> ExitCode {
    // If stderr is closed, only the exit code tells.
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::from(2)
}

/// `3 servers`, `1 server`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
