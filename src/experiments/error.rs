//! Why an experiment has no results.

use std::io;

use thiserror::Error;

use crate::config::ConfigError;

/// Why a run has no results.
#[derive(Debug, Error)]
pub enum RunError {
    /// The engine refuses.
    #[error("{strategy}, replication {replication}: {reason}")]
    Engine {
        /// Under which strategy.
        strategy: String,
        /// In which replication.
        replication: u32,
        /// Why.
        reason: String,
    },
    /// Nothing can be kept there.
    #[error("{file}: cannot be written: {reason}")]
    Unwritable {
        /// Which file or directory.
        file: String,
        /// Why.
        reason: io::Error,
    },
    /// `chat.config` cannot be read any more.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// MSER-5 has nothing to go by.
    #[error("warmup_s: the load over time is not known in live mode: give a number of seconds")]
    NoSeries,
    /// MSER-5 finds no end of the warm-up.
    #[error(
        "warmup_s: under {strategy} the load does not settle in the first half of {seconds} s: give a number of seconds, or a longer duration_s"
    )]
    Unsettled {
        /// Under which strategy.
        strategy: String,
        /// How long the pilot run was.
        seconds: f64,
    },
}
