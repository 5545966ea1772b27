//! A single robot without a socket, with the server's side of its connections made by hand.

use std::time::Duration;

use pomelo_sim::robots::crowd::Crowd;
use pomelo_sim::robots::robot::{Next, Robot};
use pomelo_sim::robots::shared::RunState;
use pomelo_sim::robots::{LoadPlan, Settings};
use pomelo_sim::time::Time;
use pomelo_sim::wire::{PackageType, WebSocketHeader, WireRoute, write_package, write_push, write_response};
use tungstenite::handshake::derive_accept_key;

/// Timeout of a request.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Robot 0 of a room of three.
pub struct Stand {
    pub robot: Robot,
    pub shared: RunState,
    pub plan: LoadPlan,
    pub now: Time,
    pub websocket: bool,
}

impl Stand {
    /// A robot connected to the gate that has sent only its first bytes.
    pub fn new(websocket: bool) -> Self {
        let room_sizes = Some(vec![3]);
        let plan = Settings { room_sizes, window: Some(2), ..Settings::default() }.plan().unwrap();
        let crowd = Crowd::new(&plan);
        let shared = RunState::new(&plan, &crowd);
        let robot = Robot::new(0, 0, websocket, Time::START);
        let mut stand = Self { robot, shared, plan, now: Time::START, websocket };
        assert_eq!(stand.tick(), Next::Gate);
        stand.robot.connected("gate:3014");
        stand
    }

    /// A robot in its room.
    pub fn entered(websocket: bool) -> Self {
        let mut stand = Self::new(websocket);
        stand.greet(b"{\"code\":200,\"sys\":{}}");
        stand.send_on();
        stand.greet(b"{\"code\":200,\"sys\":{\"heartbeat\":3}}");
        assert_eq!(stand.respond(1, b"{\"users\":[]}"), Next::Stay);
        assert!(stand.robot.is_in());
        stand.said();
        stand
    }

    /// The gate answers, and it connects to where that sends it.
    pub fn send_on(&mut self) {
        let answer = b"{\"code\":200,\"host\":\"here\",\"port\":3050}";
        assert_eq!(self.respond(1, answer), Next::Server("here".to_owned(), 3050));
        self.robot.connected("here:3050");
    }

    pub fn tick(&mut self) -> Next {
        self.robot.tick(&mut self.shared, self.now)
    }

    pub fn later(&mut self, by: Duration) -> Next {
        self.now = self.now + by;
        self.tick()
    }

    /// Its output since the last call.
    pub fn said(&mut self) -> Vec<u8> {
        self.robot.output().map(std::mem::take).unwrap_or_default()
    }

    pub fn give(&mut self, bytes: &[u8]) -> Next {
        self.robot.received(&mut self.shared, bytes, self.now)
    }

    /// Upgrades the connection if requested, and answers the handshake.
    pub fn greet(&mut self, reply: &[u8]) -> Next {
        if self.websocket {
            let head = String::from_utf8(self.said()).unwrap();
            assert_eq!(self.give(upgraded(&head).as_bytes()), Next::Stay);
        }
        let reply = self.package(PackageType::Handshake, reply);
        self.give(&reply)
    }

    pub fn respond(&mut self, id: u64, body: &[u8]) -> Next {
        let response = self.response(id, body);
        self.give(&response)
    }

    /// A package in the transport's framing.
    pub fn package(&self, kind: PackageType, body: &[u8]) -> Vec<u8> {
        let mut package = Vec::new();
        write_package(&mut package, kind, body);
        self.framed(&package)
    }

    pub fn response(&self, id: u64, body: &[u8]) -> Vec<u8> {
        let mut package = Vec::new();
        write_response(&mut package, id, body);
        self.framed(&package)
    }

    pub fn push(&self, route: &WireRoute<'_>, body: &str) -> Vec<u8> {
        let mut package = Vec::new();
        write_push(&mut package, route, body.as_bytes()).unwrap();
        self.framed(&package)
    }

    fn framed(&self, package: &[u8]) -> Vec<u8> {
        if self.websocket { frame(0x82, package) } else { package.to_vec() }
    }
}

/// A server's frame: its first byte, and up to 65535 bytes.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = WebSocketHeader::binary(payload.len()).as_bytes().to_vec();
    bytes[0] = first;
    bytes.extend_from_slice(payload);
    bytes
}

/// The answer to this request for an upgrade.
pub fn upgraded(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    )
}
