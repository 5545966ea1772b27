//! `random`: a uniformly random server.

use super::{Candidate, Look, Strategy, StrategyEntry};
use crate::random::Random;

pub(super) const ENTRY: StrategyEntry =
    StrategyEntry::choice("random", "a uniformly random server", |_, seed| Box::new(Uniform::new(seed)));

/// The same seed gives the same picks.
#[derive(Clone, Debug)]
pub struct Uniform {
    random: Random,
    servers: usize,
}

impl Uniform {
    /// Draws from the stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, "random"), servers: 0 }
    }
}

impl Strategy for Uniform {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = servers.len();
    }

    fn pick(&mut self, _: &str, _: &Look<'_>) -> Option<usize> {
        (self.servers > 0).then(|| self.random.index(self.servers))
    }

    fn peek(&self, _: &str) -> Option<usize> {
        None
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
