//! Servers in virtual time, as an event queue drives them: the world, or what stands in for it.

use super::moves::Moved;
use super::queue::Gauge;
use super::stations::Stations;
use crate::stats::ServerSeries;
use crate::time::Time;

/// Something that is planned for a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorldEvent {
    /// A server's delivery is done.
    Done {
        /// Its station.
        station: u16,
        /// The turn of its worker.
        turn: u16,
    },
    /// A server's deadline.
    Tick(u16),
    /// Something arrives at the end of a link.
    Links,
    /// The supervisor's deadline.
    Supervise,
}

/// What a server did from one moment to another.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Integrals of being busy and of deliveries in the system, in nanoseconds.
    pub integrals: (u128, u128),
    /// How long it was up, in nanoseconds.
    pub up_ns: u64,
}

/// See the module. What is planned lies in the [stations](Stations::planned).
pub trait Timed {
    /// From now on deliveries cost what the load says, and deadlines count.
    fn work(&mut self, now: Time) {
        self.stations().begin_to_cost();
        for station in 0..self.stations().all().len() as u16 {
            if let Some(step_ns) = self.stations().step_ns(station) {
                self.gauge(station).record(step_ns);
            }
        }
        self.watch_deadlines(now);
    }

    /// Plans what is due at a deadline.
    fn watch_deadlines(&mut self, _now: Time) {}

    /// Something that was planned is due.
    fn take(&mut self, now: Time, event: WorldEvent);

    /// Does the next thing that costs nothing. False when there is none.
    fn go_on(&mut self, now: Time) -> bool {
        let done = self.stations().next_done();
        done.is_some_and(|done| {
            self.take(now, done);
            true
        })
    }

    /// The servers by number.
    fn stations(&mut self) -> &mut Stations;

    /// How fast a server works, and its load if it is of the balanced type.
    fn gauge(&mut self, station: u16) -> &mut Gauge;

    /// What changes of the balanced type's list have moved, up to `end`.
    fn moved(&mut self, end: Time) -> Moved;

    /// What each server of the balanced type has done so far; how long it was up counts from `since` on.
    fn shares(&mut self, now: Time, since: Time) -> Vec<(u16, Share)> {
        let stations = self.stations().all().len() as u16;
        let share = |station| {
            let up_ns = self.stations().at(station).up_ns(now, since);
            let integrals = self.gauge(station).series()?.integrals(now);
            Some((station, Share { integrals, up_ns }))
        };
        (0..stations).filter_map(share).collect()
    }

    /// The load of each server of the balanced type, up to `end`. To be asked once.
    fn series(&mut self, end: Time) -> Vec<ServerSeries> {
        let stations = self.stations().all().len() as u16;
        let series = |station| {
            let series = self.gauge(station).take_series()?;
            let spec = &self.stations().at(station).spec;
            Some(series.finish(end, spec.id.clone(), spec.server_type.clone(), 1))
        };
        (0..stations).filter_map(series).collect()
    }
}
