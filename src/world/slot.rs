//! A server of the world: the machine, what waits for it, and what the supervisor waits for.

use crate::envelope::Payload;
use crate::servers::{Delivery, Effect, Outbox, Server};
use crate::supervisor::Fact;
use crate::time::Time;

use super::queue::Queue;
use super::work::Sent;

/// See the module.
#[derive(Default)]
pub(super) struct Slot {
    /// None while it is not up.
    pub(super) server: Option<Box<dyn Server>>,
    /// Deliveries, each with its number where servers take turns; one is served where deliveries cost
    /// something. A server that hangs is paused.
    pub(super) queue: Queue<(u64, Delivery), ()>,
    /// What comes of the delivery at hand.
    pub(super) out: Outbox,
    /// Deliveries that are done.
    pub(super) done: u64,
    /// A tick has come while it was busy.
    pub(super) tick_due: bool,
    /// When a tick is planned.
    pub(super) tick_at: Option<Time>,
    /// The router may choose it.
    pub(super) is_listed: bool,
    /// What the supervisor waits for.
    pub(super) awaits: Option<Fact>,
    /// The supervisor gave it something when so many deliveries were done or in hand.
    pub(super) told: u64,
    /// When so many deliveries are done, its clients are told this and cut off.
    pub(super) shut: Option<(u64, &'static str)>,
}

impl Slot {
    /// Deliveries that have come.
    pub(super) fn came(&self) -> u64 {
        self.done + u64::from(self.queue.in_system())
    }

    /// Forgets what a server that has ended had in hand.
    pub(super) fn clear(&mut self, now: Time) {
        self.queue.clear(now);
        self.out.effects.clear();
        self.server = None;
        self.told = 0;
        (self.is_listed, self.tick_due) = (false, false);
        (self.tick_at, self.awaits, self.shut) = (None, None, None);
    }

    /// What the present delivery makes it send, with so many clients connected.
    pub(super) fn sent(&self, connections: usize) -> Sent {
        let mut sent = Sent::default();
        for effect in &self.out.effects {
            match effect {
                Effect::Send(envelope) => {
                    sent.envelopes += 1;
                    if let Payload::Push { sessions, .. } = &envelope.payload {
                        sent.members += sessions.as_slice().len() as u64;
                    }
                }
                Effect::Push { sessions, .. } => sent.writes += sessions.as_slice().len() as u64,
                Effect::Broadcast { .. } => sent.writes += connections as u64,
                _ => {}
            }
        }
        sent
    }
}
