//! What people do to servers, and what they hear of them: all that the two know of each other.

use crate::envelope::Recipients;
use crate::ids::SessionId;
use crate::time::Time;

/// Something that a client does. The slot of a session is the number of its user.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// It connects to a server and asks.
    Connect { server: u16, session: SessionId, request: u32, ask: Ask },
    /// It asks on the connection that it has.
    Ask { server: u16, session: SessionId, request: u32, ask: Ask },
    /// It ends its connection.
    Close { server: u16, session: SessionId },
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// Of a gate: which connector to use.
    Entry,
    /// Of a connector: to enter its room.
    Enter { room: u32 },
    /// To say something to everybody in its room: when it was meant to be said, and how long it is.
    Say { room: u32, meant: Time, bytes: u32 },
}

/// Something that happens to clients.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// A request is answered.
    Answer { session: SessionId, request: u64, answer: Answer },
    /// The server takes no more clients, or is not there.
    Unreachable { session: SessionId },
    /// A message found no room before its server; nobody tells its sender.
    Dropped { session: SessionId, request: u32 },
    /// These hear what was meant to be said at that moment.
    Said { to: Recipients, meant: Time },
    /// So many hear what was meant to be said at that moment.
    Told { clients: u32, meant: Time },
    /// A server ends one's connection.
    Kicked { session: SessionId },
    /// A server ends everybody's connection.
    Shut { server: u16 },
    /// A server has vanished.
    Gone { server: u16 },
}

/// An answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It is done.
    Done,
    /// This is the connector to use.
    Use(u16),
    /// The server is busy: 503.
    Refused,
    /// Anything else.
    Failed,
}
