//! Client ports: bytes from sockets in, packages and messages out; pushes and responses back.
//!
//! Each frontend server has one [`Port`]. It accepts WebSocket and raw TCP on the same address, and
//! lives on the thread that opened it. It knows the wire format but not what a message means: it
//! passes messages on as [`PortEvent`]s.
//!
//! A connection is a row in a table and one lean reading task. Output is appended to the row's
//! outbox, or to a batch for many rows (`batch.rs`), and [`Port::flush`] writes each changed outbox
//! once. A socket write costs the same for one frame or twenty, and far more than anything else on
//! the path, so frames per write decide a room's throughput.
//!
//! [`Protocol`] decides what bytes mean, without a socket.
//!
//! A session may outlive its connection for a while: `resume.rs` keeps sessions whose clients may
//! come back, each with its last packages. The server behind the port does not notice.

mod batch;
mod comeback;
mod connection;
mod fault_log;
mod frames;
mod history;
mod inbound;
mod kept;
mod machine;
mod outbox;
mod places;
mod port;
mod port_core;
mod protocol;
mod queue;
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
pub use places::Places;
pub use port::Port;
pub use protocol::{Protocol, ProtocolEvent};
pub use transport::Fault;

use crate::cluster::Options;
use crate::ids::{ServerId, SessionId};
use crate::wire::HandshakeOffer;

/// How a port behaves.
#[derive(Clone)]
pub struct PortOptions {
    /// The port's server, for the log.
    pub server: ServerId,
    /// The offer that the handshake makes to clients.
    pub offer: Arc<HandshakeOffer>,
    /// The timeouts of a connection's states.
    pub timeouts: ConnectionTimeouts,
    /// Most connections at once; `None`: no limit.
    pub connections_max: Option<usize>,
    /// The connections that all ports of the cluster may have.
    pub places: Places,
    /// Options of the whole cluster, some of which concern connections.
    pub cluster: Options,
    /// Number of the last session of all frontends, over all their lives: no number is used twice.
    pub serials: Arc<AtomicU32>,
}

/// Events of a port, for the server behind it.
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
        /// Its session.
        session: SessionId,
        /// The message, not yet decoded.
        bytes: Bytes,
    },
    /// A client that was [`Opened`](PortEvent::Opened) is gone for good; sent once.
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
    /// The handshake was malformed.
    HandshakeRefused,
    /// No handshake in time.
    HandshakeTimeout,
    /// No acknowledgement of the handshake in time.
    AckTimeout,
    /// No heartbeat in time.
    HeartbeatTimeout,
    /// Nothing came for too long.
    IdleTimeout,
    /// A message did not end in time after its first byte.
    MessageTimeout,
    /// It had sent nothing, or no whole message, and another client needed what it held: a place,
    /// or memory for unfinished messages.
    Displaced,
    /// A package of unknown type, too long, or cut short.
    BadPackage,
    /// A data package without a valid message.
    BadMessage,
    /// Bytes that break the WebSocket protocol.
    BadWebSocket,
    /// An HTTP request that is not a WebSocket upgrade.
    NotWebSocket,
    /// It read too slowly.
    SlowConsumer,
    /// It was over the limit. Such connections are counted as refused, not here.
    TooMany,
}

impl CloseReason {
    /// Whether the connection was lost, rather than ended on purpose with its session: its client
    /// may come back.
    pub fn is_loss(self) -> bool {
        use CloseReason::{AckTimeout, Client, HeartbeatTimeout, IdleTimeout, Io, MessageTimeout};
        matches!(self, AckTimeout | Client | HeartbeatTimeout | IdleTimeout | Io | MessageTimeout)
    }

    /// Whether the client is at fault: such an end is logged as a warning.
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

/// A port's counters since it opened, and its present state.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PortSnapshot {
    /// Connections now, in any state.
    pub connections: usize,
    /// Bytes that wait for clients to read them, now.
    pub waiting_bytes: usize,
    /// Bytes of messages that have not arrived completely, now.
    pub unfinished_bytes: usize,
    /// Memory that the outboxes take, in bytes, now.
    pub outbox_bytes: usize,
    /// Sessions whose connections were lost and whose clients may come back, now.
    pub away: usize,
    /// Bytes of packages kept for clients that may come back, now.
    pub kept_bytes: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused because there were too many, in all or from their address.
    pub refused: u64,
    /// Connections refused because their address is on the blacklist.
    pub blacklisted: u64,
    /// Ended connections, by reason. A connection whose session waits for its client is counted
    /// when that wait ends.
    pub closed: BTreeMap<CloseReason, u64>,
    /// Ended connections whose sessions continued on another.
    pub resumed: u64,
    /// Clients that asked for a session and could not have it.
    pub resume_refused: u64,
    /// Packages that were ignored in the state in which they came, as in Pomelo.
    pub ignored: u64,
    /// Frames put into outboxes.
    pub frames_out: u64,
    /// Socket writes.
    pub writes: u64,
    /// Pushes to sessions, counted once a session.
    pub pushed: u64,
    /// Pushes to sessions that are gone.
    pub pushes_late: u64,
}
