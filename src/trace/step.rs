//! One step of a trace.

use serde::{Deserialize, Serialize};

use super::{TEXT_CHARS_MAX, TraceId};
use crate::ids::{ServerId, ServerType};

/// What one server did for one message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its number on the tape.
    pub seq: u64,
    /// For which message.
    pub trace: TraceId,
    /// When: in milliseconds since 1970.
    pub at_ms: f64,
    /// Which server did it; what the router does, it does for the server that sent the envelope.
    pub server: ServerId,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What was done. Texts are cut.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum What {
    /// A frontend took up a client's message: here a trace begins.
    Received {
        /// Its route.
        route: Box<str>,
        /// Whether the client waits for an answer.
        kind: Way,
        /// What the session is bound to.
        uid: Option<Box<str>>,
        /// The session's `rid`.
        rid: Option<Box<str>>,
        /// The session's number.
        session: u32,
        /// How long the body is.
        bytes: usize,
        /// Its beginning.
        body: Box<str>,
    },
    /// The router chose a server by a key.
    Routed {
        /// Which.
        to: ServerId,
        /// By which key.
        key: Box<str>,
        /// Among the servers of this type.
        server_type: ServerType,
        /// By which strategy.
        strategy: Box<str>,
        /// How that comes from the key to the server.
        why: Box<str>,
    },
    /// The router keeps it for a while.
    Held {
        /// For whom.
        to: ServerId,
        /// Why.
        reason: Reason,
    },
    /// A handler or remote is done.
    Handled {
        /// Which.
        route: Box<str>,
        /// From the moment at which it was sent, or taken up, to the one at which the handler began.
        waited_us: u64,
        /// What went wrong.
        error: Option<Box<str>>,
    },
    /// A handler asks another server, or the router.
    Called {
        /// Whom: a server, a type, or `router`.
        to: Box<str>,
        /// For what.
        route: Box<str>,
    },
    /// A handler pushes to clients.
    Pushed {
        /// The route of the push.
        route: Box<str>,
        /// Whose clients; a type when they are all of its clients, `router` when it is to find them by uid.
        frontend: Box<str>,
        /// How many; none when they are all.
        recipients: Option<usize>,
    },
    /// A frontend gave a push to its clients' outboxes.
    Delivered {
        /// To how many.
        sessions: usize,
    },
    /// The client has its answer.
    Answered {
        /// What went wrong.
        error: Option<Box<str>>,
        /// Since the message was taken up.
        took_us: u64,
    },
}

/// Whether a client waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// It does.
    Request,
    /// It does not.
    Notify,
}

/// Why an envelope is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// The link to its server is slow or cut, or something before it is held up there.
    Link,
    /// It was lost on the link, and will be sent again.
    Lost,
    /// Its server is paused.
    Paused,
    /// Its key is between two servers.
    Changing,
}

impl What {
    /// Whether this server takes part in it, besides the one that does it.
    pub(super) fn names(&self, server: &str) -> bool {
        match self {
            What::Routed { to, .. } | What::Held { to, .. } => to.as_str() == server,
            What::Called { to: name, .. } | What::Pushed { frontend: name, .. } => **name == *server,
            _ => false,
        }
    }
}

/// A text, cut after so many characters.
pub fn bounded(text: &str) -> Box<str> {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
