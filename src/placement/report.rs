//! The result of a placement.

use serde::Serialize;

use super::KeySet;
use crate::stats::Balance;
use crate::strategies::StrategySpec;

/// The result of a placement.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PlacementReport {
    /// Number of servers.
    pub servers: usize,
    /// The seed.
    pub seed: u64,
    /// Each set of keys under each strategy.
    pub placed: Vec<Placed>,
}

/// A set of keys under a strategy.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Placed {
    /// The strategy.
    pub strategy: StrategySpec,
    /// The keys.
    pub keys: KeySet,
    /// Balance of the number of keys.
    pub balance: Balance,
    /// Balance of their weights; the same when all weights are equal.
    pub weighted: Balance,
    /// Keys that move when a server joins at the end; `None` for a strategy that chooses anew at
    /// each pick.
    pub added: Option<Moved>,
    /// Keys that move when the last server leaves.
    pub removed_last: Option<Moved>,
    /// Keys that move when the server in the middle leaves.
    pub removed_middle: Option<Moved>,
    /// Time of a pick in nanoseconds, as the mean over all keys. Measured, so it differs from run
    /// to run.
    pub pick_ns: f64,
    /// Memory of the strategy, in bytes.
    pub bytes: usize,
}

/// Keys that move, as shares of all keys.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Moved {
    /// Keys that move.
    pub share: f64,
    /// Of these, the keys that neither leave a removed server nor go to an added one.
    pub unforced: f64,
}
