//! The servers of a simulated cluster by number: how each is configured, whether it takes clients, what
//! its deliveries cost, and what is planned because of that.

use std::collections::VecDeque;
use std::vec::Drain;

use rustc_hash::FxHashMap;

use super::queue::{Queue, Service};
use super::timed::WorldEvent;
use super::work::{Load, Sent, Work};
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::time::Time;

/// See the module. Stations are numbered from 0, in the order of the configuration and then of coming.
#[derive(Debug)]
pub struct Stations {
    list: Vec<Station>,
    by_id: FxHashMap<ServerId, u16>,
    /// The type whose load is written down.
    balanced: String,
    load: Load,
    /// Nothing costs anything yet.
    is_free: bool,
    /// Deliveries that cost nothing and are done, in order.
    done: VecDeque<WorldEvent>,
    planned: Vec<(Time, WorldEvent)>,
}

/// One server, up or not.
#[derive(Debug)]
pub struct Station {
    /// As configured.
    pub spec: ServerSpec,
    /// The kind of work that it does.
    pub work: Work,
    /// Whether it takes clients.
    pub is_open: bool,
    /// Clients connected to it.
    pub connections: usize,
    is_up: bool,
    /// When it came up last, and how long it was up before.
    up_since: Time,
    up_before_ns: u64,
    /// Deliveries that it has begun and that cost something.
    begun: u64,
}

impl Stations {
    /// Knows no server yet. Servers of the type `balanced` have their load written down.
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

    /// One more server, which is not up.
    pub fn add(&mut self, spec: ServerSpec) -> u16 {
        // The number of servers is bounded by those who configure them.
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

    /// The station of a server.
    pub fn find(&self, id: &str) -> Option<u16> {
        self.by_id.get(id).copied()
    }

    /// All of them.
    pub fn all(&self) -> &[Station] {
        &self.list
    }

    /// One of them.
    #[inline]
    pub fn at(&self, station: u16) -> &Station {
        &self.list[usize::from(station)]
    }

    /// The same, to be changed.
    #[inline]
    pub fn at_mut(&mut self, station: u16) -> &mut Station {
        &mut self.list[usize::from(station)]
    }

    /// Whether a server is of the type whose load is written down.
    pub fn is_balanced(&self, station: u16) -> bool {
        self.at(station).spec.server_type.as_str() == self.balanced
    }

    /// How long servers were up counts from now on.
    pub fn count_up_time(&mut self) {
        self.list.iter_mut().for_each(|at| at.up_before_ns = 0);
    }

    /// From now on deliveries cost what the load says.
    pub(super) fn begin_to_cost(&mut self) {
        self.is_free = false;
    }

    /// Whether nothing costs anything yet.
    pub fn is_free(&self) -> bool {
        self.is_free
    }

    /// The queue of a server's station.
    pub fn queue<W>(&self, station: u16) -> Queue<W, ()> {
        let mut queue = Queue::new(1, self.load.queue_max);
        self.step_ns(station).into_iter().for_each(|step_ns| queue.gauge.record(step_ns));
        queue
    }

    /// In what steps a server's load is written down, if it is: that of balanced servers, as soon as
    /// deliveries cost something.
    pub(super) fn step_ns(&self, station: u16) -> Option<u64> {
        (!self.is_free && self.is_balanced(station)).then_some(self.load.step_ns)
    }

    /// Whether a server refuses more work.
    pub fn is_full<W>(&self, queue: &Queue<W, ()>) -> bool {
        !self.is_free && queue.is_full()
    }

    /// A server, which is not busy, serves a delivery that makes it send this.
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

    /// The end of the next delivery that has cost nothing.
    pub(super) fn next_done(&mut self) -> Option<WorldEvent> {
        self.done.pop_front()
    }

    /// Plans something for the event queue.
    pub fn plan(&mut self, at: Time, event: WorldEvent) {
        self.planned.push((at, event));
    }

    /// What was planned since the last look, in order, each for its moment.
    pub fn planned(&mut self) -> Drain<'_, (Time, WorldEvent)> {
        self.planned.drain(..)
    }
}

impl Station {
    /// Whether a client that connects is taken.
    pub fn takes_clients(&self) -> bool {
        self.is_open && self.spec.max_connections.is_none_or(|most| self.connections < most)
    }

    /// A client is gone.
    pub fn disconnect(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    /// Its server is up.
    pub fn begin(&mut self, now: Time) {
        (self.is_up, self.up_since) = (true, now);
    }

    /// Its server is no more.
    pub fn end(&mut self, now: Time) {
        self.up_before_ns = self.up_ns(now, Time::START);
        (self.is_up, self.is_open, self.connections) = (false, false, 0);
    }

    /// Whether its server is up.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// How long its server was up from `since` on, in nanoseconds.
    pub fn up_ns(&self, now: Time, since: Time) -> u64 {
        let up = if self.is_up { now.since(self.up_since.max(since)).as_nanos() as u64 } else { 0 };
        self.up_before_ns + up
    }
}
