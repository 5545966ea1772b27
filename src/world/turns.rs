//! Mailboxes: router and servers take turns, in the order of sending or as a seed draws them.

use std::collections::VecDeque;
use std::time::Duration;

use super::World;
use crate::envelope::Envelope;
use crate::random::Random;
use crate::servers::Delivery;

/// The order of turns, and the router's mailbox.
#[derive(Default)]
pub(super) struct Turns {
    /// Draws each turn. None: turns follow the order of sending.
    random: Option<Random>,
    /// The output of one delivery as a unit: it is carried whole or, if its server has been killed,
    /// not at all.
    mail: VecDeque<(u64, u16, Vec<Envelope>)>,
    said: Vec<Envelope>,
    last: u64,
}

/// An actor that may take a turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Router,
    Server(u16),
    /// The next decision of the supervisor is carried out.
    Decision,
    /// The supervisor learns that an awaited fact of this server holds.
    Fact(u16),
}

impl Turns {
    pub(super) fn drawn(random: Random) -> Self {
        Self { random: Some(random), ..Self::default() }
    }

    pub(super) fn is_drawn(&self) -> bool {
        self.random.is_some()
    }

    /// Returns the number of the next sent item.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Adds an envelope to the output of the current delivery.
    pub(super) fn say(&mut self, envelope: Envelope) {
        self.said.push(envelope);
    }

    /// Sends the output of the finished delivery to the router's mailbox.
    pub(super) fn send(&mut self, station: u16) {
        if !self.said.is_empty() {
            let number = self.number();
            self.mail.push_back((number, station, std::mem::take(&mut self.said)));
        }
    }

    /// Drops the unsent output of an ended server. In a live cluster the router reads and ignores
    /// it before it learns about a new server with the same id.
    pub(super) fn drop_mail_of(&mut self, station: u16) {
        self.mail.retain(|(_, from, _)| *from != station);
    }

    /// Whether the router has received all output of a server.
    pub(super) fn has_carried(&self, station: u16) -> bool {
        self.mail.iter().all(|(_, from, _)| *from != station)
    }
}

impl World {
    /// Takes turns until none is possible.
    pub fn settle(&mut self) {
        while self.turn() {}
    }

    /// Takes one turn: one delivery, one batch of envelopes, or one step of the supervisor. Returns
    /// false if no turn is possible.
    pub fn turn(&mut self) -> bool {
        let Some(turns) = &self.turns else { return false };
        let mut ready: Vec<(u64, Turn)> = Vec::new();
        ready.extend(turns.mail.front().map(|(number, ..)| (*number, Turn::Router)));
        for (station, slot) in (0..).zip(&self.slots) {
            let first = slot.queue.waiting().front().filter(|_| !slot.queue.is_paused());
            ready.extend(first.map(|(number, _)| (*number, Turn::Server(station))));
        }
        // In the order of sending, the supervisor's turns come after all mailboxes are empty.
        if !self.decisions.is_empty() {
            ready.push((u64::MAX, Turn::Decision));
        }
        ready.extend(self.facts().map(|station| (u64::MAX, Turn::Fact(station))));
        let Some(turns) = &mut self.turns else { return false };
        let turn = match &mut turns.random {
            _ if ready.is_empty() => return false,
            Some(random) => ready.swap_remove(random.index(ready.len())).1,
            None => ready.into_iter().min().map_or(Turn::Router, |(_, turn)| turn),
        };
        match turn {
            Turn::Router => {
                let Some((_, _, batch)) = turns.mail.pop_front() else { return false };
                batch.iter().for_each(|envelope| log::trace!("{:?} router <- {envelope:?}", self.now));
                self.order(|router, now, out| {
                    batch.into_iter().for_each(|envelope| router.route(now, envelope, out))
                });
            }
            Turn::Server(station) => self.take_delivery(station),
            Turn::Decision => self.carry_out_next(),
            Turn::Fact(station) => self.learn_of(station),
        }
        true
    }

    fn take_delivery(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        let (Some(server), Some((_, delivery))) = (&mut slot.server, slot.queue.take_next()) else {
            return;
        };
        log::trace!("{:?} {} <- {delivery:?}", self.now, self.stations.at(station).spec.id);
        server.deliver(self.now, delivery, &mut slot.out);
        slot.done += 1;
        self.release(station);
        self.shut_if_due(station);
    }

    /// Advances the time in one step. Every server with a deadline in between gets a tick, and the
    /// results stay in the mailboxes.
    pub fn pass(&mut self, by: Duration) {
        self.now = self.now + by;
        if self.router.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.order(|router, now, out| router.tick(now, out));
        }
        for station in 0..self.slots.len() {
            let server = self.slots[station].server.as_ref();
            if server.and_then(|server| server.next_deadline()).is_some_and(|deadline| deadline <= self.now) {
                self.arrive(station as u16, Delivery::Tick);
            }
        }
        self.tick_supervisor();
    }

    /// Gives a server no turns, or gives it turns again. Unlike after a pause, the router does not
    /// know: the server is like a slow thread.
    pub fn stall(&mut self, station: u16, is_stalled: bool) {
        self.slots[usize::from(station)].queue.set_paused(is_stalled);
    }

    /// Appends a delivery to a server's mailbox. Does nothing if the server is not up.
    pub fn deliver(&mut self, station: u16, delivery: Delivery) {
        self.arrive(station, delivery);
    }
}
