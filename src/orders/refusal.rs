//! Refusals of a request: a status for HTTP, a code for programs, a message for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::live::ControlError;

/// A refusal as the API returns it: `{"error":{"code","message","done"?}}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: what was expected, and what came.
    pub message: String,
    /// The servers for which the order was carried out before it failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
    /// The methods that the path does have, if this one is missing.
    #[serde(skip)]
    pub allow: Option<String>,
}

/// The kind of a [`Refusal`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The arguments are wrong.
    BadRequest,
    /// The token is wrong or missing.
    Unauthorized,
    /// The request's origin is not allowed.
    Forbidden,
    /// No page or order has this path.
    UnknownPath,
    /// The path has other methods.
    MethodNotAllowed,
    /// The request did not arrive in time.
    Late,
    /// The body is over the size limit.
    TooLarge,
    /// The content type is not JSON.
    UnsupportedMediaType,
    /// No server has this id.
    UnknownServer,
    /// No link rule has this name.
    UnknownRule,
    /// No server can be of this type.
    UnknownType,
    /// This uid is not logged in.
    UnknownUser,
    /// The room has no members.
    UnknownRoom,
    /// A server with this id exists.
    Exists,
    /// Another server has this client port.
    PortTaken,
    /// The server's state does not allow this.
    WrongState,
    /// The description of a new server, or the configuration, is invalid.
    BadConfig,
    /// A client port cannot be opened.
    CannotStart,
    /// Too many requests at once; retry later.
    Busy,
    /// The cluster has stopped.
    Ended,
}

impl Code {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Code::BadRequest | Code::BadConfig => 400,
            Code::Unauthorized => 401,
            Code::Forbidden => 403,
            Code::UnknownPath
            | Code::UnknownServer
            | Code::UnknownRule
            | Code::UnknownType
            | Code::UnknownUser
            | Code::UnknownRoom => 404,
            Code::MethodNotAllowed => 405,
            Code::Late => 408,
            Code::Exists | Code::PortTaken | Code::WrongState | Code::CannotStart => 409,
            Code::TooLarge => 413,
            Code::UnsupportedMediaType => 415,
            Code::Busy | Code::Ended => 503,
        }
    }
}

impl Refusal {
    /// A refusal before anything was done.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), done: Vec::new(), allow: None }
    }

    /// The arguments are wrong.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// The request's origin is not allowed.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// The path has other methods.
    pub fn method(allow: String) -> Self {
        let message = format!("expected one of {allow}");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, message) }
    }

    /// The cluster has stopped.
    pub fn ended() -> Self {
        ControlError::Ended.into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.done.is_empty() { Ok(()) } else { write!(f, "; done before: {}", self.done.join(", ")) }
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        let code = match error {
            ControlError::UnknownServer { .. } => Code::UnknownServer,
            ControlError::Exists { .. } => Code::Exists,
            ControlError::PortTaken { .. } => Code::PortTaken,
            ControlError::WrongState { .. } => Code::WrongState,
            ControlError::Config(_) => Code::BadConfig,
            ControlError::Start(_) => Code::CannotStart,
            ControlError::UnknownUser { .. } => Code::UnknownUser,
            ControlError::UnknownRoom { .. } => Code::UnknownRoom,
            ControlError::UnknownRule(_) => Code::UnknownRule,
            ControlError::UnknownType { .. } => Code::UnknownType,
            ControlError::NotSticky(_) => Code::BadConfig,
            ControlError::Ended => Code::Ended,
        };
        Refusal::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Code, Refusal};

    #[test]
    fn programs_meet_a_code_and_a_status() {
        for (code, name, status) in [
            (Code::BadRequest, "bad_request", 400),
            (Code::Unauthorized, "unauthorized", 401),
            (Code::UnknownServer, "unknown_server", 404),
            (Code::UnknownRule, "unknown_rule", 404),
            (Code::Exists, "exists", 409),
            (Code::PortTaken, "port_taken", 409),
            (Code::WrongState, "wrong_state", 409),
            (Code::BadConfig, "bad_config", 400),
            (Code::CannotStart, "cannot_start", 409),
            (Code::Busy, "busy", 503),
            (Code::Ended, "ended", 503),
        ] {
            let refusal = Refusal::new(code, "why");
            assert_eq!((json!(refusal), code.status()), (json!({"code": name, "message": "why"}), status));
        }
    }
}
