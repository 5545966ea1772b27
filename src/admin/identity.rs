//! Which cluster is which, and which one a command is meant for.
//!
//! A cluster is known by the configuration that it serves, its environment, and where its ports are. Each that runs has a
//! file in its user's directory for what runs, named by that; see `file.rs`. A command says as much as `serve` did, and
//! reaches the cluster for which that was said.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::running::Running;
use crate::config::Ports;

/// What tells one cluster of a user from another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The canonical path of its `servers.json`; its name, when it is in no file.
    pub config: String,
    /// Its environment.
    pub env: String,
    /// Where its ports are.
    pub ports: Ports,
}

impl Identity {
    /// Of the cluster that serves this `servers.json`.
    pub fn new(source: &Path, env: &str, ports: Ports) -> Self {
        Self { config: canonical(source), env: env.to_owned(), ports }
    }

    /// The name of its file. Of several with any ports, each has a name of its own, by its process.
    pub fn file_name(&self, pid: u32) -> String {
        const NAME_CHARACTERS: usize = 40;
        let directory = Path::new(&self.config).parent().and_then(Path::file_name).unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name = format!("{}-{}", directory.to_string_lossy(), self.env);
        let name: String = name.chars().take(NAME_CHARACTERS).map(plain).collect();
        let who = if self.ports == Ports::Any { pid } else { 0 };
        let text = format!("{}\0{}\0{}\0{who}", self.config, self.env, self.ports);
        format!("{name}-{:016x}.json", xxh3_64(text.as_bytes()))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.config, self.env)?;
        if self.ports != Ports::default() {
            write!(f, ", {}", self.ports)?;
        }
        f.write_str(")")
    }
}

/// The path of a configuration, however it is written. Its file may be gone since.
fn canonical(path: &Path) -> String {
    let in_directory = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    let found = fs::canonicalize(path).ok().or_else(in_directory);
    found.unwrap_or_else(|| path.to_path_buf()).to_string_lossy().into_owned()
}

/// What a command says of the cluster that it is meant for.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Aim {
    config: Option<String>,
    env: Option<String>,
    ports: Option<Ports>,
}

/// Why a command reaches no cluster.
#[derive(Debug, Error)]
#[error("{problem}{}", listed(running))]
pub struct Missed {
    problem: String,
    running: Vec<Running>,
}

impl Aim {
    /// What is not said fits any cluster.
    pub fn new(source: Option<&Path>, env: Option<&str>, ports: Option<Ports>) -> Self {
        Self { config: source.map(canonical), env: env.map(str::to_owned), ports }
    }

    /// Whether all that is said fits.
    pub fn fits(&self, cluster: &Identity) -> bool {
        self.config.as_ref().is_none_or(|config| *config == cluster.config)
            && self.env.as_ref().is_none_or(|env| *env == cluster.env)
            && self.ports.is_none_or(|ports| ports == cluster.ports)
    }

    /// The cluster that is meant. One whose ports are shifted must be named by them; one with any ports need not be, while
    /// it is the only one of its configuration. Where no configuration is said either, the only one that runs is meant.
    ///
    /// # Errors
    /// None fits, or several do.
    pub fn choose(&self, running: Vec<Running>) -> Result<Running, Missed> {
        let is_hidden = |ports| matches!(ports, Ports::Offset(1..));
        let is_meant = |cluster: &Identity| {
            self.fits(cluster) && (self.config.is_none() || self.ports.is_some() || !is_hidden(cluster.ports))
        };
        let mut fitting: Vec<usize> =
            (0..running.len()).filter(|at| is_meant(&running[*at].credentials.identity)).collect();
        let plain = |at: &usize| running[*at].credentials.identity.ports == Ports::default();
        if self.config.is_some() && fitting.iter().any(plain) {
            fitting.retain(plain);
        }
        let problem = match fitting[..] {
            [at] => {
                let mut running = running;
                return Ok(running.swap_remove(at));
            }
            [] if running.is_empty() => {
                format!("no cluster runs: {} serve starts one", crate::program::command())
            }
            [] => format!("no cluster{self} runs"),
            _ => format!("several clusters{self} run: name one"),
        };
        Err(Missed { problem, running })
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(config) = &self.config {
            write!(f, " of {config}")?;
        }
        if let Some(env) = &self.env {
            write!(f, " in environment {env}")?;
        }
        match self.ports {
            Some(ports) => write!(f, " with {ports}"),
            None => Ok(()),
        }
    }
}

/// A line for each cluster that runs, with the flags that reach it.
fn listed(running: &[Running]) -> String {
    if running.is_empty() {
        return String::new();
    }
    let line = |cluster: &Running| format!("\n  {cluster}: {}", cluster.flags());
    format!("; those that run:{}", running.iter().map(line).collect::<String>())
}
