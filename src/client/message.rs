//! Events of a connection: borrowed from the received bytes, or owned, as JSON.

use std::borrow::Cow;

use serde_json::Value;

use super::{ClientError, Terms};
use crate::wire::WireRoute;

/// An event of a connection. Bodies are JSON: as received, or decoded from protobuf.
#[derive(Debug)]
pub enum Event<'a> {
    /// The handshake is done and acknowledged: requests may be sent.
    Open(&'a Terms),
    /// The server is alive.
    Heartbeat,
    /// The answer to a request.
    Response {
        /// Which.
        id: u64,
        /// What it says.
        body: Cow<'a, [u8]>,
    },
    /// The server says something unasked.
    Push {
        /// About what, as it stands on the wire: see [`Terms::code`].
        route: WireRoute<'a>,
        /// What names the route.
        terms: &'a Terms,
        /// What it says.
        body: Cow<'a, [u8]>,
    },
    /// The server is about to close; the body says why.
    Kicked(&'a [u8]),
}

/// A message received over an open connection, owned.
#[derive(Clone, PartialEq, Debug)]
pub enum Incoming {
    /// The answer to a request that [`send`](super::BlockingClient::send) has sent.
    Response {
        /// Which.
        id: u64,
        /// What it says.
        body: Value,
    },
    /// The server says something unasked.
    Push {
        /// About what; empty if the server uses a code that it has not declared.
        route: String,
        /// What it says.
        body: Value,
    },
    /// The server is about to close, for this reason.
    Kicked(String),
}

impl Event<'_> {
    /// Converts to an owned message; `None` for events without one.
    ///
    /// # Errors
    /// The body cannot be read.
    pub fn into_owned(self) -> Result<Option<Incoming>, ClientError> {
        Ok(match self {
            Event::Open(_) | Event::Heartbeat => None,
            Event::Response { id, body } => {
                Some(Incoming::Response { id, body: serde_json::from_slice(&body)? })
            }
            Event::Push { route, terms, body } => Some(Incoming::Push {
                route: terms.name(&route).to_owned(),
                body: serde_json::from_slice(&body)?,
            }),
            Event::Kicked(body) => Some(Incoming::Kicked(kick_reason(body))),
        })
    }
}

/// The reason in a kick's body.
pub fn kick_reason(kick: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(kick).ok();
    json.as_ref().and_then(|json| json.get("reason")?.as_str()).unwrap_or("no reason").to_owned()
}
