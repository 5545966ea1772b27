//! The servers of a simulated cluster by number: how each is configured, whether it takes clients, and its load over time.

use rustc_hash::FxHashMap;

use super::queue::Queue;
use super::work::Work;
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::stats::{LoadSeries, ServerSeries};
use crate::time::Time;

/// See the module. Stations are numbered from 0, in the order of the configuration and then of coming.
#[derive(Debug)]
pub struct Stations {
    list: Vec<Station>,
    by_id: FxHashMap<ServerId, u16>,
    /// The type whose load is written down, and in what steps.
    balanced: String,
    step_ns: u64,
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
    /// How fast it works: 1 as its costs say.
    pub speed: f64,
    is_up: bool,
    /// Its load; none when nobody asks.
    series: Option<LoadSeries>,
    /// When it came up last, and how long it was up before.
    up_since: Time,
    up_before_ns: u64,
}

/// What a server did from one moment to another.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Integrals of being busy and of deliveries in hand, in nanoseconds.
    pub integrals: (u128, u128),
    /// How long it was up, in nanoseconds.
    pub up_ns: u64,
}

impl Stations {
    /// None yet. Servers of the type `balanced` have their load written down.
    pub fn new(balanced: &str, step_ns: u64) -> Self {
        Self { list: Vec::new(), by_id: FxHashMap::default(), balanced: balanced.to_owned(), step_ns }
    }

    /// One more server, which is not up.
    pub fn add(&mut self, spec: ServerSpec) -> u16 {
        // The number of servers is bounded by those who configure them.
        let number = u16::try_from(self.list.len()).unwrap_or(u16::MAX);
        self.by_id.insert(spec.id.clone(), number);
        let is_balanced = spec.server_type.as_str() == self.balanced;
        self.list.push(Station {
            work: Work::of(&spec),
            spec,
            is_open: false,
            connections: 0,
            speed: 1.0,
            is_up: false,
            series: is_balanced.then(|| LoadSeries::new(self.step_ns)),
            up_since: Time::START,
            up_before_ns: 0,
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

    /// What each server of the balanced type has done so far; how long it was up counts from `since` on.
    pub fn shares(&mut self, now: Time, since: Time) -> Vec<(u16, Share)> {
        let shares = (0..).zip(&mut self.list).filter_map(|(station, at)| {
            let up_ns = at.up_ns(now, since);
            let integrals = at.series.as_mut()?.integrals(now);
            Some((station, Share { integrals, up_ns }))
        });
        shares.collect()
    }

    /// How long servers were up counts from now on.
    pub fn count_up_time(&mut self) {
        self.list.iter_mut().for_each(|at| at.up_before_ns = 0);
    }

    /// The load of each server of the balanced type, up to `end`. To be asked once.
    pub fn series(&mut self, end: Time) -> Vec<ServerSeries> {
        let series = self.list.iter_mut().filter_map(|at| {
            let (id, server_type) = (at.spec.id.clone(), at.spec.server_type.clone());
            Some(at.series.take()?.finish(end, id, server_type, 1))
        });
        series.collect()
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
        if self.is_up {
            self.up_before_ns += now.since(self.up_since).as_nanos() as u64;
        }
        (self.is_up, self.is_open, self.connections) = (false, false, 0);
    }

    /// Whether its server is up.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Writes its load down.
    #[inline]
    pub fn note<W, S>(&mut self, now: Time, queue: &Queue<W, S>) {
        if let Some(series) = &mut self.series {
            series.set(now, queue.busy(), queue.in_system());
        }
    }

    /// Writes down that something is finished.
    #[inline]
    pub fn finished(&mut self, now: Time) {
        if let Some(series) = &mut self.series {
            series.finished(now, 1);
        }
    }

    fn up_ns(&self, now: Time, since: Time) -> u64 {
        let up = if self.is_up { now.since(self.up_since.max(since)).as_nanos() as u64 } else { 0 };
        self.up_before_ns + up
    }
}
