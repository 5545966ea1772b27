//! All servers of a run, and the list of those that the strategy chooses among.

use super::server::Server;
use crate::strategies::Candidate;

/// See the module. Servers are known by their index among all that are ever there; on the list they have a place.
pub(super) struct Farm {
    pub(super) servers: Vec<Server>,
    list: Vec<u32>,
    /// The loads of the list's servers, as the strategy sees them.
    loads: Vec<u32>,
    /// Whether these are always new; else they are as of the last look.
    sees_at_once: bool,
}

impl Farm {
    pub(super) fn new(servers: Vec<Server>, sees_at_once: bool) -> Self {
        Self { servers, list: Vec::new(), loads: Vec::new(), sees_at_once }
    }

    /// The servers to choose among, by place.
    pub(super) fn list(&self) -> &[u32] {
        &self.list
    }

    /// Their loads as the strategy sees them, by place.
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

    /// A server's load has changed.
    #[inline]
    pub(super) fn note(&mut self, index: u32) {
        let server = &self.servers[index as usize];
        if let (true, Some(place)) = (self.sees_at_once, server.place) {
            self.loads[place as usize] = server.queue.in_system();
        }
    }

    /// The strategy looks at all loads.
    pub(super) fn look(&mut self) {
        for (load, server) in self.loads.iter_mut().zip(&self.list) {
            *load = self.servers[*server as usize].queue.in_system();
        }
    }

    /// Another list takes the place of the old one, which comes back.
    pub(super) fn put_on_list(&mut self, list: Vec<u32>) -> Vec<u32> {
        let old = std::mem::replace(&mut self.list, list);
        let seen = std::mem::replace(&mut self.loads, vec![0; self.list.len()]);
        old.iter().for_each(|server| self.servers[*server as usize].place = None);
        for (place, server) in self.list.iter().enumerate() {
            self.servers[*server as usize].place = Some(place as u32);
        }
        // Old news of a server stays what it is; of a new one there is none until the next look.
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
