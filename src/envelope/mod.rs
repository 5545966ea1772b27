//! Messages between servers: an [`Envelope`] from a server to a server, a type or the router.
//!
//! Every envelope passes the router; servers have no other connection. Its data is plain and owned,
//! so that a link can delay, drop or record it.

mod error;
mod session;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

pub use error::{AppError, UNKNOWN_OUTCOME};
pub use session::Session;

use crate::channels::Member;
use crate::ids::{ServerId, ServerType, SessionId, SessionKey, Uid};
use crate::time::Time;
use crate::trace::TraceId;
use crate::wire::PushFrame;

/// The number of a call, unique among the calls of one server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallId(pub u64);

/// One message between servers.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The sender, which also receives the answers.
    pub from: ServerId,
    /// The receiver.
    pub to: Destination,
    /// The content.
    pub payload: Payload,
    /// The trace that it belongs to, if a watch is on.
    pub trace: Option<TraceId>,
}

impl Envelope {
    /// Makes an envelope without a trace.
    pub fn new(from: ServerId, to: Destination, payload: Payload) -> Self {
        Self { from, to, payload, trace: None }
    }
}

/// The receiver of an envelope.
#[derive(Clone, Debug)]
pub enum Destination {
    /// This server.
    Server(ServerId),
    /// The server that the type's route and strategy choose. A `key` given here replaces the
    /// route's key.
    Route {
        /// The type to choose from.
        server_type: ServerType,
        /// The key to hash, if the caller does not use the type's route.
        key: Option<Arc<str>>,
    },
    /// Every server of the type.
    All(ServerType),
    /// The router itself.
    Router,
}

/// A client that asks for a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asker {
    /// Its session.
    pub session: SessionKey,
    /// The address by which it is counted, if its frontend knows it.
    pub address: Option<IpAddr>,
}

/// The content of an envelope.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Run a handler or a remote. Boxed: an envelope is moved a dozen times, and most envelopes are
    /// pushes of half the size.
    Invoke(Box<Invoke>),
    /// The outcome of a call that the receiver made.
    Answer {
        /// The call that this answers.
        call: CallId,
        /// The answer's body as JSON, or the error.
        result: Result<Bytes, AppError>,
    },
    /// To a frontend: send `frame` to these sessions, in this order.
    Push {
        /// The recipients.
        sessions: Recipients,
        /// The push, encoded once for all of them.
        frame: PushFrame,
    },
    /// To the router: send `frame` to these uids, wherever they are bound.
    PushToUids {
        /// The recipients.
        uids: Vec<Uid>,
        /// The push, encoded once for all of them.
        frame: PushFrame,
    },
    /// To a frontend: send `frame` to all its sessions.
    Broadcast {
        /// The push, encoded once for all of them.
        frame: PushFrame,
    },
    /// To a frontend: send the session the reason, and close it.
    Kick {
        /// The session.
        session: SessionId,
        /// The reason that the client gets.
        reason: Box<str>,
    },
    /// To a frontend: a backend changed this setting of a session.
    SessionSet {
        /// The session.
        session: SessionId,
        /// The setting's name.
        key: Box<str>,
        /// The new value. Boxed: unboxed it would be half of the largest payload.
        value: Box<Value>,
    },
    /// To the router: find the server of the type that owns `key`. Answered with a [`Located`].
    Locate {
        /// The sender's call.
        call: CallId,
        /// The type to choose from.
        server_type: ServerType,
        /// The key to hash.
        key: Box<str>,
        /// The client that asks; what it may reserve is bounded. Boxed for the size of envelopes.
        asker: Option<Box<Asker>>,
    },
    /// To the router: bind this session to `uid`, unless another session has it.
    Bind {
        /// The sender's call.
        call: CallId,
        /// The session.
        session: SessionKey,
        /// The requested uid.
        uid: Uid,
    },
    /// To the router: the session gives its uid back and leaves its channels. The uid is free once
    /// all these channels have confirmed.
    Unbind {
        /// The session that had the uid.
        session: SessionKey,
        /// The uid to free, if the session has it.
        uid: Uid,
    },
    /// To the router: a session joined a channel of the sender.
    Joined {
        /// The channel.
        channel: Arc<str>,
        /// The key of the message that added the member. The room moves with its key. None: the
        /// room stays where it is.
        key: Option<Arc<str>>,
        /// The new member.
        member: Member,
    },
    /// To the router: a session left a channel of the sender.
    Left {
        /// The channel.
        channel: Arc<str>,
        /// The former member.
        member: Member,
    },
    /// To the owner of a channel: a member departed.
    Gone {
        /// The channel.
        channel: Arc<str>,
        /// The key by which it joined.
        key: Option<Arc<str>>,
        /// The departed member.
        member: Member,
    },
    /// From the router: answer [`Drained`](Payload::Drained) once all earlier keyed messages are
    /// finished.
    Drain {
        /// The change of the server list that waits for the answer.
        change: u64,
    },
    /// To the router: the answer to [`Drain`](Payload::Drain).
    Drained {
        /// The change from the request.
        change: u64,
    },
    /// From the router: another server owns these rooms now. Forget them without telling the
    /// members.
    Release {
        /// The rooms.
        rooms: Vec<Room>,
    },
    /// From the router: this server owns these rooms now, with all their members.
    Adopt {
        /// The rooms.
        rooms: Vec<Room>,
    },
    /// To the router: the sender has restarted and lost its rooms. Answered with
    /// [`Restored`](Payload::Restored).
    Restarted,
    /// From the router: all rooms of the server that restarted.
    Restored {
        /// The rooms.
        rooms: Vec<Room>,
    },
}

/// A channel with the members that joined by one key, in the form in which it moves between
/// servers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Room {
    /// The channel's name.
    pub channel: Arc<str>,
    /// The key that decides its owner.
    pub key: Option<Arc<str>>,
    /// In the channel's order.
    pub members: Vec<Member>,
}

/// A handler or remote to run on another server.
#[derive(Clone, Debug)]
pub struct Invoke {
    /// The call to answer. None for a server's notify; a client's forwarded notify is a call too.
    pub call: Option<CallId>,
    /// Whether a client asks (handlers) or a server (remotes).
    pub kind: InvokeKind,
    /// The route without the server type, such as `chatHandler.send`.
    pub route: Arc<str>,
    /// The session that this runs for, as its frontend knew it at sending.
    pub session: Option<Session>,
    /// Body as JSON.
    pub body: Bytes,
    /// The time of sending.
    pub since: Time,
    /// The time at which the caller stops waiting.
    pub deadline: Time,
    /// The key by which the router chose the server. None before the choice, or if the sender named
    /// the server.
    pub key: Option<Arc<str>>,
}

/// The two route tables of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvokeKind {
    /// Called by a client.
    Handler,
    /// Called by another server (Pomelo's rpc). Clients cannot reach these.
    Remote,
}

/// The sessions of one frontend that get a push.
#[derive(Clone, Debug)]
pub enum Recipients {
    /// One session: a private push.
    One(SessionId),
    /// A channel's members on that frontend. Shared with the channel, so that a push copies no
    /// list.
    Many(Arc<[SessionId]>),
}

impl Recipients {
    /// The sessions, in order.
    pub fn as_slice(&self) -> &[SessionId] {
        match self {
            Recipients::One(session) => std::slice::from_ref(session),
            Recipients::Many(sessions) => sessions,
        }
    }
}

/// A server that the router chose for a key, with its address for clients.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Located {
    /// The chosen server.
    pub id: ServerId,
    /// The host that clients connect to.
    pub host: String,
    /// The port that clients connect to. None on a backend.
    pub port: Option<u16>,
}

/// Keeps envelopes small: each is moved a dozen times on its way.
const _: () = assert!(size_of::<Envelope>() <= 144);
