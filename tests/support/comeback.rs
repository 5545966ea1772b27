//! A client that can lose its connection and resume its session.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::wire::PackageType;
use serde_json::{Value, json};
use socket2::{Domain, SockRef, Socket, Type};

use super::client::{Client, Got, Transport};
use super::watch::port;
use super::{LONG, PATIENCE, patient, tutorial, wait_until};

pub const FIRST: &str = "connector-server-1";

/// Options under which sessions outlive their connections.
pub fn options() -> Options {
    Options { resume: Some(LONG), ..patient() }
}

/// The tutorial's servers with these options.
pub fn start() -> RunningCluster {
    tutorial().options(options()).start().unwrap()
}

pub fn first(cluster: &RunningCluster) -> SocketAddr {
    cluster.address(FIRST).unwrap()
}

pub fn wait_away(cluster: &RunningCluster, server: &str, count: usize) {
    wait_until(&format!("{count} are away"), || port(cluster, server).away == count);
}

/// Checks that every accepted connection is open or has ended exactly once.
pub fn assert_accounted(cluster: &RunningCluster, server: &str) {
    wait_until("every connection is accounted for", || {
        let port = port(cluster, server);
        let ended: u64 = port.closed.values().sum();
        port.accepted == ended + port.resumed + (port.connections + port.away) as u64
    });
}

/// The ways to lose a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The client closes it.
    Close,
    /// It is reset.
    Reset,
    /// It is not closed: the server does not notice.
    Silence,
}

pub const CUTS: [Cut; 3] = [Cut::Close, Cut::Reset, Cut::Silence];

/// A client with the state to resume its session.
pub struct Guest {
    pub client: Client,
    pub token: String,
    /// The data packages of earlier connections.
    earlier: Vec<Vec<u8>>,
}

/// A client without a connection.
pub struct Lost {
    pub token: String,
    data: Vec<Vec<u8>>,
    next_id: u64,
    /// The abandoned, unclosed connection.
    pub silent: Option<Client>,
}

/// Performs the handshake with this `user`, without acknowledging it, and returns the server's
/// answer.
pub fn greet(client: &mut Client, user: &Value) -> Value {
    let hello = json!({"sys": {"type": "test", "version": "0.0.1"}, "user": user}).to_string();
    client.package(PackageType::Handshake, hello.as_bytes());
    let Some(Got::Handshake(answer)) = client.next(PATIENCE) else { panic!("no handshake") };
    assert_eq!(answer["code"], 200, "{answer}");
    answer
}

/// An acknowledged connection that asked for a session, and the answer about the session.
pub fn ask(address: SocketAddr, transport: Transport, resume: &Value) -> (Guest, Value) {
    ask_by(Client::connect(address, transport), resume)
}

/// The same over an established connection.
pub fn ask_by(mut client: Client, resume: &Value) -> (Guest, Value) {
    let answer = greet(&mut client, &json!({ "resume": resume }));
    client.package(PackageType::HandshakeAck, b"");
    let resume = answer["user"]["resume"].clone();
    let token = resume["token"].as_str().unwrap().to_owned();
    (Guest { client, token, earlier: Vec::new() }, resume)
}

impl Guest {
    /// A new session.
    pub fn open(address: SocketAddr, transport: Transport) -> Self {
        let mut client = Client::connect(address, transport);
        let answer = greet(&mut client, &json!({"resume": true}));
        client.package(PackageType::HandshakeAck, b"");
        let resume = &answer["user"]["resume"];
        assert_eq!(resume.get("resumed"), None, "{answer}");
        let token = resume["token"].as_str().unwrap().to_owned();
        Self { client, token, earlier: Vec::new() }
    }

    /// The same, logged in.
    pub fn enter(address: SocketAddr, transport: Transport, name: &str, rid: &str) -> Self {
        let mut guest = Self::open(address, transport);
        let answer = guest.try_enter(name, rid);
        assert!(answer["users"].is_array(), "{name} enters {rid}: {answer}");
        guest
    }

    pub fn try_enter(&mut self, name: &str, rid: &str) -> Value {
        self.client.request("connector.entryHandler.enter", json!({"username": name, "rid": rid}))
    }

    /// Sends a message to the room, or to one member.
    pub fn say(&mut self, content: impl Into<Value>, target: &str) -> Value {
        let content: Value = content.into();
        self.client.request("chat.chatHandler.send", json!({"content": content, "target": target}))
    }

    /// Waits until everything that the server has sent so far has arrived.
    pub fn catch_up(&mut self) {
        assert_eq!(self.client.request("nobody.knows.this", json!({}))["code"], 500);
    }

    /// How many data packages have come in the session's life.
    pub fn received(&self) -> u64 {
        self.data().count() as u64
    }

    /// Every push of the session's life, in order.
    pub fn pushes(&self) -> Vec<(String, Value)> {
        let pushes = self.data().filter_map(|package| match Got::of(package) {
            Got::Push(route, body) => Some((route, body)),
            _ => None,
        });
        pushes.collect()
    }

    /// The room's messages, in order.
    pub fn heard(&self) -> Vec<Value> {
        let pushes = self.pushes().into_iter();
        pushes.filter(|(route, _)| route == "onChat").map(|(_, mut body)| body["msg"].take()).collect()
    }

    /// Reads until this message has arrived in the room.
    pub fn hear(&mut self, what: &Value) {
        let give_up = Instant::now() + PATIENCE;
        while !self.heard().contains(what) {
            assert!(Instant::now() < give_up, "{what} is not heard; heard is {:?}", self.heard());
            let got = self.client.next(Duration::from_millis(20));
            assert!(!matches!(got, Some(Got::Closed(_))), "{got:?} before {what} is heard");
        }
    }

    /// Every response of the session's life, in order.
    pub fn responses(&self) -> Vec<(u64, Value)> {
        let responses = self.data().filter_map(|package| match Got::of(package) {
            Got::Response(id, body) => Some((id, body)),
            _ => None,
        });
        responses.collect()
    }

    /// Loses the connection.
    pub fn cut(self, how: Cut) -> Lost {
        let data = self.data().cloned().collect();
        let (token, next_id) = (self.token, self.client.next_id);
        let mut silent = None;
        match how {
            Cut::Close => self.client.close(),
            Cut::Reset => reset(self.client),
            Cut::Silence => silent = Some(self.client),
        }
        Lost { token, data, next_id, silent }
    }

    fn data(&self) -> impl Iterator<Item = &Vec<u8>> {
        let now = self.client.packages.iter().filter(|package| package[0] == PackageType::Data as u8);
        self.earlier.iter().chain(now)
    }
}

impl Lost {
    /// How many data packages have come in the session's life.
    pub fn received(&self) -> u64 {
        self.data.len() as u64
    }

    /// The handshake that resumes the session.
    pub fn claim(&self) -> Value {
        json!({"token": self.token, "received": self.received()})
    }

    /// Resumes the session.
    pub fn back(self, address: SocketAddr, transport: Transport) -> Guest {
        let (guest, answer) = self.ask(address, transport);
        assert_eq!(answer["resumed"], true, "{answer}");
        guest
    }

    /// Asks for the session, whatever the answer.
    pub fn ask(self, address: SocketAddr, transport: Transport) -> (Guest, Value) {
        let claim = self.claim();
        let (guest, answer) = ask(address, transport, &claim);
        assert_ne!(guest.token, self.token, "each handshake has a token of its own");
        (self.taken_up(guest), answer)
    }

    /// Switches to this connection after resuming.
    pub fn taken_up(self, mut guest: Guest) -> Guest {
        guest.earlier = self.data;
        guest.client.next_id = self.next_id;
        guest
    }
}

/// A connection with a small window and short segments, so that the kernel buffers little.
pub fn narrow(address: SocketAddr, transport: Transport) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.connect(&address.into()).unwrap();
    Client::over(socket.into(), address, transport)
}

/// Ends a connection by a reset.
pub fn reset(mut client: Client) {
    let stream = client.raw_stream();
    SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A message of `from` to everyone, as received.
pub fn chat(content: impl Into<Value>, from: &str) -> (String, Value) {
    let content: Value = content.into();
    ("onChat".to_owned(), json!({"msg": content, "from": from, "target": "*"}))
}

/// These numbers as messages in a room.
pub fn numbers(range: std::ops::Range<u64>) -> Vec<Value> {
    range.map(Value::from).collect()
}
