//! Which session has which uid: each uid once in the whole cluster.

use std::collections::{HashMap, VecDeque};

use crate::envelope::{AppError, CallId};
use crate::ids::{ServerId, SessionKey, Uid};

/// What becomes of a login whose uid another session has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnDuplicate {
    /// It is refused, and the other session stays: what Pomelo does.
    #[default]
    Refuse,
    /// The other session is kicked, and it gets the uid as soon as that one has left.
    Kick,
}

/// A session that wants a uid, and the call by which it asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Who asked.
    pub asker: ServerId,
    /// By which call.
    pub call: CallId,
    /// For which session.
    pub session: SessionKey,
}

/// What came of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claimed {
    /// The session has the uid.
    Granted,
    /// Another session has it, and keeps it.
    Refused(AppError),
    /// Another session has it. The claim waits; this session is to be kicked, unless it is already.
    Waits(Option<SessionKey>),
}

/// The bound uids. Only looked up by key: no order of it reaches anything visible.
#[derive(Default, Debug)]
pub struct Uids {
    on_duplicate: OnDuplicate,
    sessions: HashMap<Uid, SessionKey>,
    /// Claims for a uid whose session is being kicked, in the order in which they came.
    waiting: HashMap<Uid, VecDeque<Claim>>,
}

impl Uids {
    /// No uid is bound.
    pub fn new(on_duplicate: OnDuplicate) -> Self {
        Self { on_duplicate, ..Self::default() }
    }

    /// Gives `uid` to the session of `claim`, if it is free.
    pub fn bind(&mut self, uid: Uid, claim: Claim) -> Claimed {
        match self.sessions.get(&uid) {
            Some(holder) if *holder == claim.session => Claimed::Granted,
            Some(holder) => match self.on_duplicate {
                OnDuplicate::Refuse => Claimed::Refused(AppError::new(format!("{uid} is logged in already"))),
                OnDuplicate::Kick => {
                    let holder = holder.clone();
                    let waiting = self.waiting.entry(uid).or_default();
                    waiting.push_back(claim);
                    Claimed::Waits((waiting.len() == 1).then_some(holder))
                }
            },
            None => {
                self.sessions.insert(uid, claim.session);
                Claimed::Granted
            }
        }
    }

    /// Takes `uid` back from `session`; from any other it is not taken, but a claim of that one is forgotten. Gives the
    /// claim that waited for it and is granted now, and whether others wait behind it.
    pub fn unbind(&mut self, uid: &Uid, session: &SessionKey) -> Option<(Claim, bool)> {
        if let Some(waiting) = self.waiting.get_mut(uid) {
            waiting.retain(|claim| claim.session != *session);
        }
        let granted = if self.sessions.get(uid) == Some(session) {
            self.sessions.remove(uid);
            self.waiting.get_mut(uid).and_then(VecDeque::pop_front)
        } else {
            None
        };
        let others_wait = self.waiting.get(uid).is_some_and(|waiting| !waiting.is_empty());
        if !others_wait {
            self.waiting.remove(uid);
        }
        let claim = granted?;
        self.sessions.insert(uid.clone(), claim.session.clone());
        Some((claim, others_wait))
    }

    /// The session that has `uid`.
    pub fn get(&self, uid: &Uid) -> Option<&SessionKey> {
        self.sessions.get(uid)
    }

    /// Number of bound uids.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none is bound.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}
