//! Sessions that may outlive their connections: kept while their clients are away, given to who shows their token.
//!
//! Only sessions of clients whose handshake says that they know how to come back. Pomelo's own
//! clients do not: the session of one would keep its uid, and refuse its user, for as long as it
//! waits for nobody.
//!
//! ```text
//!   handshake ─▶ token ─ack─▶ known     known ─lost─▶ away ─shown─▶ handshake done ─ack─▶ known, by the next token
//!                                         └──────────shown──────────▲      └─lost─▶ away
//! ```
//! A token is worth nothing once the client has acknowledged another. Until then each is that was given out since: the
//! answer that brings one may be lost like anything else, and nobody knows which has arrived.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Number;
use slab::Slab;

use super::CloseReason;
use super::batch::Batches;
use super::connection::Connection;
use super::history::{Data, History};
use super::stream::Stream;
use super::token::Token;
use crate::cluster::Options;
use crate::ids::SessionId;
use crate::time::Time;
use crate::wire::{Received, ResumeOffer, ResumeRequest};

/// Tokens given out for one session and not acknowledged that are worth something, at most.
const UNACKNOWLEDGED_MAX: usize = 8;

/// The sessions of a port that may outlive their connections.
pub(super) struct Resume {
    grace: Duration,
    bytes_max: usize,
    sessions: Slab<Session>,
    /// Which session each token is for.
    tokens: HashMap<Token, u32>,
    /// Sessions that are not, or no more, in the row that their number names.
    moved: HashMap<SessionId, u32>,
    away: usize,
    /// What the handshake at hand means for others than its row.
    outcome: Option<Outcome>,
}

/// One of them.
struct Session {
    session: SessionId,
    place: Place,
    /// What its client is known to have.
    token: Token,
    /// What its client may have got since, in answers to handshakes that it has not acknowledged: those first that were
    /// given out and shown longest ago, the row's own last.
    unacknowledged: Vec<Token>,
    history: History,
    /// Its packages go into its row's outbox.
    is_attached: bool,
}

/// Where a session is.
pub(super) enum Place {
    /// In this row.
    Row(usize),
    /// Nowhere: its connection was lost.
    Away(Away),
}

/// Where to find a session that has not ended.
#[derive(Clone, Copy)]
pub(super) enum Found {
    /// In a row that is open.
    Row(usize),
    /// Kept until its client has come back.
    Kept(u32),
}

/// A session without a connection.
pub(super) struct Away {
    /// Where its client was; its place is taken still.
    pub(super) peer: SocketAddr,
    /// How the connection was lost.
    pub(super) reason: CloseReason,
    /// When it ends.
    pub(super) until: Time,
    /// Messages of it that were handed up and are not done with.
    pub(super) under_way: usize,
}

/// What a handshake has led to, beside its answer.
pub(super) struct Greeting {
    /// Whose connection this is.
    pub(super) session: SessionId,
    /// Where that is kept.
    pub(super) kept: Option<u32>,
    /// It was there before.
    pub(super) is_resumed: bool,
    /// A session that has ended with this: its client cannot be given all that it missed.
    pub(super) ended: Option<SessionId>,
}

/// The same for the rest of the port.
pub(super) struct Outcome {
    /// The client has its session back.
    pub(super) is_resumed: bool,
    /// Where the session was, if there is one of that token. If it is not resumed, it has ended.
    pub(super) from: Option<Place>,
}

impl Resume {
    /// None, when no session may outlive its connection.
    pub(super) fn new(options: &Options) -> Option<Self> {
        let grace = options.resume.filter(|grace| !grace.is_zero())?;
        Some(Self {
            grace,
            // What is kept must fit into the outbox of one who comes back.
            bytes_max: options.resume_bytes_max.min(options.outbound_bytes_max),
            sessions: Slab::new(),
            tokens: HashMap::new(),
            moved: HashMap::new(),
            away: 0,
            outcome: None,
        })
    }

    /// Whether this handshake shows a token that is worth something.
    pub(super) fn is_awaited(&self, hello: &[u8]) -> bool {
        let token = ResumeRequest::parse(hello).and_then(|request| Token::parse(&request.token?));
        token.is_some_and(|token| self.tokens.contains_key(&token))
    }

    /// Takes the handshake of the connection in `row`, which else is the new `session`, and completes its answer.
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
            let key = shown.and_then(|shown| self.tokens.get(&shown).copied());
            let back = key.map(|key| (key, self.come_back(key, row, (shown, request.received), token)));
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
                    Some(ended.place)
                }
            };
            resumed = Some(greeting.is_resumed);
            self.outcome = Some(Outcome { is_resumed: greeting.is_resumed, from });
        }
        if greeting.kept.is_none() {
            let place = Place::Row(row);
            let history = History::default();
            let unacknowledged = Vec::new();
            let new = Session { session, place, token, unacknowledged, history, is_attached: false };
            greeting.kept = Some(self.sessions.insert(new) as u32);
        }
        let token = token.to_string();
        let message = message.map(Cow::Borrowed);
        ResumeOffer { token, seconds: seconds(self.grace), resumed, message }.add_to(answer);
        greeting
    }

    /// Gives a session to another row. Gives back where it was, or says why its client cannot have it.
    fn come_back(
        &mut self,
        key: u32,
        row: usize,
        (shown, received): (Option<Token>, Received),
        next: Token,
    ) -> Result<Place, &'static str> {
        let received = match received {
            Received::Packages(packages) => Some(packages),
            Received::Unsaid => None,
            Received::Garbage => return Err("received is no number of packages"),
        };
        let session = &mut self.sessions[key as usize];
        session.history.go_back(received)?;
        // What was shown is what the client has, however often it must try.
        let is_shown = |token: &Token| shown == Some(*token);
        if let Some(place) = session.unacknowledged.iter().position(is_shown) {
            session.unacknowledged[place..].rotate_left(1);
        }
        if session.unacknowledged.len() == UNACKNOWLEDGED_MAX {
            self.tokens.remove(&session.unacknowledged.remove(0));
        }
        session.unacknowledged.push(next);
        session.is_attached = false;
        self.tokens.insert(next, key);
        self.moved.insert(session.session, key);
        let from = std::mem::replace(&mut session.place, Place::Row(row));
        if let Place::Away(_) = from {
            self.away -= 1;
        }
        Ok(from)
    }

    /// The client has acknowledged the handshake: it has the token.
    pub(super) fn acknowledged(&mut self, key: u32) {
        let session = &mut self.sessions[key as usize];
        if let Some(last) = session.unacknowledged.pop() {
            for other in session.unacknowledged.drain(..).chain([session.token]) {
                self.tokens.remove(&other);
            }
            session.token = last;
            session.unacknowledged = Vec::new();
        }
        self.tokens.insert(session.token, key);
    }

    /// What the last handshake means for others than its row; said once.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// Puts what a client has missed into the outbox of its new connection, once it is open. Gives their number.
    pub(super) fn attach(&mut self, key: u32, row: &mut Connection<impl Stream>, batches: &Batches) -> usize {
        let session = &mut self.sessions[key as usize];
        if session.is_attached || !row.is_open() {
            return 0;
        }
        session.is_attached = true;
        session.history.replay(|data| {
            row.put(data, batches);
            row.outbox.waiting_bytes()
        })
    }

    /// Keeps a package that stands last in the outbox of the session's row, where so many bytes wait.
    pub(super) fn sent(&mut self, key: u32, data: Data<'_>, waiting_bytes: usize) {
        self.sessions[key as usize].history.add(data, Some(waiting_bytes), self.bytes_max);
    }

    /// Keeps a package for when the session's client is back. False when it is too much.
    pub(super) fn missed(&mut self, key: u32, data: Data<'_>) -> bool {
        let history = &mut self.sessions[key as usize].history;
        history.add(data, None, self.bytes_max);
        history.is_gapless()
    }

    /// The socket of the session's row has taken so many bytes.
    pub(super) fn taken(&mut self, key: u32, bytes: usize) {
        self.sessions[key as usize].history.taken(bytes);
    }

    /// A message is done with of a session that is in no open row. Gives the row that counts such messages, if it has
    /// one already.
    pub(super) fn done(&mut self, key: u32) -> Option<usize> {
        match &mut self.sessions[key as usize].place {
            Place::Row(row) => Some(*row),
            Place::Away(away) => {
                away.under_way = away.under_way.saturating_sub(1);
                None
            }
        }
    }

    /// Whether a session could go on without its connection: nothing that its client may lack is gone.
    pub(super) fn is_gapless(&self, key: u32) -> bool {
        self.sessions[key as usize].history.is_gapless()
    }

    /// The session's connection is lost.
    pub(super) fn lost(
        &mut self,
        key: u32,
        now: Time,
        reason: CloseReason,
        peer: SocketAddr,
        under_way: usize,
    ) {
        let session = &mut self.sessions[key as usize];
        session.place = Place::Away(Away { peer, reason, until: now + self.grace, under_way });
        session.is_attached = false;
        self.moved.insert(session.session, key);
        self.away += 1;
    }

    /// Where the session is that is kept there.
    pub(super) fn place(&self, key: u32) -> &Place {
        &self.sessions[key as usize].place
    }

    /// Forgets a session, which has ended. Gives its number and where it was.
    pub(super) fn forget(&mut self, key: u32) -> (SessionId, Place) {
        let Session { session, place, .. } = self.remove(key);
        (session, place)
    }

    fn remove(&mut self, key: u32) -> Session {
        let session = self.sessions.remove(key as usize);
        for token in session.unacknowledged.iter().chain([&session.token]) {
            self.tokens.remove(token);
        }
        self.moved.remove(&session.session);
        if let Place::Away(_) = session.place {
            self.away -= 1;
        }
        session
    }

    /// Where a session is that is not in the row that its number names.
    pub(super) fn find(&self, session: SessionId, rows: &Slab<Connection<impl Stream>>) -> Option<Found> {
        let key = *self.moved.get(&session)?;
        match self.sessions[key as usize].place {
            Place::Row(row) if is_open(rows, row) => Some(Found::Row(row)),
            Place::Row(_) | Place::Away(_) => Some(Found::Kept(key)),
        }
    }

    /// The sessions that the server behind the port knows, and that are in no open row.
    pub(super) fn waiting(&self, rows: &Slab<Connection<impl Stream>>) -> impl Iterator<Item = u32> {
        let waiting = self.sessions.iter().filter(move |(_, session)| match session.place {
            Place::Row(row) => !session.unacknowledged.is_empty() && !is_open(rows, row),
            Place::Away(_) => true,
        });
        waiting.map(|(key, _)| key as u32)
    }

    /// The sessions that have been away for long enough, and how they were lost.
    pub(super) fn overdue(&self, now: Time) -> Vec<(u32, CloseReason)> {
        let away = self.sessions.iter().filter_map(|(key, session)| match &session.place {
            Place::Away(away) if away.until <= now => Some((key as u32, away.reason)),
            Place::Away(_) | Place::Row(_) => None,
        });
        away.collect()
    }

    /// All that are away.
    pub(super) fn all_away(&self) -> Vec<u32> {
        let away = self.sessions.iter().filter(|(_, session)| matches!(session.place, Place::Away(_)));
        away.map(|(key, _)| key as u32).collect()
    }

    /// How many are away.
    pub(super) fn away(&self) -> usize {
        self.away
    }

    /// Bytes of packages that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.sessions.iter().map(|(_, session)| session.history.bytes()).sum()
    }
}

fn is_open(rows: &Slab<Connection<impl Stream>>, row: usize) -> bool {
    rows.get(row).is_some_and(|row| row.is_open())
}

/// Whole seconds as a whole number.
fn seconds(grace: Duration) -> Number {
    let whole = Number::from(grace.as_secs());
    if grace.subsec_nanos() == 0 { whole } else { Number::from_f64(grace.as_secs_f64()).unwrap_or(whole) }
}
