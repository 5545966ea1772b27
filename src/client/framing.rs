//! Packages over either transport: raw TCP as they are, WebSocket in frames.

use thiserror::Error;

use super::websocket::{BINARY, CLOSE, Frames, Masked, Upgrade};
use crate::wire::{BODY_BYTES_LIMIT, Package, PackageDecoder, PackageError, Taken};

/// How a client carries its packages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// One behind the other.
    Tcp,
    /// In binary WebSocket messages.
    WebSocket,
}

/// Why the bytes of a server cannot be read any further.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FramingError {
    /// It did not become a WebSocket.
    #[error("expected an upgrade to WebSocket, got {0}")]
    NoUpgrade(String),
    /// A frame that a server must not send.
    #[error("expected a WebSocket frame, got {0}")]
    BadFrame(&'static str),
    /// The server closed the WebSocket in good order, with this code and reason if it gave any.
    #[error("closed by the server")]
    Closed(Option<u16>, String),
    /// The bytes are not packages.
    #[error(transparent)]
    Package(#[from] PackageError),
}

/// Cuts what comes into packages, and wraps what goes. It knows no state of the protocol: [`Connection`](super::Connection)
/// does.
#[derive(Debug)]
pub struct Framing {
    socket: Masked,
    websocket: Option<WebSocket>,
    decoder: PackageDecoder,
}

#[derive(Debug, Default)]
struct WebSocket {
    upgrade: Option<Upgrade>,
    /// Frames that wait for the upgrade.
    waiting: Vec<u8>,
    frames: Frames,
    /// The message being written; kept for its memory.
    message: Vec<u8>,
}

impl Framing {
    /// A connection that is being opened. A WebSocket's request waits in [`out`](Self::out) already; `host` goes into it.
    /// The nonce must differ from one connection to the next.
    pub fn new(transport: Transport, host: &str, nonce: u64) -> Self {
        let mut socket = Masked::new(nonce);
        let websocket = (transport == Transport::WebSocket).then(|| WebSocket {
            upgrade: Some(Upgrade::ask(&mut socket.out, host, nonce)),
            ..WebSocket::default()
        });
        Self { socket, websocket, decoder: PackageDecoder::new(BODY_BYTES_LIMIT) }
    }

    /// The next package, whose bytes are taken off the front of `input`. `None`: the input is used up, and what it held of
    /// something unfinished is remembered.
    ///
    /// # Errors
    /// The server broke the transport, or closed it in good order. The connection is of no use any more.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Package<'a>>, FramingError> {
        let found = self.advance(input)?;
        Ok(found.map(|(kind, here)| Package { kind, body: here.unwrap_or(self.decoder.body()) }))
    }

    /// The same without a borrow: a body that did not come in one piece is in [`body`](Self::body), until the next call.
    #[inline]
    pub(super) fn advance<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Taken<'i>>, FramingError> {
        if self.websocket.is_none() {
            return Ok(self.decoder.advance(input)?);
        }
        self.advance_websocket(input)
    }

    fn advance_websocket<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Taken<'i>>, FramingError> {
        let Some(WebSocket { upgrade, waiting, frames, .. }) = &mut self.websocket else { return Ok(None) };
        if let Some(asked) = upgrade {
            if !asked.receive(input)? {
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

    /// Whether packages can go: there is no upgrade to wait for.
    pub fn is_open(&self) -> bool {
        self.websocket.as_ref().is_none_or(|websocket| websocket.upgrade.is_none())
    }

    /// What waits to be written to the socket; whoever writes it takes it out.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.socket.out
    }

    /// Sends what `write` appends: packages, on a WebSocket in one message. Nothing appended is nothing sent.
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

    /// Sends a WebSocket frame by itself; nothing on raw TCP.
    pub fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let Some(websocket) = &mut self.websocket else { return };
        // Before the upgrade is done frames go to where they wait.
        let waits = websocket.upgrade.is_some();
        if waits {
            std::mem::swap(&mut self.socket.out, &mut websocket.waiting);
        }
        self.socket.frame(opcode, payload);
        if waits {
            std::mem::swap(&mut self.socket.out, &mut websocket.waiting);
        }
    }

    /// Says that the client leaves, where the transport has a word for it.
    pub fn close(&mut self) {
        const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
        if self.is_open() {
            self.frame(CLOSE, &NORMAL);
        }
    }
}
