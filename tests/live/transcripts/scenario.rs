//! The recorded scenarios, as `tests/data/transcripts.json` holds them.

use std::time::Duration;

use pomelo_sim::wire::{BODY_BYTES_LIMIT, Message, MessageKind, PackageDecoder, PackageType};
use serde_json::Value;

/// What was recorded, and with which configuration.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) cluster: Configuration,
    pub(crate) rule: Rule,
    pub(crate) connections: Vec<Recorded>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// The original is right.
    Match,
    /// The original is at fault.
    Repair,
}

/// The tutorial's branch that was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Configuration {
    Plain,
    Dictionary,
    Protobuf,
    /// Options of Pomelo that the tutorial does not use.
    Experiment,
}

/// One connection of a scenario.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) is_gate: bool,
    pub(crate) was_closed: bool,
    /// The client vanished: no WebSocket close.
    pub(crate) was_cut: bool,
}

#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) connection: usize,
    pub(crate) event: Event,
}

#[derive(Clone)]
pub(crate) enum Event {
    Send(Vec<u8>),
    Recv(Vec<u8>),
    Close,
    /// The socket failed: it was closed before what the client had just sent.
    Error,
}

/// Between steps that follow each other faster than this nobody waited for anything.
const BURST: Duration = Duration::from_millis(20);

/// All scenarios, in the order of the file.
pub(crate) fn load() -> Vec<Scenario> {
    let all: Vec<Value> = serde_json::from_str(include_str!("../../data/transcripts.json")).unwrap();
    all.iter().map(scenario).collect()
}

impl Scenario {
    /// The packages that a connection's client sends, whichever way they are cut, up to the first
    /// that is none.
    pub(crate) fn sent(&self, connection: usize) -> Vec<(PackageType, Vec<u8>)> {
        let mut stream = Vec::new();
        for step in self.steps.iter().filter(|step| step.connection == connection) {
            if let Event::Send(bytes) = &step.event {
                stream.extend_from_slice(bytes);
            }
        }
        packages(&stream)
    }

    /// Whether a connection's client acknowledges the handshake, so that it may send messages.
    pub(crate) fn acknowledges(&self, connection: usize) -> bool {
        let sent = self.sent(connection);
        let shakes = sent.iter().position(|(kind, _)| *kind == PackageType::Handshake);
        shakes.is_some_and(|at| sent[at..].iter().any(|(kind, _)| *kind == PackageType::HandshakeAck))
    }

    /// How long after the send before it, if that was on the same connection and nobody waited for
    /// an answer.
    pub(crate) fn gap_in_burst(&self, step: usize) -> Option<Duration> {
        let (before, now) = (&self.steps[step.checked_sub(1)?], &self.steps[step]);
        let gap = now.at - before.at;
        let sends = matches!(before.event, Event::Send(_)) && before.connection == now.connection;
        (sends && gap < BURST).then_some(gap)
    }

    /// Whether the next client acts before anybody can have noticed that this one has left.
    pub(crate) fn goes_on_at_once(&self, step: usize) -> bool {
        let next = self.steps[step..].iter().find(|next| matches!(next.event, Event::Send(_)));
        next.is_some_and(|next| next.at - self.steps[step].at < BURST)
    }

    /// Whether the connection was gone before this was sent.
    pub(crate) fn is_too_late(&self, step: usize) -> bool {
        self.steps.get(step + 1).is_some_and(|next| matches!(next.event, Event::Error))
    }
}

/// The whole packages at the head of some bytes.
pub(crate) fn packages(mut bytes: &[u8]) -> Vec<(PackageType, Vec<u8>)> {
    let mut decoder = PackageDecoder::new(BODY_BYTES_LIMIT);
    let mut packages = Vec::new();
    while let Ok(Some(package)) = decoder.next(&mut bytes) {
        packages.push((package.kind, package.body.to_vec()));
    }
    packages
}

/// The id of a request that wants an answer: 0 does not.
pub(crate) fn request_id(kind: PackageType, body: &[u8]) -> Option<u64> {
    match Message::decode(body) {
        Ok(Message { kind: MessageKind::Request { id }, .. }) if kind == PackageType::Data && id != 0 => {
            Some(id)
        }
        _ => None,
    }
}

fn scenario(json: &Value) -> Scenario {
    let connections: Vec<Recorded> = json["connections"].as_object().unwrap().iter().map(recorded).collect();
    let step = |step: &Value| {
        let connection = connections.iter().position(|known| step[1] == *known.name).unwrap();
        Step { at: Duration::from_millis(step[0].as_u64().unwrap()), connection, event: event(step) }
    };
    let steps = json["steps"].as_array().unwrap().iter().map(step).collect();
    let rule = if json["rule"] == "match" { Rule::Match } else { Rule::Repair };
    let branch = json["cluster"].as_str().unwrap();
    let cluster = match branch.split(' ').next().unwrap() {
        "tutorial-multi-server" => Configuration::Plain,
        "tutorial-dict" => Configuration::Dictionary,
        "tutorial-protobuf" => Configuration::Protobuf,
        "experiment" => Configuration::Experiment,
        other => panic!("unknown cluster {other}"),
    };
    Scenario { name: json["name"].as_str().unwrap().to_owned(), cluster, rule, connections, steps }
}

fn recorded((name, json): (&String, &Value)) -> Recorded {
    let closed = &json["closed_by_server"];
    Recorded {
        name: name.clone(),
        is_gate: json["role"] == "gate",
        was_closed: !closed.is_null(),
        was_cut: closed["code"] == 1006,
    }
}

fn event(step: &Value) -> Event {
    let bytes = || unhex(step[3].as_str().unwrap());
    match step[2].as_str().unwrap() {
        "send" => Event::Send(bytes()),
        "recv" => Event::Recv(bytes()),
        "close" | "end" => Event::Close,
        "error" => Event::Error,
        other => panic!("unknown event {other}"),
    }
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
