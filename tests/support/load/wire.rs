//! One connection of a client, asynchronous and lean: hundreds of them live on one thread.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use pomelo_sim::wire::{
    BODY_BYTES_LIMIT, Message, MessageKind, PackageDecoder, PackageType, WireRoute, write_request,
};
use serde_json::Value;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::super::client::Transport;
use super::super::raw::{ACK, BINARY, CLOSE, HEARTBEAT, PING, PONG, frame, package, upgrade_head};

/// Little room and short segments, so that neither side's kernel holds much for a client that does not read.
const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;
const SEGMENT_BYTES: u32 = 1400;

/// What comes from a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    Response { id: u64, body: Vec<u8> },
    Push { route: String, body: Vec<u8> },
    Kick,
    Closed,
}

pub struct Wire {
    stream: TcpStream,
    transport: Transport,
    /// What the socket has not taken yet.
    out: Vec<u8>,
    /// What came and is not a whole WebSocket frame yet.
    frames: Vec<u8>,
    decoder: PackageDecoder,
    inbox: VecDeque<Event>,
    handshake: Option<Value>,
    heartbeat: Option<Duration>,
    beat_at: Instant,
    ended: bool,
}

impl Wire {
    /// Connects, and shakes hands.
    pub async fn open(address: SocketAddr, transport: Transport) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        SockRef::from(&socket).set_tcp_mss(SEGMENT_BYTES)?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self {
            stream,
            transport,
            out: Vec::new(),
            frames: Vec::new(),
            decoder: PackageDecoder::new(BODY_BYTES_LIMIT),
            inbox: VecDeque::new(),
            handshake: None,
            heartbeat: None,
            beat_at: Instant::now(),
            ended: false,
        };
        if transport == Transport::WebSocket {
            wire.upgrade().await?;
        }
        // It knows how to come back: where sessions wait for their clients, its own does.
        let hello = br#"{"sys":{},"user":{"resume":true}}"#;
        wire.packages(&package(1, hello.len(), hello));
        while wire.handshake.is_none() {
            if wire.ended {
                return Err(ErrorKind::ConnectionReset.into());
            }
            wire.turn().await;
        }
        let answer = wire.handshake.take().unwrap_or_default();
        if answer["code"] != 200 {
            return Err(io::Error::other(format!("the handshake is answered with {answer}")));
        }
        wire.heartbeat = answer["sys"]["heartbeat"].as_u64().map(Duration::from_secs);
        wire.packages(ACK);
        Ok(wire)
    }

    /// Sends a request, as far as the socket takes it; the rest goes out while [`next`](Self::next) is awaited.
    pub fn request(&mut self, id: u64, route: &str, body: &Value) {
        let mut bytes = Vec::new();
        write_request(&mut bytes, id, &WireRoute::Name(route.into()), body.to_string().as_bytes()).unwrap();
        self.packages(&bytes);
    }

    /// The next thing that comes; answers heartbeats. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.inbox.pop_front() {
                return event;
            }
            if self.ended {
                return Event::Closed;
            }
            self.turn().await;
        }
    }

    /// Ends the connection as a crashing client does: with a reset.
    pub fn reset(mut self) {
        self.ended = true;
        // Without it the end is only a polite one.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    async fn upgrade(&mut self) -> io::Result<()> {
        self.out.extend_from_slice(upgrade_head("").as_bytes());
        self.flush();
        let end = b"\r\n\r\n";
        loop {
            if let Some(at) = self.frames.windows(end.len()).position(|window| window == end) {
                if !self.frames.starts_with(b"HTTP/1.1 101 ") {
                    let head = self.frames.escape_ascii();
                    return Err(io::Error::other(format!("the upgrade is answered with {head}")));
                }
                self.frames.drain(..at + end.len());
                self.unframe();
                return Ok(());
            }
            if self.ended {
                return Err(ErrorKind::ConnectionReset.into());
            }
            self.stream.readable().await?;
            let bytes = self.read();
            self.frames.extend_from_slice(&bytes);
        }
    }

    fn packages(&mut self, bytes: &[u8]) {
        match self.transport {
            Transport::Tcp => self.out.extend_from_slice(bytes),
            Transport::WebSocket => self.out.extend_from_slice(&frame(BINARY, bytes)),
        }
        self.flush();
    }

    fn flush(&mut self) {
        let mut written = 0;
        while written < self.out.len() && !self.ended {
            match self.stream.try_write(&self.out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Reading says that it has ended, after what still comes.
                Err(_) => written = self.out.len(),
            }
        }
        self.out.drain(..written);
    }

    /// Waits until the socket can be read or written, or a heartbeat is due, and does that.
    async fn turn(&mut self) {
        let interest =
            if self.out.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        let beats = self.heartbeat.is_some();
        tokio::select! {
            biased;
            ready = self.stream.ready(interest) => match ready {
                Ok(ready) => {
                    if ready.is_writable() {
                        self.flush();
                    }
                    if ready.is_readable() || ready.is_read_closed() {
                        let bytes = self.read();
                        self.take(bytes);
                    }
                }
                Err(_) => self.ended = true,
            },
            () = tokio::time::sleep_until(self.beat_at + self.heartbeat.unwrap_or_default()), if beats => {
                self.beat_at = Instant::now();
                self.packages(HEARTBEAT);
            }
        }
    }

    fn read(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; RECEIVE_BUFFER_BYTES as usize];
        match self.stream.try_read(&mut buffer) {
            Ok(bytes) => {
                self.ended = bytes == 0;
                buffer.truncate(bytes);
                return buffer;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.ended = true,
        }
        Vec::new()
    }

    fn take(&mut self, bytes: Vec<u8>) {
        match self.transport {
            Transport::Tcp => self.decode(&bytes),
            Transport::WebSocket => {
                self.frames.extend_from_slice(&bytes);
                self.unframe();
            }
        }
    }

    /// Takes whole frames off what came. Servers mask nothing and send no fragments.
    fn unframe(&mut self) {
        let frames = std::mem::take(&mut self.frames);
        let mut rest = &frames[..];
        while let Some((first, payload, after)) = split_frame(rest) {
            match first {
                BINARY => self.decode(payload),
                PING => {
                    self.out.extend_from_slice(&frame(PONG, payload));
                    self.flush();
                }
                CLOSE => self.ended = true,
                other => panic!("servers send binary frames, pings and the end; got {other:#x}"),
            }
            rest = after;
        }
        self.frames = rest.to_vec();
    }

    fn decode(&mut self, mut bytes: &[u8]) {
        let mut decoder = std::mem::replace(&mut self.decoder, PackageDecoder::new(0));
        while let Some(package) = decoder.next(&mut bytes).unwrap() {
            match package.kind {
                PackageType::Handshake => self.handshake = serde_json::from_slice(package.body).ok(),
                PackageType::Heartbeat => {}
                PackageType::Kick => self.inbox.push_back(Event::Kick),
                PackageType::HandshakeAck => panic!("a server acknowledges no handshake"),
                PackageType::Data => self.inbox.push_back(event(package.body)),
            }
        }
        self.decoder = decoder;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // A WebSocket says goodbye; whether the server still hears it does not matter.
        if self.transport == Transport::WebSocket && !self.ended {
            let _ = self.stream.try_write(&frame(CLOSE, &1000u16.to_be_bytes()));
        }
    }
}

fn event(bytes: &[u8]) -> Event {
    match Message::decode(bytes).unwrap() {
        Message { kind: MessageKind::Response { id }, body, .. } => {
            Event::Response { id, body: body.to_vec() }
        }
        Message { kind: MessageKind::Push, route: Some(WireRoute::Name(route)), body } => {
            Event::Push { route: route.into_owned(), body: body.to_vec() }
        }
        other => panic!("servers send responses and pushes, got {other:?}"),
    }
}

/// The first byte of a frame, its payload, and what follows it.
fn split_frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (first, len) = (*bytes.first()?, *bytes.get(1)?);
    let (header, len) = match len {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        len => (2, usize::from(len)),
    };
    let payload = bytes.get(header..)?.get(..len)?;
    Some((first, payload, &bytes[header + len..]))
}
