//! `anchor(capacity)`: AnchorHash (Mendelson, Vargaftik, Barabash, Lorenz, Keslassy, Orda 2020).

use super::hash::{again, of_key, range};
use super::seats::Seats;
use super::{Candidate, Look, Parameter, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    parameter: Parameter::whole("capacity in servers", Anchor::CAPACITY, 1, 1_000_000),
    ..StrategyEntry::sticky(
        "anchor",
        "AnchorHash: even; any server may leave, up to a capacity",
        |argument, _| Box::new(Anchor::new(argument.number() as u32)),
    )
};

/// Any server may leave: only its keys move, and they return if it rejoins before the next change.
/// Uses four numbers for each slot of the capacity; a pick takes `1 + ln(capacity / servers)`
/// steps.
///
/// A list that outgrows the capacity doubles it, and all keys are placed anew.
#[derive(Clone, Debug)]
pub struct Anchor {
    capacity: u32,
    table: Table,
    seats: Seats,
}

/// The paper's arrays. A bucket is working while its `removed_at` is 0.
#[derive(Clone, Default, Debug)]
struct Table {
    /// A: the number of working buckets just after the bucket's removal.
    removed_at: Vec<u32>,
    /// W: the working buckets, in the order in which they replace removed ones.
    working: Vec<u32>,
    /// L: the position of each bucket in `working`.
    last: Vec<u32>,
    /// K: the bucket that took a removed bucket's position in `working`.
    successor: Vec<u32>,
    /// R: removed buckets, the latest last.
    removed: Vec<u32>,
    /// N: the number of working buckets.
    count: u32,
}

impl Table {
    fn new(capacity: u32) -> Self {
        let identity: Vec<u32> = (0..capacity).collect();
        Self {
            // All are removed, starting from the last.
            removed_at: identity.clone(),
            working: identity.clone(),
            last: identity.clone(),
            successor: identity,
            removed: (0..capacity).rev().collect(),
            count: 0,
        }
    }

    fn add(&mut self) -> Option<u32> {
        let bucket = self.removed.pop()?;
        let (b, n) = (bucket as usize, self.count as usize);
        self.removed_at[b] = 0;
        let moved = self.working[n] as usize;
        self.last[moved] = self.count;
        self.working[self.last[b] as usize] = bucket;
        self.successor[b] = bucket;
        self.count += 1;
        Some(bucket)
    }

    fn remove(&mut self, bucket: u32) {
        let b = bucket as usize;
        self.count -= 1;
        let last = self.working[self.count as usize];
        self.removed.push(bucket);
        self.removed_at[b] = self.count;
        self.working[self.last[b] as usize] = last;
        self.successor[b] = last;
        self.last[last as usize] = self.last[b];
    }

    fn bytes(&self) -> usize {
        let arrays = [&self.removed_at, &self.working, &self.last, &self.successor, &self.removed];
        arrays.into_iter().map(|array| size_of_val(&**array)).sum()
    }

    /// The working bucket of a hash, and the number of steps to it. Requires a working bucket.
    #[inline]
    fn bucket(&self, hash: u64) -> (u32, u32) {
        let mut bucket = range(hash, self.removed_at.len() as u32);
        let mut steps = 1;
        // Bucket 0 has `removed_at` 0 even when it was the last to be removed; no key is looked up
        // then.
        loop {
            let before = self.removed_at[bucket as usize];
            if before == 0 {
                return (bucket, steps);
            }
            let mut next = range(again(hash, bucket), before);
            while self.removed_at[next as usize] >= before {
                next = self.successor[next as usize];
            }
            bucket = next;
            steps += 1;
        }
    }
}

impl Anchor {
    /// Default capacity, in servers.
    pub const CAPACITY: u32 = 256;

    /// An empty anchor of this capacity.
    pub fn new(capacity: u32) -> Self {
        let capacity = capacity.max(1);
        Self { capacity, table: Table::new(capacity), seats: Seats::default() }
    }
}

impl Strategy for Anchor {
    fn rebuild(&mut self, servers: &[Candidate]) {
        if servers.len() > self.capacity as usize {
            self.capacity = u32::try_from(servers.len()).unwrap_or(u32::MAX).next_power_of_two();
            (self.table, self.seats) = (Table::new(self.capacity), Seats::default());
        }
        let difference = self.seats.difference(servers);
        for bucket in difference.gone {
            self.table.remove(bucket);
            self.seats.leave(bucket);
        }
        for id in difference.new {
            if let Some(bucket) = self.table.add() {
                self.seats.sit(bucket, id);
            }
        }
        self.seats.place(servers);
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        (self.table.count > 0).then(|| self.seats.index(self.table.bucket(of_key(key)).0))
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        if self.table.count == 0 {
            return format!("xxh3 {hash:016x}");
        }
        let (bucket, steps) = self.table.bucket(hash);
        format!("xxh3 {hash:016x}; bucket {bucket} of {}, step {steps}", self.capacity)
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.table.bytes() + self.seats.bytes()
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
