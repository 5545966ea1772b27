//! What strategies hash: keys drawn by Zipf's law, or one a job.

use std::fmt::Write as _;

use crate::random::{Random, Zipf};
use crate::scenario;
use crate::strategies::Strategy;

/// The keys of a run.
pub(super) enum Keys {
    /// Each job has its own.
    Own(OwnKey),
    /// So many, shared.
    Shared(Box<SharedKeys>),
}

/// `job-` and the number of the job, in twelve digits.
pub(super) struct OwnKey {
    text: [u8; 16],
    number: u64,
}

/// `key-1` and so on, one text behind the other.
pub(super) struct SharedKeys {
    law: Zipf,
    random: Random,
    texts: String,
    ends: Vec<u32>,
    moves: Moves,
}

/// Keys whose server was another after a change of the list than before: a key counts at each change.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Moves {
    /// Keys that there are.
    pub(super) of: u64,
    pub(super) moved: u64,
    /// Neither from a server that went nor to one that came.
    pub(super) unforced: u64,
}

impl Keys {
    pub(super) fn new(keys: Option<&scenario::Keys>, random: Random) -> Self {
        let Some(keys) = keys else {
            return Self::Own(OwnKey { text: *b"job-000000000000", number: 0 });
        };
        let count = keys.count;
        let (mut texts, mut ends) = (String::new(), Vec::with_capacity(count as usize));
        for number in 1..=count {
            // A text takes all that is written into it.
            let _ = write!(texts, "key-{number}");
            ends.push(texts.len() as u32);
        }
        let law = Zipf::new(count, keys.zipf);
        Self::Shared(Box::new(SharedKeys {
            law,
            random,
            texts,
            ends,
            moves: Moves { of: u64::from(count), ..Moves::default() },
        }))
    }

    /// The key of the next job, from 0.
    pub(super) fn draw(&mut self) -> u32 {
        match self {
            Self::Own(_) => 0,
            Self::Shared(keys) => keys.law.draw(&mut keys.random) as u32,
        }
    }

    /// The key of that job as a text.
    #[inline]
    pub(super) fn text(&mut self, job: u64, key: u32) -> &str {
        match self {
            Self::Own(own) => own.text(job),
            Self::Shared(keys) => keys.text(key),
        }
    }

    /// How many keys have moved, if that can be said.
    pub(super) fn moves(&self) -> Option<Moves> {
        match self {
            Self::Own(_) => None,
            Self::Shared(keys) => Some(keys.moves),
        }
    }

    /// Where each key is, by index of server; none when each job has its own. `list` are the servers of the strategy's list.
    pub(super) fn placed(&self, strategy: &dyn Strategy, list: &[u32]) -> Option<Vec<Option<u32>>> {
        let Self::Shared(keys) = self else { return None };
        let place = |key: u32| strategy.peek(keys.text(key)).and_then(|place| list.get(place).copied());
        Some((0..keys.ends.len() as u32).map(place).collect())
    }

    /// Counts the keys that are elsewhere now than `before`, when the list was `old`.
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

/// Which servers are on a list.
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
    #[inline]
    fn text(&mut self, job: u64) -> &str {
        let digits = &mut self.text[4..];
        if job == self.number + 1 {
            // As a rule: counting on in place is quicker than writing a number.
            for digit in digits.iter_mut().rev() {
                if *digit < b'9' {
                    *digit += 1;
                    break;
                }
                *digit = b'0';
            }
        } else {
            let mut left = job;
            for digit in digits.iter_mut().rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
        self.number = job;
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;
    use crate::random::Random;

    #[test]
    fn each_job_has_a_key_of_its_own() {
        let mut keys = Keys::new(None, Random::new(1, "keys"));
        for job in [0, 1, 2, 9, 10, 11, 3, 99, 100, 998, 999, 1000, 123_456_789_012] {
            assert_eq!(keys.text(job, 0), format!("job-{job:012}"));
        }
    }
}
