//! Sessions that may outlive their connections: kept while their clients are away, and given to the
//! client that shows their token.
//!
//! Only clients whose handshake announces that they can resume have such sessions. Pomelo's own
//! clients do not: a kept session of theirs would hold its uid, and refuse its user, while it waits
//! for a client that never comes.
//!
//! ```text
//!   handshake ─▶ token ─ack─▶ known     known ─lost─▶ away ─shown─▶ handshake done ─ack─▶ known, by the next token
//!                                         └──────────shown──────────▲      └─lost─▶ away
//! ```
//! [`Tokens`] defines which tokens are valid meanwhile.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Number;
use slab::Slab;

use super::CloseReason;
use super::connection::Connection;
use super::history::{Data, History};
use super::kept::{Away, Found, KeptSession, Location};
use super::stream::Stream;
use super::token::{Token, Tokens};
use crate::cluster::Options;
use crate::ids::SessionId;
use crate::time::Time;
use crate::wire::{Received, ResumeOffer, ResumeRequest};

/// The sessions of a port that may outlive their connections.
pub(super) struct Resume {
    grace: Duration,
    bytes_max: usize,
    sessions: Slab<KeptSession>,
    /// The session of each token.
    tokens: HashMap<Token, u32>,
    /// Sessions that are not, or no longer, in the row that their number names.
    moved: HashMap<SessionId, u32>,
    away: usize,
    /// The effect of the current handshake on the rest of the port.
    takeover: Option<Takeover>,
}

/// The result of a handshake, next to its answer.
pub(super) struct Greeting {
    /// The session of this connection.
    pub(super) session: SessionId,
    /// Where the session is kept.
    pub(super) kept: Option<u32>,
    /// Whether the session existed before.
    pub(super) is_resumed: bool,
    /// A session that ended with this handshake: its client cannot be sent all that it missed.
    pub(super) ended: Option<SessionId>,
}

/// The result of a handshake for the rest of the port.
pub(super) struct Takeover {
    /// Whether the client has its session back.
    pub(super) is_resumed: bool,
    /// Where the session was, if the token has one. If it is not resumed, it has ended.
    pub(super) from: Option<Location>,
}

impl Resume {
    /// `None` if no session may outlive its connection.
    pub(super) fn new(options: &Options) -> Option<Self> {
        let grace = options.resume.filter(|grace| !grace.is_zero())?;
        Some(Self {
            grace,
            // Kept packages must fit into the outbox of a client that comes back.
            bytes_max: options.resume_bytes_max.min(options.outbound_bytes_max),
            sessions: Slab::new(),
            tokens: HashMap::new(),
            moved: HashMap::new(),
            away: 0,
            takeover: None,
        })
    }

    /// Whether this handshake shows a valid token.
    pub(super) fn is_awaited(&self, hello: &[u8]) -> bool {
        let token = ResumeRequest::parse(hello).and_then(|request| Token::parse(&request.token?));
        token.is_some_and(|token| self.tokens.contains_key(&token))
    }

    /// Handles the handshake of the connection in `row` and completes its answer. `session` is its
    /// new session, unless it resumes another.
    pub(super) fn greet(
        &mut self,
        session: SessionId,
        row: usize,
        hello: &[u8],
        answer: &mut Vec<u8>,
    ) -> Greeting {
        let mut greeting = Greeting { session, kept: None, is_resumed: false, ended: None };
        let Some(request) = ResumeRequest::parse(hello) else { return greeting };
        let token = match Token::new() {
            Ok(token) => token,
            Err(error) => {
                log::error!("no token for session={session}, which cannot be resumed error={error}");
                return greeting;
            }
        };
        let (mut resumed, mut message) = (None, None);
        if let Some(shown) = request.token.as_deref().map(Token::parse) {
            let known = shown.and_then(|shown| Some((shown, *self.tokens.get(&shown)?)));
            let back =
                known.map(|(shown, key)| (key, self.come_back(key, row, (shown, request.received), token)));
            let from = match back {
                None => {
                    message = Some("the token is unknown, or its time is over");
                    None
                }
                Some((key, Ok(from))) => {
                    (greeting.kept, greeting.is_resumed) = (Some(key), true);
                    greeting.session = self.sessions[key as usize].session;
                    Some(from)
                }
                Some((key, Err(why))) => {
                    message = Some(why);
                    let ended = self.remove(key);
                    greeting.ended = Some(ended.session);
                    Some(ended.location)
                }
            };
            resumed = Some(greeting.is_resumed);
            self.takeover = Some(Takeover { is_resumed: greeting.is_resumed, from });
        }
        if greeting.kept.is_none() {
            let new = KeptSession {
                session,
                location: Location::Row(row),
                tokens: Tokens::new(token),
                history: History::default(),
                is_attached: false,
            };
            greeting.kept = Some(self.sessions.insert(new) as u32);
        }
        let token = token.to_string();
        let message = message.map(Cow::Borrowed);
        ResumeOffer { token, seconds: seconds(self.grace), resumed, message }.add_to(answer);
        greeting
    }

    /// Moves a session to another row. Returns where it was, or why its client cannot have it.
    fn come_back(
        &mut self,
        key: u32,
        row: usize,
        (shown, received): (Token, Received),
        next: Token,
    ) -> Result<Location, &'static str> {
        let received = match received {
            Received::Packages(packages) => Some(packages),
            Received::Unsaid => None,
            Received::Garbage => return Err("received: expected a number of packages"),
        };
        let session = &mut self.sessions[key as usize];
        // First, since it may fail: nothing else has changed then.
        session.history.go_back(received)?;
        if let Some(invalid) = session.tokens.give(shown, next) {
            self.tokens.remove(&invalid);
        }
        session.is_attached = false;
        self.tokens.insert(next, key);
        self.moved.insert(session.session, key);
        let from = std::mem::replace(&mut session.location, Location::Row(row));
        if let Location::Away(_) = from {
            self.away -= 1;
        }
        Ok(from)
    }

    /// The client has acknowledged the handshake: it has the token.
    pub(super) fn acknowledged(&mut self, key: u32) {
        let session = &mut self.sessions[key as usize];
        for invalid in session.tokens.acknowledge() {
            self.tokens.remove(&invalid);
        }
        self.tokens.insert(session.tokens.known(), key);
    }

    /// The effect of the last handshake on the rest of the port; returned once.
    pub(super) fn takeover(&mut self) -> Option<Takeover> {
        self.takeover.take()
    }

    /// Keeps a package that is last in the outbox of the session's row, where `waiting_bytes` bytes
    /// wait.
    pub(super) fn sent(&mut self, key: u32, data: Data<'_>, waiting_bytes: usize) {
        self.sessions[key as usize].history.add(data, Some(waiting_bytes), self.bytes_max);
    }

    /// Keeps a package until the client comes back. False if that exceeds the limit.
    pub(super) fn missed(&mut self, key: u32, data: Data<'_>) -> bool {
        let history = &mut self.sessions[key as usize].history;
        history.add(data, None, self.bytes_max);
        history.is_gapless()
    }

    /// The session's connection is lost.
    pub(super) fn lost(
        &mut self,
        key: u32,
        now: Time,
        reason: CloseReason,
        peer: SocketAddr,
        in_flight: usize,
    ) {
        let session = &mut self.sessions[key as usize];
        session.location = Location::Away(Away { peer, reason, until: now + self.grace, in_flight });
        session.is_attached = false;
        self.moved.insert(session.session, key);
        self.away += 1;
    }

    /// The session with this key.
    pub(super) fn session(&self, key: u32) -> &KeptSession {
        &self.sessions[key as usize]
    }

    pub(super) fn session_mut(&mut self, key: u32) -> &mut KeptSession {
        &mut self.sessions[key as usize]
    }

    /// Forgets an ended session. Returns its number and where it was.
    pub(super) fn forget(&mut self, key: u32) -> (SessionId, Location) {
        let KeptSession { session, location, .. } = self.remove(key);
        (session, location)
    }

    fn remove(&mut self, key: u32) -> KeptSession {
        let session = self.sessions.remove(key as usize);
        for token in session.tokens.all() {
            self.tokens.remove(token);
        }
        self.moved.remove(&session.session);
        if let Location::Away(_) = session.location {
            self.away -= 1;
        }
        session
    }

    /// Where a session is that is not in the row that its number names.
    pub(super) fn find(&self, session: SessionId, rows: &Slab<Connection<impl Stream>>) -> Option<Found> {
        let key = *self.moved.get(&session)?;
        match self.sessions[key as usize].location {
            Location::Row(row) if is_open(rows, row) => Some(Found::Row(row)),
            Location::Row(_) | Location::Away(_) => Some(Found::Kept(key)),
        }
    }

    /// The sessions that the server behind the port knows and that are not in an open row.
    pub(super) fn waiting(&self, rows: &Slab<Connection<impl Stream>>) -> impl Iterator<Item = u32> {
        let waiting = self.sessions.iter().filter(move |(_, session)| match session.location {
            Location::Row(row) => session.tokens.is_unsure() && !is_open(rows, row),
            Location::Away(_) => true,
        });
        waiting.map(|(key, _)| key as u32)
    }

    /// The sessions whose grace period is over, and how their connections were lost.
    pub(super) fn overdue(&self, now: Time) -> Vec<(u32, CloseReason)> {
        let away = self.sessions.iter().filter_map(|(key, session)| match &session.location {
            Location::Away(away) if away.until <= now => Some((key as u32, away.reason)),
            Location::Away(_) | Location::Row(_) => None,
        });
        away.collect()
    }

    /// The process did not run for this long: no client could come back.
    pub(super) fn postpone(&mut self, by: Duration) {
        for (_, session) in &mut self.sessions {
            if let Location::Away(away) = &mut session.location {
                away.until = away.until + by;
            }
        }
    }

    /// The keys of all sessions that are away.
    pub(super) fn all_away(&self) -> Vec<u32> {
        let away = self.sessions.iter().filter(|(_, session)| matches!(session.location, Location::Away(_)));
        away.map(|(key, _)| key as u32).collect()
    }

    /// The number of sessions that are away.
    pub(super) fn away(&self) -> usize {
        self.away
    }

    /// Bytes of kept packages.
    pub(super) fn bytes(&self) -> usize {
        self.sessions.iter().map(|(_, session)| session.history.bytes()).sum()
    }
}

fn is_open(rows: &Slab<Connection<impl Stream>>, row: usize) -> bool {
    rows.get(row).is_some_and(|row| row.is_open())
}

/// Whole seconds become an integer.
fn seconds(grace: Duration) -> Number {
    let whole = Number::from(grace.as_secs());
    if grace.subsec_nanos() == 0 { whole } else { Number::from_f64(grace.as_secs_f64()).unwrap_or(whole) }
}
