//! `pomelo-sim experiment list`: which scenarios there are, and what they ask.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{DEFAULT_DIR, scenarios};
use crate::cli::output::{print, refuse, table, warn};
use crate::scenario::Scenario;

/// Show the scenarios of a directory: name, model, question
#[derive(Args, Clone, Debug)]
pub(super) struct ListArgs {
    /// Where scenario files are
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    dir: PathBuf,
    /// Print one JSON array: name, model, question, strategies, file
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &ListArgs) -> ExitCode {
    let files = match scenarios(&args.dir) {
        Ok(files) => files,
        Err(error) => return refuse(error),
    };
    let mut found = Vec::new();
    for path in files {
        match Scenario::load(&path) {
            Ok(scenario) => found.push((scenario, path)),
            // One that is being written must not hide the others.
            Err(error) => warn(error),
        }
    }
    let model = |scenario: &Scenario| if scenario.chat.is_some() { "chat" } else { "queue" };
    if args.json {
        let rows: Vec<_> = found
            .iter()
            .map(|(scenario, path)| {
                json!({
                    "name": scenario.name,
                    "model": model(scenario),
                    "question": scenario.question,
                    "strategies": scenario.strategies,
                    "file": path.display().to_string(),
                })
            })
            .collect();
        return print(&format!("{:#}\n", json!(rows)));
    }
    if found.is_empty() {
        return print(&format!("{} has no scenarios\n", args.dir.display()));
    }
    let row = |(scenario, _): &(Scenario, PathBuf)| {
        vec![scenario.name.clone(), model(scenario).to_owned(), scenario.question.clone()]
    };
    print(&table(&["NAME", "MODEL", "QUESTION"], &found.iter().map(row).collect::<Vec<_>>()))
}
