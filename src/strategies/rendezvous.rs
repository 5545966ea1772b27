//! `rendezvous`: highest random weight (Thaler, Ravishankar 1996).

use super::hash::{by_id, fold, of_key, of_server};
use super::{Candidate, Look, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry::sticky(
    "rendezvous",
    "highest score of a hash of key and server; looks at every server",
    |_, _| Box::new(Rendezvous::default()),
);

/// Each server gets a score for the key, a hash of both; the highest score wins. A key therefore
/// only moves when its own server leaves or one with a higher score joins, whatever the order of
/// the list.
///
/// Looks at every server: about a nanosecond each.
#[derive(Clone, Default, Debug)]
pub struct Rendezvous {
    /// Sorted by id, so that among equal scores the lower id is found first.
    seeds: Vec<u64>,
    indices: Vec<u32>,
}

/// Scores compared in parallel: enough to keep the processor from waiting for each comparison.
const LANES: usize = 4;

impl Rendezvous {
    /// The winner's rank in the order of ids, and its score.
    fn winner(&self, hash: u64) -> Option<(usize, u64)> {
        let mut best = [(0_u64, usize::MAX); LANES];
        let chunks = self.seeds.chunks_exact(LANES);
        let rest = chunks.remainder();
        let mut rank = 0;
        for seeds in chunks {
            for lane in 0..LANES {
                let score = fold(hash ^ seeds[lane]);
                let better = score > best[lane].0 || best[lane].1 == usize::MAX;
                best[lane] = if better { (score, rank + lane) } else { best[lane] };
            }
            rank += LANES;
        }
        for (lane, seed) in rest.iter().enumerate() {
            let score = fold(hash ^ seed);
            if score > best[lane].0 || best[lane].1 == usize::MAX {
                best[lane] = (score, rank + lane);
            }
        }
        let found = best.into_iter().filter(|(_, rank)| *rank != usize::MAX);
        // The highest score; among equal ones, the lowest rank.
        found.max_by_key(|(score, rank)| (*score, usize::MAX - rank)).map(|(score, rank)| (rank, score))
    }
}

impl Strategy for Rendezvous {
    fn rebuild(&mut self, servers: &[Candidate]) {
        let order = by_id(servers);
        self.seeds = order.iter().map(|index| of_server(&servers[*index])).collect();
        self.indices = order.iter().map(|index| *index as u32).collect();
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        self.winner(of_key(key)).map(|(rank, _)| self.indices[rank] as usize)
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        match self.winner(hash) {
            None => format!("xxh3 {hash:016x}"),
            Some((_, score)) => {
                format!("xxh3 {hash:016x}; its score {score:016x} is the highest of {}", self.seeds.len())
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.seeds) + size_of_val(&*self.indices)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
