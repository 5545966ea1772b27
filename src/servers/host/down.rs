//! A server whose logic has failed: the wait before its restart, and the deliveries buffered until
//! then.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::calls::Calls;
use crate::envelope::{CallId, Envelope, Payload, Recipients};
use crate::ids::SessionId;
use crate::servers::outbox::Delivery;
use crate::time::Time;
use crate::wire::PushFrame;

/// The first restart is immediate. If another panic follows within this time, the next restart
/// waits.
const CALM: Duration = Duration::from_secs(10);

/// The wait before the second restart in a row. Each further restart doubles it.
const BACKOFF: Duration = Duration::from_millis(100);

/// The longest wait, shorter than clients wait for their answers.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The recent failures of the logic.
#[derive(Default)]
pub(super) struct Crashes {
    /// The logic failed in the present delivery.
    pub(super) pending: bool,
    pub(super) in_a_row: u32,
    last: Time,
}

impl Crashes {
    /// Returns the wait before this restart.
    pub(super) fn wait(&mut self, now: Time) -> Duration {
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

/// The state of a server that is down.
pub(super) struct Down {
    /// When the server asks for its rooms. None once it has asked.
    pub(super) back_at: Option<Time>,
    /// Buffered deliveries, in order. Bounded by the number that their senders may have in flight.
    queue: VecDeque<Delivery>,
    /// Clients with an answer in the queue: later pushes to them wait behind it.
    behind: BTreeSet<SessionId>,
}

impl Down {
    pub(super) fn new<L>(back_at: Option<Time>, queue: VecDeque<Delivery>, calls: &Calls<L>) -> Self {
        let behind = queue.iter().filter_map(|delivery| client_of(delivery, calls)).collect();
        Self { back_at, queue, behind }
    }

    /// The buffered deliveries, in order.
    pub(super) fn into_queue(self) -> VecDeque<Delivery> {
        self.queue
    }

    pub(super) fn wait<L>(&mut self, delivery: Delivery, calls: &Calls<L>) {
        self.behind.extend(client_of(&delivery, calls));
        self.queue.push_back(delivery);
    }

    /// Whether an answer can pass now: it needs no logic, and its client waits for no earlier
    /// delivery.
    pub(super) fn lets_pass<L>(&self, call: CallId, calls: &Calls<L>) -> bool {
        let waits = calls.client(call).is_some_and(|client| self.behind.contains(&client));
        calls.needs_no_logic(call) && !waits
    }

    /// Buffers a push for the clients with an answer in the queue. Returns the others.
    pub(super) fn hold_back(
        &mut self,
        sessions: Recipients,
        envelope: impl Fn(Recipients) -> Envelope,
    ) -> Recipients {
        if self.behind.is_empty() {
            return sessions;
        }
        let (waiting, free): (Vec<SessionId>, Vec<SessionId>) =
            sessions.as_slice().iter().partition(|session| self.behind.contains(session));
        let waiting = waiting.into_iter().map(|session| envelope(Recipients::One(session)));
        self.queue.extend(waiting.map(Delivery::Envelope));
        Recipients::Many(free.into())
    }

    /// Releases the pushes behind an answer that came too late, and returns them. Without this, a
    /// crash loop would accumulate pushes.
    pub(super) fn pass_late(&mut self, client: SessionId) -> Vec<PushFrame> {
        let mut late = Vec::new();
        if self.behind.remove(&client) {
            self.queue.retain(|delivery| match delivery {
                Delivery::Envelope(Envelope {
                    payload: Payload::Push { sessions: Recipients::One(session), frame },
                    ..
                }) if *session == client => {
                    late.push(frame.clone());
                    false
                }
                _ => true,
            });
        }
        late
    }
}

/// The client whose order the queue must keep: the receiver of an answer, or of a push that waits
/// behind one.
fn client_of<L>(delivery: &Delivery, calls: &Calls<L>) -> Option<SessionId> {
    let Delivery::Envelope(Envelope { payload, .. }) = delivery else { return None };
    match payload {
        Payload::Answer { call, .. } => calls.client(*call),
        Payload::Push { sessions: Recipients::One(session), .. } => Some(*session),
        _ => None,
    }
}
