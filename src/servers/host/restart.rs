//! The restart of a server after a panic: new state, and its rooms back from the router.

use std::panic::catch_unwind;
use std::time::Duration;

use super::Host;
use super::down::Down;
use crate::channels::Channels;
use crate::envelope::{Destination, Envelope, Payload, Room};
use crate::servers::ServerLogic;
use crate::servers::outbox::{Delivery, Effect, Outbox};
use crate::time::Time;
use crate::trace::{Trail, What};

impl<L: ServerLogic> Host<L> {
    /// Takes the server down after a panic of the logic: its state cannot be trusted any more.
    pub(super) fn go_down(&mut self, out: &mut Outbox) {
        let wait = self.crashes.wait(self.now);
        self.counters.restarts += 1;
        self.channels = Channels::default();
        // Deliveries from an earlier queue come first. Drop expired calls: a call that fails at
        // every start would otherwise keep them in the queue forever.
        let mut queue = self.down.take().map(Down::into_queue).unwrap_or_default();
        let before = queue.len();
        queue.retain(|delivery| !is_too_late(delivery, self.now));
        self.counters.expired += (before - queue.len()) as u64;
        log::warn!("server restarts server={} wait={wait:?} in_a_row={}", self.id(), self.crashes.in_a_row);
        self.down = Some(Down::new(Some(self.now + wait), queue, &self.calls));
        if wait.is_zero() {
            self.ask_for_rooms(out);
        }
    }

    /// Takes a delivery while the server is down. Deliveries that need no logic pass; the others
    /// are buffered.
    pub(super) fn take_while_down(&mut self, delivery: Delivery, out: &mut Outbox) {
        let Some(down) = &mut self.down else { return };
        match delivery {
            Delivery::Envelope(Envelope { payload: Payload::Restored { rooms }, .. }) => {
                self.come_up(rooms, out)
            }
            Delivery::Envelope(Envelope { from, to, payload: Payload::Push { sessions, frame }, trace }) => {
                out.follow(trace.map(|trace| Trail { trace, waited: Duration::ZERO }));
                let sessions = down.hold_back(sessions, |sessions| {
                    let payload = Payload::Push { sessions, frame: frame.clone() };
                    Envelope { from: from.clone(), to: to.clone(), payload, trace }
                });
                if !sessions.as_slice().is_empty() {
                    out.step(|_| What::Delivered { sessions: sessions.as_slice().len() });
                    out.effects.push(Effect::Push { sessions, frame });
                }
            }
            Delivery::Envelope(Envelope { payload: Payload::Answer { call, result }, .. })
                if down.lets_pass(call, &self.calls) =>
            {
                self.answered(call, result, out);
            }
            Delivery::Envelope(Envelope { payload: Payload::Broadcast { frame }, .. }) => {
                out.effects.push(Effect::Broadcast { frame });
            }
            Delivery::Tick => {
                if down.back_at.is_some_and(|at| at <= self.now) {
                    self.ask_for_rooms(out);
                }
                self.expire_while_down(out);
            }
            Delivery::GivingUp => self.give_up(out),
            other => down.wait(other, &self.calls),
        }
    }

    fn ask_for_rooms(&mut self, out: &mut Outbox) {
        if let Some(down) = &mut self.down {
            down.back_at = None;
        }
        out.send(self.id(), Destination::Router, Payload::Restarted);
    }

    /// Brings the server up with its rooms. Buffered deliveries run until the logic fails again.
    fn come_up(&mut self, rooms: Vec<Room>, out: &mut Outbox) {
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
        let mut queue = self.down.take().map(Down::into_queue).unwrap_or_default();
        self.hook(None, out, L::after_start);
        // Oldest work first: overdue calls, then messages that waited for a handler, then the
        // buffer.
        self.expire(out);
        for session in self.clients.ready() {
            self.release(session, out);
        }
        while !self.crashes.pending
            && let Some(delivery) = queue.pop_front()
        {
            self.take(delivery, out);
        }
        if !queue.is_empty() {
            self.down = Some(Down::new(None, queue, &self.calls));
        }
    }
}

/// Whether a call is past its deadline, so that its caller has given up.
fn is_too_late(delivery: &Delivery, now: Time) -> bool {
    match delivery {
        Delivery::Envelope(Envelope { payload: Payload::Invoke(invoke), .. }) => {
            invoke.call.is_some() && invoke.deadline <= now
        }
        _ => false,
    }
}
