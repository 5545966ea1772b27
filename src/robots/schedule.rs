//! Schedules of arrivals, messages and departures.

use std::time::Duration;

use crate::random::Random;
use crate::time::Time;

/// Start of the `index`th login at this rate per second.
pub fn arrival(index: usize, per_second: f64) -> Duration {
    Duration::from_secs_f64(index as f64 / per_second)
}

/// Random times of a group: each member acts at a given rate per second, independent of all others
/// and of its past. Drawn as one Poisson process whose events go to random members: the same
/// distribution, without memory or a queue per member.
#[derive(Clone, Debug)]
pub struct Moments {
    random: Random,
    per_second: f64,
    members: usize,
    at_seconds: f64,
    start: Time,
}

impl Moments {
    /// The times of `members` from `start` on, each at `per_second`. The name separates the streams
    /// of one seed.
    pub fn new(seed: u64, name: &str, members: usize, per_second: f64, start: Time) -> Self {
        let random = Random::new(seed, name);
        Self { random, per_second: per_second * members as f64, members, at_seconds: 0.0, start }
    }
}

impl Iterator for Moments {
    type Item = (Time, usize);

    /// The next time and its member. `None`: never.
    fn next(&mut self) -> Option<(Time, usize)> {
        if self.per_second <= 0.0 {
            return None;
        }
        self.at_seconds -= (1.0 - self.random.unit()).ln() / self.per_second;
        // A time too large for a Duration lies beyond every run.
        let after = Duration::try_from_secs_f64(self.at_seconds).ok()?;
        Some((self.start + after, self.random.index(self.members)))
    }
}
