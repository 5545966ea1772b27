//! `two-choices(d)`: the least loaded of a few random servers (Azar, Broder, Karlin, Upfal 1994;
//! Mitzenmacher 1996).

use super::draw::{distinct, least};
use super::{Candidate, Look, Needs, Parameter, Strategy, StrategyEntry};
use crate::random::Random;

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    parameter: Parameter::whole("servers to draw", 2, 1, 1000),
    ..StrategyEntry::choice("two-choices", "the least loaded of a few random servers", |argument, seed| {
        Box::new(TwoChoices::new(argument.number() as usize, seed))
    })
};

/// Draws `d` distinct servers. Ties are broken at random.
#[derive(Clone, Debug)]
pub struct TwoChoices {
    d: usize,
    servers: usize,
    random: Random,
    drawn: Vec<usize>,
}

impl TwoChoices {
    /// The least loaded of `d`, drawn from the stream of this seed.
    pub fn new(d: usize, seed: u64) -> Self {
        Self { d, servers: 0, random: Random::new(seed, "two-choices"), drawn: Vec::new() }
    }
}

impl Strategy for TwoChoices {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = servers.len();
    }

    fn pick(&mut self, _: &str, look: &Look<'_>) -> Option<usize> {
        distinct(&mut self.random, self.servers, self.d, &mut self.drawn);
        least(&mut self.random, self.drawn.iter().copied(), |index| f64::from(look.load(index)))
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
