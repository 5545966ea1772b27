//! From the bytes of a socket to Pomelo's packages, over WebSocket or raw TCP, told apart by the first byte.

use std::io::{self, Read, Write};

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error as WebSocketError, Message};

use super::CloseReason;
use super::connection::Core;
use super::upgrade::{Upgrade, upgrade};
use crate::wire::{HEADER_BYTES, PackageDecoder, PackageError};

/// How a connection speaks.
pub(super) enum Transport {
    /// Nothing has come yet.
    Unknown,
    /// The head of a WebSocket upgrade, so far.
    Upgrading(Vec<u8>),
    /// Packages, one behind the other.
    Tcp(PackageDecoder),
    /// Packages in WebSocket messages.
    WebSocket(Box<WebSocketContext>),
}

/// Why a connection must end, and what to tell the log.
pub(super) struct Fault(pub(super) CloseReason, pub(super) String);

impl Transport {
    /// Whether the client has said enough to know how it speaks.
    pub(super) fn is_known(&self) -> bool {
        matches!(self, Transport::Tcp(_) | Transport::WebSocket(_))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Transport::Unknown => "unknown",
            Transport::Upgrading(_) => "http",
            Transport::Tcp(_) => "tcp",
            Transport::WebSocket(_) => "websocket",
        }
    }

    /// Takes what the socket gave; the packages in it go to `core`.
    pub(super) fn receive(&mut self, mut bytes: &[u8], core: &mut Core<'_>) -> Result<(), Fault> {
        if let Transport::Unknown = self {
            // A package starts with its type, 1 to 5; an HTTP request with a capital letter. One byte tells.
            *self = match bytes.first() {
                None => return Ok(()),
                Some(b'A'..=b'Z') => Transport::Upgrading(Vec::new()),
                Some(_) => Transport::Tcp(PackageDecoder::new(core.options.body_bytes_max)),
            };
        }
        if let Transport::Upgrading(head) = self {
            let held = head.len();
            head.extend_from_slice(bytes);
            match upgrade(head) {
                Upgrade::Partial => return Ok(()),
                Upgrade::Refused { answer } => {
                    core.outbox.extend_from_slice(answer.as_bytes());
                    let line = answer.lines().next().unwrap_or_default();
                    return Err(Fault(CloseReason::NotWebSocket, line.to_owned()));
                }
                Upgrade::Accepted { answer, head_bytes } => {
                    core.outbox.extend_from_slice(answer.as_bytes());
                    bytes = bytes.get(head_bytes.saturating_sub(held)..).unwrap_or_default();
                    let config = websocket_config(core.options.body_bytes_max);
                    *self = Transport::WebSocket(Box::new(WebSocketContext::new(Role::Server, Some(config))));
                    core.is_websocket = true;
                }
            }
        }
        match self {
            Transport::Tcp(decoder) => packages(decoder, bytes, core),
            Transport::WebSocket(context) => messages(context, bytes, core),
            Transport::Unknown | Transport::Upgrading(_) => Ok(()),
        }
    }
}

/// A WebSocket message may hold several packages, so several of the longest must fit. The read buffer is small:
/// there is one a connection, and a chat message is smaller still.
fn websocket_config(body_bytes_max: usize) -> WebSocketConfig {
    let message_bytes_max = Some(4 * (body_bytes_max + HEADER_BYTES));
    WebSocketConfig::default()
        .read_buffer_size(256)
        .write_buffer_size(0)
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max)
}

fn packages(decoder: &mut PackageDecoder, mut bytes: &[u8], core: &mut Core<'_>) -> Result<(), Fault> {
    loop {
        match decoder.next(&mut bytes) {
            Ok(Some(package)) => core.package(package)?,
            Ok(None) => return Ok(()),
            Err(PackageError::TooLong { declared, max }) => {
                let why = format!(
                    "expected a body of at most {max} bytes (--package-max), got {declared} declared"
                );
                return Err(Fault(CloseReason::BadPackage, why));
            }
            Err(error) => return Err(Fault(CloseReason::BadPackage, error.to_string())),
        }
    }
}

fn messages(context: &mut WebSocketContext, bytes: &[u8], core: &mut Core<'_>) -> Result<(), Fault> {
    let mut input = bytes;
    loop {
        // The library answers pings and closes by itself, into the connection's outbox.
        let mut stream = MemoryStream { input: &mut input, output: core.outbox };
        let payload = match context.read(&mut stream) {
            Ok(Message::Binary(payload)) => payload,
            Ok(Message::Text(text)) => text.into(),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Close(_)) => {
                core.close_sent = true;
                // Reading on sends the answer.
                let mut stream = MemoryStream { input: &mut input, output: core.outbox };
                let _ = context.flush(&mut stream);
                return Err(Fault(CloseReason::Client, String::new()));
            }
            Err(WebSocketError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed) => {
                return Err(Fault(CloseReason::Client, String::new()));
            }
            Err(error @ WebSocketError::Capacity(_)) => {
                core.close_code = close_code(&error);
                let why = format!("{error}, which --package-max bounds");
                return Err(Fault(CloseReason::BadWebSocket, why));
            }
            Err(error) => {
                core.close_code = close_code(&error);
                return Err(Fault(CloseReason::BadWebSocket, error.to_string()));
            }
        };
        if payload.is_empty() {
            return Err(Fault(CloseReason::BadPackage, "an empty websocket message".to_owned()));
        }
        let mut decoder = PackageDecoder::new(core.options.body_bytes_max);
        packages(&mut decoder, &payload, core)?;
        if decoder.is_partial() {
            let why = "a websocket message that ends inside a package".to_owned();
            return Err(Fault(CloseReason::BadPackage, why));
        }
    }
}

/// What a client that breaks the WebSocket protocol is told (RFC 6455, 7.4.1).
fn close_code(error: &WebSocketError) -> CloseCode {
    match error {
        WebSocketError::Utf8(_) => CloseCode::Invalid,
        WebSocketError::Capacity(_) => CloseCode::Size,
        _ => CloseCode::Protocol,
    }
}

/// The bytes at hand as the stream that the WebSocket library wants.
struct MemoryStream<'a, 'b> {
    input: &'a mut &'b [u8],
    output: &'a mut Vec<u8>,
}

impl Read for MemoryStream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for MemoryStream<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
