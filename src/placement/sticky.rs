//! Strategies that place a key without earlier choices: several threads place each key under all of
//! them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::keys::{Block, weight};
use super::{KeySet, Lists, Moved, Placed, PlacementError, PlacementPlan};
use crate::stats::Balance;
use crate::strategies::{Argument, Candidate, Strategy, StrategySpec};

/// Keys generated at a time: few enough to stay in the nearest cache.
const BLOCK: u64 = 2048;

/// Whether a strategy can locate a key that it has not placed before.
pub(super) fn is_shared(spec: &StrategySpec) -> bool {
    spec.is_sticky() && !matches!(spec.argument(), Argument::Inner(_))
}

/// A strategy under each of the lists.
struct Versions {
    now: Box<dyn Strategy>,
    more: Box<dyn Strategy>,
    without_last: Box<dyn Strategy>,
    without_middle: Box<dyn Strategy>,
}

impl Versions {
    fn new(spec: &StrategySpec, lists: &Lists, seed: u64) -> Self {
        let mut now = spec.make(seed);
        now.rebuild(&lists.now);
        // Rebuilt from the old list, as in a running cluster: some strategies keep what need not
        // move.
        let changed = |list: &[Candidate]| {
            let mut strategy = now.boxed();
            strategy.rebuild(list);
            strategy
        };
        let (more, without_last) = (changed(&lists.more), changed(&lists.without_last));
        let without_middle = changed(&lists.without_middle);
        Self { more, without_last, without_middle, now }
    }
}

/// The counts of one thread for one strategy.
#[derive(Clone)]
struct Tally {
    keys: Vec<u64>,
    /// By server and block. Blocks are summed in order, so that the floats are the same whichever
    /// thread counted them.
    weights: Vec<(u64, Vec<f64>)>,
    added: [u64; 2],
    removed_last: [u64; 2],
    removed_middle: [u64; 2],
    nanos: u128,
}

pub(super) fn place(
    lists: &Lists,
    specs: &[&StrategySpec],
    set: &KeySet,
    plan: &PlacementPlan,
    tell: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Placed>, PlacementError> {
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let versions: Vec<Versions> = specs.iter().map(|spec| Versions::new(spec, lists, plan.seed)).collect();
    let next = AtomicU64::new(0);
    let work = || count(lists, &versions, set, plan.seed, &next, tell);
    let mut tallies = vec![Tally::new(lists.now.len()); specs.len()];
    thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.get()).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let counted = thread.join().map_err(|_| PlacementError::Thread)?;
            tallies.iter_mut().zip(counted).for_each(|(all, part)| all.add(part));
        }
        Ok(())
    })?;
    let rows = specs.iter().zip(&versions).zip(tallies);
    Ok(rows.map(|((spec, versions), tally)| tally.finish(spec, set, versions.now.bytes())).collect())
}

/// The loop of a thread: takes blocks until none is left.
fn count(
    lists: &Lists,
    versions: &[Versions],
    set: &KeySet,
    seed: u64,
    next: &AtomicU64,
    tell: &(dyn Fn(u64) + Sync),
) -> Vec<Tally> {
    let mut tallies = vec![Tally::new(lists.now.len()); versions.len()];
    let mut block = Block::default();
    let mut picks: Vec<u32> = Vec::new();
    loop {
        let from = next.fetch_add(BLOCK, Ordering::Relaxed);
        let to = (from + BLOCK).min(set.count);
        if from >= to {
            return tallies;
        }
        block.fill(set, seed, from, to);
        for (versions, tally) in versions.iter().zip(&mut tallies) {
            picks.clear();
            let start = Instant::now();
            picks.extend(block.iter().map(|key| index(versions.now.peek(key))));
            tally.nanos += start.elapsed().as_nanos();
            tally.count(&picks, set, from);
            tally.compare(&picks, &block, versions, lists);
        }
        tell(to - from);
    }
}

/// A pick as a number that can be compared and counted; `None` maps to an index beyond every list.
fn index(pick: Option<usize>) -> u32 {
    pick.and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX)
}

impl Tally {
    fn new(servers: usize) -> Self {
        Self {
            keys: vec![0; servers],
            weights: Vec::new(),
            added: [0; 2],
            removed_last: [0; 2],
            removed_middle: [0; 2],
            nanos: 0,
        }
    }

    fn count(&mut self, picks: &[u32], set: &KeySet, from: u64) {
        for pick in picks {
            if let Some(keys) = self.keys.get_mut(*pick as usize) {
                *keys += 1;
            }
        }
        if set.zipf == 0.0 {
            return;
        }
        let mut weights = vec![0.0; self.keys.len()];
        for (number, pick) in (from..).zip(picks) {
            if let Some(sum) = weights.get_mut(*pick as usize) {
                *sum += weight(set, number);
            }
        }
        self.weights.push((from, weights));
    }

    /// Counts the keys that move, and those that move without need.
    fn compare(&mut self, picks: &[u32], block: &Block, versions: &Versions, lists: &Lists) {
        let (last, middle) = (lists.now.len() as u32 - 1, lists.middle as u32);
        for (key, &before) in block.iter().zip(picks) {
            let after = index(versions.more.peek(key));
            self.added[0] += u64::from(after != before);
            self.added[1] += u64::from(after != before && after != last + 1);
            let after = index(versions.without_last.peek(key));
            self.removed_last[0] += u64::from(after != before);
            self.removed_last[1] += u64::from(after != before && before != last);
            let after = index(versions.without_middle.peek(key));
            // Servers behind the removed one have moved up in the list.
            let after = if after >= middle { after.saturating_add(1) } else { after };
            self.removed_middle[0] += u64::from(after != before);
            self.removed_middle[1] += u64::from(after != before && before != middle);
        }
    }

    fn add(&mut self, other: Tally) {
        self.keys.iter_mut().zip(other.keys).for_each(|(all, part)| *all += part);
        self.weights.extend(other.weights);
        for (all, part) in [
            (&mut self.added, other.added),
            (&mut self.removed_last, other.removed_last),
            (&mut self.removed_middle, other.removed_middle),
        ] {
            all.iter_mut().zip(part).for_each(|(all, part)| *all += part);
        }
        self.nanos += other.nanos;
    }

    fn finish(mut self, spec: &StrategySpec, set: &KeySet, bytes: usize) -> Placed {
        let keys: Vec<f64> = self.keys.iter().map(|keys| *keys as f64).collect();
        self.weights.sort_by_key(|(from, _)| *from);
        let mut weights = vec![0.0; keys.len()];
        for (_, block) in &self.weights {
            weights.iter_mut().zip(block).for_each(|(sum, part)| *sum += part);
        }
        let share = |count: u64| count as f64 / set.count.max(1) as f64;
        let moved = |[all, unforced]: [u64; 2]| Some(Moved { share: share(all), unforced: share(unforced) });
        let balance = Balance::of(&keys).unwrap_or(Balance::EVEN);
        Placed {
            strategy: spec.clone(),
            keys: set.clone(),
            balance,
            weighted: Balance::of(&weights).unwrap_or(balance),
            added: moved(self.added),
            removed_last: moved(self.removed_last),
            removed_middle: moved(self.removed_middle),
            pick_ns: self.nanos as f64 / set.count.max(1) as f64,
            bytes,
        }
    }
}
