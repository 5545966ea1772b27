//! Client ports: sockets in, packages and messages out; pushes and responses back.
//!
//! One [`Port`] a frontend server. It takes WebSocket and raw TCP on the same address, and lives on the thread that
//! opened it. It knows the wire format, never what a message means: that it hands up as [`PortEvent`]s.
//!
//! A connection is a row in a table and one lean reading task. What goes to clients is appended to the row's outbox,
//! or to a batch for many of them (`batch.rs`), and [`Port::flush`] writes each changed outbox once: a socket write costs
//! the same for one frame or twenty, and far more than anything else on the way, so frames per write decides the speed
//! of a room.
//!
//! What bytes mean is decided without any socket, by [`Protocol`].
//!
//! A session may outlive its connection for a while: `resume.rs` keeps those whose clients may come back, each with the
//! last packages that it was sent. The server behind the port notices nothing of that.

mod batch;
mod comeback;
mod connection;
mod history;
mod inbound;
mod kept;
mod machine;
mod outbox;
mod port;
mod port_core;
mod protocol;
mod resume;
mod stream;
mod table;
mod tasks;
mod token;
mod transport;
mod upgrade;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use machine::{Action, ConnectionTimeouts, Machine};
pub use port::Port;
pub use protocol::{Protocol, ProtocolEvent};
pub use transport::Fault;

use crate::cluster::Options;
use crate::ids::{ServerId, SessionId};
use crate::wire::HandshakeOffer;

/// How a port behaves.
#[derive(Clone)]
pub struct PortOptions {
    /// Whose port it is, for the log.
    pub server: ServerId,
    /// What clients are told in the handshake.
    pub offer: Arc<HandshakeOffer>,
    /// When a connection is given up.
    pub timeouts: ConnectionTimeouts,
    /// Most connections at once; none: no limit.
    pub connections_max: Option<usize>,
    /// What else is set of connections, as of the whole cluster.
    pub cluster: Options,
    /// Number of the last session of all frontends, over all their lives: none is used twice.
    pub serials: Arc<AtomicU32>,
}

/// What a port tells the server behind it.
#[derive(Clone, Debug)]
pub enum PortEvent {
    /// A client finished its handshake.
    Opened {
        /// Its session.
        session: SessionId,
        /// Its address.
        peer: SocketAddr,
    },
    /// A client sent a message: the body of a data package.
    Message {
        /// Whose.
        session: SessionId,
        /// The message, not yet decoded.
        bytes: Bytes,
    },
    /// A client that was [`Opened`](PortEvent::Opened) is gone, and does not come back; said once.
    Closed {
        /// Its session.
        session: SessionId,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The client closed it.
    Client,
    /// The socket failed.
    Io,
    /// The server kicked the session.
    Kicked,
    /// The server stops.
    Shutdown,
    /// The handshake was no handshake.
    HandshakeRefused,
    /// No handshake in time.
    HandshakeTimeout,
    /// No acknowledgement of the handshake in time.
    AckTimeout,
    /// No heartbeat in time.
    HeartbeatTimeout,
    /// Nothing came for too long.
    IdleTimeout,
    /// A package of no known type, too long, or cut short.
    BadPackage,
    /// A data package that holds no message.
    BadMessage,
    /// Bytes that break the WebSocket protocol.
    BadWebSocket,
    /// An HTTP request that is no WebSocket upgrade.
    NotWebSocket,
    /// It read too slowly.
    SlowConsumer,
    /// There was no place for it. Such connections are counted as refused, not here.
    TooMany,
}

impl CloseReason {
    /// Whether the connection was lost, rather than ended by somebody who meant the session: its client may come back.
    pub fn is_loss(self) -> bool {
        use CloseReason::{AckTimeout, Client, HeartbeatTimeout, IdleTimeout, Io};
        matches!(self, AckTimeout | Client | HeartbeatTimeout | IdleTimeout | Io)
    }

    /// Whether the client is to blame: such an end is logged as a warning.
    pub fn is_fault(self) -> bool {
        use CloseReason::{
            BadMessage, BadPackage, BadWebSocket, HandshakeRefused, NotWebSocket, SlowConsumer,
        };
        matches!(
            self,
            BadMessage | BadPackage | BadWebSocket | HandshakeRefused | NotWebSocket | SlowConsumer
        )
    }
}

/// What a port has counted since it opened, and holds now.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PortSnapshot {
    /// Connections now, in any state.
    pub connections: usize,
    /// Bytes that wait for clients to read them, now.
    pub waiting_bytes: usize,
    /// Memory that the outboxes take for them, now.
    pub outbox_bytes: usize,
    /// Sessions now whose connections were lost, and whose clients may come back.
    pub away: usize,
    /// Bytes of packages that are kept for clients that come back, now.
    pub kept_bytes: usize,
    /// Connections taken.
    pub accepted: u64,
    /// Connections turned away since there were too many, in all or from their address.
    pub refused: u64,
    /// Connections turned away since their address is on the blacklist.
    pub blacklisted: u64,
    /// Ended connections, by reason. One whose session waits for its client is counted when it is known how that ends.
    pub closed: BTreeMap<CloseReason, u64>,
    /// Ended connections whose sessions went on with another.
    pub resumed: u64,
    /// Clients that asked for a session which they could not have.
    pub resume_refused: u64,
    /// Packages that are ignored in the state in which they came, as Pomelo does.
    pub ignored: u64,
    /// Frames that went into outboxes.
    pub frames_out: u64,
    /// Socket writes.
    pub writes: u64,
    /// Pushes that went to a session, one by one.
    pub pushed: u64,
    /// Pushes for sessions that are gone.
    pub pushes_late: u64,
}
