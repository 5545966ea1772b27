//! Flags of the commands that talk to a running cluster, and the way to it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::config_args::ConfigArgs;
use super::output::{print, refuse};
use crate::admin::{AdminClient, AdminFile};

/// Which cluster, and in which form to print: `--config`, `--env`, `--admin-file`, `--json`.
#[derive(Args, Clone, Debug)]
pub struct AdminArgs {
    /// Which configuration: the port of its master.json tells one running cluster from another.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// File of the running cluster, when serve was given one [default: by the port of master.json]
    #[arg(long, value_name = "PATH")]
    pub admin_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Why a command has nothing to print.
pub(super) type Failure = Box<dyn std::error::Error>;

impl AdminArgs {
    /// Finds the running cluster, and connects to it.
    pub(super) fn connect(&self) -> Result<AdminClient, Failure> {
        Ok(AdminClient::connect(&self.file()?)?)
    }

    /// The file of the running cluster.
    pub(super) fn file(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.admin_file {
            return Ok(path.clone());
        }
        let spec = self.config.load().map_err(|error| format!("{error}; {WITHOUT_CONFIG}"))?;
        let Some(master) = spec.master else {
            return Err(format!(
                "no master.json beside {}, whose port tells which cluster is meant: {WITHOUT_CONFIG}",
                spec.source.display()
            )
            .into());
        };
        Ok(AdminFile::default_path(master.port)?)
    }

    /// Prints an answer as it came, or as `text` says it.
    pub(super) fn show(
        &self,
        answer: Result<Value, Failure>,
        text: impl FnOnce(&Value) -> String,
    ) -> ExitCode {
        match answer {
            Ok(answer) if self.json => print(&format!("{answer:#}\n")),
            Ok(answer) => print(&text(&answer)),
            Err(error) => refuse(error),
        }
    }
}

const WITHOUT_CONFIG: &str = "the running cluster can be named with --admin-file PATH, as serve was";

/// The texts of an array in an answer.
pub(super) fn texts<'a>(answer: &'a Value, key: &str) -> Vec<&'a str> {
    answer[key].as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// A line for each: `stopped chat-server-1`.
pub(super) fn lines(verb: &str, names: &[&str]) -> String {
    names.iter().map(|name| format!("{verb} {name}\n")).collect()
}
