//! Errors of a run.

use std::io;

use thiserror::Error;

use crate::config::ConfigError;

/// Why a run has no results.
#[derive(Debug, Error)]
pub enum RunError {
    /// The engine refused a unit.
    #[error("{strategy}, replication {replication}: {reason}")]
    Engine {
        /// The strategy.
        strategy: String,
        /// The replication.
        replication: u32,
        /// The reason.
        reason: String,
    },
    /// The output cannot be written.
    #[error("{file}: cannot be written: {reason}")]
    Unwritable {
        /// The file or directory.
        file: String,
        /// The cause.
        reason: io::Error,
    },
    /// `chat.config` can no longer be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// MSER-5 needs the load over time, which live mode lacks.
    #[error("warmup_s: the load over time is not known in live mode: give a number of seconds")]
    NoSeries,
    /// MSER-5 found no end of the warm-up.
    #[error(
        "warmup_s: under {strategy} the load does not settle in the first half of {seconds} s: give a number of seconds, or a longer duration_s"
    )]
    Unsettled {
        /// The strategy.
        strategy: String,
        /// Length of the pilot run.
        seconds: f64,
    },
}
