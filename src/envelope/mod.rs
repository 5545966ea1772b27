//! What servers say to each other: an [`Envelope`] from a server, to a server, a type or the router.
//!
//! Every envelope passes the router; nothing else connects two servers. All of it is plain, owned data, so
//! that a link may delay it, drop it or write it down.

mod error;
mod session;

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

pub use error::AppError;
pub use session::Session;

use crate::channels::Member;
use crate::ids::{ServerId, ServerType, SessionId, SessionKey, Uid};
use crate::time::Time;
use crate::trace::TraceId;
use crate::wire::PushFrame;

/// Number of a call among those that one server has made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallId(pub u64);

/// One message between servers.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The server that sent it; answers go back there.
    pub from: ServerId,
    /// Where it goes.
    pub to: Destination,
    /// What it says.
    pub payload: Payload,
    /// The trace that it belongs to, while somebody watches.
    pub trace: Option<TraceId>,
}

impl Envelope {
    /// One that belongs to no trace.
    pub fn new(from: ServerId, to: Destination, payload: Payload) -> Self {
        Self { from, to, payload, trace: None }
    }
}

/// Where an envelope goes.
#[derive(Clone, Debug)]
pub enum Destination {
    /// To this very server.
    Server(ServerId),
    /// To the server that the type's route and strategy choose. A `key` given here is used instead of the route's.
    Route {
        /// The type to choose from.
        server_type: ServerType,
        /// What to hash, when the caller knows better than the type's route.
        key: Option<Arc<str>>,
    },
    /// To every server of the type.
    All(ServerType),
    /// To the router itself.
    Router,
}

/// What an envelope says.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Run a handler or a remote. Boxed: an envelope is moved a dozen times, and most are pushes, half as large.
    Invoke(Box<Invoke>),
    /// The outcome of `call`, which the receiver made.
    Answer {
        /// The call that this answers.
        call: CallId,
        /// The answer's body as JSON, or what went wrong.
        result: Result<Bytes, AppError>,
    },
    /// To a frontend: give `frame` to these sessions, in this order.
    Push {
        /// Who gets it.
        sessions: Recipients,
        /// The push, encoded once for all of them.
        frame: PushFrame,
    },
    /// To the router: give `frame` to these uids, wherever they are bound.
    PushToUids {
        /// Who gets it.
        uids: Vec<Uid>,
        /// The push, encoded once for all of them.
        frame: PushFrame,
    },
    /// To a frontend: give `frame` to all its sessions.
    Broadcast {
        /// The push, encoded once for all of them.
        frame: PushFrame,
    },
    /// To a frontend: tell the session why, and close it.
    Kick {
        /// Whom.
        session: SessionId,
        /// Why, as the client is told.
        reason: Box<str>,
    },
    /// To a frontend: a backend changed this setting of a session.
    SessionSet {
        /// Whose.
        session: SessionId,
        /// The setting's name.
        key: Box<str>,
        /// Its new value. Boxed: it would be half of the largest payload.
        value: Box<Value>,
    },
    /// To the router: which server of the type does `key` belong to? Answered with a [`Located`].
    Locate {
        /// The asker's call.
        call: CallId,
        /// The type to choose from.
        server_type: ServerType,
        /// What to hash.
        key: Box<str>,
    },
    /// To the router: this session is from now on `uid`, unless another one is already.
    Bind {
        /// The asker's call.
        call: CallId,
        /// The session that wants the uid.
        session: SessionKey,
        /// The uid that it wants.
        uid: Uid,
    },
    /// To the router: the session gives its uid back, and leaves the channels that it is in. The uid is free when they
    /// have all heard so.
    Unbind {
        /// The session that had the uid.
        session: SessionKey,
        /// The uid that it gives back, if it holds it.
        uid: Uid,
    },
    /// To the router: a session is in a channel of the sender.
    Joined {
        /// Which channel.
        channel: Arc<str>,
        /// The key by which the message came that made it a member; the room goes where the key goes. None: it stays.
        key: Option<Arc<str>>,
        /// Who.
        member: Member,
    },
    /// To the router: a session is no more in a channel of the sender.
    Left {
        /// Which channel.
        channel: Arc<str>,
        /// Who.
        member: Member,
    },
    /// To the server that has a channel: a member is gone.
    Gone {
        /// Which channel.
        channel: Arc<str>,
        /// The key by which it joined.
        key: Option<Arc<str>>,
        /// Who.
        member: Member,
    },
    /// From the router: say [`Drained`](Payload::Drained) when all that came before this, and was chosen by a key, is
    /// done with.
    Drain {
        /// The change of the list of servers for which this is asked.
        change: u64,
    },
    /// To the router: see [`Drain`](Payload::Drain).
    Drained {
        /// As asked.
        change: u64,
    },
    /// From the router: these rooms are somebody else's now; forget them in silence.
    Release {
        /// The rooms.
        rooms: Vec<Room>,
    },
    /// From the router: these rooms are yours now, with all who are in them.
    Adopt {
        /// The rooms.
        rooms: Vec<Room>,
    },
    /// To the router: the sender has started again and lost its rooms. Answered with [`Restored`](Payload::Restored).
    Restarted,
    /// From the router: all rooms of the server that asked.
    Restored {
        /// The rooms.
        rooms: Vec<Room>,
    },
}

/// A channel with those of its members who joined by one key, as it goes from server to server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Room {
    /// The channel's name.
    pub channel: Arc<str>,
    /// The key that decides where it lives.
    pub key: Option<Arc<str>>,
    /// In the channel's order.
    pub members: Vec<Member>,
}

/// A handler or remote to run on another server.
#[derive(Clone, Debug)]
pub struct Invoke {
    /// The call to answer; none for a notify, which nobody waits for.
    pub call: Option<CallId>,
    /// Whether a client asks (handlers) or a server (remotes).
    pub kind: InvokeKind,
    /// Route without the server type, such as `chatHandler.send`.
    pub route: Arc<str>,
    /// The session on whose behalf this happens, as the frontend knew it when it sent this.
    pub session: Option<Session>,
    /// Body as JSON.
    pub body: Bytes,
    /// When the caller sent it.
    pub since: Time,
    /// When the caller stops waiting.
    pub deadline: Time,
    /// The key by which the router chose the server; none while it has not, or when the sender named the server.
    pub key: Option<Arc<str>>,
}

/// The two tables of routes of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvokeKind {
    /// Asked by a client.
    Handler,
    /// Asked by another server (Pomelo's rpc). Clients cannot reach these.
    Remote,
}

/// Sessions of one frontend that a push goes to.
#[derive(Clone, Debug)]
pub enum Recipients {
    /// A private push.
    One(SessionId),
    /// A channel's members on that frontend; shared with the channel, so a push copies no list.
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

/// A server that the router chose for a key, and where clients reach it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Located {
    /// The chosen server.
    pub id: ServerId,
    /// Host that clients connect to.
    pub host: String,
    /// Port that clients connect to; none on a backend.
    pub port: Option<u16>,
}

/// An envelope is moved a dozen times on its way.
const _: () = assert!(size_of::<Envelope>() <= 144);
