//! Numbered streams: one for each user, and for each of its actions.

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::Random;
use super::mix::mix;

/// The streams for one purpose in one replication. Millions of them take no memory: each is created
/// on use, and does not depend on draws from the others.
#[derive(Clone, Copy, Debug)]
pub struct Streams(u64);

impl Streams {
    /// The streams of this name.
    pub fn new(seed: u64, replication: u32, name: &str) -> Self {
        let mut random = Random::new(seed ^ mix(u64::from(replication)), name);
        Self(StandardUniform.sample(&mut random.0))
    }

    /// The stream of an entity's `number`th action.
    pub fn at(self, entity: u64, number: u64) -> Random {
        let seed = mix(mix(self.0 ^ entity).wrapping_add(number));
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A distinct number for each entity.
    pub fn label(self, entity: u64) -> u64 {
        mix(self.0 ^ entity)
    }
}

#[cfg(test)]
mod tests {
    use super::Streams;

    #[test]
    fn streams_differ_in_every_part_of_their_name_and_repeat() {
        let draw = |seed, replication, name, entity, number| {
            Streams::new(seed, replication, name).at(entity, number).between(0, u64::MAX)
        };
        let first = draw(1, 0, "talk", 7, 3);
        assert_eq!(first, draw(1, 0, "talk", 7, 3));
        for other in [
            (2, 0, "talk", 7, 3),
            (1, 1, "talk", 7, 3),
            (1, 0, "stay", 7, 3),
            (1, 0, "talk", 8, 3),
            (1, 0, "talk", 7, 4),
        ] {
            assert_ne!(first, draw(other.0, other.1, other.2, other.3, other.4), "{other:?}");
        }
    }

    /// Neighbouring streams must be independent: the mean over users of the first draw is that of
    /// independent ones. Its standard error is 1/√(12·n); five of them leave no chance to chance.
    #[test]
    fn first_draws_of_neighbours_are_uniform() {
        let streams = Streams::new(1, 0, "talk");
        let n = 100_000_u32;
        let bound = 5.0 / (12.0 * f64::from(n)).sqrt();
        let mean = |draw: &dyn Fn(u64) -> f64| (0..u64::from(n)).map(draw).sum::<f64>() / f64::from(n);
        let by_entity = mean(&|entity| streams.at(entity, 0).unit());
        let by_number = mean(&|number| streams.at(5, number).unit());
        assert!(
            (by_entity - 0.5).abs() < bound && (by_number - 0.5).abs() < bound,
            "{by_entity} {by_number}"
        );
        let product =
            mean(&|entity| (streams.at(entity, 0).unit() - 0.5) * (streams.at(entity + 1, 0).unit() - 0.5));
        assert!(product.abs() < 5.0 / 12.0 / f64::from(n).sqrt(), "{product}");
    }
}
