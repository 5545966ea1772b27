//! A frontend's clients: their sessions, their waiting messages, and the uids that they gave up.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::envelope::{Asker, Session};
use crate::ids::{SessionId, SessionKey, Uid, counted_as};
use crate::time::Time;

/// Messages of a session that may wait for a handler on the frontend itself. The port stops reading
/// much earlier, so only a client that packs thousands of messages into one chunk reaches this
/// limit. It is answered with 503.
pub(super) const WAITING_MAX: usize = 4096;

/// All clients of a frontend, and the uids that wait for their last calls.
#[derive(Default)]
pub(super) struct Clients {
    by_session: FxHashMap<SessionId, Client>,
    /// Uids that sessions gave up, by session and binding, while their calls are in flight: a call
    /// that enters a room must not run after the leave.
    leaving: HashMap<(SessionId, u32), Leaving>,
}

/// A client of this frontend.
pub(super) struct Client {
    pub(super) session: Session,
    /// The address by which it is counted.
    address: Option<IpAddr>,
    /// A handler of this frontend works for the client. Later messages wait, so that a `send` right
    /// after an `enter` finds its room.
    pub(super) busy: bool,
    /// How often the client gave up a uid.
    binding: u32,
    /// Calls in flight for the present binding.
    calls: usize,
    /// Waiting messages with their times of arrival.
    waiting: VecDeque<(Bytes, Time)>,
    /// A token bucket with the capacity of one second: messages that the client may still send.
    allowance: f64,
    allowed_at: Time,
}

/// A uid that a session gave up, and the number of calls still in flight for the two.
struct Leaving {
    uid: Uid,
    calls: usize,
}

impl Clients {
    pub(super) fn open(&mut self, now: Time, key: SessionKey, peer: Option<SocketAddr>) {
        let client = Client {
            session: Session::new(key.clone()),
            address: peer.map(counted_as),
            busy: false,
            binding: 0,
            calls: 0,
            waiting: VecDeque::new(),
            allowance: f64::INFINITY,
            allowed_at: now,
        };
        self.by_session.insert(key.session, client);
    }

    /// The client of a session. The addresses of other frontends' clients are not known here.
    pub(super) fn asker(&self, Session { key, .. }: &Session) -> Asker {
        let own = self.get(key.session).filter(|client| client.session.key == *key);
        Asker { session: key.clone(), address: own.and_then(|client| client.address) }
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

    /// All clients, in no particular order.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &Client> {
        self.by_session.values()
    }

    /// The sessions whose waiting messages can run now, sorted.
    pub(super) fn ready(&self) -> Vec<SessionId> {
        let ready = self.all().filter(|client| !client.busy && !client.waiting.is_empty());
        let mut ready: Vec<SessionId> = ready.map(|client| client.session.key.session).collect();
        ready.sort();
        ready
    }

    /// Ends a call of a client's binding. Returns the uid that can be given back now.
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

    /// Ends a session's binding, with the number of its calls in flight. Returns the uid that can
    /// be given back now.
    pub(super) fn leave(&mut self, session: SessionId, over: (u32, usize), uid: Uid) -> Option<Uid> {
        let (binding, calls) = over;
        if calls == 0 {
            return Some(uid);
        }
        self.leaving.insert((session, binding), Leaving { uid, calls });
        None
    }

    /// Takes back a uid that a session gave up and now wants again. Returns how often its return
    /// was still pending.
    pub(super) fn reclaim(&mut self, session: SessionId, uid: &Uid) -> usize {
        if self.by_session.get(&session).is_none_or(|client| client.binding == 0) {
            return 0;
        }
        let is_it = |(of, _): &(SessionId, u32), leaving: &mut Leaving| *of == session && leaving.uid == *uid;
        self.leaving.extract_if(is_it).count()
    }
}

impl Client {
    /// Counts a call in flight. Returns the binding that it counts to.
    pub(super) fn begin_call(&mut self) -> u32 {
        self.calls += 1;
        self.binding
    }

    /// Begins a new binding after the client gave up its uid. Returns the ended binding and its
    /// calls in flight.
    pub(super) fn begin_binding(&mut self) -> (u32, usize) {
        self.binding = self.binding.wrapping_add(1);
        (self.binding.wrapping_sub(1), std::mem::take(&mut self.calls))
    }

    /// Takes one message from the client's allowance. Returns false if none is left.
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

    /// Buffers a message. Returns it if too many wait.
    pub(super) fn wait(&mut self, bytes: Bytes, since: Time) -> Result<(), Bytes> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(bytes);
        }
        self.waiting.push_back((bytes, since));
        Ok(())
    }

    /// Returns the next waiting message, unless a handler works for the client.
    pub(super) fn next_waiting(&mut self) -> Option<(Bytes, Time)> {
        if self.busy { None } else { self.waiting.pop_front() }
    }
}
