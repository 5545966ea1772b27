//! Reproducible random numbers: named streams from one seed.

mod distribution;
mod mix;
mod streams;
mod zipf;

use rand_distr::{Distribution as _, Exp1, LogNormal, StandardUniform, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

pub use distribution::{Distribution, Shape};
pub(crate) use mix::{mix, nth};
pub use streams::Streams;
pub use zipf::{Zipf, sizes};

/// One stream. The same seed and name give the same numbers, on every machine and independent of
/// other streams. So two runs that differ in one thing draw the same numbers everywhere else
/// (common random numbers).
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of this name.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a: names only need to give distinct seeds; the generator's seeding mixes the bits.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ hash))
    }

    /// Uniform in 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        StandardUniform.sample(&mut self.0)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in `low` to `high`, both included; `low` when the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        Uniform::new_inclusive(low, high).map_or(low, |range| range.sample(&mut self.0))
    }

    /// An index into a list of this length, which must not be 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.between(0, len.saturating_sub(1) as u64)).unwrap_or(0)
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        Exp1.sample(&mut self.0)
    }

    /// Lognormal with this median and this standard deviation of the logarithm.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        LogNormal::new(median.ln(), sigma).map_or(median, |law| law.sample(&mut self.0))
    }
}
