//! Placement without time: where a strategy puts millions of keys, how evenly, and which keys move
//! when a server joins or leaves.
//!
//! Nothing is simulated: each strategy places every key under four lists of servers. All strategies
//! see the same block of keys at a time, so that each key is generated once for all of them.

mod choices;
mod keys;
mod report;
mod sticky;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use thiserror::Error;

pub use keys::{Ids, KeySet};
pub use report::{Moved, Placed, PlacementReport};

use crate::ids::ServerId;
use crate::strategies::{Candidate, StrategySpec};

/// A placement to compute.
#[derive(Clone, PartialEq, Debug)]
pub struct PlacementPlan {
    /// Number of servers.
    pub servers: usize,
    /// The strategies to compare.
    pub strategies: Vec<StrategySpec>,
    /// The sets of keys, each placed separately.
    pub sets: Vec<KeySet>,
    /// Seed of random ids, and of strategies that draw numbers.
    pub seed: u64,
    /// Number of threads.
    pub threads: NonZeroUsize,
}

/// Why a placement is refused.
#[derive(Debug, Error)]
pub enum PlacementError {
    /// Fewer than two servers leave no choice, and no server that could leave; or there are too
    /// many.
    #[error("servers: expected 2 to {SERVERS_MAX}, got {0}")]
    Servers(usize),
    /// No strategy was named.
    #[error("strategies: expected at least one")]
    NoStrategy,
    /// A thread panicked.
    #[error("a thread of the placement failed")]
    Thread,
}

/// Bound on the servers of a placement.
pub const SERVERS_MAX: usize = 10_000;

/// The four lists of servers under which each key is placed.
pub(crate) struct Lists {
    /// All servers.
    now: Vec<Candidate>,
    /// All servers, and one more at the end.
    more: Vec<Candidate>,
    /// Without the last.
    without_last: Vec<Candidate>,
    /// Without the one in the middle.
    without_middle: Vec<Candidate>,
    /// Index of the one in the middle.
    middle: usize,
}

impl Lists {
    fn new(servers: usize) -> Self {
        let candidate =
            |number: usize| Candidate { id: ServerId::from(format!("server-{number}")), weight: 1.0 };
        let more: Vec<Candidate> = (1..=servers + 1).map(candidate).collect();
        let now = more[..servers].to_vec();
        let middle = servers / 2;
        let mut without_middle = now.clone();
        without_middle.remove(middle);
        Self { without_last: now[..servers - 1].to_vec(), without_middle, now, more, middle }
    }
}

/// Places all keys of all sets under all strategies. `progress` gets the keys placed so far, and
/// their total.
///
/// # Errors
/// The plan is out of range.
pub fn place(
    plan: &PlacementPlan,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<PlacementReport, PlacementError> {
    if !(2..=SERVERS_MAX).contains(&plan.servers) {
        return Err(PlacementError::Servers(plan.servers));
    }
    if plan.strategies.is_empty() {
        return Err(PlacementError::NoStrategy);
    }
    let lists = Lists::new(plan.servers);
    let (sticky, choices): (Vec<&StrategySpec>, Vec<&StrategySpec>) =
        plan.strategies.iter().partition(|spec| sticky::is_shared(spec));
    let passes = u64::from(!sticky.is_empty()) + choices.len() as u64;
    let all = passes * plan.sets.iter().map(|set| set.count).sum::<u64>();
    let done = AtomicU64::new(0);
    let tell = |keys: u64| progress(done.fetch_add(keys, Ordering::Relaxed) + keys, all);
    let mut placed = Vec::new();
    for set in &plan.sets {
        let mut rows = sticky::place(&lists, &sticky, set, plan, &tell)?;
        rows.extend(one_each(&choices, plan, |spec| choices::place(&lists, spec, set, plan.seed, &tell))?);
        // Threads finish in any order; report in the order of the plan.
        rows.sort_by_key(|row| plan.strategies.iter().position(|spec| *spec == row.strategy));
        placed.extend(rows);
    }
    Ok(PlacementReport { servers: plan.servers, seed: plan.seed, placed })
}

/// Runs `place` for each item, on up to `threads` threads, and returns the results in order.
fn one_each<'a, R: Send>(
    specs: &[&'a StrategySpec],
    plan: &PlacementPlan,
    place: impl Fn(&'a StrategySpec) -> R + Sync,
) -> Result<Vec<R>, PlacementError> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut results = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(spec) = specs.get(index) else { return results };
            results.push((index, place(spec)));
        }
    };
    let mut results = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.get()).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            results.extend(thread.join().map_err(|_| PlacementError::Thread)?);
        }
        Ok(())
    })?;
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
