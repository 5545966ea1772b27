//! What goes into a server and what comes out of it.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::Serialize;

use crate::envelope::{Envelope, Recipients};
use crate::ids::{ServerId, ServerType, SessionId};
use crate::wire::PushFrame;

/// One thing that happens to a server.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The server has started.
    Started,
    /// Every server of the cluster has started.
    AllStarted,
    /// The server is about to stop.
    Stopping,
    /// A client finished its handshake.
    Opened {
        /// Its new session.
        session: SessionId,
        /// Where it connects from, when it came over a socket.
        peer: Option<SocketAddr>,
    },
    /// A client sent a message: the body of a data package.
    Message {
        /// Whose.
        session: SessionId,
        /// The message as it came.
        bytes: Bytes,
    },
    /// A client is gone.
    Closed {
        /// Its session.
        session: SessionId,
    },
    /// Another server, or the router, sent something.
    Envelope(Envelope),
    /// Time has passed: see [`Server::next_deadline`](super::Server::next_deadline).
    Tick,
}

/// One thing that a server wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Give this to the router.
    Send(Envelope),
    /// Answer a client's request.
    Respond {
        /// Whose request.
        session: SessionId,
        /// Its id.
        request: u64,
        /// The response's body.
        body: Bytes,
    },
    /// Give a push to clients of this frontend.
    Push {
        /// To whom.
        sessions: Recipients,
        /// The push.
        frame: PushFrame,
    },
    /// Give a push to all clients of this frontend.
    Broadcast {
        /// The push.
        frame: PushFrame,
    },
    /// Tell a client why, and close its connection.
    Kick {
        /// Whom.
        session: SessionId,
        /// Why.
        reason: Box<str>,
    },
    /// A client's message is done with, answered or not: another may be read in its place.
    Done {
        /// Whose message.
        session: SessionId,
    },
    /// Close the connection of a client that sent what is no message.
    Reject {
        /// Whose.
        session: SessionId,
        /// What was wrong.
        error: String,
    },
}

/// What one delivery made a server do, in order.
#[derive(Default, Debug)]
pub struct Outbox {
    /// In the order in which they must happen.
    pub effects: Vec<Effect>,
}

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
    /// Requests refused since too many of the session's wait.
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
