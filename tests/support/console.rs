//! A cluster with a console in this process, and HTTP as raw bytes on a socket, so that tests can
//! send what no browser would.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use pomelo_sim::admin::Token;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::ClusterSpec;
use pomelo_sim::console::{Console, Door};
use pomelo_sim::live::{RunningCluster, StopSignal};
use pomelo_sim::orders::Orders;
use serde_json::Value;

use super::{PATIENCE, patient, tutorial};

/// The tutorial's cluster, its console, and the thread that waits for its end.
pub struct ConsoleWorld {
    pub cluster: Option<Arc<RunningCluster>>,
    pub console: Option<Console>,
    pub token: Token,
    pub address: SocketAddr,
    pub stop: Option<StopSignal>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    /// A header's value; it must occur at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.head.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        let value = found.next();
        assert_eq!(found.next(), None, "{name} comes twice:\n{}", self.head);
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The code of an error.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("no code: {}", self.body)).to_owned()
    }
}

impl ConsoleWorld {
    pub fn start() -> Self {
        Self::of(tutorial())
    }

    pub fn of(cluster: Cluster) -> Self {
        Self::at(cluster, Door::console)
    }

    /// Serves the console with these options.
    pub fn at(cluster: Cluster, door: fn(TcpListener) -> Door) -> Self {
        let cluster = Arc::new(cluster.options(patient()).start().unwrap());
        let stop = StopSignal::install().unwrap();
        let (source, env) = (cluster.spec().source.clone(), cluster.spec().env.clone());
        let load = Box::new(move || ClusterSpec::load(&source, &env));
        let orders = Orders { cluster: Arc::clone(&cluster), stop: stop.handle(), load };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let token = Token::random().unwrap();
        let address = listener.local_addr().unwrap();
        let console = Console::start(vec![door(listener)], token.clone(), orders).unwrap();
        Self { cluster: Some(cluster), console: Some(console), token, address, stop: Some(stop) }
    }

    pub fn cluster(&self) -> &RunningCluster {
        self.cluster.as_ref().unwrap()
    }

    /// A request as a script sends it, with the token.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let token = format!("Authorization: Bearer {}\r\n", self.token.as_str());
        self.say(method, path, &(token + if body.is_empty() { "" } else { JSON }), body)
    }

    /// A request without the token, with these headers in addition to `Host`.
    pub fn say(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let host = self.address;
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        self.raw(format!("{head}{headers}{length}\r\n{body}").as_bytes())
    }

    /// Sends these bytes, and reads until the connection ends.
    pub fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        read_reply(&answer)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn live(&self) -> LiveStream {
        LiveStream::open(self.connect(), &format!("Host: {}\r\n", self.address))
    }
}

/// Of a body.
pub const JSON: &str = "Content-Type: application/json\r\n";

pub fn read_reply(bytes: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {head}"));
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// A stream of server-sent events.
pub struct LiveStream {
    pub status: u16,
    pub head: String,
    lines: BufReader<TcpStream>,
}

/// One of its events.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub id: Option<u64>,
    pub data: Value,
}

impl LiveStream {
    pub fn open(mut stream: TcpStream, headers: &str) -> Self {
        stream.write_all(format!("GET /api/v1/live HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "ended in the head: {head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, lines }
    }

    /// The next event; `None` at the end of the stream. Comments and chunk sizes are skipped.
    pub fn next(&mut self) -> Option<Event> {
        let (mut name, mut id, mut data) = (String::new(), None, None);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => name = text.to_owned(),
                Some(("id", text)) => id = Some(text.parse().unwrap()),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                _ => {
                    if let (true, Some(data)) = (line == "\n", data.take()) {
                        return Some(Event { name, id, data });
                    }
                }
            }
        }
    }

    /// The next event of this name.
    pub fn next_of(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().unwrap_or_else(|| panic!("the stream ended before a {name}"));
            if event.name == name {
                return event;
            }
        }
    }
}
