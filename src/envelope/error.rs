//! The error that a handler, a remote or the cluster answers with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Becomes the body of a response: `{"code":500,"message":"…"}`. People read `message`; clients
/// compare `code` and `error`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppError {
    /// Pomelo uses 500 for every failure. Here 503 means that the server is busy, and 504 that the
    /// outcome is unknown: the request may have been carried out. With any other code it was not.
    pub code: u16,
    /// Set where the chat tutorial sends `"error":true`: on a refused login.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub error: bool,
    /// What was expected, what came, and where. Never a stack trace or a path.
    pub message: String,
}

/// The code of an answer whose request may have been carried out or not, as of a gateway that
/// waited in vain (RFC 9110, 15.6.5).
pub const UNKNOWN_OUTCOME: u16 = 504;

impl AppError {
    /// Makes an error with code 500.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: 500, error: false, message: message.into() }
    }

    /// Returns the error with another code.
    pub fn with_code(self, code: u16) -> Self {
        Self { code, ..self }
    }

    /// Returns the error with `"error":true`.
    pub fn flagged(self) -> Self {
        Self { error: true, ..self }
    }

    /// Makes the error of a request whose answer did not come before its deadline. The request may
    /// have been carried out.
    pub fn timed_out(what: &str) -> Self {
        Self::new(format!("{what}: no answer in time (--request-timeout)")).with_code(UNKNOWN_OUTCOME)
    }

    /// Makes the error of a request whose answer had not come when its server stopped.
    pub fn stopped() -> Self {
        Self::new("the server stops, and the answer has not come").with_code(UNKNOWN_OUTCOME)
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

impl std::error::Error for AppError {}
