//! The connections that the ports of a cluster may have together, and which of them ends for a
//! client that comes when they are used up.
//!
//! Each connection takes a file descriptor, and a process has few of them. Clients that connect and
//! stay silent would take all, at a port that they need no account for, and lock everybody out of
//! every port. So a newcomer displaces the connection that has waited longest without sending a
//! message, at the port with most of these. A client that has sent one is never displaced, except
//! at a port without heartbeats: a client has no reason to stay there (see `queue.rs`).
//!
//! The ports live on different threads, so a port may have to ask another one: it sets a number
//! that the other reads with its next sweep.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::cluster::Options;

/// Connections that another port is asked to end at once: asking for each would make every
/// newcomer wait for a sweep.
const BATCH: usize = 128;

/// The places of all ports of a cluster; clones share them.
#[derive(Clone, Default)]
pub struct Places(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// `None`: no limit.
    max: Option<usize>,
    taken: AtomicUsize,
    ports: Mutex<Vec<Weak<Share>>>,
}

/// What one port has of the places.
pub(super) struct Share {
    places: Places,
    taken: AtomicUsize,
    /// Connections of this port that could be displaced: counted when they come, and counted anew
    /// with each sweep.
    displaceable: AtomicUsize,
    /// How many of them another port needs.
    wanted: AtomicUsize,
}

/// The result of asking for a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// It is free.
    Free,
    /// A connection of this port must end for it.
    Displace,
    /// Another port was asked to end some.
    Asked,
    /// All are used by clients that are not displaced.
    Full,
}

impl Places {
    /// The places that the options allow.
    pub fn new(options: &Options) -> Self {
        Self(Arc::new(Shared { max: options.cluster_connections_max, ..Shared::default() }))
    }

    /// The share of one more port.
    pub(super) fn share(&self) -> Arc<Share> {
        let count = AtomicUsize::default;
        let share = Share { places: self.clone(), taken: count(), displaceable: count(), wanted: count() };
        let share = Arc::new(share);
        let mut ports = self.0.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.retain(|port| port.strong_count() > 0);
        ports.push(Arc::downgrade(&share));
        share
    }
}

impl Share {
    /// Asks for a place for a newcomer. Does not take it.
    pub(super) fn ask(self: &Arc<Self>) -> Place {
        let shared = &self.places.0;
        if shared.max.is_none_or(|max| shared.taken.load(Relaxed) < max) {
            return Place::Free;
        }
        let ports = shared.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = ports.iter().filter_map(Weak::upgrade);
        let fullest = ports.max_by_key(|port| port.displaceable.load(Relaxed));
        match fullest {
            Some(port) if port.displaceable.load(Relaxed) == 0 => Place::Full,
            None => Place::Full,
            Some(port) if Arc::ptr_eq(&port, self) => Place::Displace,
            Some(port) => {
                port.wanted.store(BATCH, Relaxed);
                Place::Asked
            }
        }
    }

    pub(super) fn take(&self) {
        self.taken.fetch_add(1, Relaxed);
        self.places.0.taken.fetch_add(1, Relaxed);
    }

    pub(super) fn give(&self) {
        self.taken.fetch_sub(1, Relaxed);
        self.places.0.taken.fetch_sub(1, Relaxed);
    }

    /// How many connections other ports need; returned once.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.swap(0, Relaxed)
    }

    /// A connection has come.
    pub(super) fn add_displaceable(&self) {
        self.displaceable.fetch_add(1, Relaxed);
    }

    pub(super) fn set_displaceable(&self, connections: usize) {
        self.displaceable.store(connections, Relaxed);
    }
}

impl Drop for Share {
    /// The port is gone with its connections.
    fn drop(&mut self) {
        self.places.0.taken.fetch_sub(*self.taken.get_mut(), Relaxed);
    }
}
