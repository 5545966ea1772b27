//! The state of a server for observers. Tests, console and metrics share this one form.

use serde::{Deserialize, Serialize};

use crate::channels::Member;
use crate::envelope::Session;
use crate::ids::{ServerId, ServerType};

/// The counters of a server since its start.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostCounters {
    /// Requests and notifies from clients.
    pub messages: u64,
    /// Handlers and remotes run for other servers.
    pub invocations: u64,
    /// Pushes sent to the router or to clients, one for each group of recipients.
    pub pushes: u64,
    /// Requests and calls answered with an error.
    pub errors: u64,
    /// Calls without an answer before the deadline.
    pub timeouts: u64,
    /// Answers that came after their deadline, or for a closed session.
    pub late_answers: u64,
    /// Messages that the protocol gives no answer to: responses from clients, and codes outside the
    /// dictionary.
    pub ignored: u64,
    /// Refused messages: over the session's limit, or over the limit of calls in flight.
    pub refused: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Restarts of the server after a panic.
    pub restarts: u64,
    /// Calls that arrived after their deadline and were not run.
    pub expired: u64,
    /// Recipients of pushes, counted by session.
    pub recipients: u64,
}

impl HostCounters {
    /// Messages from clients plus calls from other servers: the work given to the server.
    pub fn taken(&self) -> u64 {
        self.messages + self.invocations
    }
}

/// The state of a server at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerSnapshot {
    /// The server's id.
    pub id: ServerId,
    /// The server's type.
    pub server_type: ServerType,
    /// Clients connected to it.
    pub sessions: usize,
    /// Sessions of these that are bound to a uid.
    pub bound: usize,
    /// Channels on the server.
    pub channels: usize,
    /// Members of these channels.
    pub members: usize,
    /// Calls whose answers are pending.
    pub calls_pending: usize,
    /// Whether the server panicked and has not come back yet.
    pub is_restarting: bool,
    /// The counters.
    pub counters: HostCounters,
}

/// Everything that a server holds, item by item.
#[derive(Clone, Default, Debug)]
pub struct Holdings {
    /// A frontend's sessions, sorted.
    pub sessions: Vec<Session>,
    /// Its channels by name, each with its members in order.
    pub channels: Vec<(String, Vec<Member>)>,
}
