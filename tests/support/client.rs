//! A client of the real protocol over WebSocket or raw TCP, fully controlled by the test.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub use pomelo_sim::client::Transport;
use pomelo_sim::client::{Framing, FramingError, kick_reason};
use pomelo_sim::wire::{
    HEADER_BYTES, Message, MessageKind, PackageType, WireRoute, write_notify, write_package, write_request,
};
use serde_json::{Value, json};

use super::PATIENCE;

pub const BOTH: [Transport; 2] = [Transport::Tcp, Transport::WebSocket];

/// Something that a client received.
#[derive(Clone, PartialEq, Debug)]
pub enum Got {
    Handshake(Value),
    Heartbeat,
    Response(u64, Value),
    Push(String, Value),
    Kick(String),
    /// The end: the WebSocket close code if there was one.
    Closed(Option<u16>),
}

pub struct Client {
    stream: TcpStream,
    framing: Framing,
    got: VecDeque<Got>,
    /// Each received package, for tests that compare bytes.
    pub packages: Vec<Vec<u8>>,
    /// The id of the next request.
    pub next_id: u64,
    /// The reason in the WebSocket's close frame.
    close_reason: String,
    is_websocket: bool,
}

impl Client {
    /// A socket, and for a WebSocket its upgrade; no handshake yet.
    pub fn connect(address: SocketAddr, transport: Transport) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), address, transport)
    }

    /// The same over an established connection.
    pub fn over(stream: TcpStream, address: SocketAddr, transport: Transport) -> Self {
        stream.set_nodelay(true).unwrap();
        let framing = Framing::new(transport, &address.to_string(), u64::from(address.port()));
        let (got, packages, close_reason) = Default::default();
        let is_websocket = transport == Transport::WebSocket;
        let mut client = Self { stream, framing, got, packages, next_id: 1, close_reason, is_websocket };
        client.flush();
        while !client.framing.is_open() {
            client.read(PATIENCE);
            // A full server refuses right after the upgrade.
            assert!(client.framing.is_open() || client.got.is_empty(), "no WebSocket: {:?}", client.got);
        }
        client
    }

    /// A client that may send messages: handshake and acknowledgement are complete.
    pub fn open(address: SocketAddr, transport: Transport) -> Self {
        Self::connect(address, transport).shake_hands()
    }

    /// Handshake and acknowledgement.
    pub fn shake_hands(mut self) -> Self {
        let client = &mut self;
        client.package(PackageType::Handshake, br#"{"sys":{"type":"test","version":"0.0.1"}}"#);
        let Some(Got::Handshake(answer)) = client.next(PATIENCE) else { panic!("no handshake") };
        assert_eq!(answer["code"], 200, "{answer}");
        client.package(PackageType::HandshakeAck, b"");
        if answer["sys"]["heartbeat"].is_number() {
            assert_eq!(client.next(PATIENCE), Some(Got::Heartbeat));
        }
        self
    }

    /// Logs in on a connector.
    pub fn enter(address: SocketAddr, transport: Transport, name: &str, rid: &str) -> Self {
        let mut client = Self::open(address, transport);
        let answer = client.request("connector.entryHandler.enter", json!({"username": name, "rid": rid}));
        assert!(answer["users"].is_array(), "{name} enters {rid}: {answer}");
        client
    }

    pub fn package(&mut self, kind: PackageType, body: &[u8]) {
        let mut bytes = Vec::new();
        write_package(&mut bytes, kind, body);
        self.raw(&bytes);
    }

    /// Sends raw bytes; on a WebSocket as one binary message.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.framing.send(|out| out.extend_from_slice(bytes));
        self.flush();
    }

    /// The same bytes as one text message.
    pub fn text(&mut self, text: &str) {
        const TEXT: u8 = 1;
        self.framing.frame(TEXT, text.as_bytes());
        assert!(!self.framing.out().is_empty(), "only a WebSocket has text messages");
        self.flush();
    }

    /// Sends bytes without the WebSocket's framing.
    pub fn raw_stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends a request without waiting.
    pub fn send(&mut self, route: &str, body: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut bytes = Vec::new();
        write_request(&mut bytes, id, &WireRoute::Name(route.into()), body.to_string().as_bytes()).unwrap();
        self.raw(&bytes);
        id
    }

    pub fn notify(&mut self, route: &str, body: Value) {
        let mut bytes = Vec::new();
        write_notify(&mut bytes, &WireRoute::Name(route.into()), body.to_string().as_bytes()).unwrap();
        self.raw(&bytes);
    }

    /// Sends a request and waits for its response; pushes that arrive earlier are buffered.
    pub fn request(&mut self, route: &str, body: Value) -> Value {
        let id = self.send(route, body);
        self.response(id)
    }

    /// The response to a request; other messages are buffered.
    pub fn response(&mut self, id: u64) -> Value {
        let mut kept = VecDeque::new();
        loop {
            match self.next(PATIENCE) {
                Some(Got::Response(of, body)) if of == id => {
                    kept.append(&mut self.got);
                    self.got = kept;
                    return body;
                }
                Some(Got::Closed(code)) => panic!("closed ({code:?}) before response {id}; got {kept:?}"),
                Some(other) => kept.push_back(other),
                None => panic!("no response {id}; got {kept:?}"),
            }
        }
    }

    /// The next push; heartbeats are skipped.
    pub fn push(&mut self) -> (String, Value) {
        loop {
            match self.next(PATIENCE) {
                Some(Got::Push(route, body)) => return (route, body),
                Some(Got::Heartbeat) => {}
                other => panic!("expected a push, got {other:?}"),
            }
        }
    }

    /// The pushes so far, including everything that the server sent before it answered this call's
    /// request.
    pub fn pushes(&mut self) -> Vec<(String, Value)> {
        let refused = self.request("nobody.knows.this", json!({}));
        assert_eq!(refused["code"], 500);
        let pushes = self.got.drain(..).filter_map(|got| match got {
            Got::Push(route, body) => Some((route, body)),
            Got::Heartbeat => None,
            other => panic!("expected pushes, got {other:?}"),
        });
        pushes.collect()
    }

    /// Waits for the end of the connection: the kick's reason if there was one, and the close code.
    pub fn closed(&mut self) -> (Option<String>, Option<u16>) {
        let mut reason = None;
        loop {
            match self.next(PATIENCE) {
                Some(Got::Kick(why)) => reason = Some(why),
                Some(Got::Closed(code)) => return (reason, code),
                Some(_) => {}
                None => panic!("the connection stays open"),
            }
        }
    }

    /// Waits for the close of a stopping server: without a kick, and with a reason if the transport
    /// supports one.
    pub fn assert_closed_by_stop(&mut self, reason: &str) {
        let (kick, code) = self.closed();
        let expected = if self.is_websocket { (Some(1001), reason) } else { (None, "") };
        assert_eq!((kick, (code, &*self.close_reason)), (None, expected));
    }

    /// The next event, or `None` if there is none within `patience`.
    pub fn next(&mut self, patience: Duration) -> Option<Got> {
        let give_up = Instant::now() + patience;
        loop {
            if let Some(got) = self.got.pop_front() {
                return Some(got);
            }
            let left = give_up.checked_duration_since(Instant::now())?;
            self.read(left.max(Duration::from_millis(1)));
        }
    }

    /// Ends the stream like a client that goes away.
    pub fn close(mut self) {
        self.framing.close();
        self.flush();
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// If the server has closed already, the next read reports it.
    fn flush(&mut self) {
        let _ = self.stream.write_all(&std::mem::take(self.framing.out()));
    }

    fn read(&mut self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 64 * 1024];
        let taken = match self.stream.read(&mut buffer) {
            Ok(taken) if taken > 0 => taken,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            _ => return self.got.push_back(Got::Closed(None)),
        };
        let mut bytes = &buffer[..taken];
        loop {
            match self.framing.next(&mut bytes) {
                Ok(Some(package)) => {
                    let mut whole = Vec::new();
                    write_package(&mut whole, package.kind, package.body);
                    self.got.push_back(Got::of(&whole));
                    self.packages.push(whole);
                }
                Ok(None) => break,
                Err(FramingError::Closed(code, reason)) => {
                    self.close_reason = reason;
                    self.got.push_back(Got::Closed(code));
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        // Answer pings.
        self.flush();
    }
}

impl Got {
    /// Classifies a received package.
    pub fn of(package: &[u8]) -> Self {
        let body = &package[HEADER_BYTES..];
        let json = |body: &[u8]| -> Value {
            serde_json::from_slice(body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body)))
        };
        match PackageType::from_byte(package[0]).unwrap() {
            PackageType::Handshake => Got::Handshake(json(body)),
            PackageType::Heartbeat => Got::Heartbeat,
            PackageType::Kick => Got::Kick(kick_reason(body)),
            PackageType::HandshakeAck => panic!("a server acknowledges no handshake"),
            PackageType::Data => match Message::decode(body).unwrap() {
                Message { kind: MessageKind::Response { id }, body, .. } => Got::Response(id, json(body)),
                Message { kind: MessageKind::Push, route: Some(WireRoute::Name(route)), body } => {
                    Got::Push(route.into_owned(), json(body))
                }
                Message { kind: MessageKind::Push, route: Some(WireRoute::Code(code)), body } => {
                    Got::Push(format!("code {code}"), json(body))
                }
                other => panic!("servers send responses and pushes, got {other:?}"),
            },
        }
    }
}
