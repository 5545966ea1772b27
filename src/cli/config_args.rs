//! Flags that several commands share.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;

use crate::config::{ClusterSpec, ConfigError};
use crate::strategies::{StrategySpec, UnknownStrategy};

/// Which configuration: `--config` and `--env`, before or after the command.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// Directory with servers.json (or ENV/servers.json), or such a file itself
    #[arg(long, value_name = "PATH", default_value = "config", global = true)]
    pub config: PathBuf,
    /// Environment: the key of servers.json to use
    #[arg(
        long, value_name = "ENV", env = "NODE_ENV", default_value = DEFAULT_ENV, value_parser = environment, global = true
    )]
    pub env: String,
}

const DEFAULT_ENV: &str = "development";

/// As for Pomelo, a `NODE_ENV` that is set but empty says nothing.
fn environment(text: &str) -> Result<String, Infallible> {
    Ok(if text.is_empty() { DEFAULT_ENV } else { text }.to_owned())
}

impl ConfigArgs {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// As [`ClusterSpec::load`].
    pub fn load(&self) -> Result<ClusterSpec, ConfigError> {
        ClusterSpec::load(&self.config, &self.env)
    }
}

/// `TYPE=NAME`: how servers of a type are chosen.
#[derive(Clone, PartialEq, Debug)]
pub struct StrategyChoice {
    /// Of which type.
    pub server_type: String,
    /// How.
    pub strategy: StrategySpec,
}

impl StrategyChoice {
    /// Reads `chat=crc32-mod`.
    ///
    /// # Errors
    /// It has another form, or the strategy is unknown.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (server_type, strategy) =
            text.split_once('=').ok_or_else(|| "expected TYPE=NAME, such as chat=crc32-mod".to_owned())?;
        let strategy = strategy.parse().map_err(|error: UnknownStrategy| error.to_string())?;
        Ok(Self { server_type: server_type.to_owned(), strategy })
    }
}
