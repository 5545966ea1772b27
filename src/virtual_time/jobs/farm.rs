//! All servers of a run, and the list from which the strategy chooses.

use super::server::Server;
use crate::strategies::Candidate;

/// All servers of a run. Each is known by its index for the whole run, and by its place while
/// listed.
pub(super) struct Farm {
    pub(super) servers: Vec<Server>,
    list: Vec<u32>,
    /// Loads of the listed servers, as the strategy sees them.
    loads: Vec<u32>,
    /// Whether the strategy sees loads at once; otherwise it sees those of its last poll.
    sees_at_once: bool,
}

impl Farm {
    pub(super) fn new(servers: Vec<Server>, sees_at_once: bool) -> Self {
        Self { servers, list: Vec::new(), loads: Vec::new(), sees_at_once }
    }

    /// The listed servers, by place.
    pub(super) fn list(&self) -> &[u32] {
        &self.list
    }

    /// The loads that the strategy sees, by place.
    pub(super) fn loads(&self) -> &[u32] {
        &self.loads
    }

    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let candidate = |index: &u32| {
            let server = &self.servers[*index as usize];
            Candidate { id: server.id.clone(), weight: server.weight }
        };
        self.list.iter().map(candidate).collect()
    }

    /// Records that a server's load has changed.
    #[inline]
    pub(super) fn note(&mut self, index: u32) {
        let server = &self.servers[index as usize];
        if let (true, Some(place)) = (self.sees_at_once, server.place) {
            self.loads[place as usize] = server.queue.in_system();
        }
    }

    /// Polls all loads for the strategy.
    pub(super) fn look(&mut self) {
        for (load, server) in self.loads.iter_mut().zip(&self.list) {
            *load = self.servers[*server as usize].queue.in_system();
        }
    }

    /// Replaces the list and returns the old one.
    pub(super) fn put_on_list(&mut self, list: Vec<u32>) -> Vec<u32> {
        let old = std::mem::replace(&mut self.list, list);
        let seen = std::mem::replace(&mut self.loads, vec![0; self.list.len()]);
        old.iter().for_each(|server| self.servers[*server as usize].place = None);
        for (place, server) in self.list.iter().enumerate() {
            self.servers[*server as usize].place = Some(place as u32);
        }
        // A server keeps its last polled load; a new server has none until the next poll.
        for (server, load) in old.iter().zip(seen) {
            if let Some(place) = self.servers[*server as usize].place {
                self.loads[place as usize] = load;
            }
        }
        if self.sees_at_once {
            self.look();
        }
        old
    }
}
