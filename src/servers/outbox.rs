//! What goes into a server and what comes out of it.

use std::net::SocketAddr;

use bytes::Bytes;

use super::tracing::Tracing;
use crate::envelope::{Destination, Envelope, Payload, Recipients};
use crate::ids::{ServerId, SessionId};
use crate::time::Time;
use crate::wire::PushFrame;

/// One thing that happens to a server.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The server has started.
    Started,
    /// Every server of the cluster has started.
    AllStarted,
    /// The server waits no longer: what is still under way is to be answered now, with an error.
    GivingUp,
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
        /// When it came.
        since: Time,
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
    pub(super) tracing: Tracing,
}

impl Outbox {
    /// Puts an envelope for the router in.
    pub fn send(&mut self, from: &ServerId, to: Destination, payload: Payload) {
        let trace = self.trace_sent(&to, &payload);
        self.effects.push(Effect::Send(Envelope { from: from.clone(), to, payload, trace }));
    }
}
