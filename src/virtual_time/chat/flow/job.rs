//! The work of a server: each job stands for a delivery, without its message.

use crate::ids::SessionId;
use crate::time::Time;
use crate::virtual_time::chat::exchange::Answer;

/// The client that waits for an answer, and its connector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) connector: u16,
    pub(super) session: SessionId,
    pub(super) request: u32,
}

/// A delivery to a gate, a connector or a chat server. The machines get as many, in the same order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// A client has connected: costs one delivery and does nothing.
    Nothing,
    /// To a gate: a client asks for a connector.
    Entry(Asker),
    /// To a gate: the router has located a connector, or found none.
    Located { asker: Asker, answer: Answer },
    /// To a connector: a client asks to enter a room. It binds the uid first.
    Enter { asker: Asker, room: u32 },
    /// To a connector: the uid is bound.
    Bound { asker: Asker, room: u32 },
    /// To a chat server: a new member.
    Add { asker: Asker, room: u32 },
    /// To a connector: the result of a request.
    Answered { asker: Asker, answer: Answer },
    /// To a connector: forward a message to the room's server.
    Say { asker: Asker, room: u32, meant: Time },
    /// To a room's server: send a message to all members.
    Send { asker: Asker, room: u32, meant: Time },
    /// To a connector: push to this many clients. A push with a moment is a chat message.
    Push { clients: u32, meant: Option<Time> },
    /// To a connector: a client is gone. `room` is set if it was in one.
    Closed { room: Option<u32> },
    /// To a chat server: a member that entered through that connector is gone.
    Gone { connector: u16, room: u32 },
}

/// An effect of a finished job.
#[derive(Clone, Copy, Debug)]
pub(super) enum JobEffect {
    /// A server gets a job.
    Job(u16, Job),
    /// The owner of a room gets a job.
    ToRoom(u32, Job),
    /// A client gets the answer to its request.
    Answer(Asker, Answer),
    /// Clients receive a message.
    Messages { clients: u32, meant: Time },
    /// The router locates a connector for a client.
    Locate(Asker),
}
