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
    settings: Arc<Vec<(Box<str>, Value)>>,
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
        let place = self.place(key);
        let settings = Arc::make_mut(&mut self.settings);
        match (place, value.into()) {
            (Ok(at), Value::Null) => drop(settings.remove(at)),
            (Err(_), Value::Null) => {}
            (Ok(at), value) => settings[at].1 = value,
            (Err(at), value) => {
                settings.reserve_exact(1);
                settings.insert(at, (key.into(), value));
            }
        }
    }

    /// Where a setting is, or where it would be.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.settings.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}
