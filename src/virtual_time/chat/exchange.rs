//! The messages between clients and servers: all that the two sides know of each other.

use crate::envelope::Recipients;
use crate::ids::SessionId;
use crate::time::Time;

/// A client action. The slot of a session is the number of its user.
#[derive(Clone, Copy, Debug)]
pub(super) enum ClientAction {
    /// Connects to a server and sends a request.
    Connect { server: u16, session: SessionId, request: u32, ask: Ask },
    /// Sends a request on an open connection.
    Ask { server: u16, session: SessionId, request: u32, ask: Ask },
    /// Closes the connection.
    Close { server: u16, session: SessionId },
}

/// A client's request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// To a gate: which connector to use.
    Entry,
    /// To a connector: enter a room.
    Enter { room: u32 },
    /// Send a message to everybody in the room: when it was due, and its length.
    Say { room: u32, meant: Time, bytes: u32 },
}

/// Something that a client observes.
#[derive(Clone, Debug)]
pub(super) enum Observation {
    /// The answer to a request.
    Answer { session: SessionId, request: u64, answer: Answer },
    /// The server accepts no more clients, or is down.
    Unreachable { session: SessionId },
    /// A message met a full queue at its server; its sender is not told.
    Dropped { session: SessionId, request: u32 },
    /// The recipients receive the message that was due at that moment.
    Message { to: Recipients, meant: Time },
    /// This many clients receive the message that was due at that moment.
    Messages { clients: u32, meant: Time },
    /// A server closes one connection.
    Kicked { session: SessionId },
    /// A server closes all its connections.
    Shut { server: u16 },
    /// A server crashed: its connections are lost without notice.
    Gone { server: u16 },
}

/// The answer to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Success.
    Done,
    /// Use this connector.
    Use(u16),
    /// The server is busy: code 503.
    Refused,
    /// Any other error.
    Failed,
}
