//! A raw socket: arbitrary bytes, and WebSocket frames made by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pomelo_sim::client::write_frame;
use pomelo_sim::wire::{WebSocketHeader, WireRoute, write_request};
use serde_json::Value;

use super::PATIENCE;
use super::client::Transport;

/// A client's first bytes: handshake and acknowledgement, in one piece.
pub const HELLO: &[u8] = b"\x01\0\0\x0a{\"sys\":{}}\x02\0\0\0";
pub const HANDSHAKE: &[u8] = b"\x01\0\0\x0a{\"sys\":{}}";
pub const ACK: &[u8] = b"\x02\0\0\0";
pub const HEARTBEAT: &[u8] = b"\x03\0\0\0";

/// First bytes of WebSocket frames that are final.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

pub struct Raw {
    stream: TcpStream,
    got: Vec<u8>,
    ended: bool,
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// The same over an established connection.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, got: Vec::new(), ended: false }
    }

    /// A WebSocket whose upgrade is done.
    pub fn upgraded(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address);
        raw.send(upgrade_head("").as_bytes());
        let head = raw.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw
    }

    /// Handshake and acknowledgement are done, and their answers are read.
    pub fn open(address: SocketAddr, transport: Transport) -> Self {
        Self::open_by(address, transport, HELLO)
    }

    /// The same with these packages.
    pub fn open_by(address: SocketAddr, transport: Transport, hello: &[u8]) -> Self {
        let mut raw = match transport {
            Transport::Tcp => Self::connect(address),
            Transport::WebSocket => Self::upgraded(address),
        };
        raw.packages(transport, hello);
        // The server sends everything else before it answers this.
        raw.packages(transport, &request(77, "nobody.knows.this", "{}"));
        raw.until(b"\x04\x4d{\"code\":500");
        raw.rest_of_answer();
        raw
    }

    /// Sends bytes; if the server has closed, the next read reports it.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends packages in the transport's framing; on a WebSocket as one message.
    pub fn packages(&mut self, transport: Transport, bytes: &[u8]) {
        match transport {
            Transport::Tcp => self.send(bytes),
            Transport::WebSocket => self.send(&frame(BINARY, bytes)),
        }
    }

    /// Sends byte by byte, each in a separate segment.
    pub fn drip(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]);
            std::thread::yield_now();
        }
    }

    /// The next bytes, which must be these.
    pub fn expect(&mut self, expected: &[u8]) {
        while self.got.len() < expected.len() && self.read(PATIENCE) {}
        let taken: Vec<u8> = self.got.drain(..self.got.len().min(expected.len())).collect();
        assert_eq!(taken.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    /// Reads up to and including these bytes, and gives what came before.
    pub fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.got.windows(end.len()).position(|window| window == end) {
                let before = self.got[..at].to_vec();
                self.got.drain(..at + end.len());
                return before;
            }
            if !self.read(PATIENCE) {
                panic!("the connection ended before {}: {}", end.escape_ascii(), self.got.escape_ascii());
            }
        }
    }

    /// The head of an HTTP answer.
    pub fn head(&mut self) -> String {
        String::from_utf8(self.until(b"\r\n\r\n")).unwrap()
    }

    /// Reads until the server ends the connection.
    pub fn end(&mut self) -> Vec<u8> {
        while self.read(PATIENCE) {}
        std::mem::take(&mut self.got)
    }

    /// Whether nothing arrives for this long, not even the end.
    pub fn is_silent(&mut self, patience: Duration) -> bool {
        self.read_within(patience).is_none() && self.got.is_empty()
    }

    /// Whether the connection still works: heartbeats would prove nothing on the gate, but an
    /// unknown route must be answered.
    pub fn assert_works(&mut self, transport: Transport) {
        self.packages(transport, &request(78, "nobody.knows.this", "{}"));
        self.until(b"\x04\x4e{\"code\":500");
        self.rest_of_answer();
    }

    /// The part of an error's answer after the code.
    fn rest_of_answer(&mut self) {
        self.until(b"\"}");
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Reads once. False at the end of the stream; a reset is an end too.
    fn read(&mut self, patience: Duration) -> bool {
        self.read_within(patience).unwrap_or_else(|| {
            panic!("nothing came for {patience:?} after {:.300}", self.got.escape_ascii().to_string())
        })
    }

    fn read_within(&mut self, patience: Duration) -> Option<bool> {
        if self.ended {
            return Some(false);
        }
        let give_up = Instant::now() + patience;
        let mut buffer = [0; 16 * 1024];
        loop {
            let left = give_up.checked_duration_since(Instant::now())?;
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match self.stream.read(&mut buffer) {
                Ok(bytes) => {
                    self.got.extend_from_slice(&buffer[..bytes]);
                    self.ended = bytes == 0;
                    return Some(bytes > 0);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(_) => {
                    self.ended = true;
                    return Some(false);
                }
            }
        }
    }
}

/// A package, of any type and any declared length.
pub fn package(kind: u8, declared: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, (declared >> 16) as u8, (declared >> 8) as u8, declared as u8];
    bytes.extend_from_slice(body);
    bytes
}

/// A data package around a message.
pub fn data(message: &[u8]) -> Vec<u8> {
    package(4, message.len(), message)
}

pub fn request(id: u64, route: &str, body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_request(&mut bytes, id, &WireRoute::Name(route.into()), body.as_bytes()).unwrap();
    bytes
}

pub fn enter(name: &str, rid: &str) -> Vec<u8> {
    let body = serde_json::json!({"username": name, "rid": rid}).to_string();
    request(1, "connector.entryHandler.enter", &body)
}

pub fn send(id: u64, content: &Value) -> Vec<u8> {
    let body = serde_json::json!({"content": content, "target": "*"}).to_string();
    request(id, "chat.chatHandler.send", &body)
}

/// A masked WebSocket frame, as from a client.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, first, [0x12, 0x34, 0x56, 0x78], payload);
    bytes
}

/// The head of a frame that declares any length.
pub fn frame_header(first: u8, is_masked: bool, len: u64) -> Vec<u8> {
    WebSocketHeader::new(first, is_masked, len).as_bytes().to_vec()
}

/// A WebSocket upgrade with these additional lines, each ending in `\r\n`.
pub fn upgrade_head(more: &str) -> String {
    upgrade_head_of_version("13", more)
}

pub fn upgrade_head_of_version(version: &str, more: &str) -> String {
    format!(
        "GET /any/path?it=likes HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: {version}\r\n{more}\r\n"
    )
}
