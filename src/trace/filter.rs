//! Which messages are traced.

use serde::{Deserialize, Serialize};

/// What must hold of a message; what is none holds of all. Everything that is asked for must hold.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    /// It is of the session that is bound to this uid, or whose user has this name; or of one that is bound to nobody, and
    /// names it in its text: a login.
    pub uid: Option<String>,
    /// It is of a session in this room; or of one in none, and names it in its text.
    pub rid: Option<String>,
    /// It is for this route, or for one that begins with it: `chat.chatHandler`.
    pub route: Option<String>,
    /// This server takes part in it.
    pub server: Option<String>,
}

/// A client's message, as the filter looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The frontend that takes it up.
    pub server: &'a str,
    /// Its route.
    pub route: &'a str,
    /// What its session is bound to.
    pub uid: Option<&'a str>,
    /// The user's name in that.
    pub name: Option<&'a str>,
    /// The session's `rid`.
    pub rid: Option<&'a str>,
    /// Its body.
    pub body: &'a [u8],
}

impl Filter {
    /// Whether all holds that can be said of a message before it is handled: all but which servers take part.
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

/// Whether a text in JSON has this very word, in quotation marks.
fn names(body: &[u8], word: &str) -> bool {
    let word = serde_json::to_string(word).unwrap_or_default();
    !word.is_empty() && body.windows(word.len()).any(|part| part == word.as_bytes())
}
