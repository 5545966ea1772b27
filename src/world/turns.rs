//! Mailboxes: router and servers take turns, in the order of sending or as a seed draws them.

use std::collections::VecDeque;
use std::time::Duration;

use super::World;
use crate::envelope::Envelope;
use crate::random::Random;
use crate::servers::Delivery;

/// Whose turn it is, and what is for the router.
#[derive(Default)]
pub(super) struct Turns {
    /// Draws; none: in the order of sending.
    random: Option<Random>,
    /// What one delivery made a server send, in one piece: it is carried whole or, from the dead, not at all.
    mail: VecDeque<(u64, u16, Vec<Envelope>)>,
    said: Vec<Envelope>,
    last: u64,
}

/// Who may take a turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Router,
    Server(u16),
    /// What it has decided is carried out.
    Decision,
    /// It hears that what it waits for holds.
    Fact(u16),
}

impl Turns {
    pub(super) fn drawn(random: Random) -> Self {
        Self { random: Some(random), ..Self::default() }
    }

    pub(super) fn is_drawn(&self) -> bool {
        self.random.is_some()
    }

    /// The number of the next thing that is sent.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Adds to what the delivery at hand makes a server send.
    pub(super) fn say(&mut self, envelope: Envelope) {
        self.said.push(envelope);
    }

    /// The delivery is over.
    pub(super) fn send(&mut self, station: u16) {
        if !self.said.is_empty() {
            let number = self.number();
            self.mail.push_back((number, station, std::mem::take(&mut self.said)));
        }
    }

    /// What a server said that has ended since is as if it had never been said. The router hears it out, and does not listen,
    /// before it hears of another server of that id.
    pub(super) fn drop_mail_of(&mut self, station: u16) {
        self.mail.retain(|(_, from, _)| *from != station);
    }

    /// Whether the router has all that a server has said.
    pub(super) fn has_carried(&self, station: u16) -> bool {
        self.mail.iter().all(|(_, from, _)| *from != station)
    }
}

impl World {
    /// Works everything off that can be done now.
    pub fn settle(&mut self) {
        while self.turn() {}
    }

    /// One delivery, one batch of envelopes, or one step of the supervisor. False when there is none.
    pub fn turn(&mut self) -> bool {
        let Some(turns) = &self.turns else { return false };
        let mut ready: Vec<(u64, Turn)> = Vec::new();
        ready.extend(turns.mail.front().map(|(number, ..)| (*number, Turn::Router)));
        for (station, slot) in (0..).zip(&self.slots) {
            let first = slot.queue.waiting().front().filter(|_| !slot.queue.is_paused());
            ready.extend(first.map(|(number, _)| (*number, Turn::Server(station))));
        }
        // In order, the supervisor comes when all is calm.
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

    /// Lets time pass, all at once: every server that waits for it gets its tick. What follows of it is left in the mailboxes.
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

    /// Lets a server have no turn, or have turns again. Unlike a pause the router knows nothing of it: so does a thread that
    /// is slow.
    pub fn stall(&mut self, station: u16, is_stalled: bool) {
        self.slots[usize::from(station)].queue.set_paused(is_stalled);
    }

    /// Puts a delivery at the end of a server's mailbox; nothing when the server is not up.
    pub fn deliver(&mut self, station: u16, delivery: Delivery) {
        self.arrive(station, delivery);
    }
}
