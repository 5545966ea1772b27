//! The world in virtual time: deliveries wait, begin, and finish when their cost has elapsed.

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

    /// Starts a delivery on a server that is not busy.
    fn begin(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        let Some(server) = &mut slot.server else { return };
        server.deliver(self.now, delivery, &mut slot.out);
        let sent = slot.sent(self.stations.at(station).connections);
        self.stations.serve(self.now, station, &mut slot.queue, sent);
        self.watch_deadline(station);
    }

    /// Finishes a server's delivery: its effects happen, and the server takes the next one.
    fn finish(&mut self, station: u16, turn: u16) {
        if !self.slots[usize::from(station)].queue.serves(0, turn) {
            return;
        }
        // Release while the worker still counts as busy: deliveries that the server sends to itself
        // must wait in the queue.
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

    /// Resumes a paused server. It answers overdue calls first, since their callers no longer wait.
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

    /// Handles a server's planned tick. The deadline may have moved since.
    fn tick(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        slot.tick_at.take_if(|at| *at == self.now);
        let deadline = slot.server.as_ref().and_then(|server| server.next_deadline());
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            if !slot.queue.is_ready() {
                // A server does one thing at a time: tick when the delivery is finished.
                slot.tick_due = true;
                return;
            }
            self.at_once(station, Delivery::Tick);
        }
        self.watch_deadline(station);
    }

    /// Gives an idle server a delivery that costs nothing and overtakes the queue.
    pub(super) fn at_once(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        let Some(server) = &mut slot.server else { return };
        server.deliver(self.now, delivery, &mut slot.out);
        // Paused meanwhile: deliveries that the server sends to itself must wait in the queue.
        let was_paused = slot.queue.set_paused(true);
        self.release(station);
        self.slots[usize::from(station)].queue.set_paused(was_paused);
        self.watch_deadline(station);
    }

    /// Plans a tick for a server's next deadline. Only one tick is planned at a time: most calls
    /// are answered long before their deadlines.
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
