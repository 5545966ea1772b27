//! How a server takes its turns: what waits, begins, and is done.

use super::{MachineEvent, Machines};
use crate::servers::Delivery;
use crate::time::Time;
use crate::virtual_time::EventQueue;

impl Machines {
    /// Puts a delivery at the end of a server's queue; nothing when the server is not up.
    pub(super) fn arrive<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        delivery: Delivery,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &mut self.stations[usize::from(station)];
        if at.server.is_none() {
            return;
        }
        if at.is_busy {
            at.queue.push_back(delivery);
        } else {
            self.begin(now, station, delivery, agenda);
        }
        self.stations[usize::from(station)].note(now);
    }

    /// A server, which has nothing in hand, takes a delivery.
    pub(super) fn begin<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        delivery: Delivery,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &mut self.stations[usize::from(station)];
        let Some(server) = &mut at.server else { return };
        server.deliver(now, delivery, &mut at.out);
        (at.is_busy, at.begun) = (true, at.begun + u64::from(!self.is_free));
        let chance = || self.load.chance.at(u64::from(station), at.begun);
        let cost = if self.is_free { 0 } else { at.cost_ns(&self.load.costs, chance) };
        let life = at.life;
        if cost == 0 {
            self.done.push_back((station, life));
        } else {
            let at = Time::from_nanos(now.as_nanos().saturating_add(cost));
            agenda.plan(at, MachineEvent::Done { station, life }.into());
        }
        self.watch(station, agenda);
    }

    /// What a server had in hand is done: what came of it happens, and it takes the next.
    pub(super) fn finish<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        life: u16,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &mut self.stations[usize::from(station)];
        if at.life != life {
            return;
        }
        let mut effects = std::mem::take(&mut at.out.effects);
        self.release(now, station, &mut effects, agenda);
        let at = &mut self.stations[usize::from(station)];
        at.out.effects = effects;
        at.is_busy = false;
        if let Some(series) = at.series.as_mut().filter(|_| !self.is_free) {
            series.finished(now, 1);
        }
        if std::mem::take(&mut at.tick_due) {
            self.at_once(now, station, Delivery::Tick, agenda);
        }
        let at = &mut self.stations[usize::from(station)];
        if let Some(next) = at.queue.pop_front() {
            self.begin(now, station, next, agenda);
        }
        self.stations[usize::from(station)].note(now);
    }

    /// A server's deadline, which it asked for or had once.
    pub(super) fn tick<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &mut self.stations[usize::from(station)];
        if at.tick_at == Some(now) {
            at.tick_at = None;
        }
        let deadline = at.server.as_ref().and_then(|server| server.next_deadline());
        if deadline.is_some_and(|deadline| deadline <= now) {
            if at.is_busy {
                // It does one thing at a time.
                at.tick_due = true;
                return;
            }
            self.at_once(now, station, Delivery::Tick, agenda);
        }
        self.watch(station, agenda);
    }

    /// A delivery to an idle server that costs nothing and overtakes what waits.
    pub(super) fn at_once<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        delivery: Delivery,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &mut self.stations[usize::from(station)];
        let Some(server) = &mut at.server else { return };
        server.deliver(now, delivery, &mut at.out);
        let mut effects = std::mem::take(&mut at.out.effects);
        // Busy meanwhile: what it does to itself waits.
        at.is_busy = true;
        self.release(now, station, &mut effects, agenda);
        let at = &mut self.stations[usize::from(station)];
        at.out.effects = effects;
        at.is_busy = false;
        self.watch(station, agenda);
    }

    /// Plans a tick for a server's next deadline. One at a time: most calls are answered long before theirs.
    pub(super) fn watch<E: From<MachineEvent>>(&mut self, station: u16, agenda: &mut EventQueue<E>) {
        let at = &mut self.stations[usize::from(station)];
        if self.is_free || at.tick_due {
            return;
        }
        let Some(deadline) = at.server.as_ref().and_then(|server| server.next_deadline()) else { return };
        if at.tick_at.is_none_or(|planned| deadline < planned) {
            at.tick_at = Some(deadline.max(agenda.now()));
            agenda.plan(deadline, MachineEvent::Tick(station).into());
        }
    }
}
