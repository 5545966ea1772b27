//! A frontend's clients: their sessions, the messages of theirs that wait, and the uids that they
//! have given up.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::envelope::Session;
use crate::ids::{SessionId, SessionKey, Uid};
use crate::time::Time;

/// How many messages of a session may wait for a handler of the frontend itself. Its port stops
/// reading long before; only a client that crams thousands into one piece comes this far, and is
/// answered with 503.
pub(super) const WAITING_MAX: usize = 4096;

/// See the module.
#[derive(Default)]
pub(super) struct Clients {
    by_session: FxHashMap<SessionId, Client>,
    /// Uids that sessions have given up, by session and its binding, while calls of theirs are in
    /// flight: a call that enters a room must not be carried out after the leave.
    leaving: HashMap<(SessionId, u32), Leaving>,
}

/// A client of this frontend.
pub(super) struct Client {
    pub(super) session: Session,
    /// A handler of this frontend works for it: later messages wait, so that a `send` right behind
    /// an `enter` finds its room.
    pub(super) busy: bool,
    /// How often it has given up a uid.
    binding: u32,
    /// Calls in flight for it, since then.
    calls: usize,
    /// With when they came.
    waiting: VecDeque<(Bytes, Time)>,
    /// A token bucket: the messages that it may still send. It holds one second's worth.
    allowance: f64,
    allowed_at: Time,
}

/// A uid that a session has given up, and the calls that are still in flight for the two.
struct Leaving {
    uid: Uid,
    calls: usize,
}

impl Clients {
    pub(super) fn open(&mut self, now: Time, key: SessionKey) {
        let client = Client {
            session: Session::new(key.clone()),
            busy: false,
            binding: 0,
            calls: 0,
            waiting: VecDeque::new(),
            allowance: f64::INFINITY,
            allowed_at: now,
        };
        self.by_session.insert(key.session, client);
    }

    #[inline]
    pub(super) fn get(&self, session: SessionId) -> Option<&Client> {
        self.by_session.get(&session)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, session: SessionId) -> Option<&mut Client> {
        self.by_session.get_mut(&session)
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Client> {
        self.by_session.remove(&session)
    }

    /// In no order.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &Client> {
        self.by_session.values()
    }

    /// The sessions with messages that can be taken up, in order.
    pub(super) fn ready(&self) -> Vec<SessionId> {
        let ready = self.all().filter(|client| !client.busy && !client.waiting.is_empty());
        let mut ready: Vec<SessionId> = ready.map(|client| client.session.key.session).collect();
        ready.sort();
        ready
    }

    /// A call has ended that was in flight for a binding of a client. Gives the uid that can be
    /// given back now.
    pub(super) fn end_call(&mut self, session: SessionId, binding: u32) -> Option<Uid> {
        if let Some(client) = self.by_session.get_mut(&session).filter(|client| client.binding == binding) {
            client.calls = client.calls.saturating_sub(1);
            return None;
        }
        let leaving = self.leaving.get_mut(&(session, binding))?;
        leaving.calls = leaving.calls.saturating_sub(1);
        if leaving.calls > 0 {
            return None;
        }
        self.leaving.remove(&(session, binding)).map(|leaving| leaving.uid)
    }

    /// A session has given up its uid, with so many calls of that binding in flight. Gives the uid
    /// that can be given back now.
    pub(super) fn leave(&mut self, session: SessionId, over: (u32, usize), uid: Uid) -> Option<Uid> {
        let (binding, calls) = over;
        if calls == 0 {
            return Some(uid);
        }
        self.leaving.insert((session, binding), Leaving { uid, calls });
        None
    }

    /// A session wants a uid again that it has given up. Gives how often that was not given back.
    pub(super) fn reclaim(&mut self, session: SessionId, uid: &Uid) -> usize {
        if self.by_session.get(&session).is_none_or(|client| client.binding == 0) {
            return 0;
        }
        let is_it = |(of, _): &(SessionId, u32), leaving: &mut Leaving| *of == session && leaving.uid == *uid;
        self.leaving.extract_if(is_it).count()
    }
}

impl Client {
    /// A call is in flight for it. Gives the binding to which it counts.
    pub(super) fn begin_call(&mut self) -> u32 {
        self.calls += 1;
        self.binding
    }

    /// It has given up its uid: calls count anew. Gives the binding that is over, and its calls.
    pub(super) fn begin_binding(&mut self) -> (u32, usize) {
        self.binding = self.binding.wrapping_add(1);
        (self.binding.wrapping_sub(1), std::mem::take(&mut self.calls))
    }

    /// Takes one message from what it may still send; false when nothing is left.
    pub(super) fn may_send(&mut self, now: Time, per_second_max: u32) -> bool {
        let most = f64::from(per_second_max);
        self.allowance = (self.allowance + now.since(self.allowed_at).as_secs_f64() * most).min(most);
        self.allowed_at = now;
        let allowed = self.allowance >= 1.0;
        if allowed {
            self.allowance -= 1.0;
        }
        allowed
    }

    /// Has a message wait; gives it back when too many do.
    pub(super) fn wait(&mut self, bytes: Bytes, since: Time) -> Result<(), Bytes> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(bytes);
        }
        self.waiting.push_back((bytes, since));
        Ok(())
    }

    /// The next message that waits, unless a handler works for the client.
    pub(super) fn next_waiting(&mut self) -> Option<(Bytes, Time)> {
        if self.busy { None } else { self.waiting.pop_front() }
    }
}
