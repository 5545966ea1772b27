//! `memento`: MementoHash (Coluzzi, Brocco, Antonucci, Leidi 2024): jump, and a memory of the servers that went.

use super::hash::{again, of_key, range};
use super::jump::Jump;
use super::seats::Seats;
use super::{Candidate, Look, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry::sticky(
    "memento",
    "MementoHash: jump, and any server may go; it remembers those that went",
    |_, _| Box::new(Memento::default()),
);

/// As jump while servers come and go at the end; when another goes, only its keys move, and when it comes back before
/// another one changes they return. What it remembers grows with the servers that went and were not replaced; there is no
/// capacity.
#[derive(Clone, Default, Debug)]
pub struct Memento {
    buckets: u32,
    /// For each bucket, how it was removed, if it was.
    removed: Vec<Option<Removal>>,
    removed_count: u32,
    /// The bucket that was removed last.
    last: u32,
    seats: Seats,
}

/// A bucket that nobody sits in.
#[derive(Clone, Copy, Debug)]
struct Removal {
    /// The bucket that took its place: how many were left, too.
    replacer: u32,
    /// The bucket that was removed before it.
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

    /// The working bucket of a hash, and how many were asked on the way. One must be working.
    fn bucket(&self, hash: u64) -> (u32, u32) {
        let mut bucket = Jump::bucket(hash, self.buckets);
        let mut steps = 1;
        while let Some(Removal { replacer: left, .. }) = self.removed[bucket as usize] {
            // Again, among those that were left when it went: each of them stands for itself, or is replaced.
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
        // From the end, so that those at the end go as they came.
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
