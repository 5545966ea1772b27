//! Strategies whose choices depend on earlier ones: each runs in one thread, key by key.

use std::time::Instant;

use super::keys::{Block, weight};
use super::{KeySet, Lists, Moved, Placed};
use crate::stats::Balance;
use crate::strategies::{Candidate, Look, Strategy, StrategySpec};
use crate::time::Time;

/// Keys generated at a time.
const BLOCK: u64 = 2048;

/// Places each key once. A server's load is its number of keys.
pub(super) fn place(
    lists: &Lists,
    spec: &StrategySpec,
    set: &KeySet,
    seed: u64,
    tell: &(dyn Fn(u64) + Sync),
) -> Placed {
    let mut strategy = spec.make(seed);
    strategy.rebuild(&lists.now);
    let mut loads = vec![0_u32; lists.now.len()];
    let mut weights = vec![0.0; lists.now.len()];
    let mut homes: Vec<u16> = Vec::new();
    let mut nanos = 0;
    for_each_block(set, seed, |block, from| {
        let start = Instant::now();
        for key in block.iter() {
            let look = Look { now: Time::START, loads: &loads };
            let Some(index) = strategy.pick(key, &look) else { continue };
            if let Some(placements) = strategy.placements_mut() {
                placements.settle(key);
            }
            loads[index] += 1;
            homes.push(index as u16);
        }
        nanos += start.elapsed().as_nanos();
        for (number, home) in (from..).zip(&homes[from as usize..]) {
            weights[usize::from(*home)] += weight(set, number);
        }
        tell(block.len());
    });
    let bytes = strategy.bytes();
    let moves = |list: &[Candidate], gone: Option<usize>| {
        spec.is_sticky().then(|| {
            let mut changed = strategy.boxed();
            changed.rebuild(list);
            moved(&mut *changed, list.len(), gone, &homes, set, seed)
        })
    };
    let last = lists.now.len() - 1;
    let keys: Vec<f64> = loads.iter().map(|load| f64::from(*load)).collect();
    let balance = Balance::of(&keys).unwrap_or(Balance::EVEN);
    Placed {
        strategy: spec.clone(),
        keys: set.clone(),
        balance,
        weighted: Balance::of(&weights).unwrap_or(balance),
        added: moves(&lists.more, None),
        removed_last: moves(&lists.without_last, Some(last)),
        removed_middle: moves(&lists.without_middle, Some(lists.middle)),
        pick_ns: nanos as f64 / set.count.max(1) as f64,
        bytes,
    }
}

/// Places each key again after a change. Keys that must be placed anew see the remaining load.
fn moved(
    strategy: &mut dyn Strategy,
    servers: usize,
    gone: Option<usize>,
    homes: &[u16],
    set: &KeySet,
    seed: u64,
) -> Moved {
    // Servers behind the removed one have moved up in the list.
    let now = |home: usize| match gone {
        Some(gone) if home == gone => None,
        Some(gone) if home > gone => Some(home - 1),
        _ => Some(home),
    };
    let mut loads = vec![0_u32; servers];
    for home in homes {
        if let Some(index) = now(usize::from(*home)) {
            loads[index] += 1;
        }
    }
    let (mut all, mut unforced) = (0_u64, 0_u64);
    for_each_block(set, seed, |block, from| {
        for (key, home) in block.iter().zip(&homes[from as usize..]) {
            let home = now(usize::from(*home));
            let Some(index) = strategy.pick(key, &Look { now: Time::START, loads: &loads }) else { continue };
            if home != Some(index) {
                all += 1;
                loads[index] += 1;
                let is_new = gone.is_none() && index == servers - 1;
                if let Some(home) = home {
                    loads[home] -= 1;
                    unforced += u64::from(!is_new);
                }
            }
        }
    });
    let share = |count: u64| count as f64 / set.count.max(1) as f64;
    Moved { share: share(all), unforced: share(unforced) }
}

fn for_each_block(set: &KeySet, seed: u64, mut each: impl FnMut(&Block, u64)) {
    let mut block = Block::default();
    let mut from = 0;
    while from < set.count {
        let to = (from + BLOCK).min(set.count);
        block.fill(set, seed, from, to);
        each(&block, from);
        from = to;
    }
}
