//! `join-idle-queue`: any server that is idle, or any (Lu, Xie, Kliot, Geller, Larus, Greenberg 2011).

use super::draw::least;
use super::{Candidate, Look, Needs, Strategy, StrategyEntry};
use crate::random::Random;

pub(super) const ENTRY: StrategyEntry =
    StrategyEntry::choice("join-idle-queue", "any server that has nothing in hand, or any", |_, seed| {
        Box::new(JoinIdleQueue::new(seed))
    });

/// Knows only who has nothing in hand.
#[derive(Clone, Debug)]
pub struct JoinIdleQueue {
    servers: usize,
    random: Random,
}

impl JoinIdleQueue {
    /// With the chance of that seed.
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
