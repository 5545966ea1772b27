//! A client's session as servers see it: who it is, and its settings.

use std::collections::BTreeMap;
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
    settings: Arc<BTreeMap<Box<str>, Value>>,
}

impl Session {
    /// A new session: bound to nobody, no settings.
    pub fn new(key: SessionKey) -> Self {
        Self { key, uid: None, settings: Arc::default() }
    }

    /// A setting.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.settings.get(key)
    }

    /// A setting that is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// Changes a setting; `null` removes it.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let settings = Arc::make_mut(&mut self.settings);
        match value.into() {
            Value::Null => drop(settings.remove(key)),
            value => drop(settings.insert(key.into(), value)),
        }
    }
}
