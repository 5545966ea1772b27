//! A type's list of servers, and the strategy that chooses among them.

use crate::strategies::{Candidate, Look, Strategy};
use crate::time::Time;

/// A list of servers and its strategy. A place on the list is not a server's index: the list
/// changes.
pub(super) struct Choice {
    strategy: Box<dyn Strategy>,
    stations: Vec<u16>,
    /// Load of each listed server: clients of a connector, room members of a chat server.
    loads: Vec<u32>,
}

impl Choice {
    pub(super) fn new(strategy: Box<dyn Strategy>) -> Self {
        Self { strategy, stations: Vec::new(), loads: Vec::new() }
    }

    /// Replaces the list. Servers that stay keep their load.
    pub(super) fn rebuild(&mut self, servers: &[(u16, Candidate)]) {
        let before = |station: u16| self.place(station).map_or(0, |place| self.loads[place]);
        self.loads = servers.iter().map(|(station, _)| before(*station)).collect();
        self.stations = servers.iter().map(|(station, _)| *station).collect();
        let candidates: Vec<Candidate> = servers.iter().map(|(_, candidate)| candidate.clone()).collect();
        self.strategy.rebuild(&candidates);
    }

    /// The server for a key.
    pub(super) fn pick(&mut self, now: Time, key: &str) -> Option<u16> {
        let place = self.strategy.pick(key, &Look { now, loads: &self.loads })?;
        self.stations.get(place).copied()
    }

    /// Changes a server's load.
    pub(super) fn load(&mut self, station: u16, change: i32) {
        if let Some(place) = self.place(station) {
            self.loads[place] = self.loads[place].saturating_add_signed(change);
        }
    }

    /// Tells the strategy that a key is in use at the server it was placed on.
    pub(super) fn settle(&mut self, key: &str) {
        if let Some(placements) = self.strategy.placements_mut() {
            placements.settle(key);
        }
    }

    /// Tells the strategy that a key is no longer in use.
    pub(super) fn forget(&mut self, key: &str) {
        if let Some(placements) = self.strategy.placements_mut() {
            placements.forget(key);
        }
    }

    pub(super) fn lists(&self, station: u16) -> bool {
        self.stations.contains(&station)
    }

    fn place(&self, station: u16) -> Option<usize> {
        self.stations.iter().position(|of| *of == station)
    }
}
