//! Sessions: which session holds which uid, each uid once in the whole cluster, and how a session
//! ends.
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
//! A departing session keeps its uid until no room has it as a member. Freed earlier, a room could
//! greet the next session of that uid first and say goodbye to this one afterwards.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::counters::RouterCounters;
use crate::envelope::{AppError, CallId, Payload};
use crate::ids::{ServerId, SessionKey, Uid};
use crate::time::Time;

/// The answer to a granted bind carries no data.
const GRANTED: &[u8] = b"null";

/// What happens to a login whose uid another session holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnDuplicate {
    /// Refuse it, and keep the other session, as Pomelo does.
    #[default]
    Refuse,
    /// Kick the other session, and grant the uid as soon as that one has left.
    Kick,
}

/// A session that wants a uid, and the call by which it asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    pub(super) asker: ServerId,
    pub(super) call: CallId,
    pub(super) session: SessionKey,
}

/// The state of the session that holds a uid. Before, the session is claiming: a [`Claim`] in the
/// queue. After, it is gone, and nothing of it is kept here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// It holds the uid and may enter rooms.
    Bound,
    /// It gave up the uid, and rooms have not confirmed that it is out.
    Leaving,
    /// Its frontend vanished. A request of that frontend may still be carried out and let this
    /// session enter a room. A [`PendingRelease`] waits until that is impossible.
    Releasing,
}

#[derive(Debug)]
struct Holder {
    session: SessionKey,
    life: Life,
    /// Claims for the uid while this session is kicked or leaves, oldest first.
    claims: VecDeque<Claim>,
}

/// Sessions of a frontend that vanished, and what frees their uids.
#[derive(Debug)]
struct PendingRelease {
    drain: u64,
    /// Servers that may still carry out a request of the frontend.
    waiting: BTreeSet<ServerId>,
    /// The latest moment at which a request of the frontend can be carried out, even if a server
    /// never answers.
    until: Time,
    sessions: Vec<(Uid, SessionKey)>,
}

/// What follows from a claim or from the end of a session.
#[derive(Default, Debug)]
pub(super) struct Outcome {
    /// The frontend whose session was granted its uid.
    pub(super) bound_at: Option<ServerId>,
    /// Messages to servers, in sending order.
    pub(super) tell: Vec<(ServerId, Payload)>,
}

/// The sessions that hold or claim uids. Only looked up by key: map order reaches nothing visible.
#[derive(Default, Debug)]
pub struct Sessions {
    on_duplicate: OnDuplicate,
    holders: HashMap<Uid, Holder>,
    /// The number of uids held by sessions of each frontend.
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
            // This includes a claim of the holder itself, which wants the uid back after giving it
            // up. Rooms are already being told that it left.
            (Life::Leaving | Life::Releasing, _) => holder.claims.push_back(claim),
            (Life::Bound, _) if holder.session == claim.session => granted(claim, &mut outcome),
            (Life::Bound, OnDuplicate::Refuse) => self.refuse(&uid, claim, &mut outcome),
            (Life::Bound, OnDuplicate::Kick) => {
                holder.claims.push_back(claim);
                // The first claim kicked it: once is enough.
                if holder.claims.len() == 1 {
                    self.displaced += 1;
                    outcome.tell.push(kick(&holder.session, "logged in elsewhere"));
                }
            }
        }
        outcome
    }

    /// The session gives up its uid, but is still in its rooms: claims wait. Of any other session
    /// only a claim is removed. Returns whether the session holds the uid.
    pub(super) fn leave(&mut self, uid: &Uid, session: &SessionKey) -> bool {
        let Some(holder) = self.holders.get_mut(uid) else { return false };
        holder.claims.retain(|claim| claim.session != *session);
        let has_it = holder.session == *session;
        if has_it && holder.life == Life::Bound {
            holder.life = Life::Leaving;
        }
        has_it
    }

    /// A frontend vanished. Removes its claims, and returns its sessions, by uid: rooms are told at
    /// once that they left. Their uids stay taken until [`release_after`](Self::release_after) is
    /// over.
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

    /// Frees the uids of lost `sessions` when each server of `waiting` has drained everything sent
    /// before, or at `until`. Freed earlier, a server could carry out a request of the vanished
    /// frontend and let a departed session enter a room after the next session of the same uid.
    pub(super) fn release_after(
        &mut self,
        drain: u64,
        waiting: BTreeSet<ServerId>,
        until: Time,
        sessions: Vec<(Uid, SessionKey)>,
    ) {
        self.releases.push(PendingRelease { drain, waiting, until, sessions });
    }

    /// A server has drained; without a number it vanished, and carries out nothing more.
    pub(super) fn drained(&mut self, server: &ServerId, drain: Option<u64>) {
        for release in self.releases.iter_mut().filter(|it| drain.is_none_or(|drain| drain == it.drain)) {
            release.waiting.remove(server);
        }
    }

    /// The sessions whose release is over: nothing can make them members any more. From now on they
    /// are leaving, as any other session.
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

    /// When the next release is over at the latest.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.releases.iter().map(|release| release.until).min()
    }

    /// A departing session is out of all rooms: its uid goes to the oldest claim.
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
            // They waited for the session that left, not for the one that holds the uid now.
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

    /// Whether the session holds the uid, has given it up, and frees it once no room has it.
    pub(super) fn is_leaving(&self, uid: &Uid, session: &SessionKey) -> bool {
        self.is(uid, session, Life::Leaving)
    }

    /// Whether the session holds the uid and keeps it.
    pub(super) fn holds(&self, uid: &Uid, session: &SessionKey) -> bool {
        self.is(uid, session, Life::Bound)
    }

    /// The number of a frontend's sessions that hold a uid.
    pub(super) fn bound_at(&self, frontend: &ServerId) -> usize {
        self.counts.get(frontend).copied().unwrap_or(0)
    }

    /// All holders, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Uid, &SessionKey)> {
        self.holders.iter().map(|(uid, holder)| (uid, &holder.session))
    }

    /// The first holders whose uid contains `search` and is not being given up, by uid; and their
    /// total number.
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

    /// All holders, by uid.
    pub fn all(&self) -> Vec<(Uid, SessionKey)> {
        let mut all: Vec<_> = self.iter().map(|(uid, session)| (uid.clone(), session.clone())).collect();
        all.sort();
        all
    }

    /// The session that holds `uid`.
    pub fn get(&self, uid: &Uid) -> Option<&SessionKey> {
        self.holders.get(uid).map(|holder| &holder.session)
    }

    /// The number of uids held.
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// Whether no uid is held.
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

/// The message by which a frontend closes a session.
pub(super) fn kick(SessionKey { frontend, session }: &SessionKey, reason: &str) -> (ServerId, Payload) {
    (frontend.clone(), Payload::Kick { session: *session, reason: reason.into() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
