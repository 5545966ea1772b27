//! The servers of a simulated cluster by number: their configuration, whether they accept clients,
//! the costs of their deliveries, and the events planned for these.

use std::collections::VecDeque;
use std::vec::Drain;

use rustc_hash::FxHashMap;

use super::queue::{Queue, Service};
use super::timed::WorldEvent;
use super::work::{Load, Sent, Work};
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::time::Time;

/// All servers of a simulated cluster. They are numbered from 0, in the order of the configuration
/// and then of addition.
#[derive(Debug)]
pub struct Stations {
    list: Vec<Station>,
    by_id: FxHashMap<ServerId, u16>,
    /// The type whose load is recorded.
    balanced: String,
    load: Load,
    /// Whether deliveries cost nothing yet.
    is_free: bool,
    /// Finished deliveries without cost, in order.
    done: VecDeque<WorldEvent>,
    planned: Vec<(Time, WorldEvent)>,
}

/// One server, up or down.
#[derive(Debug)]
pub struct Station {
    /// Its configuration.
    pub spec: ServerSpec,
    /// The kind of its work.
    pub work: Work,
    /// Whether it accepts clients.
    pub is_open: bool,
    /// The number of connected clients.
    pub connections: usize,
    is_up: bool,
    /// When it came up last, and its total time up before that.
    up_since: Time,
    up_before_ns: u64,
    /// Its deliveries with a cost that have begun.
    begun: u64,
}

impl Stations {
    /// Makes a cluster without servers. The load of servers of type `balanced` is recorded.
    pub fn new(balanced: &str, load: Load) -> Self {
        Self {
            list: Vec::new(),
            by_id: FxHashMap::default(),
            balanced: balanced.to_owned(),
            load,
            is_free: true,
            done: VecDeque::new(),
            planned: Vec::new(),
        }
    }

    /// Adds a server that is down, and returns its number.
    pub fn add(&mut self, spec: ServerSpec) -> u16 {
        // The configuration bounds the number of servers, so this does not saturate.
        let number = u16::try_from(self.list.len()).unwrap_or(u16::MAX);
        self.by_id.insert(spec.id.clone(), number);
        self.list.push(Station {
            work: Work::of(&spec),
            spec,
            is_open: false,
            connections: 0,
            is_up: false,
            up_since: Time::START,
            up_before_ns: 0,
            begun: 0,
        });
        number
    }

    /// Returns the station of a server.
    pub fn find(&self, id: &str) -> Option<u16> {
        self.by_id.get(id).copied()
    }

    /// All stations.
    pub fn all(&self) -> &[Station] {
        &self.list
    }

    /// Returns one station.
    #[inline]
    pub fn at(&self, station: u16) -> &Station {
        &self.list[usize::from(station)]
    }

    /// Returns one station, mutable.
    #[inline]
    pub fn at_mut(&mut self, station: u16) -> &mut Station {
        &mut self.list[usize::from(station)]
    }

    /// Whether a server is of the type whose load is recorded.
    pub fn is_balanced(&self, station: u16) -> bool {
        self.at(station).spec.server_type.as_str() == self.balanced
    }

    /// Resets the counted time up of all servers.
    pub fn count_up_time(&mut self) {
        self.list.iter_mut().for_each(|at| at.up_before_ns = 0);
    }

    /// Makes deliveries cost their load from now on.
    pub(super) fn begin_to_cost(&mut self) {
        self.is_free = false;
    }

    /// Whether deliveries cost nothing yet.
    pub fn is_free(&self) -> bool {
        self.is_free
    }

    /// Makes the queue of a server's station.
    pub fn queue<W>(&self, station: u16) -> Queue<W, ()> {
        let mut queue = Queue::new(1, self.load.queue_max);
        self.step_ns(station).into_iter().for_each(|step_ns| queue.gauge.record(step_ns));
        queue
    }

    /// The step of a server's recorded load in nanoseconds, if it is recorded: for balanced
    /// servers, once deliveries have costs.
    pub(super) fn step_ns(&self, station: u16) -> Option<u64> {
        (!self.is_free && self.is_balanced(station)).then_some(self.load.step_ns)
    }

    /// Whether a server refuses more work.
    pub fn is_full<W>(&self, queue: &Queue<W, ()>) -> bool {
        !self.is_free && queue.is_full()
    }

    /// Serves a delivery on a server that is not busy. `sent` determines its cost.
    pub fn serve<W>(&mut self, now: Time, station: u16, queue: &mut Queue<W, ()>, sent: Sent) {
        let mut cost_ns = 0.0;
        if !self.is_free {
            let at = &mut self.list[usize::from(station)];
            at.begun += 1;
            cost_ns = self.load.cost_ns(station, at.begun, at.work, sent);
        }
        let Service { turn, ends, .. } = queue.serve(now, (), cost_ns);
        let done = WorldEvent::Done { station, turn };
        if ends == now { self.done.push_back(done) } else { self.plan(ends, done) }
    }

    /// Returns the next finished delivery that cost nothing.
    pub(super) fn next_done(&mut self) -> Option<WorldEvent> {
        self.done.pop_front()
    }

    /// Plans an event for the event queue.
    pub fn plan(&mut self, at: Time, event: WorldEvent) {
        self.planned.push((at, event));
    }

    /// Drains the events planned since the last call, in order, each with its time.
    pub fn planned(&mut self) -> Drain<'_, (Time, WorldEvent)> {
        self.planned.drain(..)
    }
}

impl Station {
    /// Whether a connecting client is accepted.
    pub fn takes_clients(&self) -> bool {
        self.is_open && self.spec.max_connections.is_none_or(|most| self.connections < most)
    }

    /// Counts a client as disconnected.
    pub fn disconnect(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    /// Marks the server as up.
    pub fn begin(&mut self, now: Time) {
        (self.is_up, self.up_since) = (true, now);
    }

    /// Marks the server as down.
    pub fn end(&mut self, now: Time) {
        self.up_before_ns = self.up_ns(now, Time::START);
        (self.is_up, self.is_open, self.connections) = (false, false, 0);
    }

    /// Whether the server is up.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// How long the server was up after `since`, in nanoseconds, plus its counted time up before.
    pub fn up_ns(&self, now: Time, since: Time) -> u64 {
        let up = if self.is_up { now.since(self.up_since.max(since)).as_nanos() as u64 } else { 0 };
        self.up_before_ns + up
    }
}
