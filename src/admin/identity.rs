//! The identity of a cluster, and the choice of the cluster that a command is meant for.
//!
//! A cluster is identified by the configuration that it serves, its environment, and its ports.
//! Each running cluster has a file in its user's runtime directory, named after its identity; see
//! `file.rs`. A command takes the same flags as `serve`, and reaches the cluster that was started
//! with them.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::running::Running;
use crate::config::Ports;

/// Distinguishes the clusters of a user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The canonical path of its `servers.json`; its name, if it is not in a file.
    pub config: String,
    /// Its environment.
    pub env: String,
    /// How its ports were chosen.
    pub ports: Ports,
}

impl Identity {
    /// The identity of the cluster that serves this `servers.json`.
    pub fn new(source: &Path, env: &str, ports: Ports) -> Self {
        Self { config: canonical(source), env: env.to_owned(), ports }
    }

    /// The name of its file. Clusters with any ports may run side by side, so their names include
    /// the process.
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

/// The path of a configuration in canonical form. Its file may be gone by now.
fn canonical(path: &Path) -> String {
    let in_directory = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    let found = fs::canonicalize(path).ok().or_else(in_directory);
    found.unwrap_or_else(|| path.to_path_buf()).to_string_lossy().into_owned()
}

/// A command's description of the cluster that it is meant for.
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
    /// `None` fits any cluster.
    pub fn new(source: Option<&Path>, env: Option<&str>, ports: Option<Ports>) -> Self {
        Self { config: source.map(canonical), env: env.map(str::to_owned), ports }
    }

    /// Whether everything given fits.
    pub fn fits(&self, cluster: &Identity) -> bool {
        self.config.as_ref().is_none_or(|config| *config == cluster.config)
            && self.env.as_ref().is_none_or(|env| *env == cluster.env)
            && self.ports.is_none_or(|ports| ports == cluster.ports)
    }

    /// Chooses the cluster that is meant. Shifted ports must be given; any ports need not be, as
    /// long as only one cluster of that configuration runs. Without a configuration, the only
    /// running cluster is meant.
    ///
    /// # Errors
    /// No cluster fits, or several do.
    pub fn choose(&self, running: Vec<Running>) -> Result<Running, Missed> {
        let is_hidden = |ports| matches!(ports, Ports::Offset(1..));
        let is_meant = |cluster: &Identity| {
            self.fits(cluster) && (self.config.is_none() || self.ports.is_some() || !is_hidden(cluster.ports))
        };
        let mut fitting: Vec<usize> =
            (0..running.len()).filter(|at| is_meant(&running[*at].credentials.identity)).collect();
        let plain = |at: &usize| running[*at].credentials.identity.ports == Ports::default();
        // A cluster on its configured ports comes before others of the same configuration.
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

/// A line for each running cluster, with the flags that reach it.
fn listed(running: &[Running]) -> String {
    if running.is_empty() {
        return String::new();
    }
    let line = |cluster: &Running| format!("\n  {cluster}: {}", cluster.flags());
    format!("; those that run:{}", running.iter().map(line).collect::<String>())
}
