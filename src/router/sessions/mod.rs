//! Sessions: which one has which uid, each uid once in the whole cluster, and how a session ends.
//!
//! ```text
//!            uid is free, or its holder is gone and this claim was first
//!           ┌───────────────────────────────────────────────┐
//!   claim ──┤                                               ▼
//!           ├─▶ claiming ─────(unbound, or frontend lost)   Bound ──▶ unbound ──▶ Leaving ──▶ gone
//!           └─▶ refused           ──▶ forgotten               │                    ▲   in no room any
//!                                                             ▼ frontend lost      │   more: the next
//!                                                         Releasing ───────────────┘   claim is granted
//!                                             all servers drained, or too late
//! ```
//!
//! A uid stays with a session that leaves until no room has it as a member: a room would else greet
//! the next session of that uid, and say farewell to the first one later.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::counters::RouterCounters;
use crate::envelope::{AppError, CallId, Payload};
use crate::ids::{ServerId, SessionKey, Uid};
use crate::time::Time;

/// The answer to a bind that is granted carries no data.
const GRANTED: &[u8] = b"null";

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
pub(super) struct Claim {
    pub(super) asker: ServerId,
    pub(super) call: CallId,
    pub(super) session: SessionKey,
}

/// Where the session that has a uid is in its life. Before it, a session is claiming (a [`Claim`]
/// in the queue); after it, it is gone, and nothing of it is left here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// It has the uid and may enter rooms.
    Bound,
    /// It has given the uid up, and rooms have not confirmed that it is out of them.
    Leaving,
    /// Its frontend has vanished, and what that had asked of other servers may still be carried
    /// out: a room can yet be entered in the name of this session. A [`PendingRelease`] waits for
    /// that to be over.
    Releasing,
}

#[derive(Debug)]
struct Holder {
    session: SessionKey,
    life: Life,
    /// Claims for the uid while this session is kicked or leaves, in the order in which they came.
    claims: VecDeque<Claim>,
}

/// Sessions of a frontend that has vanished.
#[derive(Debug)]
struct PendingRelease {
    drain: u64,
    /// Servers that may still carry out what the frontend had asked of them.
    waiting: BTreeSet<ServerId>,
    /// No request of the frontend is carried out after this, whatever a server says or fails to
    /// say.
    until: Time,
    sessions: Vec<(Uid, SessionKey)>,
}

/// What follows from a claim or from the end of a session.
#[derive(Default, Debug)]
pub(super) struct Outcome {
    /// The frontend on which a session has got its uid.
    pub(super) bound_at: Option<ServerId>,
    /// What servers are told, in this order.
    pub(super) tell: Vec<(ServerId, Payload)>,
}

/// The sessions that have or claim uids. Only looked up by key: no order of the maps reaches
/// anything visible.
#[derive(Default, Debug)]
pub struct Sessions {
    on_duplicate: OnDuplicate,
    holders: HashMap<Uid, Holder>,
    /// How many uids are held by sessions of each frontend.
    counts: FxHashMap<ServerId, usize>,
    releases: Vec<PendingRelease>,
    binds_refused: u64,
    displaced: u64,
}

impl Sessions {
    pub(super) fn new(on_duplicate: OnDuplicate) -> Self {
        Self { on_duplicate, ..Self::default() }
    }

    /// A session claims `uid`: it is granted or refused at once, or waits until the holder is gone.
    pub(super) fn claim(&mut self, uid: Uid, claim: Claim) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(holder) = self.holders.get_mut(&uid) else {
            self.grant(uid, claim, VecDeque::new(), &mut outcome);
            return outcome;
        };
        match (holder.life, self.on_duplicate) {
            // Also a claim of the holder itself: it has changed its mind after it gave the uid up.
            (Life::Leaving | Life::Releasing, _) => holder.claims.push_back(claim),
            (Life::Bound, _) if holder.session == claim.session => granted(claim, &mut outcome),
            (Life::Bound, OnDuplicate::Refuse) => self.refuse(&uid, claim, &mut outcome),
            (Life::Bound, OnDuplicate::Kick) => {
                holder.claims.push_back(claim);
                // The first claim has had it kicked: once is enough.
                if holder.claims.len() == 1 {
                    self.displaced += 1;
                    outcome.tell.push(kick(&holder.session, "logged in elsewhere"));
                }
            }
        }
        outcome
    }

    /// The session gives its uid up, but is not out of its rooms yet: claims wait. Of any other
    /// session only a claim is forgotten. Says whether the session has the uid.
    pub(super) fn leave(&mut self, uid: &Uid, session: &SessionKey) -> bool {
        let Some(holder) = self.holders.get_mut(uid) else { return false };
        holder.claims.retain(|claim| claim.session != *session);
        let has_it = holder.session == *session;
        if has_it && holder.life == Life::Bound {
            holder.life = Life::Leaving;
        }
        has_it
    }

    /// A frontend has vanished. Its claims are forgotten; its sessions, given in order of uid, have
    /// left in so far as they know of it: rooms hear so at once. Their uids are not free before
    /// [`release_after`](Self::release_after) has been asked for and is over.
    pub(super) fn lose(&mut self, frontend: &ServerId) -> Vec<(Uid, SessionKey)> {
        let mut lost = Vec::new();
        for (uid, holder) in &mut self.holders {
            holder.claims.retain(|claim| claim.session.frontend != *frontend);
            if holder.session.frontend == *frontend {
                holder.life = Life::Releasing;
                lost.push((uid.clone(), holder.session.clone()));
            }
        }
        lost.sort();
        lost
    }

    /// The uids of lost `sessions` can be free when each server of `waiting` has drained all that
    /// came before, or at `until`. Earlier, one of them could still carry out a request of the
    /// frontend and let a session that is gone enter a room, after the next session of that uid.
    pub(super) fn release_after(
        &mut self,
        drain: u64,
        waiting: BTreeSet<ServerId>,
        until: Time,
        sessions: Vec<(Uid, SessionKey)>,
    ) {
        self.releases.push(PendingRelease { drain, waiting, until, sessions });
    }

    /// A server has drained; without a number: has vanished, and carries nothing out any more.
    pub(super) fn drained(&mut self, server: &ServerId, drain: Option<u64>) {
        for release in self.releases.iter_mut().filter(|it| drain.is_none_or(|drain| drain == it.drain)) {
            release.waiting.remove(server);
        }
    }

    /// Those whose release is over: nothing can make them members any more. From now on they are
    /// leaving, as any other session.
    pub(super) fn release(&mut self, now: Time) -> Vec<(Uid, SessionKey)> {
        let is_over = |it: &mut PendingRelease| it.waiting.is_empty() || it.until <= now;
        let released: Vec<_> = self.releases.extract_if(.., is_over).flat_map(|it| it.sessions).collect();
        for (uid, session) in &released {
            if let Some(holder) = self.holders.get_mut(uid).filter(|holder| holder.session == *session)
                && holder.life == Life::Releasing
            {
                holder.life = Life::Leaving;
            }
        }
        released
    }

    /// When the next release is too late to wait for.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.releases.iter().map(|release| release.until).min()
    }

    /// A session that leaves is in no room any more: the uid goes to the claim that has waited
    /// longest.
    pub(super) fn free(&mut self, uid: &Uid, session: &SessionKey) -> Outcome {
        let mut outcome = Outcome::default();
        if !self.is_leaving(uid, session) {
            return outcome;
        }
        let Some(Holder { mut claims, .. }) = self.holders.remove(uid) else { return outcome };
        if let Some(count) = self.counts.get_mut(&session.frontend) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&session.frontend);
            }
        }
        let Some(next) = claims.pop_front() else { return outcome };
        let next_session = next.session.clone();
        match self.on_duplicate {
            // They waited for the one who left, not for the one who has it now.
            OnDuplicate::Refuse => {
                self.grant(uid.clone(), next, VecDeque::new(), &mut outcome);
                claims.into_iter().for_each(|claim| self.refuse(uid, claim, &mut outcome));
            }
            OnDuplicate::Kick => {
                let others_wait = !claims.is_empty();
                self.grant(uid.clone(), next, claims, &mut outcome);
                if others_wait {
                    self.displaced += 1;
                    outcome.tell.push(kick(&next_session, "logged in elsewhere"));
                }
            }
        }
        outcome
    }

    /// Whether the session has the uid, has given it up, and is free of it once no room has it.
    pub(super) fn is_leaving(&self, uid: &Uid, session: &SessionKey) -> bool {
        self.is(uid, session, Life::Leaving)
    }

    /// Whether the session has the uid, and keeps it.
    pub(super) fn holds(&self, uid: &Uid, session: &SessionKey) -> bool {
        self.is(uid, session, Life::Bound)
    }

    /// How many sessions of a frontend have a uid.
    pub(super) fn bound_at(&self, frontend: &ServerId) -> usize {
        self.counts.get(frontend).copied().unwrap_or(0)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Uid, &SessionKey)> {
        self.holders.iter().map(|(uid, holder)| (uid, &holder.session))
    }

    /// The first of those in which `search` occurs and which are not being given up, in order; and
    /// how many these are.
    pub(super) fn find(&self, search: &str, limit: usize) -> (Vec<(&Uid, &SessionKey)>, usize) {
        let is_meant =
            |uid: &Uid, holder: &Holder| uid.as_str().contains(search) && holder.life == Life::Bound;
        let meant = self.holders.iter().filter(|(uid, holder)| is_meant(uid, holder));
        let mut found: Vec<_> = meant.map(|(uid, holder)| (uid, &holder.session)).collect();
        let total = found.len();
        if limit < total {
            found.select_nth_unstable_by_key(limit, |(uid, _)| *uid);
            found.truncate(limit);
        }
        found.sort_unstable();
        (found, total)
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<(Uid, SessionKey)> {
        let mut all: Vec<_> = self.iter().map(|(uid, session)| (uid.clone(), session.clone())).collect();
        all.sort();
        all
    }

    /// The session that has `uid`.
    pub fn get(&self, uid: &Uid) -> Option<&SessionKey> {
        self.holders.get(uid).map(|holder| &holder.session)
    }

    /// Number of uids that a session has.
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// Whether no session has a uid.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    pub(super) fn count(&self, counters: &mut RouterCounters) {
        (counters.binds_refused, counters.supplanted) = (self.binds_refused, self.displaced);
    }

    fn is(&self, uid: &Uid, session: &SessionKey, life: Life) -> bool {
        self.holders.get(uid).is_some_and(|holder| holder.life == life && holder.session == *session)
    }

    fn grant(&mut self, uid: Uid, claim: Claim, claims: VecDeque<Claim>, outcome: &mut Outcome) {
        *self.counts.entry(claim.session.frontend.clone()).or_default() += 1;
        self.holders.insert(uid, Holder { session: claim.session.clone(), life: Life::Bound, claims });
        granted(claim, outcome);
    }

    fn refuse(&mut self, uid: &Uid, Claim { asker, call, .. }: Claim, outcome: &mut Outcome) {
        self.binds_refused += 1;
        let result = Err(AppError::new(format!("{uid} is logged in already")));
        outcome.tell.push((asker, Payload::Answer { call, result }));
    }
}

fn granted(Claim { asker, call, session }: Claim, outcome: &mut Outcome) {
    outcome.bound_at = Some(session.frontend);
    outcome.tell.push((asker, Payload::Answer { call, result: Ok(Bytes::from_static(GRANTED)) }));
}

/// The message to a frontend that closes a session.
pub(super) fn kick(SessionKey { frontend, session }: &SessionKey, reason: &str) -> (ServerId, Payload) {
    (frontend.clone(), Payload::Kick { session: *session, reason: reason.into() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
