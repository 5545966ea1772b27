//! The state of each server of a running cluster, in one place: written by changes, read by
//! queries.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use actix::prelude::*;

use super::server_actor::ServerActor;
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::supervisor::ServerState;

/// The servers, up or not, in the order in which they were configured and added. Clones share one
/// roster: queries see a change at once, also from another thread and while a longer change is in
/// flight.
#[derive(Clone, Default)]
pub(super) struct Roster(Arc<Mutex<Vec<Entry>>>);

/// One server.
#[derive(Clone)]
pub(super) struct Entry {
    /// As configured, with the real client port.
    pub(super) spec: Arc<ServerSpec>,
    pub(super) state: ServerState,
    /// Its actor, while it is up.
    pub(super) actor: Option<Addr<ServerActor>>,
    /// Where its clients connect, while it is up.
    pub(super) clients: Option<SocketAddr>,
    /// When it last came up.
    pub(super) since: Instant,
    /// How often its actor was made.
    pub(super) made: u32,
    /// Counts of the last look, and the rate since the look before.
    pub(super) messages: u64,
    pub(super) panics: u64,
    pub(super) messages_per_second: u64,
}

impl Entry {
    /// A server that has not come up yet.
    pub(super) fn new(spec: ServerSpec) -> Self {
        Self {
            spec: Arc::new(spec),
            state: ServerState::Stopped,
            actor: None,
            clients: None,
            since: Instant::now(),
            made: 0,
            messages: 0,
            panics: 0,
            messages_per_second: 0,
        }
    }

    pub(super) fn id(&self) -> ServerId {
        self.spec.id.clone()
    }
}

impl Roster {
    /// All servers as they are now.
    pub(super) fn all(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// The server at this place as it is now. Only changes may use places: changes run one at a
    /// time, so no place shifts meanwhile.
    pub(super) fn at(&self, place: usize) -> Entry {
        self.lock()[place].clone()
    }

    /// Changes the server at this place.
    pub(super) fn change<R>(&self, place: usize, change: impl FnOnce(&mut Entry) -> R) -> R {
        change(&mut self.lock()[place])
    }

    /// Changes the list.
    pub(super) fn edit<R>(&self, edit: impl FnOnce(&mut Vec<Entry>) -> R) -> R {
        edit(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // No code under the lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
