//! `pomelo-sim experiment report`: shows the results of a run again.

use std::path::PathBuf;

use clap::Args;

use super::run::print_results;
use crate::cli::output::Outcome;
use crate::experiments::{Results, report};

/// Show the results of a run again, and rewrite its report: report.html, plots, CSV
///
/// Exit code: 0 when all is well, 1 when a claim of the scenario failed, 2 for bad input.
#[derive(Args, Clone, Debug)]
pub(super) struct ReportArgs {
    /// The directory of a run, or its results.json
    #[arg(value_name = "DIR")]
    results: PathBuf,
    /// Print one JSON object, as in results.json
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &ReportArgs) -> Outcome {
    let results = Results::load(&args.results)?;
    let directory = match args.results.parent() {
        Some(parent) if args.results.is_file() => parent,
        _ => &args.results,
    };
    report::write_all(&results, directory)?;
    print_results(&results, args.json, "")
}
