//! The keys to place: users and rooms by number, as text.

use std::fmt::Write;

use serde::Serialize;

use crate::random::nth;

/// A set of keys, and their weights.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct KeySet {
    /// Prefix of the keys: `user` gives `user0`, `user1` and so on.
    pub prefix: String,
    /// Number of keys.
    pub count: u64,
    /// Numbering of the keys.
    pub ids: Ids,
    /// The k-th key weighs 1/k to this power, as room sizes by Zipf's law do; 0: equal weights.
    pub zipf: f64,
}

/// Numbering of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ids {
    /// Consecutive numbers. A CRC, being linear, spreads these far more evenly over 2^k servers
    /// than other keys.
    Sequential,
    /// Random 64-bit numbers.
    Random,
}

/// A block of keys, concatenated in one string.
#[derive(Default)]
pub(super) struct Block {
    text: String,
    ends: Vec<usize>,
}

impl Block {
    /// Replaces the block by the keys from number `from` up to, but without, `to`.
    pub(super) fn fill(&mut self, set: &KeySet, seed: u64, from: u64, to: u64) {
        self.text.clear();
        self.ends.clear();
        for number in from..to {
            let id = match set.ids {
                Ids::Sequential => number,
                Ids::Random => nth(seed, number),
            };
            self.text.push_str(&set.prefix);
            // Writing to a string cannot fail.
            let _ = write!(self.text, "{id}");
            self.ends.push(self.text.len());
        }
    }

    /// Number of keys in the block.
    pub(super) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

/// Weight of the key with that number.
pub(super) fn weight(set: &KeySet, number: u64) -> f64 {
    if set.zipf == 0.0 { 1.0 } else { ((number + 1) as f64).powf(-set.zipf) }
}
