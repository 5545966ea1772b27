//! Which session has which uid: each uid once in the whole cluster.

use std::collections::{HashMap, HashSet, VecDeque};

use rustc_hash::FxHashMap;

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

/// What follows when a uid is given back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Freed {
    /// The claim that waited for it longest has it now.
    pub granted: Option<Claim>,
    /// Others wait behind that one: its session is to be kicked in its turn.
    pub kicked: Option<SessionKey>,
    /// Others waited, and are refused.
    pub refused: Vec<Claim>,
}

/// Why a login whose uid another session has is refused.
pub(super) fn taken(uid: &Uid) -> AppError {
    AppError::new(format!("{uid} is logged in already"))
}

/// The bound uids. Only looked up by key: no order of it reaches anything visible.
#[derive(Default, Debug)]
pub struct Uids {
    on_duplicate: OnDuplicate,
    sessions: HashMap<Uid, SessionKey>,
    /// How many of them are on each frontend.
    counts: FxHashMap<ServerId, usize>,
    /// Uids whose session has given them up, while somewhere it still counts as a member.
    leaving: HashSet<Uid>,
    /// Claims for a uid whose session is being kicked or leaves, in the order in which they came.
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
            Some(_) if self.leaving.contains(&uid) => {
                self.waiting.entry(uid).or_default().push_back(claim);
                Claimed::Waits(None)
            }
            Some(holder) if *holder == claim.session => Claimed::Granted,
            Some(holder) => match self.on_duplicate {
                OnDuplicate::Refuse => Claimed::Refused(taken(&uid)),
                OnDuplicate::Kick => {
                    let holder = holder.clone();
                    let waiting = self.waiting.entry(uid).or_default();
                    waiting.push_back(claim);
                    Claimed::Waits((waiting.len() == 1).then_some(holder))
                }
            },
            None => {
                self.give(uid, claim.session);
                Claimed::Granted
            }
        }
    }

    /// The session gives its uid up, but is not out of its rooms yet: claims wait. From any other session the uid is not
    /// taken, but a claim of that one is forgotten. Says whether the session has the uid.
    pub fn leave(&mut self, uid: &Uid, session: &SessionKey) -> bool {
        let holds = self.sessions.get(uid) == Some(session);
        if holds {
            self.leaving.insert(uid.clone());
        }
        if let Some(waiting) = self.waiting.get_mut(uid) {
            waiting.retain(|claim| claim.session != *session);
        }
        holds
    }

    /// Whether the session has the uid, and has given it up.
    pub fn is_leaving(&self, uid: &Uid, session: &SessionKey) -> bool {
        self.leaving.contains(uid) && self.sessions.get(uid) == Some(session)
    }

    /// Whether the session has the uid, and keeps it.
    pub fn holds(&self, uid: &Uid, session: &SessionKey) -> bool {
        self.sessions.get(uid) == Some(session) && !self.leaving.contains(uid)
    }

    /// The uids of a frontend's sessions, in order, when the frontend is lost; its claims are forgotten.
    pub fn lost(&mut self, frontend: &ServerId) -> Vec<(Uid, SessionKey)> {
        for waiting in self.waiting.values_mut() {
            waiting.retain(|claim| claim.session.frontend != *frontend);
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        let of_frontend = self.sessions.iter().filter(|(_, session)| session.frontend == *frontend);
        let mut lost: Vec<(Uid, SessionKey)> =
            of_frontend.map(|(uid, session)| (uid.clone(), session.clone())).collect();
        lost.sort();
        lost
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Uid, &SessionKey)> {
        self.sessions.iter()
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<(Uid, SessionKey)> {
        let mut all: Vec<_> = self.sessions.iter().map(|(uid, key)| (uid.clone(), key.clone())).collect();
        all.sort();
        all
    }

    /// The first of those in which `search` occurs and which are not being given up, in order; and how many these are.
    pub fn find(&self, search: &str, limit: usize) -> (Vec<(&Uid, &SessionKey)>, usize) {
        let is_meant = |uid: &Uid| uid.as_str().contains(search) && !self.leaving.contains(uid);
        let mut found: Vec<_> = self.sessions.iter().filter(|(uid, _)| is_meant(uid)).collect();
        let total = found.len();
        if limit < total {
            found.select_nth_unstable_by_key(limit, |(uid, _)| *uid);
            found.truncate(limit);
        }
        found.sort_unstable();
        (found, total)
    }

    /// Takes `uid` back from `session`; from any other it is not taken, but a claim of that one is forgotten.
    pub fn unbind(&mut self, uid: &Uid, session: &SessionKey) -> Freed {
        let mut freed = Freed::default();
        // Not if it has it: then what waits has come after it gave it up, its own claim too.
        if self.sessions.get(uid) != Some(session) {
            self.leave(uid, session);
        } else {
            self.take(uid);
            self.leaving.remove(uid);
            freed.granted = self.waiting.get_mut(uid).and_then(VecDeque::pop_front);
        }
        if let Some(claim) = &freed.granted {
            self.give(uid.clone(), claim.session.clone());
            let waiting = self.waiting.get_mut(uid).filter(|waiting| !waiting.is_empty());
            match (waiting, self.on_duplicate) {
                (Some(waiting), OnDuplicate::Refuse) => freed.refused = waiting.drain(..).collect(),
                (Some(_), OnDuplicate::Kick) => freed.kicked = Some(claim.session.clone()),
                (None, _) => {}
            }
        }
        if self.waiting.get(uid).is_some_and(VecDeque::is_empty) {
            self.waiting.remove(uid);
        }
        freed
    }

    /// How many sessions of a frontend have a uid.
    pub fn bound_at(&self, frontend: &ServerId) -> usize {
        self.counts.get(frontend).copied().unwrap_or(0)
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

    fn give(&mut self, uid: Uid, session: SessionKey) {
        *self.counts.entry(session.frontend.clone()).or_default() += 1;
        self.sessions.insert(uid, session);
    }

    fn take(&mut self, uid: &Uid) {
        let Some(session) = self.sessions.remove(uid) else { return };
        if let Some(count) = self.counts.get_mut(&session.frontend) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&session.frontend);
            }
        }
    }
}
