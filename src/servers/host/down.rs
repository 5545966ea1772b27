//! A server whose logic has failed: how long it waits before it starts again, and the deliveries
//! that wait for that.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::calls::Calls;
use crate::envelope::{CallId, Envelope, Payload, Recipients};
use crate::ids::SessionId;
use crate::servers::outbox::Delivery;
use crate::time::Time;
use crate::wire::PushFrame;

/// The first restart is immediate. If another panic follows within this time, the next one waits.
const CALM: Duration = Duration::from_secs(10);

/// The second restart in a row waits this long, each further one twice as long as the one before.
const BACKOFF: Duration = Duration::from_millis(100);

/// The longest wait: less than clients wait for their answers.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// How often the logic has failed lately.
#[derive(Default)]
pub(super) struct Crashes {
    /// It has failed in the present delivery.
    pub(super) pending: bool,
    pub(super) in_a_row: u32,
    last: Time,
}

impl Crashes {
    /// How long to wait this time.
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

/// While the server is not up.
pub(super) struct Down {
    /// When it asks for its rooms; none when it has.
    pub(super) back_at: Option<Time>,
    /// What has come meanwhile, in order. Bounded by what its senders may have in flight.
    queue: VecDeque<Delivery>,
    /// Clients for whom an answer is in the queue: what is pushed to them later waits behind it.
    behind: BTreeSet<SessionId>,
}

impl Down {
    pub(super) fn new<L>(back_at: Option<Time>, queue: VecDeque<Delivery>, calls: &Calls<L>) -> Self {
        let behind = queue.iter().filter_map(|delivery| client_of(delivery, calls)).collect();
        Self { back_at, queue, behind }
    }

    /// What has waited, in order.
    pub(super) fn into_queue(self) -> VecDeque<Delivery> {
        self.queue
    }

    pub(super) fn wait<L>(&mut self, delivery: Delivery, calls: &Calls<L>) {
        self.behind.extend(client_of(&delivery, calls));
        self.queue.push_back(delivery);
    }

    /// Whether an answer needs no logic, nor waits behind one that does.
    pub(super) fn lets_pass<L>(&self, call: CallId, calls: &Calls<L>) -> bool {
        let waits = calls.client(call).is_some_and(|client| self.behind.contains(&client));
        calls.needs_no_logic(call) && !waits
    }

    /// Has a push wait for those clients that an answer waits for. Gives the others.
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

    /// Nothing waits any more behind an answer that has come too late: so no crash loop gathers
    /// pushes. Gives those that have waited.
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

/// For whom the queue must keep its order: the client that an answer is for, or to whom a push waits
/// behind one.
fn client_of<L>(delivery: &Delivery, calls: &Calls<L>) -> Option<SessionId> {
    let Delivery::Envelope(Envelope { payload, .. }) = delivery else { return None };
    match payload {
        Payload::Answer { call, .. } => calls.client(*call),
        Payload::Push { sessions: Recipients::One(session), .. } => Some(*session),
        _ => None,
    }
}
