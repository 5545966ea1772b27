//! `jump`: jump consistent hash (Lamping, Veach 2014).

use super::hash::of_key;
use super::{Candidate, Look, Moves, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    moves: Moves::LastOnly,
    ..StrategyEntry::sticky(
        "jump",
        "jump consistent hash: even, without memory; servers join and leave at the end",
        |_, _| Box::new(Jump::default()),
    )
};

/// Uses no memory and balances almost perfectly, but servers can only join and leave at the end of
/// the list: when another leaves, all behind it move up.
#[derive(Clone, Default, Debug)]
pub struct Jump {
    servers: u32,
}

impl Jump {
    /// The bucket of a hash among `buckets`, which must not be 0.
    #[inline]
    pub fn bucket(mut hash: u64, buckets: u32) -> u32 {
        // Signed, because processors convert signed integers to and from floating point in one
        // instruction.
        let (mut bucket, mut next) = (0_i64, 0_i64);
        while next < i64::from(buckets) {
            bucket = next;
            hash = hash.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
            let drawn = 2_147_483_648.0 / ((hash >> 33) as i64 + 1) as f64;
            next = ((bucket + 1) as f64 * drawn) as i64;
        }
        bucket as u32
    }
}

impl Strategy for Jump {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        (self.servers > 0).then(|| Self::bucket(of_key(key), self.servers) as usize)
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        match self.servers {
            0 => format!("xxh3 {hash:016x}"),
            n => format!("xxh3 {hash:016x}, which jumps to place {} of {n}", Self::bucket(hash, n)),
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
