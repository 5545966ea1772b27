//! Pomelo's own clients, driven from Rust: one process of `tests/node/clients.js` with any number
//! of clients in it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::{Value, json};

use super::PATIENCE;
use super::node::{self, Missing};

/// The routes of the chat tutorial.
pub const QUERY_ENTRY: &str = "gate.gateHandler.queryEntry";
pub const ENTER: &str = "connector.entryHandler.enter";
pub const SEND: &str = "chat.chatHandler.send";

/// A third-party Pomelo client, or ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// npm `pomelo-nodejsclient-websocket`.
    Nodejs,
    /// npm `pomelo-jsclient-websocket`, as in a browser.
    Browser,
    /// Raw TCP with npm `pomelo-protocol`.
    Tcp,
    /// Our own `pomelo.js`.
    Ours,
}

/// The third-party clients.
pub const KINDS: [Kind; 3] = [Kind::Nodejs, Kind::Browser, Kind::Tcp];

/// A process with clients. A client has its user's name unless a test chooses another.
pub struct Clients {
    gate: SocketAddr,
    process: Child,
    commands: ChildStdin,
    lines: Receiver<Value>,
    last_command: u64,
    answers: HashMap<u64, Value>,
    /// Events of clients in order of arrival, buffered until a test takes them.
    events: Vec<Event>,
    rooms: HashMap<String, String>,
    fences: u64,
}

struct Event {
    client: String,
    event: Heard,
}

/// An event of a client: the route of a push, `kick` or `close`, and its body.
pub type Heard = (String, Value);

/// A command in flight.
#[must_use]
pub struct Begun(u64);

impl Clients {
    /// Clients of the cluster with this gate.
    pub fn of(gate: SocketAddr) -> Result<Self, Missing> {
        let mut command = node::node_command("clients.js")?;
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            gate,
            process,
            commands,
            lines,
            last_command: 0,
            answers: HashMap::new(),
            events: Vec::new(),
            rooms: HashMap::new(),
            fences: 0,
        })
    }

    /// Logs in like the tutorial: asks the gate, disconnects, connects to the connector that it
    /// named, enters. Returns the last answer.
    pub fn login(&mut self, kind: Kind, name: &str, room: &str) -> Value {
        self.create(name, kind, json!({}));
        self.login_again(name, room)
    }

    /// The same with an existing client.
    pub fn login_again(&mut self, name: &str, room: &str) -> Value {
        let connector = self.query_entry(name, name);
        self.open(name, connector);
        self.enter(name, name, room)
    }

    /// The connector that the gate chooses for this user.
    pub fn query_entry(&mut self, client: &str, user: &str) -> SocketAddr {
        self.open(client, self.gate);
        let entry = self.request(client, QUERY_ENTRY, json!({ "uid": user }));
        self.close(client);
        let (host, port) = (entry["host"].as_str(), entry["port"].as_u64());
        let (Some(host), Some(port)) = (host, port) else { panic!("the gate answered {entry}") };
        assert_eq!(entry, json!({ "code": 200, "host": host, "port": port }));
        format!("{host}:{port}").parse().unwrap()
    }

    /// Enters a room with a client that is connected to a connector.
    pub fn enter(&mut self, client: &str, user: &str, room: &str) -> Value {
        self.rooms.insert(client.to_owned(), room.to_owned());
        self.request(client, ENTER, json!({ "username": user, "rid": room }))
    }

    /// Sends a message, `*` to all; the answer must be the tutorial's.
    pub fn say(&mut self, from: &str, content: &str, target: &str) {
        let begun = self.begin_say(from, content, target);
        assert_eq!(self.wait(begun), json!({}), "{from} says {content:?} to {target}");
    }

    /// The same without waiting for the answer.
    pub fn begin_say(&mut self, from: &str, content: &str, target: &str) -> Begun {
        // The same fields as the tutorial's page, though the server takes room and sender from the
        // session.
        let body = json!({ "rid": self.rooms[from], "content": content, "from": from, "target": target });
        self.begin("request", from, json!({ "route": SEND, "body": body }))
    }

    /// A new client, not connected.
    pub fn create(&mut self, client: &str, kind: Kind, options: Value) {
        let kind = format!("{kind:?}").to_lowercase();
        self.perform("create", client, json!({ "kind": kind, "options": options }));
    }

    /// Connects and performs the handshake. A TCP client returns the `sys` of the server's
    /// handshake.
    pub fn open(&mut self, client: &str, address: SocketAddr) -> Value {
        let to = json!({ "host": address.ip().to_string(), "port": address.port() });
        self.perform("open", client, to)
    }

    /// The body of the answer.
    pub fn request(&mut self, client: &str, route: &str, body: Value) -> Value {
        self.perform("request", client, json!({ "route": route, "body": body }))
    }

    /// Disconnects; the resulting close is not reported as an event.
    pub fn close(&mut self, client: &str) {
        self.perform("close", client, json!({}));
        self.next_heard(client, "close");
    }

    /// The next event of this name at a client, taken out of order.
    pub fn next_heard(&mut self, client: &str, what: &str) -> Value {
        let begun = Instant::now();
        loop {
            let wanted = |seen: &Event| seen.client == client && seen.event.0 == what;
            if let Some(index) = self.events.iter().position(wanted) {
                return self.events.remove(index).event.1;
            }
            self.take_line(begun, &format!("{what} at {client}"));
        }
    }

    /// All events of a client in a room since the last call, in order and complete: everything
    /// answered to others before this call has arrived.
    pub fn heard(&mut self, client: &str) -> Vec<Heard> {
        // A connection is ordered, so a message to itself arrives after everything before it.
        self.fences += 1;
        let fence = format!("fence {}", self.fences);
        self.say(client, &fence, client);
        let mut heard = self.arrived(client);
        let expected = ("onChat".to_owned(), chat(&fence, client, client));
        assert_eq!(heard.pop(), Some(expected), "the last that {client} heard, before it {heard:?}");
        heard
    }

    /// All events of a client so far, in order.
    pub fn arrived(&mut self, client: &str) -> Vec<Heard> {
        let (this, others) = self.events.drain(..).partition(|seen| seen.client == client);
        self.events = others;
        Vec::into_iter(this).map(|seen: Event| seen.event).collect()
    }

    /// The answer to a started command.
    pub fn wait(&mut self, Begun(id): Begun) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.take_line(begun, &format!("the answer to command {id}"));
        }
    }

    fn perform(&mut self, operation: &str, client: &str, command: Value) -> Value {
        let begun = self.begin(operation, client, command);
        self.wait(begun)
    }

    fn begin(&mut self, operation: &str, client: &str, mut command: Value) -> Begun {
        self.last_command += 1;
        command["id"] = self.last_command.into();
        command["op"] = operation.into();
        command["client"] = client.into();
        writeln!(self.commands, "{command}").expect("node has ended: its last words are above");
        Begun(self.last_command)
    }

    fn take_line(&mut self, begun: Instant, what: &str) {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        let Ok(mut line) = self.lines.recv_timeout(left) else {
            let seen: Vec<_> = self.events.iter().map(|seen| (&seen.client, &seen.event)).collect();
            panic!("waited {:.0?} for {what}; heard and not asked for: {seen:#?}", begun.elapsed());
        };
        if let Some(id) = line["answer"].as_u64() {
            if let Some(error) = line.get("error") {
                panic!("command {id} failed in node: {error}");
            }
            self.answers.insert(id, line["ok"].take());
        } else {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let event = (text(&line["event"]), line["body"].take());
            self.events.push(Event { client: text(&line["client"]), event });
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of `onChat`.
pub fn chat(content: &str, from: &str, target: &str) -> Value {
    json!({ "msg": content, "from": from, "target": target })
}

/// `onChat` with its body, as [`Clients::heard`] tells.
pub fn on_chat(content: &str, from: &str, target: &str) -> Heard {
    ("onChat".to_owned(), chat(content, from, target))
}

/// `onAdd` or `onLeave` with its body.
pub fn presence(route: &str, user: &str) -> Heard {
    (route.to_owned(), json!({ "route": route, "user": user }))
}
