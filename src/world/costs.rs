//! Servers as queueing stations: what waits, begins, and is done when its cost has gone by.

use std::collections::VecDeque;

use super::work::Load;
use super::{World, WorldEvent};
use crate::servers::Delivery;
use crate::time::Time;

/// What a world has where deliveries cost something.
pub(super) struct Costly {
    load: Load,
    /// Nothing costs anything yet, and no tick is planned.
    is_free: bool,
    /// Deliveries that cost nothing and are done, in order: the station, and its worker's turn.
    done: VecDeque<(u16, u16)>,
    /// What is planned, for the event queue.
    planned: Vec<(Time, WorldEvent)>,
    links_at: Option<Time>,
    pub(super) supervise_at: Option<Time>,
}

impl Costly {
    pub(super) fn new(load: Load) -> Self {
        Self {
            load,
            is_free: true,
            done: VecDeque::new(),
            planned: Vec::new(),
            links_at: None,
            supervise_at: None,
        }
    }

    pub(super) fn is_full(&self, waiting: usize) -> bool {
        !self.is_free && self.load.is_full(waiting)
    }

    pub(super) fn plan(&mut self, at: Time, event: WorldEvent) {
        self.planned.push((at, event));
    }
}

impl World {
    /// From now on deliveries cost what the load says, and deadlines count.
    pub fn work(&mut self, now: Time) {
        (self.now, self.costly.is_free) = (now, false);
        for station in 0..self.slots.len() {
            self.watch_deadline(station as u16);
        }
        self.watch_links();
    }

    /// What was planned since the last look, in order, each for its moment.
    pub fn planned(&mut self) -> impl Iterator<Item = (Time, WorldEvent)> {
        self.costly.planned.drain(..)
    }

    /// Something that was planned is due.
    pub fn take(&mut self, now: Time, event: WorldEvent) {
        self.now = now;
        match event {
            WorldEvent::Done { station, turn } => self.finish(station, turn),
            WorldEvent::Tick(station) => self.tick(station),
            WorldEvent::Links => {
                if self.costly.links_at == Some(now) {
                    self.costly.links_at = None;
                }
                self.order(|router, now, out| router.tick(now, out));
            }
            WorldEvent::Supervise => {
                self.costly.supervise_at = None;
                self.tick_supervisor();
            }
        }
        self.report_facts();
    }

    /// Does the next thing that costs nothing. False when there is none.
    pub fn go_on(&mut self, now: Time) -> bool {
        self.now = now;
        let Some((station, turn)) = self.costly.done.pop_front() else { return false };
        self.finish(station, turn);
        self.report_facts();
        true
    }

    pub(super) fn arrive_at_cost(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        if slot.is_paused || slot.queue.free().is_none() {
            slot.queue.waiting_mut().push_back((0, delivery));
        } else {
            self.begin(station, delivery);
        }
        self.note(station);
    }

    /// A server, which has nothing in hand, takes a delivery.
    fn begin(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        let (Some(server), Some(worker)) = (&mut slot.server, slot.queue.free()) else { return };
        server.deliver(self.now, delivery, &mut slot.out);
        let mut cost = 0;
        if !self.costly.is_free {
            slot.begun += 1;
            let at = self.stations.at(station);
            let sent = slot.sent(at.connections);
            cost = self.costly.load.cost_ns(station, slot.begun, at.work, at.speed, sent);
        }
        let ends = Time::from_nanos(self.now.as_nanos().saturating_add(cost));
        let turn = slot.queue.serve(worker, (), ends).turn;
        if cost == 0 {
            self.costly.done.push_back((station, turn));
        } else {
            self.costly.plan(ends, WorldEvent::Done { station, turn });
        }
        self.watch_deadline(station);
    }

    /// What a server had in hand is done: what came of it happens, and it takes the next.
    fn finish(&mut self, station: u16, turn: u16) {
        if !self.slots[usize::from(station)].queue.serves(0, turn) {
            return;
        }
        // Busy meanwhile: what it does to itself waits.
        self.release(station);
        let slot = &mut self.slots[usize::from(station)];
        slot.queue.finish(0, turn);
        slot.done += 1;
        if !self.costly.is_free {
            self.stations.at_mut(station).finished(self.now);
        }
        if std::mem::take(&mut slot.tick_due) {
            self.at_once(station, Delivery::Tick);
        }
        self.begin_next(station);
        self.shut_if_due(station);
    }

    /// A server that was paused goes on. What has become overdue is answered first: nobody waits for it any more.
    pub(super) fn go_on_at_cost(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        if slot.queue.free().is_none() {
            slot.tick_due = true;
        } else {
            self.at_once(station, Delivery::Tick);
            self.begin_next(station);
        }
    }

    fn begin_next(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        if !slot.is_paused
            && slot.queue.free().is_some()
            && let Some((_, next)) = slot.queue.waiting_mut().pop_front()
        {
            self.begin(station, next);
        }
        self.note(station);
    }

    /// A server's deadline, which it asked for or had once.
    fn tick(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        if slot.tick_at == Some(self.now) {
            slot.tick_at = None;
        }
        let deadline = slot.server.as_ref().and_then(|server| server.next_deadline());
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            if slot.is_paused || slot.queue.free().is_none() {
                // It does one thing at a time.
                slot.tick_due = true;
                return;
            }
            self.at_once(station, Delivery::Tick);
        }
        self.watch_deadline(station);
    }

    /// A delivery to an idle server that costs nothing and overtakes what waits.
    pub(super) fn at_once(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        let Some(server) = &mut slot.server else { return };
        server.deliver(self.now, delivery, &mut slot.out);
        // Busy meanwhile: what it does to itself waits.
        let busy = slot.queue.serve(0, (), self.now);
        self.release(station);
        self.slots[usize::from(station)].queue.finish(0, busy.turn);
        self.watch_deadline(station);
    }

    fn note(&mut self, station: u16) {
        self.stations.at_mut(station).note(self.now, &self.slots[usize::from(station)].queue);
    }

    /// Plans a tick for a server's next deadline. One at a time: most calls are answered long before theirs.
    fn watch_deadline(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        if self.costly.is_free || slot.tick_due {
            return;
        }
        let Some(deadline) = slot.server.as_ref().and_then(|server| server.next_deadline()) else { return };
        if slot.tick_at.is_none_or(|planned| deadline < planned) {
            slot.tick_at = Some(deadline.max(self.now));
            self.costly.plan(deadline, WorldEvent::Tick(station));
        }
    }

    pub(super) fn watch_links(&mut self) {
        if self.costly.is_free {
            return;
        }
        let Some(deadline) = self.router.next_deadline() else { return };
        if self.costly.links_at.is_none_or(|planned| deadline < planned) {
            self.costly.links_at = Some(deadline.max(self.now));
            self.costly.plan(deadline, WorldEvent::Links);
        }
    }
}
