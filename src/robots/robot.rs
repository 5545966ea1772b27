//! One robot: logs in through the gate, enters its room, sends, leaves. A state machine without
//! socket and clock.
//!
//! ```text
//! Away ─▶ Gate ─▶ Entry ─▶ In ─▶ Leaving ─▶ Absent ─▶ Gate ─▶ …
//! ```
//!
//! Its driver passes it bytes and times, writes its [`output`](Robot::output), and carries out each
//! [`Next`]. Without a gate a login begins with the entry. After a failed login or a lost
//! connection it tries once more, a second later.

mod talk;

use std::collections::VecDeque;
use std::time::Duration;

use super::answer::Answer;
use super::requests::Requests;
use super::shared::RunState;
use crate::client::{ClientError, Connection, Event, Hello, Transport, kick_reason};
use crate::time::Time;
use crate::wire::WireRoute;

const QUERY_ENTRY: &str = "gate.gateHandler.queryEntry";
const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";
const ON_CHAT: &str = "onChat";

/// Delay from a failed login or a lost connection to the next login.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a user that leaves by plan stays away.
const ABSENCE: Duration = Duration::from_millis(100);

/// Most characters reported of a kick's reason.
const REASON_CHARS_MAX: usize = 80;

/// Never.
pub(super) const NEVER: Time = Time::from_nanos(u64::MAX);

/// What a robot's driver must do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Write the output, nothing else.
    Stay,
    /// Close the connection, if any, and open one to the gate, or to the connector that replaces
    /// it.
    Gate,
    /// Close the connection and open one to this host and port.
    Server(String, u16),
    /// Write the output, and close the connection.
    Close,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Not connected; logs in at this time.
    Away(Time),
    /// The same, by plan: it skips its messages meanwhile.
    Absent(Time),
    /// Asks the gate.
    Gate,
    /// Enters its room.
    Entry,
    /// In its room.
    In,
    /// In its room, and leaves as soon as all its requests are answered.
    Leaving,
}

/// One user.
#[derive(Debug)]
pub struct Robot {
    member: usize,
    room: usize,
    websocket: bool,
    stage: Stage,
    line: Option<Connection>,
    /// The code of `onChat` on this connection.
    chat: Option<u16>,
    /// Start of the current login step.
    began: Time,
    /// Whether the current login is the second attempt.
    again: bool,
    /// Whether it has ever logged in, or given up.
    settled: bool,
    /// Whether it has left for good.
    done: bool,
    requests: Requests,
    /// Intended times of messages queued until it has logged in.
    waiting: VecDeque<Time>,
}

impl Robot {
    /// A robot that logs in at this time.
    pub fn new(member: usize, room: usize, websocket: bool, arrives: Time) -> Self {
        Self {
            member,
            room,
            websocket,
            stage: Stage::Away(arrives),
            line: None,
            chat: None,
            began: arrives,
            again: false,
            settled: false,
            done: false,
            requests: Requests::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Whether it is in its room.
    pub fn is_in(&self) -> bool {
        matches!(self.stage, Stage::In | Stage::Leaving)
    }

    /// Whether it is idle: no answer is pending and no message is queued.
    pub fn is_idle(&self) -> bool {
        self.requests.in_flight() == 0 && self.waiting.is_empty()
    }

    /// Bytes to be written to its connection.
    pub fn output(&mut self) -> Option<&mut Vec<u8>> {
        self.line.as_mut().map(Connection::out).filter(|out| !out.is_empty())
    }

    /// When [`tick`](Self::tick) must be called next.
    pub fn due(&self, shared: &RunState) -> Time {
        let beat = self.line.as_ref().and_then(Connection::due).unwrap_or(NEVER);
        match self.stage {
            Stage::Away(until) | Stage::Absent(until) => until,
            Stage::Gate | Stage::Entry => (self.began + shared.timeout).min(beat),
            Stage::In | Stage::Leaving => self.requests.deadline().unwrap_or(NEVER).min(beat),
        }
    }

    /// Handles a timer that is due.
    pub fn tick(&mut self, shared: &mut RunState, now: Time) -> Next {
        self.line.iter_mut().for_each(|line| line.tick(now));
        match self.stage {
            Stage::Away(until) | Stage::Absent(until) if now >= until && !self.done => {
                // The first login is measured from its intended start.
                self.began = until;
                self.stage = if shared.direct { Stage::Entry } else { Stage::Gate };
                Next::Gate
            }
            Stage::Gate | Stage::Entry if now >= self.began + shared.timeout => {
                self.failed(shared, now, "timeout")
            }
            Stage::In | Stage::Leaving => {
                let late = self.requests.expire(now);
                shared.tally.errors("send: timeout", late);
                self.go_on(shared, now)
            }
            _ => Next::Stay,
        }
    }

    /// Handles the opening of the requested connection to `host`.
    pub fn connected(&mut self, host: &str) {
        let nonce = (self.member as u64) << 32 | self.began.as_nanos() & 0xffff_ffff;
        let transport = if self.websocket { Transport::WebSocket } else { Transport::Tcp };
        let hello = Hello { client_type: "pomelo-sim-robot".to_owned(), ..Hello::default() };
        self.line = Some(Connection::new(transport, host, nonce, &hello));
    }

    /// Handles received bytes.
    pub fn received(&mut self, shared: &mut RunState, bytes: &[u8], now: Time) -> Next {
        let heard = self.receive(shared, bytes, now);
        match heard {
            Ok(Next::Stay) => self.go_on(shared, now),
            Ok(next) => next,
            Err(error) => self.broken(shared, now, &error.to_string()),
        }
    }

    fn receive(&mut self, shared: &mut RunState, bytes: &[u8], now: Time) -> Result<Next, ClientError> {
        let mut input = bytes;
        let Some(line) = &mut self.line else { return Ok(Next::Stay) };
        while let Some(event) = line.receive(&mut input, now)? {
            match event {
                Event::Push { route, body, .. } => {
                    let is_chat = match route {
                        WireRoute::Name(name) => name == ON_CHAT,
                        WireRoute::Code(code) => Some(code) == self.chat,
                    };
                    if is_chat {
                        shared.received(self.member, &body, now);
                    }
                }
                Event::Heartbeat => {}
                Event::Open(terms) => {
                    self.chat = terms.code(ON_CHAT);
                    line.share(&mut shared.terms);
                    if self.stage == Stage::Gate {
                        line.request(QUERY_ENTRY, shared.names.entry(self.member).as_bytes())?;
                    } else {
                        shared.judge.entering(self.member);
                        line.request(ENTER, shared.names.enter(self.member, self.room).as_bytes())?;
                    }
                }
                Event::Kicked(body) => {
                    // Without control characters, which could garble a terminal.
                    let reason = kick_reason(body);
                    let why = reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX);
                    let why = format!("kicked: {}", String::from_iter(why));
                    return Ok(self.broken(shared, now, &why));
                }
                Event::Response { id, body } if matches!(self.stage, Stage::In | Stage::Leaving) => {
                    match self.requests.take(id) {
                        Some(sent) => shared.answered(self.member, &sent, &body, now),
                        None => shared.tally.error("send: an answer without a request"),
                    }
                }
                Event::Response { body, .. } => {
                    let answer = Answer::read(&body);
                    match (self.stage, answer) {
                        (Stage::Gate, Ok(Answer { host: Some(host), port: Some(port), .. })) => {
                            shared.tally.gate.record(self.began, now);
                            (self.stage, self.began) = (Stage::Entry, now);
                            line.close();
                            return Ok(Next::Server(host, port));
                        }
                        (Stage::Entry, Ok(_)) => {
                            shared.entered(self.member, self.began, now, self.settled);
                            (self.stage, self.settled, self.again) = (Stage::In, true, false);
                        }
                        (_, Ok(_)) => return Ok(self.failed(shared, now, "no host and port")),
                        (_, Err(refusal)) => return Ok(self.failed(shared, now, &refusal)),
                    }
                }
            }
        }
        Ok(Next::Stay)
    }

    /// Handles the end of its connection, or a failure to open it.
    pub fn broken(&mut self, shared: &mut RunState, now: Time, why: &str) -> Next {
        if !self.is_in() {
            return if matches!(self.stage, Stage::Away(_) | Stage::Absent(_)) {
                Next::Stay
            } else {
                self.failed(shared, now, why)
            };
        }
        if !shared.ending {
            shared.tally.error(why);
        }
        self.out_of_room(shared);
        self.stage = Stage::Away(if shared.ending { NEVER } else { now + RETRY_AFTER });
        Next::Close
    }

    /// A step of the login failed.
    fn failed(&mut self, shared: &mut RunState, now: Time, why: &str) -> Next {
        let step = if self.stage == Stage::Gate { "gate" } else { "enter" };
        self.line = None;
        shared.judge.left(self.member);
        if !self.again && !shared.ending {
            self.again = true;
            self.stage = Stage::Away(now + RETRY_AFTER);
            return Next::Close;
        }
        self.stage = Stage::Away(NEVER);
        self.again = false;
        shared.tally.error(&format!("{step}: {why}"));
        if !self.settled {
            self.settled = true;
            shared.tally.logins_failed += 1;
            shared.tally.last_login = now;
        }
        self.give_up_waiting(shared);
        Next::Close
    }

    /// Makes it leave once its requests are answered, and return a little later.
    pub fn leave(&mut self, shared: &mut RunState, now: Time) -> Next {
        if self.stage == Stage::In {
            self.stage = Stage::Leaving;
        }
        self.go_on(shared, now)
    }

    /// Makes it leave at once, for good.
    pub fn log_out(&mut self, shared: &mut RunState, now: Time) -> Next {
        self.done = true;
        if self.is_in() {
            self.stage = Stage::Leaving;
            self.abandon_requests(shared);
            return self.go_on(shared, now);
        }
        self.stage = Stage::Away(NEVER);
        self.line = None;
        Next::Close
    }

    fn out_of_room(&mut self, shared: &mut RunState) {
        self.abandon_requests(shared);
        shared.judge.left(self.member);
        self.line = None;
    }
}
