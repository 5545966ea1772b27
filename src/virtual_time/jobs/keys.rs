//! The keys that strategies hash: drawn by Zipf's law, or one for each job.

use std::fmt::Write as _;

use crate::random::{Random, Zipf};
use crate::scenario;
use crate::strategies::Strategy;

/// The keys of a run.
pub(super) enum Keys {
    /// Each job has its own key.
    Own(OwnKey),
    /// A fixed number of keys, shared by the jobs.
    Shared(Box<SharedKeys>),
}

/// Sixteen hexadecimal digits derived from the job's number by a random-quality mix. Consecutive
/// numbers would flatter strategies that hash with CRC, which spreads them more evenly than chance.
pub(super) struct OwnKey {
    text: [u8; 16],
    first: u64,
}

/// `key-1`, `key-2`, ..., concatenated in one string.
pub(super) struct SharedKeys {
    zipf: Zipf,
    random: Random,
    texts: String,
    ends: Vec<u32>,
    moves: Moves,
}

/// Keys whose server differs after a change of the list. A key counts once for each change.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Moves {
    /// Number of keys.
    pub(super) of: u64,
    pub(super) moved: u64,
    /// Moved neither from a removed server nor to an added one.
    pub(super) unforced: u64,
}

impl Keys {
    pub(super) fn new(keys: Option<&scenario::Keys>, mut random: Random) -> Self {
        let Some(keys) = keys else {
            return Self::Own(OwnKey { text: [b'0'; 16], first: random.between(0, u64::MAX) });
        };
        let count = keys.count;
        let (mut texts, mut ends) = (String::new(), Vec::with_capacity(count as usize));
        for number in 1..=count {
            // Writing to a `String` cannot fail.
            let _ = write!(texts, "key-{number}");
            ends.push(texts.len() as u32);
        }
        let zipf = Zipf::new(count, keys.zipf);
        Self::Shared(Box::new(SharedKeys {
            zipf,
            random,
            texts,
            ends,
            moves: Moves { of: u64::from(count), ..Moves::default() },
        }))
    }

    /// Draws the key of the next job, from 0.
    pub(super) fn draw(&mut self) -> u32 {
        match self {
            Self::Own(_) => 0,
            Self::Shared(keys) => keys.zipf.draw(&mut keys.random) as u32,
        }
    }

    /// Text of a job's key.
    #[inline]
    pub(super) fn text(&mut self, job: u64, key: u32) -> &str {
        match self {
            Self::Own(own) => own.text(job),
            Self::Shared(keys) => keys.text(key),
        }
    }

    /// How many keys have moved; `None` when each job has its own key.
    pub(super) fn moves(&self) -> Option<Moves> {
        match self {
            Self::Own(_) => None,
            Self::Shared(keys) => Some(keys.moves),
        }
    }

    /// The server of each key, by index; `None` when each job has its own key. `list` holds the
    /// servers on the strategy's list.
    pub(super) fn placed(&self, strategy: &dyn Strategy, list: &[u32]) -> Option<Vec<Option<u32>>> {
        let Self::Shared(keys) = self else { return None };
        let place = |key: u32| strategy.peek(keys.text(key)).and_then(|place| list.get(place).copied());
        Some((0..keys.ends.len() as u32).map(place).collect())
    }

    /// Counts the keys whose server differs from `before`, when the list was `old`.
    pub(super) fn count_moves(
        &mut self,
        before: &[Option<u32>],
        old: &[u32],
        strategy: &dyn Strategy,
        list: &[u32],
    ) {
        let Some(after) = self.placed(strategy, list) else { return };
        let Self::Shared(keys) = self else { return };
        let (was_there, is_there) = (Members::of(old), Members::of(list));
        for (before, after) in before.iter().zip(after) {
            let Some(before) = before else { continue };
            if after == Some(*before) {
                continue;
            }
            keys.moves.moved += 1;
            if is_there.has(*before) && after.is_some_and(|after| was_there.has(after)) {
                keys.moves.unforced += 1;
            }
        }
    }
}

/// The set of servers on a list.
struct Members(Vec<bool>);

impl Members {
    fn of(list: &[u32]) -> Self {
        let mut members = vec![false; list.iter().max().map_or(0, |most| *most as usize + 1)];
        list.iter().for_each(|server| members[*server as usize] = true);
        Self(members)
    }

    fn has(&self, server: u32) -> bool {
        self.0.get(server as usize).is_some_and(|is| *is)
    }
}

impl SharedKeys {
    fn text(&self, key: u32) -> &str {
        let end_of = |key: usize| self.ends.get(key).map_or(0, |end| *end as usize);
        let start = if key == 0 { 0 } else { end_of(key as usize - 1) };
        &self.texts[start..end_of(key as usize)]
    }
}

impl OwnKey {
    /// Text of a job's key.
    #[inline]
    pub(super) fn text(&mut self, job: u64) -> &str {
        // Output function of SplitMix64 (Steele, Lea, Flood 2014), a bijection: distinct jobs get
        // distinct keys.
        let mut mixed = self.first.wrapping_add(job.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        for digit in &mut self.text {
            *digit = b"0123456789abcdef"[(mixed & 15) as usize];
            mixed >>= 4;
        }
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Keys;
    use crate::random::Random;

    #[test]
    fn each_job_has_a_key_of_its_own_in_each_replication() {
        let mut seen = BTreeSet::new();
        for stream in ["one", "another"] {
            let mut keys = Keys::new(None, Random::new(1, stream));
            let texts: Vec<String> = (0..1000).map(|job| keys.text(job, 0).to_owned()).collect();
            assert_eq!(keys.text(7, 0), texts[7]);
            seen.extend(texts);
        }
        assert_eq!(seen.len(), 2000);
    }
}
