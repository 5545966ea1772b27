//! A client's session as servers see it: who it is, and its settings.

use std::sync::Arc;

use serde_json::Value;

use crate::ids::{SessionKey, Uid};

/// The frontend holds the original; envelopes carry cheap copies. What a backend changes in its copy stays there
/// until it is pushed.
#[derive(Clone, Debug)]
pub struct Session {
    /// Which session, in the whole cluster.
    pub key: SessionKey,
    /// Who it is bound to, if anyone.
    pub uid: Option<Uid>,
    /// In order of name. A few: a list of them is a tenth of a map's size.
    settings: Arc<[(Box<str>, Value)]>,
}

impl Session {
    /// A new session: bound to nobody, no settings.
    pub fn new(key: SessionKey) -> Self {
        Self { key, uid: None, settings: Arc::default() }
    }

    /// A setting.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).ok().map(|at| &self.settings[at].1)
    }

    /// A setting that is text.
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

    /// Where a setting is, or where it would be.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.settings.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}
