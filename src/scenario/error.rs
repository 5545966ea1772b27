//! What is wrong with a scenario.

use thiserror::Error;

/// Why a file is no scenario.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// It cannot be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// Which file.
        file: String,
        /// Why.
        reason: std::io::Error,
    },
    /// It is no scenario by its size alone.
    #[error("{file}: expected at most 1 MiB")]
    TooLarge {
        /// Which file.
        file: String,
    },
    /// It is not JSON, or does not have the form that the documentation of `config/experiments` gives.
    #[error("{file}:{line}:{column}: {field}{reason}")]
    Malformed {
        /// Which file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The field's path with a colon, or nothing.
        field: String,
        /// What was expected, and what came.
        reason: String,
    },
    /// Its fields have the right form and make no sense.
    #[error("{file}: {field}: {reason}")]
    Senseless {
        /// Which file.
        file: String,
        /// The field's path.
        field: String,
        /// What was expected, and what came.
        reason: String,
    },
}
