//! `pomelo-sim experiment list`: lists scenarios and their questions.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{directory, scenarios, shipped};
use crate::cli::output::{Outcome, print, table, warn};
use crate::scenario::{Scenario, ScenarioError};

/// Show the scenarios of a directory, or the built-in ones: name, model, question
#[derive(Args, Clone, Debug)]
pub(super) struct ListArgs {
    /// Directory of scenario files [default: config/experiments, or without it the built-in
    /// scenarios]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print one JSON array: name, model, question, strategies, file
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &ListArgs) -> Outcome {
    let dir = directory(args.dir.as_deref());
    let read: Vec<(Result<Scenario, ScenarioError>, String)> = match dir.map(scenarios).transpose()? {
        None => shipped::all().map(|(name, scenario)| (scenario, name.to_owned())).collect(),
        Some(files) => files.iter().map(|path| (Scenario::load(path), path.display().to_string())).collect(),
    };
    let mut found = Vec::new();
    for (scenario, file) in read {
        match scenario {
            Ok(scenario) => found.push((scenario, file)),
            // A scenario that is being written must not hide the others.
            Err(error) => warn(error),
        }
    }
    let model = |scenario: &Scenario| if scenario.chat.is_some() { "chat" } else { "queue" };
    if args.json {
        let rows: Vec<_> = found
            .iter()
            .map(|(scenario, file)| {
                json!({
                    "name": scenario.name,
                    "model": model(scenario),
                    "question": scenario.question,
                    "strategies": scenario.strategies,
                    "file": file,
                })
            })
            .collect();
        return print(&format!("{:#}\n", json!(rows)));
    }
    if let (true, Some(dir)) = (found.is_empty(), dir) {
        return print(&format!("{} has no scenarios\n", dir.display()));
    }
    let row = |(scenario, _): &(Scenario, String)| {
        vec![scenario.name.clone(), model(scenario).to_owned(), scenario.question.clone()]
    };
    print(&table(&["NAME", "MODEL", "QUESTION"], &found.iter().map(row).collect::<Vec<_>>()))
}
