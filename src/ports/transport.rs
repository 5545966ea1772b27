//! From the bytes of a socket to Pomelo's packages, over WebSocket or raw TCP; the first byte
//! decides which.

use std::io::{self, Read, Write};
use std::ops::Range;

use bytes::Bytes;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error as WebSocketError, Message};

use super::CloseReason;
use super::batch::Form;
use super::frames::Frames;
use super::upgrade::{Upgrade, upgrade};
use crate::wire::{HEADER_BYTES, PackageDecoder, PackageError, PackageType, Taken};

/// The transport of a connection.
pub(super) enum Transport {
    /// Nothing has arrived yet.
    Unknown,
    /// The head of a WebSocket upgrade, so far.
    Upgrading(Vec<u8>),
    /// Packages back to back.
    Tcp(PackageDecoder),
    /// Packages in WebSocket messages.
    WebSocket(Box<WebSocket>),
}

pub(super) struct WebSocket {
    context: WebSocketContext,
    frames: Frames,
    /// The current message.
    message: Bytes,
    /// Where the body of its current package is.
    body: Range<usize>,
    /// The code of the close frame; `None`: it was sent.
    pub(super) close: Option<CloseCode>,
}

/// Why a connection must end, and the detail for the log.
#[derive(Debug)]
pub struct Fault(pub CloseReason, pub String);

impl Transport {
    pub(super) fn form(&self) -> Form {
        if matches!(self, Transport::WebSocket(_)) { Form::WebSocket } else { Form::Tcp }
    }

    /// Whether enough has arrived to know the transport.
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

    /// The next package in `input`, whose bytes are taken off its front. Its body is in
    /// [`body`](Self::body) if it is not returned.
    #[inline]
    pub(super) fn advance<'i>(
        &mut self,
        input: &mut &'i [u8],
        body_bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Taken<'i>>, Fault> {
        match self {
            Transport::Tcp(decoder) => decoder.advance(input).map_err(bad_package),
            Transport::WebSocket(socket) => {
                Ok(socket.advance(input, body_bytes_max, out)?.map(|kind| (kind, None)))
            }
            // A package starts with its type, 1 to 5; an HTTP request with a capital letter. One
            // byte decides.
            Transport::Unknown => {
                *self = match input.first() {
                    None => return Ok(None),
                    Some(b'A'..=b'Z') => Transport::Upgrading(Vec::new()),
                    Some(_) => Transport::Tcp(PackageDecoder::new(body_bytes_max)),
                };
                self.advance(input, body_bytes_max, out)
            }
            Transport::Upgrading(head) => {
                let (held, rest) = (head.len(), std::mem::take(input));
                head.extend_from_slice(rest);
                match upgrade(head) {
                    Upgrade::Partial => Ok(None),
                    Upgrade::Refused { answer } => {
                        out.extend_from_slice(answer.as_bytes());
                        let line = answer.lines().next().unwrap_or_default();
                        Err(Fault(CloseReason::NotWebSocket, line.to_owned()))
                    }
                    Upgrade::Accepted { answer, head_bytes } => {
                        out.extend_from_slice(answer.as_bytes());
                        *input = rest.get(head_bytes.saturating_sub(held)..).unwrap_or_default();
                        *self = Transport::WebSocket(Box::new(WebSocket::new(body_bytes_max)));
                        self.advance(input, body_bytes_max, out)
                    }
                }
            }
        }
    }

    /// Bytes of a message that has not arrived completely. Such bytes take memory until it has.
    pub(super) fn unfinished_bytes(&self) -> usize {
        match self {
            Transport::Unknown => 0,
            Transport::Upgrading(head) => head.len(),
            Transport::Tcp(decoder) => decoder.partial_bytes(),
            Transport::WebSocket(socket) => socket.frames.unfinished_bytes(),
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        match self {
            Transport::Tcp(decoder) => decoder.body(),
            Transport::WebSocket(socket) => &socket.message[socket.body.clone()],
            Transport::Unknown | Transport::Upgrading(_) => &[],
        }
    }
}

fn bad_package(error: PackageError) -> Fault {
    let why = match error {
        PackageError::TooLong { declared, max } => {
            format!("expected a body of at most {max} bytes (--package-max), got {declared} declared")
        }
        error => error.to_string(),
    };
    Fault(CloseReason::BadPackage, why)
}

impl WebSocket {
    /// A message may hold several packages, so several of the longest must fit. The read buffer is
    /// small: there is one for each connection, and a chat message is smaller still.
    fn new(body_bytes_max: usize) -> Self {
        let message_bytes_max = Some(4 * (body_bytes_max + HEADER_BYTES));
        let config = WebSocketConfig::default()
            .read_buffer_size(256)
            .write_buffer_size(0)
            .max_message_size(message_bytes_max)
            .max_frame_size(message_bytes_max);
        let context = WebSocketContext::new(Role::Server, Some(config));
        // A normal end, the code that Pomelo's servers send.
        Self {
            context,
            frames: Frames::default(),
            message: Bytes::new(),
            body: 0..0,
            close: Some(CloseCode::Normal),
        }
    }

    fn advance(
        &mut self,
        input: &mut &[u8],
        body_bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<PackageType>, Fault> {
        if self.body.end == self.message.len() {
            (self.message, self.body) = (Bytes::new(), 0..0);
            let Some(message) = self.next_message(input, out)? else { return Ok(None) };
            self.message = message;
        }
        let mut rest = &self.message[self.body.end..];
        let found = PackageDecoder::new(body_bytes_max).advance(&mut rest).map_err(bad_package)?;
        let Some((kind, Some(body))) = found else {
            let why = "a websocket message that ends inside a package".to_owned();
            return Err(Fault(CloseReason::BadPackage, why));
        };
        let end = self.message.len() - rest.len();
        self.body = end - body.len()..end;
        Ok(Some(kind))
    }

    fn next_message(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Option<Bytes>, Fault> {
        loop {
            // The library answers pings and closes by itself.
            let mut stream = MemoryStream { input: &mut *input, frames: &mut self.frames, output: &mut *out };
            let payload = match self.context.read(&mut stream) {
                Ok(Message::Binary(payload)) => payload,
                Ok(Message::Text(text)) => text.into(),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                Ok(Message::Close(_)) => {
                    self.close = None;
                    // Flushing sends the close frame that answers.
                    let _ = self.context.flush(&mut stream);
                    return Err(Fault(CloseReason::Client, String::new()));
                }
                Err(WebSocketError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(None);
                }
                Err(WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed) => {
                    return Err(Fault(CloseReason::Client, String::new()));
                }
                Err(error) => {
                    self.close = self.close.map(|_| close_code(&error));
                    let bound = matches!(error, WebSocketError::Capacity(_));
                    let bound = if bound { ", which --package-max bounds" } else { "" };
                    return Err(Fault(CloseReason::BadWebSocket, format!("{error}{bound}")));
                }
            };
            if payload.is_empty() {
                return Err(Fault(CloseReason::BadPackage, "an empty websocket message".to_owned()));
            }
            return Ok(Some(payload));
        }
    }
}

/// The close code for a client that breaks the WebSocket protocol (RFC 6455, 7.4.1).
fn close_code(error: &WebSocketError) -> CloseCode {
    match error {
        WebSocketError::Utf8(_) => CloseCode::Invalid,
        WebSocketError::Capacity(_) => CloseCode::Size,
        _ => CloseCode::Protocol,
    }
}

/// The bytes in memory as the stream that the WebSocket library expects.
struct MemoryStream<'a, 'b> {
    input: &'a mut &'b [u8],
    frames: &'a mut Frames,
    output: &'a mut Vec<u8>,
}

impl Read for MemoryStream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = self.input.read(buffer)?;
        self.frames.receive(&buffer[..bytes]);
        Ok(bytes)
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
