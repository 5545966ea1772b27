//! A set of places that arrive nearly in order, stored as ranges: a run without gaps takes sixteen
//! bytes.

/// Ranges in order, with gaps between them; the second number is exclusive.
#[derive(Clone, Default, Debug)]
pub(super) struct Numbers(Vec<(u64, u64)>);

impl Numbers {
    /// Adds the numbers from `low` up to `end`, exclusive. None of them may be in the set yet.
    pub(super) fn extend(&mut self, low: u64, end: u64) {
        if low >= end {
            return;
        }
        let Self(ranges) = self;
        let next = ranges.partition_point(|(_, before)| *before < low);
        match ranges.get_mut(next) {
            Some(range) if range.1 == low => {
                range.1 = end;
                if ranges.get(next + 1).is_some_and(|after| after.0 == end) {
                    ranges[next].1 = ranges.remove(next + 1).1;
                }
            }
            Some(range) if range.0 == end => range.0 = low,
            _ => ranges.insert(next, (low, end)),
        }
    }

    /// Whether a number is in the set.
    pub(super) fn contains(&self, number: u64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end <= number);
        self.0.get(at).is_some_and(|(low, _)| *low <= number)
    }
}

/// Converts a count of members, rooms or a member's messages: all are fewer than two thousand
/// million.
pub(super) fn small(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
