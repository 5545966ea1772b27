//! The input and output of a server: deliveries and effects.

use std::net::SocketAddr;

use bytes::Bytes;

use super::tracing::Tracing;
use crate::envelope::{Destination, Envelope, Payload, Recipients};
use crate::ids::{ServerId, SessionId};
use crate::time::Time;
use crate::wire::PushFrame;

/// One input of a server.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The server has started.
    Started,
    /// Every server of the cluster has started.
    AllStarted,
    /// The server stops waiting. It answers everything in flight now, with an error.
    GivingUp,
    /// The server is about to stop.
    Stopping,
    /// A client finished its handshake.
    Opened {
        /// The new session.
        session: SessionId,
        /// The client's address, if it connected over a socket.
        peer: Option<SocketAddr>,
    },
    /// A client sent a message: the body of a data package.
    Message {
        /// The session that sent it.
        session: SessionId,
        /// The message as received.
        bytes: Bytes,
        /// The time of arrival.
        since: Time,
    },
    /// A client's connection ended.
    Closed {
        /// The client's session.
        session: SessionId,
    },
    /// Another server, or the router, sent something.
    Envelope(Envelope),
    /// A deadline may have passed: see [`Server::next_deadline`](super::Server::next_deadline).
    Tick,
}

/// One output of a server.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send this envelope to the router.
    Send(Envelope),
    /// Answer a client's request.
    Respond {
        /// The session that made the request.
        session: SessionId,
        /// The request's id.
        request: u64,
        /// The response's body.
        body: Bytes,
    },
    /// Give a push to clients of this frontend.
    Push {
        /// The recipients.
        sessions: Recipients,
        /// The push.
        frame: PushFrame,
    },
    /// Give a push to all clients of this frontend.
    Broadcast {
        /// The push.
        frame: PushFrame,
    },
    /// Send a client the reason, and close its connection.
    Kick {
        /// The client's session.
        session: SessionId,
        /// The reason.
        reason: Box<str>,
    },
    /// A client's message is finished, answered or not. The port may read another in its place.
    Done {
        /// The session that sent the message.
        session: SessionId,
    },
    /// Close the connection of a client that sent a malformed message.
    Reject {
        /// The client's session.
        session: SessionId,
        /// The error in the message.
        error: String,
    },
}

/// The effects of one delivery, in order.
#[derive(Default, Debug)]
pub struct Outbox {
    /// In the order in which they must happen.
    pub effects: Vec<Effect>,
    pub(super) tracing: Tracing,
}

impl Outbox {
    /// Appends an envelope for the router.
    pub fn send(&mut self, from: &ServerId, to: Destination, payload: Payload) {
        let trace = self.trace_sent(&to, &payload);
        self.effects.push(Effect::Send(Envelope { from: from.clone(), to, payload, trace }));
    }
}
