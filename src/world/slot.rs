//! A server of the world: its state machine, its queue, and the fact that the supervisor waits for.

use crate::envelope::Payload;
use crate::servers::{Delivery, Effect, Outbox, Server};
use crate::supervisor::Fact;
use crate::time::Time;

use super::queue::Queue;
use super::work::Sent;

/// One server of the world.
#[derive(Default)]
pub(super) struct Slot {
    /// None while the server is down.
    pub(super) server: Option<Box<dyn Server>>,
    /// Deliveries, each with its number where servers take turns. Where deliveries have costs, one
    /// is in service. Pausing a server pauses its queue.
    pub(super) queue: Queue<(u64, Delivery), ()>,
    /// The effects of the current delivery.
    pub(super) out: Outbox,
    /// Deliveries that are finished.
    pub(super) done: u64,
    /// Whether a tick came due while the server was busy.
    pub(super) tick_due: bool,
    /// The time of the planned tick.
    pub(super) tick_at: Option<Time>,
    /// Whether the router may choose the server.
    pub(super) is_listed: bool,
    /// The fact that the supervisor waits for.
    pub(super) awaits: Option<Fact>,
    /// The number of deliveries up to the supervisor's last one, finished or pending.
    pub(super) told: u64,
    /// Once this many deliveries are finished, the clients get this reason and are disconnected.
    pub(super) shut: Option<(u64, &'static str)>,
}

impl Slot {
    /// The number of deliveries received.
    pub(super) fn came(&self) -> u64 {
        self.done + u64::from(self.queue.in_system())
    }

    /// Drops the pending work of a server that has ended.
    pub(super) fn clear(&mut self, now: Time) {
        self.queue.clear(now);
        self.out.effects.clear();
        self.server = None;
        self.told = 0;
        (self.is_listed, self.tick_due) = (false, false);
        (self.tick_at, self.awaits, self.shut) = (None, None, None);
    }

    /// Counts what the current delivery makes the server send, with this many connected clients.
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
