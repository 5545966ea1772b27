//! Why a request is not answered well: a status for HTTP, a code for programs, a message for people.

use serde::Serialize;
use serde_json::{Value, json};

use crate::admin::{Code, Refusal};

/// A refusal, as the API tells it: `{"error":{"code","message","done"?}}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// The status of HTTP.
    #[serde(skip)]
    pub status: u16,
    /// For programs: that of a [`Refusal`], or one of `forbidden`, `unknown_path`, `method_not_allowed`, `too_large`,
    /// `unsupported_media_type`.
    pub code: String,
    /// For people: what was expected, and what came.
    pub message: String,
    /// What the order was carried out for before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
    /// The methods that the path has, when it has not this one.
    #[serde(skip)]
    pub allow: Option<String>,
}

impl Failure {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), done: Vec::new(), allow: None }
    }

    /// The arguments are wrong.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    /// Nobody from there may ask.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "forbidden", message)
    }

    /// The token is wrong or missing.
    pub fn unauthorized() -> Self {
        let message = "wrong or missing token: expected Authorization: Bearer TOKEN; it stands in the file that serve names";
        Self::new(401, "unauthorized", message)
    }

    /// There is no such page.
    pub fn unknown_path(message: impl Into<String>) -> Self {
        Self::new(404, "unknown_path", message)
    }

    /// The path has other methods.
    pub fn method(allow: String) -> Self {
        Self {
            allow: Some(allow.clone()),
            ..Self::new(405, "method_not_allowed", format!("expected one of {allow}"))
        }
    }

    /// The body is longer than any may be.
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(413, "too_large", format!("expected a body of at most {bytes_max} bytes"))
    }

    /// The body is no JSON, by its own word.
    pub fn media_type() -> Self {
        Self::new(415, "unsupported_media_type", "expected Content-Type: application/json")
    }

    /// The body did not arrive in time.
    pub fn late() -> Self {
        Self::new(408, "late", "the request did not arrive in time")
    }

    /// Too much is asked at once.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(503, "busy", message)
    }

    /// Robots have nowhere to log in.
    pub fn no_entry() -> Self {
        Refusal::new(
            Code::WrongState,
            "no gate is up, and no connector of a cluster without one: robots log in there",
        )
        .into()
    }

    /// The cluster has ended.
    pub fn ended() -> Self {
        Refusal::new(Code::Ended, "the cluster has ended").into()
    }

    /// What stands in the body.
    pub fn json(&self) -> Value {
        json!({ "error": self })
    }
}

impl From<Refusal> for Failure {
    fn from(Refusal { code, message, done }: Refusal) -> Self {
        let code = match json!(code) {
            Value::String(code) => code,
            other => other.to_string(),
        };
        Self { done, ..Self::new(status_of(&code), &code, message) }
    }
}

/// By the name that programs meet: orders that are added bring codes of their own.
fn status_of(code: &str) -> u16 {
    match code {
        "bad_request" | "bad_config" => 400,
        "unauthorized" => 401,
        "exists" | "port_taken" | "wrong_state" | "cannot_start" => 409,
        "ended" | "busy" => 503,
        _ if code.starts_with("unknown_") => 404,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Failure, Refusal};

    #[test]
    fn every_code_has_a_status() {
        use Code::*;
        for (code, name, status) in [
            (BadRequest, "bad_request", 400),
            (Unauthorized, "unauthorized", 401),
            (UnknownCommand, "unknown_command", 404),
            (UnknownServer, "unknown_server", 404),
            (UnknownRule, "unknown_rule", 404),
            (Exists, "exists", 409),
            (PortTaken, "port_taken", 409),
            (WrongState, "wrong_state", 409),
            (BadConfig, "bad_config", 400),
            (CannotStart, "cannot_start", 409),
            (Busy, "busy", 503),
            (Ended, "ended", 503),
        ] {
            let failure = Failure::from(Refusal::new(code, "why"));
            assert_eq!((failure.code.as_str(), failure.status), (name, status));
        }
    }
}
