//! Errors in a scenario.

use thiserror::Error;

/// Why a scenario file is rejected.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// The cause.
        reason: std::io::Error,
    },
    /// The file is larger than any scenario.
    #[error("{file}: expected at most 1 MiB")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// The file is not JSON, or does not have the form documented in `config/experiments`.
    #[error("{file}:{line}:{column}: {field}{reason}")]
    Malformed {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// Path of the field and a colon, or empty.
        field: String,
        /// What was expected, and what came.
        reason: String,
    },
    /// The form is right, but a value does not make sense.
    #[error("{file}: {field}: {reason}")]
    Senseless {
        /// The file.
        file: String,
        /// Path of the field.
        field: String,
        /// What was expected, and what came.
        reason: String,
    },
}
