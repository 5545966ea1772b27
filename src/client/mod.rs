//! A client of Pomelo's protocol, over WebSocket or raw TCP.
//!
//! [`Connection`] is the protocol without a socket or a clock: bytes and times in, bytes and
//! [`Event`]s out. Robots drive thousands of them on one thread. [`BlockingClient`] and
//! [`AsyncClient`] put one on a socket:
//!
//! ```no_run
//! use pomelo_sim::client::{BlockingClient, ClientError, Incoming, Transport};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), ClientError> {
//! let mut gate = BlockingClient::connect("127.0.0.1:3014", Transport::WebSocket)?;
//! let entry = gate.request("gate.gateHandler.queryEntry", &json!({ "uid": "alice" }))?;
//! gate.close();
//!
//! let connector = format!("{}:{}", entry["host"].as_str().unwrap_or_default(), entry["port"]);
//! let mut client = BlockingClient::connect(connector, Transport::WebSocket)?;
//! client.request("connector.entryHandler.enter", &json!({ "username": "alice", "rid": "lobby" }))?;
//! client.request("chat.chatHandler.send", &json!({ "content": "hello", "target": "*" }))?;
//! loop {
//!     match client.receive()? {
//!         Incoming::Push { route, body } => println!("{route}: {body}"),
//!         Incoming::Kicked(reason) => println!("kicked: {reason}"),
//!         Incoming::Response { .. } => {}
//!     }
//! }
//! # }
//! ```
//!
//! [`AsyncClient`] has the same methods, asynchronous. A custom event loop drives a [`Connection`]
//! directly:
//!
//! ```
//! use pomelo_sim::client::{Connection, Event, Hello, Transport};
//! use pomelo_sim::time::Time;
//! use serde_json::json;
//!
//! # fn main() -> Result<(), pomelo_sim::client::ClientError> {
//! let mut connection = Connection::new(Transport::Tcp, "127.0.0.1:3050", 1, &Hello::default());
//! // Write `out` to the socket, then read: here the server's handshake.
//! assert!(connection.out().drain(..).len() > 0);
//! let mut read: &[u8] = b"\x01\0\0\x0c{\"code\":200}";
//! while let Some(event) = connection.receive(&mut read, Time::START)? {
//!     assert!(matches!(event, Event::Open(_)));
//! }
//! let body = json!({ "content": "hello", "target": "*" }).to_string();
//! let id = connection.request("chat.chatHandler.send", body.as_bytes())?;
//! assert!(id == 1 && !connection.out().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # States
//!
//! ```text
//! upgrading (WebSocket only) ─▶ handshake ─▶ open ─▶ closed
//! ```
//!
//! A connection acknowledges the server's handshake by itself, and answers each heartbeat after the
//! delay that the handshake asks for. It applies the handshake's dictionary and protobuf
//! definitions: its owner works with route names and JSON. Lengths are bounded by the protocol: a
//! package holds 16 MB at most, an answer to an upgrade 8 KB.
//!
//! # Resuming a session
//!
//! With `serve --resume` the server keeps the session of a lost connection for a while, if its
//! client asked with [`Session::New`]. [`Connection::session`] returns what resumes it.

mod asynchronous;
mod blocking;
mod connection;
mod framing;
mod message;
mod shell;
mod websocket;

use std::io;

use thiserror::Error;

pub use self::asynchronous::AsyncClient;
pub use self::blocking::BlockingClient;
pub use self::connection::{Connection, Hello, Terms};
pub use self::framing::{Framing, FramingError, Transport};
pub use self::message::{Event, Incoming, kick_reason};
pub use self::shell::{Client, Socket};
pub use self::websocket::write_frame;
use crate::wire::{HandshakeError, MessageError, PackageType, ProtoError};

/// What the client asks of the server about its session, if the server keeps sessions of lost
/// connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Session {
    /// It ends with its connection.
    Unkept,
    /// A new session, to be kept.
    New,
    /// The session of an earlier connection.
    Back(Resume),
}

/// A session that a client can resume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resume {
    /// The server's token for it.
    pub token: String,
    /// Data packages received in its whole life.
    pub received: u64,
    /// The id of its next request: answers to earlier ones may still come.
    pub next_id: u64,
}

/// Why a connection cannot be used, or a message cannot be sent.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The transport failed or was closed, or the bytes are not packages.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// The received bytes are not a message, or the outgoing body does not fit one.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The received body is not a handshake.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The server refuses this client.
    #[error("handshake refused with {0}")]
    Refused(u64),
    /// The server uses protobuf without sending the definitions.
    #[error("expected protobuf definitions in the handshake, got only the flag that they are used")]
    Undefined,
    /// A package or message that a server must not send now.
    #[error("expected a package that a server sends in this state, got {0:?}")]
    Unexpected(PackageType),
    /// A body does not follow its route's definition.
    #[error(transparent)]
    Proto(#[from] ProtoError),
    /// A body is not valid JSON.
    #[error("expected a JSON body: {0}")]
    Json(#[from] serde_json::Error),
    /// The handshake is not done, or the connection is over.
    #[error("expected an open connection, got a message to send before the handshake or after the end")]
    NotOpen,
    /// The socket failed, or the server closed it.
    #[error(transparent)]
    Io(#[from] io::Error),
}
