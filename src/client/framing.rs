//! Packages over either transport: bare on raw TCP, in frames on a WebSocket.

use thiserror::Error;

use super::websocket::{BINARY, CLOSE, Frames, Masked, Upgrade};
use crate::wire::{BODY_BYTES_LIMIT, Package, PackageDecoder, PackageError, Taken};

/// How a client carries its packages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// As a plain byte stream.
    Tcp,
    /// In binary WebSocket messages.
    WebSocket,
}

/// Why a server's bytes cannot be read any further.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FramingError {
    /// The upgrade to WebSocket failed.
    #[error("expected an upgrade to WebSocket, got {0}")]
    NoUpgrade(String),
    /// A frame that a server must not send.
    #[error("expected a WebSocket frame, got {0}")]
    BadFrame(&'static str),
    /// The server sent a close frame, with this code and reason if it gave any.
    #[error("closed by the server")]
    Closed(Option<u16>, String),
    /// The bytes are not packages.
    #[error(transparent)]
    Package(#[from] PackageError),
}

/// Splits received bytes into packages, and wraps outgoing ones. [`Connection`](super::Connection)
/// holds the protocol's state.
#[derive(Debug)]
pub struct Framing {
    socket: Masked,
    websocket: Option<WebSocket>,
    decoder: PackageDecoder,
}

#[derive(Debug, Default)]
struct WebSocket {
    upgrade: Option<Upgrade>,
    /// Frames to be sent after the upgrade.
    waiting: Vec<u8>,
    frames: Frames,
    /// Buffer for the message being written, reused.
    message: Vec<u8>,
}

impl Framing {
    /// Starts a connection. A WebSocket's request, which contains `host`, is already in
    /// [`out`](Self::out). Each connection needs a different nonce.
    pub fn new(transport: Transport, host: &str, nonce: u64) -> Self {
        let mut socket = Masked::new(nonce);
        let websocket = (transport == Transport::WebSocket).then(|| WebSocket {
            upgrade: Some(Upgrade::request(&mut socket.out, host, nonce)),
            ..WebSocket::default()
        });
        Self { socket, websocket, decoder: PackageDecoder::new(BODY_BYTES_LIMIT) }
    }

    /// Takes the next package off the front of `input`. `None`: the input is used up, and the start
    /// of an unfinished package is kept.
    ///
    /// # Errors
    /// The server violated the framing, or sent a close frame. The connection cannot be used any
    /// more.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Package<'a>>, FramingError> {
        let found = self.advance(input)?;
        Ok(found.map(|(kind, here)| Package { kind, body: here.unwrap_or(self.decoder.body()) }))
    }

    /// As [`next`](Self::next) without a borrow: a body that came in pieces is in
    /// [`body`](Self::body), until the next call.
    #[inline]
    pub(super) fn advance<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Taken<'i>>, FramingError> {
        if self.websocket.is_none() {
            return Ok(self.decoder.advance(input)?);
        }
        self.advance_websocket(input)
    }

    fn advance_websocket<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Taken<'i>>, FramingError> {
        let Some(WebSocket { upgrade, waiting, frames, .. }) = &mut self.websocket else { return Ok(None) };
        if let Some(pending) = upgrade {
            if !pending.receive(input)? {
                return Ok(None);
            }
            *upgrade = None;
            self.socket.out.append(waiting);
        }
        loop {
            let piece = frames.piece(input, !self.decoder.is_partial(), &mut self.socket)?;
            if piece.is_empty() {
                return Ok(None);
            }
            let mut rest = piece;
            let found = self.decoder.advance(&mut rest)?;
            frames.take(input, piece.len() - rest.len());
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        self.decoder.body()
    }

    /// Whether packages are sent at once: no upgrade is pending.
    pub fn is_open(&self) -> bool {
        self.websocket.as_ref().is_none_or(|websocket| websocket.upgrade.is_none())
    }

    /// Bytes to be written to the socket. The caller removes what it has written.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.socket.out
    }

    /// Sends the packages that `write` appends, on a WebSocket as one message. Sends nothing if it
    /// appends nothing.
    pub fn send<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let Some(websocket) = &mut self.websocket else { return write(&mut self.socket.out) };
        let mut message = std::mem::take(&mut websocket.message);
        let result = write(&mut message);
        if !message.is_empty() {
            self.frame(BINARY, &message);
        }
        message.clear();
        if let Some(websocket) = &mut self.websocket {
            websocket.message = message;
        }
        result
    }

    /// Sends a single WebSocket frame; does nothing on raw TCP.
    pub fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let Some(websocket) = &mut self.websocket else { return };
        // Frames must not overtake the upgrade: until it is done they go to `waiting`.
        let waits = websocket.upgrade.is_some();
        if waits {
            std::mem::swap(&mut self.socket.out, &mut websocket.waiting);
        }
        self.socket.frame(opcode, payload);
        if waits {
            std::mem::swap(&mut self.socket.out, &mut websocket.waiting);
        }
    }

    /// Sends a close frame on a WebSocket; raw TCP has no equivalent.
    pub fn close(&mut self) {
        const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
        if self.is_open() {
            self.frame(CLOSE, &NORMAL);
        }
    }
}
