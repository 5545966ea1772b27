//! What all robots share: names, contents, counters, the judge.

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

    /// The body of the question to the gate.
    pub(super) fn entry(&self, member: usize) -> String {
        format!(r#"{{"uid":"{}"}}"#, self.user(member))
    }

    /// The body of the request to enter.
    pub(super) fn enter(&self, member: usize, room: usize) -> String {
        format!(r#"{{"username":"{}","rid":"{}"}}"#, self.user(member), self.room(room))
    }
}

/// What robots need, and what they fill.
#[derive(Debug)]
pub struct RunState {
    pub(super) names: Names,
    /// What handshakes have agreed on: dictionaries and definitions are the same for all, and kept once.
    pub(super) terms: Terms,
    pub(super) judge: Judge,
    pub(super) tally: Tally,
    pub(super) timeout: Duration,
    /// There is no gate to ask.
    pub(super) direct: bool,
    /// The run is over: what ends now is no error.
    pub(super) ending: bool,
    contents: Contents,
    /// Requests that a sender keeps in flight now.
    window: usize,
    is_sender: Vec<bool>,
    /// What was written last by [`write_message`](Self::write_message).
    pub(super) message: Vec<u8>,
}

impl RunState {
    /// Before anything has happened: nobody sends of itself.
    pub fn new(plan: &LoadPlan, crowd: &Crowd) -> Self {
        let mut judge = Judge::of_one_order(KEPT);
        let names = Names { prefix: plan.prefix.clone() };
        let mut is_sender = vec![false; crowd.room_of.len()];
        crowd.senders.iter().for_each(|member| is_sender[*member] = true);
        for (member, room) in crowd.room_of.iter().enumerate() {
            // Members count up from 0, here and there.
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

    /// What has gone wrong so far, by kind.
    pub fn errors(&self) -> &BTreeMap<String, u64> {
        &self.tally.errors
    }

    /// Who has seen what everybody got.
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

    /// From now on nobody sends of itself.
    pub fn close_windows(&mut self) {
        self.window = 0;
    }

    /// How many requests a member keeps in flight.
    pub(super) fn window_of(&self, member: usize) -> usize {
        if self.is_sender[member] { self.window } else { 0 }
    }

    /// A member got in, by a login whose last step began then.
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

    /// A member heard somebody.
    pub(super) fn heard(&mut self, member: usize, push: &[u8], now: Time) {
        match self.contents.read(push) {
            Found::Ours { member: sender, number, intended } => {
                self.judge.delivered(member, sender, number);
                self.tally.delivered(intended, now);
            }
            // Nobody has this number: the judge will find it foreign.
            Found::Wrong => self.judge.delivered(member, usize::MAX, 0),
            Found::Others => self.tally.others += 1,
        }
    }

    /// A member's message was answered.
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

    /// Writes a member's next message into [`message`](Self::message): what the tutorial's web client sends. Its number.
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
