//! Selects the messages to trace.

use serde::{Deserialize, Serialize};

/// Conditions on a message. All of them must hold; `None` matches everything.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    /// Its session is bound to this uid or to a user of this name; or its session is unbound and
    /// its body contains the name: a login.
    pub uid: Option<String>,
    /// Its session is in this room; or in no room and its body contains the room's name.
    pub rid: Option<String>,
    /// Its route is this, or starts with it: `chat.chatHandler`.
    pub route: Option<String>,
    /// This server takes part in handling it.
    pub server: Option<String>,
}

/// A client's message as the filter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The frontend that received it.
    pub server: &'a str,
    /// Its route.
    pub route: &'a str,
    /// The uid of its session.
    pub uid: Option<&'a str>,
    /// The user's name in the uid.
    pub name: Option<&'a str>,
    /// The session's `rid`.
    pub rid: Option<&'a str>,
    /// Its body.
    pub body: &'a [u8],
}

impl Filter {
    /// Checks the conditions that are known before a message is handled: all but the server.
    pub(super) fn wants(&self, asked: &Asked<'_>) -> bool {
        let uid = self.uid.as_deref().is_none_or(|uid| match asked.uid {
            Some(bound) => bound == uid || asked.name == Some(uid),
            None => names(asked.body, uid),
        });
        let rid = self.rid.as_deref().is_none_or(|rid| match asked.rid {
            Some(room) => room == rid,
            None => names(asked.body, rid),
        });
        let route = self.route.as_deref().is_none_or(|wanted| {
            asked.route.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        uid && rid && route
    }
}

/// Whether a JSON text contains this word as a whole string.
fn names(body: &[u8], word: &str) -> bool {
    let word = serde_json::to_string(word).unwrap_or_default();
    !word.is_empty() && body.windows(word.len()).any(|part| part == word.as_bytes())
}
