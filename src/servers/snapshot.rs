//! A server's account of itself: one for tests, console and metrics.

use serde::Serialize;

use crate::ids::{ServerId, ServerType};

/// What a server has counted since it started.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
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
}

/// A server's account of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
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
    /// What it has counted.
    pub counters: HostCounters,
}
