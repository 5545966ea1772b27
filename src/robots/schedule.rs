//! Moments: when each user arrives, and when who sends or leaves.

use std::time::Duration;

use crate::random::Random;
use crate::time::Time;

/// When the `index`th login begins, at so many a second.
pub fn arrival(index: usize, per_second: f64) -> Duration {
    Duration::from_secs_f64(index as f64 / per_second)
}

/// Random moments of a group: each of its members acts at so many a second, independent of all others and of its own
/// past. Drawn as one Poisson process of them all, whose moments fall to members at random, which is the same law, and
/// needs neither memory nor a queue for each.
#[derive(Clone, Debug)]
pub struct Moments {
    random: Random,
    per_second: f64,
    members: usize,
    at_seconds: f64,
    start: Time,
}

impl Moments {
    /// The moments of `members` from `start` on, each at `per_second`. The name tells the streams of one seed apart.
    pub fn new(seed: u64, name: &str, members: usize, per_second: f64, start: Time) -> Self {
        let random = Random::new(seed, name);
        Self { random, per_second: per_second * members as f64, members, at_seconds: 0.0, start }
    }
}

impl Iterator for Moments {
    type Item = (Time, usize);

    /// The next moment, and which of the members acts then. None: nobody ever does.
    fn next(&mut self) -> Option<(Time, usize)> {
        if self.per_second <= 0.0 {
            return None;
        }
        self.at_seconds -= (1.0 - self.random.unit()).ln() / self.per_second;
        // Beyond what a Duration holds is beyond every run.
        let after = Duration::try_from_secs_f64(self.at_seconds).ok()?;
        Some((self.start + after, self.random.index(self.members)))
    }
}
