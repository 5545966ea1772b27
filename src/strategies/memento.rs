//! `memento`: MementoHash (Coluzzi, Brocco, Antonucci, Leidi 2024): jump, plus a memory of removed
//! servers.

use super::hash::{again, of_key, range};
use super::jump::Jump;
use super::seats::Seats;
use super::{Candidate, Look, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry::sticky(
    "memento",
    "MementoHash: jump, but any server may leave; remembers removed servers",
    |_, _| Box::new(Memento::default()),
);

/// Equals jump while servers join and leave at the end. When another server leaves, only its keys
/// move, and they return if it rejoins before the next change. Memory grows with the servers that
/// left and were not replaced; there is no capacity.
#[derive(Clone, Default, Debug)]
pub struct Memento {
    buckets: u32,
    /// For each bucket, how it was removed, if it was.
    removed: Vec<Option<Removal>>,
    removed_count: u32,
    /// The most recently removed bucket.
    last: u32,
    seats: Seats,
}

/// A removed bucket.
#[derive(Clone, Copy, Debug)]
struct Removal {
    /// The bucket that replaced it, which is also the number of buckets left.
    replacer: u32,
    /// The bucket removed before it.
    before: u32,
}

impl Memento {
    fn add(&mut self) -> u32 {
        if self.removed_count == 0 {
            let bucket = self.buckets;
            self.buckets += 1;
            self.removed.push(None);
            return bucket;
        }
        let bucket = self.last;
        if let Some(removal) = self.removed[bucket as usize].take() {
            self.last = removal.before;
            self.removed_count -= 1;
        }
        bucket
    }

    fn remove(&mut self, bucket: u32) {
        if self.removed_count == 0 && bucket + 1 == self.buckets {
            self.buckets -= 1;
            self.removed.pop();
            return;
        }
        let replacer = self.buckets - self.removed_count - 1;
        self.removed[bucket as usize] = Some(Removal { replacer, before: self.last });
        self.removed_count += 1;
        self.last = bucket;
    }

    /// The working bucket of a hash, and the number of steps to it. Requires a working bucket.
    fn bucket(&self, hash: u64) -> (u32, u32) {
        let mut bucket = Jump::bucket(hash, self.buckets);
        let mut steps = 1;
        while let Some(Removal { replacer: left, .. }) = self.removed[bucket as usize] {
            // Hash again, among the buckets left when this one went: each of them is still working
            // or was replaced later.
            let mut next = range(again(hash, bucket), left);
            while let Some(removal) = self.removed[next as usize].filter(|removal| removal.replacer >= left) {
                next = removal.replacer;
            }
            bucket = next;
            steps += 1;
        }
        (bucket, steps)
    }

    fn is_empty(&self) -> bool {
        self.buckets == self.removed_count
    }
}

impl Strategy for Memento {
    fn rebuild(&mut self, servers: &[Candidate]) {
        let mut difference = self.seats.difference(servers);
        // From the end, so that servers at the end leave in reverse order of joining.
        difference.gone.reverse();
        for bucket in difference.gone {
            self.remove(bucket);
            self.seats.leave(bucket);
        }
        if self.is_empty() {
            *self = Self::default();
        }
        for id in difference.new {
            let bucket = self.add();
            self.seats.sit(bucket, id);
        }
        self.seats.place(servers);
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        (!self.is_empty()).then(|| self.seats.index(self.bucket(of_key(key)).0))
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        if self.is_empty() {
            return format!("xxh3 {hash:016x}");
        }
        let (bucket, steps) = self.bucket(hash);
        format!("xxh3 {hash:016x}; bucket {bucket} of {}, step {steps}", self.buckets)
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.removed) + self.seats.bytes()
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
