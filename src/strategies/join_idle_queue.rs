//! `join-idle-queue`: a random idle server, or any server if none is idle (Lu, Xie, Kliot, Geller,
//! Larus, Greenberg 2011).

use super::draw::least;
use super::{Candidate, Look, Needs, Strategy, StrategyEntry};
use crate::random::Random;

pub(super) const ENTRY: StrategyEntry =
    StrategyEntry::choice("join-idle-queue", "a random idle server, or any if none is idle", |_, seed| {
        Box::new(JoinIdleQueue::new(seed))
    });

/// Uses only whether each server is idle.
#[derive(Clone, Debug)]
pub struct JoinIdleQueue {
    servers: usize,
    random: Random,
}

impl JoinIdleQueue {
    /// Draws from the stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { servers: 0, random: Random::new(seed, "join-idle-queue") }
    }
}

impl Strategy for JoinIdleQueue {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = servers.len();
    }

    fn pick(&mut self, _: &str, look: &Look<'_>) -> Option<usize> {
        least(&mut self.random, 0..self.servers, |index| if look.load(index) == 0 { 0.0 } else { 1.0 })
    }

    fn peek(&self, _: &str) -> Option<usize> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { loads: true, ..Needs::default() }
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
