//! Flags that several commands share.

use std::path::{Path, PathBuf};

use clap::Args;
use thiserror::Error;

use crate::admin::Aim;
use crate::config::{ClusterSpec, ConfigError, Ports};
use crate::nearest::{did_you_mean, nearest};
use crate::program::quoted;
use crate::strategies::{ALL, Candidate, Kind, Parameter, StrategyEntry, StrategySpec, UnknownStrategy};

/// The configuration: `--config` and `--env`, before or after the command.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// Directory with servers.json (or ENV/servers.json), such a file itself, or a Pomelo project
    /// that has it in config or game-server/config [default: config, or without one there the chat
    /// tutorial's servers, which are built in]
    #[arg(long, value_name = "PATH", global = true)]
    pub config: Option<PathBuf>,
    /// Environment: the key of servers.json to use [default: development]
    #[arg(long, value_name = "ENV", env = "NODE_ENV", global = true)]
    pub env: Option<String>,
}

const DEFAULT_ENV: &str = "development";

impl ConfigArgs {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// As [`ClusterSpec::load`].
    pub fn load(&self) -> Result<ClusterSpec, ConfigError> {
        ClusterSpec::load(self.path(), self.env())
    }

    /// The path of `--config`, or its default.
    pub fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or_else(|| ClusterSpec::default_path())
    }

    /// The environment.
    pub fn env(&self) -> &str {
        self.given_env().unwrap_or(DEFAULT_ENV)
    }

    /// Like Pomelo, ignore a `NODE_ENV` that is set but empty.
    fn given_env(&self) -> Option<&str> {
        self.env.as_deref().filter(|env| !env.is_empty())
    }

    /// The identity of the cluster that these flags select. Without --config, that of `./config` if
    /// it exists.
    pub(super) fn aim(&self, port_offset: Option<u16>) -> Aim {
        let source = ClusterSpec::source_of(self.path(), self.env());
        if self.config.is_none() && !source.exists() {
            return self.given(port_offset);
        }
        Aim::new(Some(&source), Some(self.env()), port_offset.map(Ports::Offset))
    }

    /// The same, from the flags alone.
    pub(super) fn given(&self, port_offset: Option<u16>) -> Aim {
        let source = self.config.as_ref().map(|path| ClusterSpec::source_of(path, self.env()));
        Aim::new(source.as_deref(), self.given_env(), port_offset.map(Ports::Offset))
    }

    /// These flags as on a command line, each after a space.
    pub(super) fn flags(&self) -> String {
        let config =
            self.config.as_ref().map(|path| format!(" --config {}", quoted(&path.to_string_lossy())));
        let env = self.given_env().map(|env| format!(" --env {}", quoted(env)));
        config.unwrap_or_default() + &env.unwrap_or_default()
    }
}

/// `TYPE=NAME`: the dispatch strategy of a server type.
#[derive(Clone, PartialEq, Debug)]
pub struct StrategyChoice {
    /// Server type.
    pub server_type: String,
    /// Strategy.
    pub strategy: StrategySpec,
}

impl StrategyChoice {
    /// Reads `chat=crc32-mod`.
    ///
    /// # Errors
    /// Returns an error for another form or an unknown strategy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (server_type, strategy) =
            text.split_once('=').ok_or_else(|| "expected TYPE=NAME, such as chat=crc32-mod".to_owned())?;
        let strategy = strategy.parse().map_err(|error: UnknownStrategy| error.to_string())?;
        Ok(Self { server_type: server_type.to_owned(), strategy })
    }
}

/// Lists every strategy on its own line, below the help of the flag that takes one.
pub(super) fn strategies_help(first: &str) -> String {
    let name = |entry: &StrategyEntry| match entry.parameter {
        Parameter::None => entry.name.to_owned(),
        Parameter::Number { default, .. } => format!("{}({default})", entry.name),
        Parameter::Inner => format!("{}(NAME)", entry.name),
    };
    let list = |kind: Kind| {
        let of_kind = ALL.iter().filter(|entry| entry.kind == kind);
        of_kind.map(|entry| format!("\n  {}: {}", name(entry), entry.summary)).collect::<String>()
    };
    format!(
        "{first}\n\nStrategies that find a key again, for rooms and all else; what is in \
         parentheses is the default, and may be left out or changed:{}\n\nStrategies that choose anew each time, for \
         connectors; for rooms write directory(NAME):{}",
        list(Kind::Sticky),
        list(Kind::Choice)
    )
}

/// The configuration has no server of the requested type.
#[derive(Debug, Error)]
#[error(
    "no server of type {wanted:?} in {}; it has {}{}",
    file.display(), known.join(", "), did_you_mean(nearest(wanted, known.iter().map(String::as_str)))
)]
pub struct UnknownType {
    /// Requested type.
    pub wanted: String,
    /// Types that have servers.
    pub known: Vec<String>,
    /// Configuration file.
    pub file: PathBuf,
}

/// The servers of a type, as candidates for a strategy.
///
/// # Errors
/// Returns an error if there are none.
pub(super) fn candidates(spec: &ClusterSpec, wanted: &str) -> Result<Vec<Candidate>, UnknownType> {
    let servers: Vec<Candidate> = spec
        .of_type(wanted)
        .map(|server| Candidate { id: server.id.clone(), weight: server.weight })
        .collect();
    if servers.is_empty() {
        let known = spec.server_types().map(ToString::to_string).collect();
        return Err(UnknownType { wanted: wanted.to_owned(), known, file: spec.source.clone() });
    }
    Ok(servers)
}
