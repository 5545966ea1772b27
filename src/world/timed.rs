//! Servers in virtual time, driven by an event queue: the world, or a stand-in for it.

use super::moves::Moved;
use super::queue::Gauge;
use super::stations::Stations;
use crate::stats::ServerSeries;
use crate::time::Time;

/// An event planned for a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorldEvent {
    /// A server's delivery has finished.
    Done {
        /// The server's station.
        station: u16,
        /// The turn of its worker.
        turn: u16,
    },
    /// A server's deadline has come.
    Tick(u16),
    /// An envelope reaches the end of a link.
    Links,
    /// The supervisor's deadline has come.
    Supervise,
}

/// The work of a server over a span of time.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Integrals of busy time and of deliveries in the system, in nanoseconds.
    pub integrals: (u128, u128),
    /// The time that the server was up, in nanoseconds.
    pub up_ns: u64,
}

/// A set of servers in virtual time. Its planned events are in the [stations](Stations::planned).
pub trait Timed {
    /// Makes deliveries cost their load, and deadlines count, from now on.
    fn work(&mut self, now: Time) {
        self.stations().begin_to_cost();
        for station in 0..self.stations().all().len() as u16 {
            if let Some(step_ns) = self.stations().step_ns(station) {
                self.gauge(station).record(step_ns);
            }
        }
        self.watch_deadlines(now);
    }

    /// Plans events for the present deadlines.
    fn watch_deadlines(&mut self, _now: Time) {}

    /// Handles a planned event that is due.
    fn take(&mut self, now: Time, event: WorldEvent);

    /// Finishes the next delivery without cost. Returns false if there is none.
    fn go_on(&mut self, now: Time) -> bool {
        let done = self.stations().next_done();
        done.is_some_and(|done| {
            self.take(now, done);
            true
        })
    }

    /// The servers by number.
    fn stations(&mut self) -> &mut Stations;

    /// A server's speed, and its load if the server is of the balanced type.
    fn gauge(&mut self, station: u16) -> &mut Gauge;

    /// The rooms moved by changes of the balanced type's list, up to `end`.
    fn moved(&mut self, end: Time) -> Moved;

    /// The work so far of each server of the balanced type. Its time up counts from `since`.
    fn shares(&mut self, now: Time, since: Time) -> Vec<(u16, Share)> {
        let stations = self.stations().all().len() as u16;
        let share = |station| {
            let up_ns = self.stations().at(station).up_ns(now, since);
            let integrals = self.gauge(station).series()?.integrals(now);
            Some((station, Share { integrals, up_ns }))
        };
        (0..stations).filter_map(share).collect()
    }

    /// The load of each server of the balanced type, up to `end`. Callable once: it takes the
    /// recording.
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
