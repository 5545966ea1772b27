//! A server's account of itself: one for tests, console and metrics.

use serde::{Deserialize, Serialize};

use crate::channels::Member;
use crate::envelope::Session;
use crate::ids::{ServerId, ServerType};

/// What a server has counted since it started.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostCounters {
    /// Requests and notifies from clients.
    pub messages: u64,
    /// Handlers and remotes run for other servers.
    pub invocations: u64,
    /// Pushes handed to the router or to clients, one a recipient group.
    pub pushes: u64,
    /// Requests and calls that were answered with an error.
    pub errors: u64,
    /// Calls that nobody answered in time.
    pub timeouts: u64,
    /// Answers that came after their deadline, or for a session that is gone.
    pub late_answers: u64,
    /// Messages that the protocol gives no answer to: responses from clients, codes outside the dictionary.
    pub ignored: u64,
    /// Messages refused: too many of the session's, or under way in all.
    pub refused: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Times that the server has started again after a panic.
    pub restarts: u64,
    /// Calls whose deadline had come before they did: they were not run.
    pub expired: u64,
    /// Sessions that pushes were meant for, one by one.
    pub recipients: u64,
}

impl HostCounters {
    /// Messages from clients and calls of other servers: what the server was asked to do.
    pub fn taken(&self) -> u64 {
        self.messages + self.invocations
    }
}

/// A server's account of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerSnapshot {
    /// Which server.
    pub id: ServerId,
    /// Of which type.
    pub server_type: ServerType,
    /// Clients connected to it.
    pub sessions: usize,
    /// Of these, bound to a uid.
    pub bound: usize,
    /// Channels that it holds.
    pub channels: usize,
    /// Members of these.
    pub members: usize,
    /// Calls that it waits for.
    pub calls_pending: usize,
    /// Whether a panic has ended it and it is not up again.
    pub is_restarting: bool,
    /// What it has counted.
    pub counters: HostCounters,
}

/// All that a server holds, one by one.
#[derive(Clone, Default, Debug)]
pub struct Holdings {
    /// A frontend's sessions, in order.
    pub sessions: Vec<Session>,
    /// Its channels by name, each with its members in order.
    pub channels: Vec<(String, Vec<Member>)>,
}
