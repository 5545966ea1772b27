//! A set of numbers that come nearly in order, as ranges: what came in one piece takes sixteen bytes.

use std::ops::RangeInclusive;

/// Ranges in order, with gaps between them.
#[derive(Clone, Default, Debug)]
pub(super) struct Numbers(Vec<(u64, u64)>);

impl Numbers {
    /// Adds a number; false when it was there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let Self(ranges) = self;
        // The range before which the number, or the place for it, is.
        let next = ranges.partition_point(|(low, _)| *low <= number);
        if next > 0 && number <= ranges[next - 1].1 {
            return false;
        }
        let joins_before = next > 0 && ranges[next - 1].1 + 1 == number;
        let joins_after = ranges.get(next).is_some_and(|(low, _)| number + 1 == *low);
        match (joins_before, joins_after) {
            (true, true) => {
                ranges[next - 1].1 = ranges[next].1;
                ranges.remove(next);
            }
            (true, false) => ranges[next - 1].1 = number,
            (false, true) => ranges[next].0 = number,
            (false, false) => ranges.insert(next, (number, number)),
        }
        true
    }

    /// Whether one of these is in it.
    pub(super) fn any_in(&self, numbers: RangeInclusive<u64>) -> bool {
        let (low, high) = numbers.into_inner();
        let at = self.0.partition_point(|(_, end)| *end < low);
        low <= high && self.0.get(at).is_some_and(|(start, _)| *start <= high)
    }

    /// Those from 1 to `last` that are not in it.
    pub(super) fn missing(&self, last: u64) -> impl Iterator<Item = u64> {
        let starts = std::iter::once(1).chain(self.0.iter().map(|(_, end)| end + 1));
        let ends = self.0.iter().map(|(start, _)| start - 1).chain(std::iter::once(last));
        starts.zip(ends).flat_map(move |(start, end)| start..=end.min(last))
    }
}
