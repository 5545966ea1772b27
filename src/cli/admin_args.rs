//! Flags of the commands that talk to a running cluster, and how they find it.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::config_args::ConfigArgs;
use super::output::{Failure, Outcome, print};
use crate::admin::{AdminClient, Credentials, Running, read_answer};
use crate::orders::Order;

/// The cluster to talk to: `--config`, `--env`, `--port-offset`, `--admin-file`.
#[derive(Args, Clone, Debug)]
pub struct ClusterArgs {
    /// The configuration that the cluster serves.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The running cluster that serve was given this --port-offset for [default: the one without]
    #[arg(long, value_name = "N", conflicts_with = "admin_file")]
    pub port_offset: Option<u16>,
    /// File of the running cluster, as the banner of serve names it [default: by --config and
    /// --env]
    #[arg(long, value_name = "PATH")]
    pub admin_file: Option<PathBuf>,
}

/// The cluster to talk to, and the output format: `--json`.
#[derive(Args, Clone, Debug)]
pub struct AdminArgs {
    /// The cluster to talk to.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl ClusterArgs {
    /// Finds the running cluster that the flags select.
    pub(super) fn find(&self) -> Result<Running, Failure> {
        let Some(path) = &self.admin_file else {
            return Ok(self.config.aim(self.port_offset).choose(Running::all()?)?);
        };
        let running = Running { path: path.clone(), credentials: Credentials::read(path)? };
        let (given, identity) = (self.config.given(None), &running.credentials.identity);
        if given.fits(identity) {
            return Ok(running);
        }
        Err(format!("{} belongs to the cluster of {identity}, not to one{given}", path.display()).into())
    }
}

impl AdminArgs {
    /// Connects to the running cluster that the flags select.
    pub(super) fn client(&self) -> Result<AdminClient, Failure> {
        Ok(AdminClient::new(self.cluster.find()?))
    }

    /// Sends orders in sequence and stops at the first failure. `name` returns the server or rule
    /// that an answer is about.
    pub(super) fn each(
        &self,
        orders: impl IntoIterator<Item = Order>,
        name: fn(&Value) -> &Value,
    ) -> Result<(Vec<String>, Vec<Value>), Failure> {
        let client = self.client()?;
        let (mut done, mut answers) = (Vec::new(), Vec::new());
        for order in orders {
            match client.ask(&order) {
                Ok(answer) => {
                    done.push(name(&answer).as_str().unwrap_or_default().to_owned());
                    answers.push(answer);
                }
                Err(error) if done.is_empty() => return Err(error.into()),
                Err(error) => return Err(format!("{error}; done before: {}", done.join(", ")).into()),
            }
        }
        Ok((done, answers))
    }

    /// Sends an order and prints the answer: as received with `--json`, else formatted by `text`.
    pub(super) fn order<T: DeserializeOwned>(
        &self,
        order: &Order,
        text: impl FnOnce(&T) -> String,
    ) -> Outcome {
        self.show(self.client()?.ask(order)?, text)
    }

    /// Prints an answer: as received with `--json`, else formatted by `text`.
    pub(super) fn show<T: DeserializeOwned>(
        &self,
        answer: Value,
        text: impl FnOnce(&T) -> String,
    ) -> Outcome {
        print(&if self.json { format!("{answer:#}\n") } else { text(&read_answer(&answer)?) })
    }
}

/// The strings of an array in an answer.
pub(super) fn texts<'a>(answer: &'a Value, key: &str) -> Vec<&'a str> {
    answer[key].as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// One line for each: `stopped chat-server-1`.
pub(super) fn lines(verb: &str, names: &[impl Display]) -> String {
    names.iter().map(|name| format!("{verb} {name}\n")).collect()
}
