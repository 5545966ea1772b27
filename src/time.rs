//! Time of a cluster as an integer, the same for live and virtual clocks.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// Nanoseconds since the cluster started. Logic never reads a clock: each delivery carries the
/// time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The start of the cluster.
    pub const START: Time = Time(0);

    /// The time `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A figure for the current second and for the previous one. An observer that reads once a second
/// misses nothing, and several observers do not disturb each other.
#[derive(Clone, Copy, Default, Debug)]
pub struct TwoSeconds {
    second: u32,
    here: u32,
    before: u32,
}

impl TwoSeconds {
    /// The current second's figure, mutable.
    pub fn at(&mut self, now: Time) -> &mut u32 {
        let second = second_of(now);
        if second != self.second {
            (self.before, self.here) = (self.before(second), 0);
            self.second = second;
        }
        &mut self.here
    }

    /// The figure of the last complete second.
    pub fn last(&self, now: Time) -> u32 {
        let second = second_of(now);
        if second == self.second { self.before } else { self.before(second) }
    }

    /// The higher of the two.
    pub fn highest(&self, now: Time) -> u32 {
        if second_of(now) == self.second { self.here.max(self.before) } else { self.last(now) }
    }

    /// The stored figure, if `second` directly follows its second.
    fn before(&self, second: u32) -> u32 {
        if second == self.second.wrapping_add(1) { self.here } else { 0 }
    }
}

/// Whole seconds as a `u32`: enough for a cluster's age.
fn second_of(now: Time) -> u32 {
    (now.0 / 1_000_000_000) as u32
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates at the end of time, 584 years after the start.
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Duration::from_nanos(self.0), f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Time, TwoSeconds};

    #[test]
    fn a_second_is_forgotten_when_the_next_one_is_over() {
        let at = |tenths: u64| Time::from_nanos(tenths * 100_000_000);
        let mut figure = TwoSeconds::default();
        *figure.at(at(12)) = 5;
        *figure.at(at(13)) += 2;
        assert_eq!((figure.last(at(19)), figure.highest(at(19))), (0, 7));
        assert_eq!((figure.last(at(20)), figure.highest(at(29))), (7, 7));
        assert_eq!((figure.last(at(30)), figure.highest(at(30))), (0, 0));
        *figure.at(at(21)) += 1;
        assert_eq!((figure.last(at(22)), figure.highest(at(22))), (7, 7));
        *figure.at(at(55)) = 3;
        assert_eq!((figure.last(at(56)), figure.highest(at(56))), (0, 3));
    }
}
