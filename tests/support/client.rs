//! A blocking client of the real protocol, over WebSocket or raw TCP.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pomelo_sim::wire::{
    BODY_BYTES_LIMIT, Message, MessageKind, PackageDecoder, PackageType, WireRoute, write_notify,
    write_package, write_request,
};
use serde_json::{Value, json};
use tungstenite::WebSocket;

use super::PATIENCE;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Tcp,
    WebSocket,
}

pub const BOTH: [Transport; 2] = [Transport::Tcp, Transport::WebSocket];

/// What a client got.
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
    socket: Socket,
    decoder: PackageDecoder,
    got: VecDeque<Got>,
    /// Each package as it came, for those who compare bytes.
    pub packages: Vec<Vec<u8>>,
    /// Of the next request.
    pub next_id: u64,
    /// What the WebSocket was told with the close code.
    close_reason: String,
}

enum Socket {
    Tcp(TcpStream),
    WebSocket(Box<WebSocket<TcpStream>>),
}

impl Client {
    /// A socket, and for a WebSocket its upgrade; no handshake yet.
    pub fn connect(address: SocketAddr, transport: Transport) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), address, transport)
    }

    /// The same over a connection that is made already.
    pub fn over(stream: TcpStream, address: SocketAddr, transport: Transport) -> Self {
        stream.set_nodelay(true).unwrap();
        let socket = match transport {
            Transport::Tcp => Socket::Tcp(stream),
            Transport::WebSocket => {
                let (socket, _) = tungstenite::client(format!("ws://{address}/"), stream).unwrap();
                Socket::WebSocket(Box::new(socket))
            }
        };
        let decoder = PackageDecoder::new(BODY_BYTES_LIMIT);
        Self {
            socket,
            decoder,
            got: VecDeque::new(),
            packages: Vec::new(),
            next_id: 1,
            close_reason: String::new(),
        }
    }

    /// A client that may send messages: handshake and acknowledgement are done.
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

    /// Bytes as they are; on a WebSocket as one binary message.
    pub fn raw(&mut self, bytes: &[u8]) {
        // A server that has hung up already says so on reading.
        let _ = match &mut self.socket {
            Socket::Tcp(stream) => stream.write_all(bytes).map_err(tungstenite::Error::from),
            Socket::WebSocket(socket) => socket.send(tungstenite::Message::binary(bytes.to_vec())),
        };
    }

    /// The same bytes as one text message.
    pub fn text(&mut self, text: &str) {
        let Socket::WebSocket(socket) = &mut self.socket else {
            panic!("only a WebSocket has text messages")
        };
        let _ = socket.send(tungstenite::Message::text(text));
    }

    /// Bytes past the WebSocket's framing.
    pub fn raw_stream(&mut self) -> &mut TcpStream {
        match &mut self.socket {
            Socket::Tcp(stream) => stream,
            Socket::WebSocket(socket) => socket.get_mut(),
        }
    }

    /// Sends a request, and does not wait.
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

    /// Sends a request and waits for its response; pushes that come before it are kept.
    pub fn request(&mut self, route: &str, body: Value) -> Value {
        let id = self.send(route, body);
        self.response(id)
    }

    /// The response to a request; what else comes meanwhile is kept.
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

    /// The next push; heartbeats are passed over.
    pub fn push(&mut self) -> (String, Value) {
        loop {
            match self.next(PATIENCE) {
                Some(Got::Push(route, body)) => return (route, body),
                Some(Got::Heartbeat) => {}
                other => panic!("expected a push, got {other:?}"),
            }
        }
    }

    /// The pushes so far. What the server sent before it answers this call's request has come by then.
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

    /// Waits for the end that a server brings which stops: no kick, and the reason where the
    /// transport has a word for it.
    pub fn assert_closed_by_stop(&mut self, reason: &str) {
        let (kick, code) = self.closed();
        let expected = match self.socket {
            Socket::Tcp(_) => (None, ""),
            Socket::WebSocket(_) => (Some(1001), reason),
        };
        assert_eq!((kick, (code, &*self.close_reason)), (None, expected));
    }

    /// The next thing that comes, or none within `patience`.
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

    /// Ends the stream as a client that goes away does.
    pub fn close(mut self) {
        if let Socket::WebSocket(socket) = &mut self.socket {
            let _ = socket.close(None);
            let _ = socket.flush();
        }
        let _ = self.raw_stream().shutdown(Shutdown::Write);
    }

    fn read(&mut self, patience: Duration) {
        self.raw_stream().set_read_timeout(Some(patience)).unwrap();
        match &mut self.socket {
            Socket::Tcp(stream) => {
                let mut buffer = [0; 64 * 1024];
                match stream.read(&mut buffer) {
                    Ok(0) => self.got.push_back(Got::Closed(None)),
                    Ok(bytes) => self.decode(&buffer[..bytes]),
                    Err(error) if is_timeout(&error) => {}
                    Err(_) => self.got.push_back(Got::Closed(None)),
                }
            }
            Socket::WebSocket(socket) => match socket.read() {
                Ok(tungstenite::Message::Binary(bytes)) => self.decode(&bytes),
                Ok(tungstenite::Message::Close(frame)) => {
                    if let Some(frame) = &frame {
                        self.close_reason = frame.reason.to_string();
                    }
                    self.got.push_back(Got::Closed(frame.map(|frame| frame.code.into())));
                }
                Ok(other) => panic!("servers send binary frames, got {other:?}"),
                Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {}
                Err(_) => self.got.push_back(Got::Closed(None)),
            },
        }
    }

    fn decode(&mut self, mut bytes: &[u8]) {
        while let Some(package) = self.decoder.next(&mut bytes).unwrap() {
            let mut whole = Vec::new();
            write_package(&mut whole, package.kind, package.body);
            self.packages.push(whole);
            let json = |body: &[u8]| -> Value {
                serde_json::from_slice(body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body)))
            };
            let got = match package.kind {
                PackageType::Handshake => Got::Handshake(json(package.body)),
                PackageType::Heartbeat => Got::Heartbeat,
                PackageType::Kick => {
                    Got::Kick(json(package.body)["reason"].as_str().unwrap_or_default().to_owned())
                }
                PackageType::HandshakeAck => panic!("a server acknowledges no handshake"),
                PackageType::Data => match Message::decode(package.body).unwrap() {
                    Message { kind: MessageKind::Response { id }, body, .. } => Got::Response(id, json(body)),
                    Message { kind: MessageKind::Push, route: Some(WireRoute::Name(route)), body } => {
                        Got::Push(route.into_owned(), json(body))
                    }
                    Message { kind: MessageKind::Push, route: Some(WireRoute::Code(code)), body } => {
                        Got::Push(format!("code {code}"), json(body))
                    }
                    other => panic!("servers send responses and pushes, got {other:?}"),
                },
            };
            self.got.push_back(got);
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
