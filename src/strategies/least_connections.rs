//! `least-connections`: the least loaded server, relative to weight; in queueing theory, join the
//! shortest queue.

use super::draw::least;
use super::{Candidate, Look, Needs, Strategy, StrategyEntry};
use crate::random::Random;

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    weighted: true,
    ..StrategyEntry::choice("least-connections", "the least loaded server, relative to weight", |_, seed| {
        Box::new(LeastConnections::new(seed))
    })
};

/// Picks the least `(load + 1) / weight`. Ties are broken at random: the first server would
/// otherwise get every key while all are idle.
#[derive(Clone, Debug)]
pub struct LeastConnections {
    weights: Vec<f64>,
    random: Random,
}

impl LeastConnections {
    /// Draws from the stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { weights: Vec::new(), random: Random::new(seed, "least-connections") }
    }
}

impl Strategy for LeastConnections {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.weights = servers.iter().map(|server| server.weight).collect();
    }

    fn pick(&mut self, _: &str, look: &Look<'_>) -> Option<usize> {
        let cost = |index: usize| (f64::from(look.load(index)) + 1.0) / self.weights[index];
        least(&mut self.random, 0..self.weights.len(), cost)
    }

    fn peek(&self, _: &str) -> Option<usize> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { loads: true, ..Needs::default() }
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.weights)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
