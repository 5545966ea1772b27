//! A client's session as servers see it: its identity and its settings.

use std::sync::Arc;

use serde_json::Value;

use crate::ids::{SessionKey, Uid};

/// A session. The frontend holds the original, and envelopes carry cheap copies. A backend's
/// changes stay in its copy until they are pushed.
#[derive(Clone, Debug)]
pub struct Session {
    /// The session's key, unique in the cluster.
    pub key: SessionKey,
    /// The uid that the session is bound to, if any.
    pub uid: Option<Uid>,
    /// Sorted by name. Sessions have few settings, and a list takes a tenth of a map's memory.
    settings: Arc<[(Box<str>, Value)]>,
}

impl Session {
    /// Makes a new session without a uid or settings.
    pub fn new(key: SessionKey) -> Self {
        Self { key, uid: None, settings: Arc::default() }
    }

    /// Returns a setting.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).ok().map(|at| &self.settings[at].1)
    }

    /// Returns a setting if it is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// Changes a setting; `null` removes it.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        match (self.place(key), value.into()) {
            (Err(_), Value::Null) => {}
            (Ok(at), Value::Null) => {
                let (before, after) = (&self.settings[..at], &self.settings[at + 1..]);
                self.settings = before.iter().chain(after).cloned().collect();
            }
            (Ok(at), value) => Arc::make_mut(&mut self.settings)[at].1 = value,
            (Err(at), value) => {
                let (before, after) = self.settings.split_at(at);
                let new = [(key.into(), value)];
                self.settings = before.iter().cloned().chain(new).chain(after.iter().cloned()).collect();
            }
        }
    }

    /// The position of a setting, or the position to insert it at.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.settings.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}
