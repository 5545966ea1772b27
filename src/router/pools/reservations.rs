//! Keys that clients have asked for at a gate and that nothing has used yet, with a bound for each
//! client: one that invents names displaces its own oldest, and nobody else's login fails.
//!
//! Only keys that no message was routed by are here. No room can follow from them, so such a key
//! can be forgotten at once.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::envelope::Asker;
use crate::ids::SessionKey;

/// Reservations of one connection.
pub(super) const PER_SESSION_MAX: usize = 64;

/// Reservations of all connections from one address.
pub(super) const PER_ADDRESS_MAX: usize = 1024;

/// The reservations of a type.
#[derive(Default)]
pub(super) struct Reservations {
    /// Oldest first.
    by_session: FxHashMap<SessionKey, VecDeque<Arc<str>>>,
    /// Oldest first.
    by_address: FxHashMap<IpAddr, VecDeque<(SessionKey, Arc<str>)>>,
    /// The clients that have asked for a key. It is displaced with the last of them.
    holders: FxHashMap<Arc<str>, FxHashSet<SessionKey>>,
}

impl Reservations {
    /// A client asks for a key. Returns the keys to forget in exchange.
    pub(super) fn add(&mut self, asker: &Asker, key: &str, is_new: bool) -> Vec<Arc<str>> {
        let Asker { session, address } = asker;
        let key: Arc<str> = match self.holders.get_key_value(key) {
            Some((_, holders)) if holders.contains(session) => return Vec::new(),
            Some((key, _)) => Arc::clone(key),
            None if is_new => key.into(),
            // It is in use.
            None => return Vec::new(),
        };
        let mut displaced = Vec::new();
        let own = self.by_session.get(session).filter(|keys| keys.len() >= PER_SESSION_MAX);
        if let Some(oldest) = own.and_then(|keys| keys.front().cloned()) {
            displaced.extend(self.give_up(session, *address, oldest));
        }
        let here = address.and_then(|address| self.by_address.get(&address));
        if let Some((session, oldest)) =
            here.filter(|keys| keys.len() >= PER_ADDRESS_MAX).and_then(|keys| keys.front().cloned())
        {
            displaced.extend(self.give_up(&session, *address, oldest));
        }
        self.by_session.entry(session.clone()).or_default().push_back(Arc::clone(&key));
        if let Some(address) = address {
            self.by_address.entry(*address).or_default().push_back((session.clone(), Arc::clone(&key)));
        }
        self.holders.entry(key).or_default().insert(session.clone());
        displaced
    }

    /// Removes a client's reservation. Returns its key if it was the last.
    fn give_up(&mut self, session: &SessionKey, address: Option<IpAddr>, key: Arc<str>) -> Option<Arc<str>> {
        if let Some(keys) = self.by_session.get_mut(session)
            && let Some(at) = keys.iter().position(|own| *own == key)
        {
            keys.remove(at);
        }
        if let Some(keys) = address.and_then(|address| self.by_address.get_mut(&address))
            && let Some(at) = keys.iter().position(|(holder, own)| holder == session && *own == key)
        {
            keys.remove(at);
        }
        let holders = self.holders.get_mut(&key)?;
        holders.remove(session);
        if !holders.is_empty() {
            return None;
        }
        self.holders.remove(&key);
        Some(key)
    }

    /// A message or a room uses the key: no client can displace it any more.
    pub(super) fn used(&mut self, key: &str) {
        if !self.holders.is_empty() {
            self.holders.remove(key);
        }
    }

    /// Drops the keys that are not remembered any more, and clients without one.
    pub(super) fn retain(&mut self, is_remembered: impl Fn(&str) -> bool) {
        self.holders.retain(|key, _| is_remembered(key));
        let is_held = |session: &SessionKey, key: &Arc<str>| {
            self.holders.get(key).is_some_and(|holders| holders.contains(session))
        };
        self.by_session.retain(|session, keys| {
            keys.retain(|key| is_held(session, key));
            !keys.is_empty()
        });
        self.by_address.retain(|_, keys| {
            keys.retain(|(session, key)| is_held(session, key));
            !keys.is_empty()
        });
    }

    /// How many keys are reserved.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.holders.len()
    }
}
