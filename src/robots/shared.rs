//! State that all robots share: names, contents, counters, the judge.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::refusal;
use super::content::{Contents, Found, decimal};
use super::crowd::Crowd;
use super::plan::{Load, LoadPlan};
use super::requests::Sent;
use super::tally::Tally;
use crate::client::Terms;
use crate::judge::{Judge, KEPT, To};
use crate::time::Time;

/// Names of users and rooms.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    fn user(&self, member: usize) -> String {
        format!("{}-{member}", self.prefix)
    }

    fn room(&self, room: usize) -> String {
        format!("{}-room-{room}", self.prefix)
    }

    /// The body of the request to the gate.
    pub(super) fn entry(&self, member: usize) -> String {
        format!(r#"{{"uid":"{}"}}"#, self.user(member))
    }

    /// The body of the request to enter.
    pub(super) fn enter(&self, member: usize, room: usize) -> String {
        format!(r#"{{"username":"{}","rid":"{}"}}"#, self.user(member), self.room(room))
    }
}

/// Shared inputs and results of robots.
#[derive(Debug)]
pub struct RunState {
    pub(super) names: Names,
    /// Terms of the handshakes: dictionaries and definitions are equal for all robots, and kept
    /// once.
    pub(super) terms: Terms,
    pub(super) judge: Judge,
    pub(super) tally: Tally,
    pub(super) timeout: Duration,
    /// Robots log in at a connector, without a gate.
    pub(super) direct: bool,
    /// The run is over: connections that end now are not errors.
    pub(super) ending: bool,
    contents: Contents,
    /// Requests that a sender keeps in flight now.
    window: usize,
    is_sender: Vec<bool>,
    /// The message last written by [`write_message`](Self::write_message).
    pub(super) message: Vec<u8>,
}

impl RunState {
    /// The state before a run: senders are idle.
    pub fn new(plan: &LoadPlan, crowd: &Crowd) -> Self {
        let mut judge = Judge::of_one_order(KEPT);
        let names = Names { prefix: plan.prefix.clone() };
        let mut is_sender = vec![false; crowd.room_of.len()];
        crowd.senders.iter().for_each(|member| is_sender[*member] = true);
        for (member, room) in crowd.room_of.iter().enumerate() {
            // Both number members from 0.
            judge.member(&names.room(*room), &names.user(member));
        }
        Self {
            names,
            terms: Terms::default(),
            judge,
            tally: Tally::new(),
            timeout: Duration::from_secs_f64(plan.timeout),
            direct: plan.direct,
            ending: false,
            contents: Contents::new(&plan.prefix, plan.payload),
            window: 0,
            is_sender,
            message: Vec::new(),
        }
    }

    /// Errors so far, by kind.
    pub fn errors(&self) -> &BTreeMap<String, u64> {
        &self.tally.errors
    }

    /// The judge, with all deliveries so far.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// From now on senders keep their windows full, if the plan is a closed loop.
    pub fn open_windows(&mut self, plan: &LoadPlan) {
        self.window = match plan.load {
            Load::Window(window) => window,
            Load::Rate(_) => 0,
        };
    }

    /// Stops planned messages.
    pub fn close_windows(&mut self) {
        self.window = 0;
    }

    /// How many requests a member keeps in flight.
    pub(super) fn window_of(&self, member: usize) -> usize {
        if self.is_sender[member] { self.window } else { 0 }
    }

    /// Records a member's login, whose last step began at `began`.
    pub(super) fn entered(&mut self, member: usize, began: Time, now: Time, returns: bool) {
        let _ = self.judge.entered(member);
        self.tally.enter.record(began, now);
        if returns {
            self.tally.returns += 1;
        } else {
            self.tally.logins += 1;
            self.tally.last_login = now;
        }
    }

    /// Records a push received by a member.
    pub(super) fn received(&mut self, member: usize, push: &[u8], now: Time) {
        match self.contents.read(push) {
            Found::Ours { member: sender, number, intended } => {
                self.judge.delivered(member, sender, number);
                self.tally.delivered(intended, now);
            }
            // No member has this number: the judge will count it as foreign.
            Found::Wrong => self.judge.delivered(member, usize::MAX, 0),
            Found::Others => self.tally.others += 1,
        }
    }

    /// Records the answer to a member's message.
    pub(super) fn answered(&mut self, member: usize, sent: &Sent, body: &[u8], now: Time) {
        match refusal(body) {
            None => {
                self.judge.acknowledged(member, sent.number);
                self.tally.answered(sent.intended, now);
            }
            Some(code) => {
                self.judge.failed(member, sent.number, code.parse().unwrap_or_default());
                self.tally.error(&format!("send: {code}"));
            }
        }
    }

    /// Writes a member's next message into [`message`](Self::message), as the tutorial's web client
    /// does, and returns its number.
    pub(super) fn write_message(&mut self, member: usize, room: usize, intended: Time, now: Time) -> u32 {
        let number = self.judge.sending(member, To::All);
        self.tally.sent(now);
        let prefix = self.names.prefix.as_bytes();
        let body = &mut self.message;
        body.clear();
        body.extend_from_slice(br#"{"rid":""#);
        body.extend_from_slice(prefix);
        body.extend_from_slice(b"-room-");
        decimal(body, room as u64);
        body.extend_from_slice(br#"","content":""#);
        self.contents.write(body, member, number, intended);
        body.extend_from_slice(br#"","from":""#);
        body.extend_from_slice(prefix);
        body.push(b'-');
        decimal(body, member as u64);
        body.extend_from_slice(br#"","target":"*"}"#);
        number
    }
}
