//! `pomelo-sim experiment`: compares strategies on a scenario, with the certainty of each
//! difference.

mod compare;
mod interrupt;
mod list;
mod place;
mod report;
mod run;
mod schema;
mod shipped;
mod table;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use self::compare::CompareArgs;
use self::list::ListArgs;
use self::place::PlaceArgs;
use self::report::ReportArgs;
use self::run::RunArgs;
use self::schema::SchemaArgs;
use self::verify::VerifyArgs;
use crate::cli::output::Outcome;
use crate::nearest::{did_you_mean, nearest};
use crate::scenario::Scenario;

/// Compare load-balancing strategies on a scenario: virtual time, replications, intervals
///
/// A scenario file describes servers, load, events, the strategies to compare, and what is expected
/// of the results. Each strategy gets the same random input, so differences are paired; a
/// difference that chance alone could make is marked n.s. The same seed gives the same results,
/// byte for byte.
///
/// Exit code: 0 when all is well, 1 when a claim of the scenario fails, 2 for bad input.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct ExperimentArgs {
    /// What to do.
    #[command(subcommand)]
    command: ExperimentCommand,
}

// The variants have no docstrings: clap would print them instead of those of the arguments, which
// say more.
#[derive(Subcommand, Clone, Debug)]
enum ExperimentCommand {
    List(ListArgs),
    Run(RunArgs),
    Compare(CompareArgs),
    Report(ReportArgs),
    Place(PlaceArgs),
    Verify(VerifyArgs),
    Schema(SchemaArgs),
}

const EXAMPLES: &str = "Examples:
  pomelo-sim experiment list
      the scenarios that come with the program, and what they ask
  pomelo-sim experiment run add-a-chat-server
      one of them, under its own strategies
  pomelo-sim experiment run my.json --strategies pomelo-crc rendezvous 'ring(100)' --out results/mine
      a scenario of your own; an interrupted run continues
  pomelo-sim experiment compare results/before results/after
      what a change did
  pomelo-sim experiment place
      where every strategy puts a million keys, and which move
  pomelo-sim experiment verify
      whether this program reproduces what theory and published tables say
  pomelo-sim experiment schema
      how to write a scenario";

/// The default directory of scenarios. Without it the built-in ones are used.
const DEFAULT_DIR: &str = "config/experiments";

/// The directory of scenarios; `None`: the built-in ones.
fn directory(wanted: Option<&Path>) -> Option<&Path> {
    wanted.or_else(|| Some(Path::new(DEFAULT_DIR)).filter(|dir| dir.is_dir()))
}

/// Runs the command.
pub fn run(args: &ExperimentArgs) -> Outcome {
    match &args.command {
        ExperimentCommand::List(args) => list::run(args),
        ExperimentCommand::Run(args) => run::run(args),
        ExperimentCommand::Compare(args) => compare::run(args),
        ExperimentCommand::Report(args) => report::run(args),
        ExperimentCommand::Place(args) => place::run(args),
        ExperimentCommand::Verify(args) => verify::run(args),
        ExperimentCommand::Schema(args) => schema::run(args),
    }
}

/// The scenario files of a directory, by name.
fn scenarios(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable =
        |error| format!("{}: cannot be read: {error}: expected a directory of scenarios", dir.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A scenario, and its name on the command line: the file of that name, else the one of the
/// directory, else a built-in one.
fn find(name: &str, dir: Option<&Path>) -> Result<(Scenario, String), String> {
    let load = |path: &Path| {
        let scenario = Scenario::load(path).map_err(|error| error.to_string())?;
        Ok((scenario, path.display().to_string()))
    };
    let path = Path::new(name);
    if path.is_file() {
        return load(path);
    }
    let searched = directory(dir);
    let named = searched.map(|dir| dir.join(format!("{name}.json"))).filter(|named| named.is_file());
    if let Some(named) = named {
        return load(&named);
    }
    if let (None, Some(scenario)) = (dir, shipped::scenario(name)) {
        return Ok((scenario.map_err(|error| error.to_string())?, name.to_owned()));
    }
    let Some(dir) = searched else { return Err(unknown(name, "the built-in ones", &shipped::names())) };
    let files = scenarios(dir).unwrap_or_default();
    let stems: Vec<&str> = files.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    Err(unknown(name, &dir.display().to_string(), &stems))
}

fn unknown(name: &str, whose: &str, known: &[&str]) -> String {
    let listed = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
    let meant = did_you_mean(nearest(name, known.iter().copied()));
    format!("no scenario {name:?}: expected a file, or one of {whose}: {listed}{meant}")
}
