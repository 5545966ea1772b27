//! A server whose handler has panicked starts again: new state, and its rooms back from the router.

use std::collections::{BTreeSet, VecDeque};
use std::panic::catch_unwind;
use std::time::Duration;

use super::Host;
use crate::channels::Channels;
use crate::envelope::{CallId, Destination, Envelope, Payload, Recipients, Room};
use crate::ids::{ServerId, SessionId};
use crate::servers::ServerLogic;
use crate::servers::outbox::{Delivery, Effect, Outbox};
use crate::time::Time;
use crate::trace::{Trail, What};
use crate::wire::PushFrame;

/// The first restart is immediate. If another panic follows within this time, it is waited before the next.
const CALM: Duration = Duration::from_secs(10);

/// The second restart in a row waits this long, each further one twice as long as the one before.
const BACKOFF: Duration = Duration::from_millis(100);

/// The longest wait: less than clients wait for their answers.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// While the server is not up.
pub(super) struct Down {
    /// When it asks for its rooms; none when it has.
    pub(super) back_at: Option<Time>,
    /// What has come meanwhile, in order. Bounded by what its senders may have under way.
    queue: VecDeque<Delivery>,
    /// Clients for whom an answer is in the queue: what is pushed to them later waits behind it.
    behind: BTreeSet<SessionId>,
}

/// How often the logic has failed lately.
#[derive(Default)]
pub(super) struct Crashes {
    /// It has failed in the delivery at hand.
    pub(super) pending: bool,
    in_a_row: u32,
    last: Time,
}

impl Crashes {
    /// How long to wait this time.
    fn wait(&mut self, now: Time) -> Duration {
        if now.since(self.last) > CALM {
            self.in_a_row = 0;
        }
        (self.last, self.in_a_row) = (now, self.in_a_row + 1);
        match self.in_a_row {
            1 => Duration::ZERO,
            again => BACKOFF.saturating_mul(1 << (again - 2).min(10)).min(BACKOFF_MAX),
        }
    }
}

impl<L: ServerLogic> Host<L> {
    /// The logic has panicked: nothing that it kept can be trusted.
    pub(super) fn go_down(&mut self, now: Time, out: &mut Outbox) {
        let wait = self.crashes.wait(now);
        self.counters.restarts += 1;
        self.channels = Channels::default();
        // What was left of an earlier queue comes first; but for calls that nobody waits for any more, since one that fails
        // at every start would gather them for ever.
        let mut queue = self.down.take().map(|down| down.queue).unwrap_or_default();
        let before = queue.len();
        queue.retain(|delivery| !is_too_late(delivery, now));
        self.counters.expired += (before - queue.len()) as u64;
        log::warn!("server restarts server={} wait={wait:?} in_a_row={}", self.id(), self.crashes.in_a_row);
        self.stay_down(Some(now + wait), queue);
        if wait.is_zero() {
            self.ask_for_rooms(out);
        }
    }

    /// A delivery while the server is not up. What needs no logic passes, the rest waits.
    pub(super) fn take_while_down(&mut self, now: Time, delivery: Delivery, out: &mut Outbox) {
        match delivery {
            Delivery::Envelope(Envelope { payload: Payload::Restored { rooms }, .. }) => {
                self.come_up(now, rooms, out)
            }
            Delivery::Envelope(Envelope { from, to, payload: Payload::Push { sessions, frame }, trace }) => {
                out.follow(trace.map(|trace| Trail { trace, waited: Duration::ZERO }));
                self.push_while_down(from, to, sessions, frame, out);
            }
            Delivery::Envelope(Envelope { payload: Payload::Answer { call, result }, .. })
                if self.passes_while_down(call) =>
            {
                self.answered(now, call, result, out);
            }
            Delivery::Envelope(Envelope { payload: Payload::Broadcast { frame }, .. }) => {
                out.effects.push(Effect::Broadcast { frame });
            }
            Delivery::Tick => {
                if self.down.as_ref().and_then(|down| down.back_at).is_some_and(|at| at <= now) {
                    self.ask_for_rooms(out);
                }
                self.expire_while_down(now, out);
            }
            Delivery::GivingUp => self.give_up(now, out),
            other => {
                let behind = self.client_of(&other);
                if let Some(down) = &mut self.down {
                    down.behind.extend(behind);
                    down.queue.push_back(other);
                }
            }
        }
    }

    fn stay_down(&mut self, back_at: Option<Time>, queue: VecDeque<Delivery>) {
        let behind = queue.iter().filter_map(|delivery| self.client_of(delivery)).collect();
        self.down = Some(Down { back_at, queue, behind });
    }

    /// For whom the queue must keep its order: the client that an answer is for, or to whom a push waits behind one.
    fn client_of(&self, delivery: &Delivery) -> Option<SessionId> {
        match delivery {
            Delivery::Envelope(Envelope { payload: Payload::Answer { call, .. }, .. }) => {
                self.calls.client(*call)
            }
            Delivery::Envelope(Envelope {
                payload: Payload::Push { sessions: Recipients::One(session), .. },
                ..
            }) => Some(*session),
            _ => None,
        }
    }

    /// Whether an answer needs no logic, nor waits behind one that does.
    fn passes_while_down(&self, call: CallId) -> bool {
        let client = self.calls.client(call);
        let waits = |down: &Down| client.is_some_and(|client| down.behind.contains(&client));
        self.calls.is_forwarded(call) && !self.down.as_ref().is_some_and(waits)
    }

    fn push_while_down(
        &mut self,
        from: ServerId,
        to: Destination,
        sessions: Recipients,
        frame: PushFrame,
        out: &mut Outbox,
    ) {
        let Some(down) = self.down.as_mut().filter(|down| !down.behind.is_empty()) else {
            out.step(|_| What::Delivered { sessions: sessions.as_slice().len() });
            return out.effects.push(Effect::Push { sessions, frame });
        };
        let (waiting, free): (Vec<SessionId>, Vec<SessionId>) =
            sessions.as_slice().iter().partition(|session| down.behind.contains(session));
        for session in waiting {
            let payload = Payload::Push { sessions: Recipients::One(session), frame: frame.clone() };
            let trace = out.trail().map(|trail| trail.trace);
            let envelope = Envelope { from: from.clone(), to: to.clone(), payload, trace };
            down.queue.push_back(Delivery::Envelope(envelope));
        }
        if !free.is_empty() {
            out.step(|_| What::Delivered { sessions: free.len() });
            out.effects.push(Effect::Push { sessions: Recipients::Many(free.into()), frame });
        }
    }

    /// Nothing waits behind an answer any more that has come too late: so no crash loop gathers pushes.
    pub(super) fn pass_late(&mut self, client: SessionId, out: &mut Outbox) {
        let Some(down) = &mut self.down else { return };
        if !down.behind.remove(&client) {
            return;
        }
        for delivery in std::mem::take(&mut down.queue) {
            match delivery {
                Delivery::Envelope(Envelope {
                    payload: Payload::Push { sessions: Recipients::One(session), frame },
                    ..
                }) if session == client => {
                    out.effects.push(Effect::Push { sessions: Recipients::One(session), frame });
                }
                other => down.queue.push_back(other),
            }
        }
    }

    fn ask_for_rooms(&mut self, out: &mut Outbox) {
        if let Some(down) = &mut self.down {
            down.back_at = None;
        }
        out.send(self.id(), Destination::Router, Payload::Restarted);
    }

    /// The rooms are back. What has waited is done, unless the logic fails again.
    fn come_up(&mut self, now: Time, rooms: Vec<Room>, out: &mut Outbox) {
        let spec = &self.setup.spec;
        match catch_unwind(|| L::create(spec)) {
            Ok(logic) => self.logic = logic,
            Err(_) => {
                log::error!("server cannot be made anew server={}", self.id());
                self.crashes.pending = true;
                return;
            }
        }
        self.channels = Channels::default();
        self.adopt(rooms);
        let mut queue = self.down.take().map(|down| down.queue).unwrap_or_default();
        self.hook(now, None, out, L::after_start);
        self.expire(now, out);
        self.release_all(now, out);
        while !self.crashes.pending
            && let Some(delivery) = queue.pop_front()
        {
            self.take(now, delivery, out);
        }
        if !queue.is_empty() {
            self.stay_down(None, queue);
        }
    }
}

/// A call whose deadline has come: its caller has given up.
fn is_too_late(delivery: &Delivery, now: Time) -> bool {
    match delivery {
        Delivery::Envelope(Envelope { payload: Payload::Invoke(invoke), .. }) => {
            invoke.call.is_some() && invoke.deadline <= now
        }
        _ => false,
    }
}
