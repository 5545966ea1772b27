//! What commands print: plain tables, text on stdout, the one error on stderr.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Rows under a header, in columns two spaces apart.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|cells| cells.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for cells in &lines {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Prints to stdout. A reader that went away (`| head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            refuse(format_args!("stdout: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints the one error, and makes the exit code of bad input: 2.
pub(super) fn refuse(error: impl Display) -> ExitCode {
    // When stderr is closed too, the exit code says it.
    let _ = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::from(2)
}

/// `3 servers`, `1 server`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
