//! The keys that are placed: users and rooms by number, as text.

use std::fmt::Write;

use serde::Serialize;

use crate::random::nth;

/// A set of keys, and how much weighs on each.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct KeySet {
    /// What the keys are called: `user` makes `user0`, `user1` and so on.
    pub prefix: String,
    /// How many.
    pub count: u64,
    /// How they are numbered.
    pub ids: Ids,
    /// The k-th key weighs as much as 1/k to this power, as rooms by Zipf's law do; 0: all alike.
    pub zipf: f64,
}

/// How keys are numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ids {
    /// One after the other: a CRC, which is linear, spreads these far more evenly than others over 2^k servers.
    Sequential,
    /// By random 64-bit numbers.
    Random,
}

/// A block of keys, one text behind the other.
#[derive(Default)]
pub(super) struct Block {
    text: String,
    ends: Vec<usize>,
}

impl Block {
    /// The keys number `from` to `to`, without the last, in place of those that it had.
    pub(super) fn fill(&mut self, set: &KeySet, seed: u64, from: u64, to: u64) {
        self.text.clear();
        self.ends.clear();
        for number in from..to {
            let id = match set.ids {
                Ids::Sequential => number,
                Ids::Random => nth(seed, number),
            };
            self.text.push_str(&set.prefix);
            // A string takes everything.
            let _ = write!(self.text, "{id}");
            self.ends.push(self.text.len());
        }
    }

    /// How many keys it has.
    pub(super) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

/// What weighs on the key of that number.
pub(super) fn weight(set: &KeySet, number: u64) -> f64 {
    if set.zipf == 0.0 { 1.0 } else { ((number + 1) as f64).powf(-set.zipf) }
}
