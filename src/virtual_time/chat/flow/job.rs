//! What a server has to do, without the message that says so.

use crate::ids::SessionId;
use crate::time::Time;
use crate::virtual_time::chat::exchange::Answer;

/// Whoever waits for an answer: a client of a connector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) connector: u16,
    pub(super) session: SessionId,
    pub(super) request: u32,
}

/// A delivery: to a gate, a connector or a chat server. As many, in the same order, as the machines get.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// A client has connected: it only takes the time of a delivery.
    Nothing,
    /// A gate is asked for a connector.
    Entry(Asker),
    /// It has heard which, if there is one.
    Located { asker: Asker, answer: Answer },
    /// A connector is asked to let somebody in; it has the uid bound first.
    Enter { asker: Asker, room: u32 },
    /// The uid is bound.
    Bound { asker: Asker, room: u32 },
    /// A chat server has a new member.
    Add { asker: Asker, room: u32 },
    /// A connector hears what has become of a request.
    Answered { asker: Asker, answer: Answer },
    /// A connector has to carry what somebody says to the room's server.
    Say { asker: Asker, room: u32, meant: Time },
    /// The room's server has to tell all members.
    Send { asker: Asker, room: u32, meant: Time },
    /// A connector has to write a push to so many clients; a message when it has a moment.
    Push { clients: u32, meant: Option<Time> },
    /// A client is gone: `room` when it was in one.
    Closed { room: Option<u32> },
    /// A chat server hears of one who was in a room by that connector.
    Gone { connector: u16, room: u32 },
}

/// What comes of a job when it is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// A server gets a job.
    Job(u16, Job),
    /// The owner of a room gets a job.
    ToRoom(u32, Job),
    /// A client hears of its request.
    Answer(Asker, Answer),
    /// Clients hear a message.
    Told { clients: u32, meant: Time },
    /// The router looks for a connector, for a client that asks.
    Locate(Asker),
}
