//! One step of a trace.

use serde::{Deserialize, Serialize};

use super::{TEXT_CHARS_MAX, TraceId};
use crate::ids::{ServerId, ServerType};

/// One action of one server for one message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its number on the tape.
    pub seq: u64,
    /// The message's trace.
    pub trace: TraceId,
    /// Time in milliseconds since 1970.
    pub at_ms: f64,
    /// The acting server; the router's steps are recorded under the server that sent the envelope.
    pub server: ServerId,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// The action of a step. Texts are truncated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum What {
    /// A frontend received a client's message: the start of a trace.
    Received {
        /// Its route.
        route: Box<str>,
        /// Whether the client waits for an answer.
        kind: Way,
        /// The session's uid.
        uid: Option<Box<str>>,
        /// The session's `rid`.
        rid: Option<Box<str>>,
        /// The session's number.
        session: u32,
        /// The body's length in bytes.
        bytes: usize,
        /// The start of the body.
        body: Box<str>,
    },
    /// The router chose a server by a key.
    Routed {
        /// Which.
        to: ServerId,
        /// The key.
        key: Box<str>,
        /// The server type.
        server_type: ServerType,
        /// The strategy.
        strategy: Box<str>,
        /// How the strategy maps the key to the server.
        why: Box<str>,
    },
    /// The router buffers the envelope.
    Held {
        /// The target server.
        to: ServerId,
        /// Why.
        reason: Reason,
    },
    /// A handler or remote has finished.
    Handled {
        /// Which.
        route: Box<str>,
        /// From the time when the message was sent, or received, to the handler's start.
        waited_us: u64,
        /// What went wrong.
        error: Option<Box<str>>,
    },
    /// A handler calls another server, or the router.
    Called {
        /// The callee: a server, a type, or `router`.
        to: Box<str>,
        /// The called method.
        route: Box<str>,
    },
    /// A handler pushes to clients.
    Pushed {
        /// The route of the push.
        route: Box<str>,
        /// The frontend of the clients; a type if the push is for all of its clients, `router` if
        /// it finds them by uid.
        frontend: Box<str>,
        /// Number of clients; `None` for all.
        recipients: Option<usize>,
    },
    /// A frontend gave a push to its clients' outboxes.
    Delivered {
        /// Number of clients.
        sessions: usize,
    },
    /// The client's answer was sent.
    Answered {
        /// What went wrong.
        error: Option<Box<str>>,
        /// Time since the message was received.
        took_us: u64,
    },
}

/// Whether a client waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// A request.
    Request,
    /// A notify.
    Notify,
}

/// Why an envelope is buffered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// The link to its server is slow or cut, or an earlier envelope is waiting on it.
    Link,
    /// It was lost on the link and will be retransmitted.
    Lost,
    /// Its server is paused.
    Paused,
    /// Its key is being handed off between two servers.
    Changing,
}

impl What {
    /// Whether this server takes part in the step, besides the acting one.
    pub(super) fn names(&self, server: &str) -> bool {
        match self {
            What::Routed { to, .. } | What::Held { to, .. } => to.as_str() == server,
            What::Called { to: name, .. } | What::Pushed { frontend: name, .. } => **name == *server,
            _ => false,
        }
    }
}

/// Truncates a text to the limit of a step.
pub fn bounded(text: &str) -> Box<str> {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
