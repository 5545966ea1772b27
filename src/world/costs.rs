//! The world in virtual time: deliveries wait, begin, and are done when their cost has gone by.

use super::queue::Gauge;
use super::stations::Stations;
use super::timed::{Timed, WorldEvent};
use super::{Moved, World};
use crate::servers::Delivery;
use crate::time::Time;

impl Timed for World {
    fn watch_deadlines(&mut self, now: Time) {
        self.now = now;
        for station in 0..self.slots.len() {
            self.watch_deadline(station as u16);
        }
        self.watch_links();
    }

    fn take(&mut self, now: Time, event: WorldEvent) {
        self.now = now;
        match event {
            WorldEvent::Done { station, turn } => self.finish(station, turn),
            WorldEvent::Tick(station) => self.tick(station),
            WorldEvent::Links => {
                self.links_at.take_if(|at| *at == now);
                self.order(|router, now, out| router.tick(now, out));
            }
            WorldEvent::Supervise => {
                self.supervise_at = None;
                self.tick_supervisor();
            }
        }
        self.report_facts();
    }

    fn stations(&mut self) -> &mut Stations {
        &mut self.stations
    }

    fn gauge(&mut self, station: u16) -> &mut Gauge {
        &mut self.slots[usize::from(station)].queue.gauge
    }

    fn moved(&mut self, end: Time) -> Moved {
        self.moves.end(end);
        self.moves.moved
    }
}

impl World {
    pub(super) fn arrive_at_cost(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        if slot.queue.is_ready() {
            self.begin(station, delivery);
        } else {
            slot.queue.wait(self.now, (0, delivery));
        }
    }

    /// A server, which is not busy, takes a delivery.
    fn begin(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        let Some(server) = &mut slot.server else { return };
        server.deliver(self.now, delivery, &mut slot.out);
        let sent = slot.sent(self.stations.at(station).connections);
        self.stations.serve(self.now, station, &mut slot.queue, sent);
        self.watch_deadline(station);
    }

    /// A server has done its delivery: what came of it happens, and it takes the next.
    fn finish(&mut self, station: u16, turn: u16) {
        if !self.slots[usize::from(station)].queue.serves(0, turn) {
            return;
        }
        // Busy meanwhile: what it does to itself waits.
        self.release(station);
        let slot = &mut self.slots[usize::from(station)];
        slot.queue.finish(self.now, 0, turn);
        slot.done += 1;
        if std::mem::take(&mut slot.tick_due) {
            self.at_once(station, Delivery::Tick);
        }
        self.begin_next(station);
        self.shut_if_due(station);
    }

    /// A server that was paused goes on. What has become overdue is answered first: nobody waits for it
    /// any more.
    pub(super) fn go_on_at_cost(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        if slot.queue.is_ready() {
            self.at_once(station, Delivery::Tick);
            self.begin_next(station);
        } else {
            slot.tick_due = true;
        }
    }

    fn begin_next(&mut self, station: u16) {
        if let Some((_, next)) = self.slots[usize::from(station)].queue.take_next() {
            self.begin(station, next);
        }
    }

    /// A server's deadline, which it asked for or had once.
    fn tick(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        slot.tick_at.take_if(|at| *at == self.now);
        let deadline = slot.server.as_ref().and_then(|server| server.next_deadline());
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            if !slot.queue.is_ready() {
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
        // What it does to itself waits.
        let was_paused = slot.queue.set_paused(true);
        self.release(station);
        self.slots[usize::from(station)].queue.set_paused(was_paused);
        self.watch_deadline(station);
    }

    /// Plans a tick for a server's next deadline. One at a time: most calls are answered long before
    /// theirs.
    fn watch_deadline(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        if self.stations.is_free() || slot.tick_due {
            return;
        }
        let Some(deadline) = slot.server.as_ref().and_then(|server| server.next_deadline()) else { return };
        if slot.tick_at.is_none_or(|planned| deadline < planned) {
            slot.tick_at = Some(deadline.max(self.now));
            self.stations.plan(deadline, WorldEvent::Tick(station));
        }
    }

    pub(super) fn watch_links(&mut self) {
        if self.stations.is_free() {
            return;
        }
        let Some(deadline) = self.router.next_deadline() else { return };
        if self.links_at.is_none_or(|planned| deadline < planned) {
            self.links_at = Some(deadline.max(self.now));
            self.stations.plan(deadline, WorldEvent::Links);
        }
    }
}
