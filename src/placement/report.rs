//! What a placement says.

use serde::Serialize;

use super::KeySet;
use crate::stats::Balance;
use crate::strategies::StrategySpec;

/// Where all keys went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PlacementReport {
    /// Servers that they were placed on.
    pub servers: usize,
    /// What chance came of.
    pub seed: u64,
    /// Each set of keys under each strategy.
    pub placed: Vec<Placed>,
}

/// A set of keys under a strategy.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Placed {
    /// Which strategy.
    pub strategy: StrategySpec,
    /// Which keys.
    pub keys: KeySet,
    /// How evenly the keys lie.
    pub balance: Balance,
    /// How evenly what weighs on them lies; the same when all weigh alike.
    pub weighted: Balance,
    /// Keys that move when one more server stands at the end; none for a strategy that chooses anew at each pick.
    pub added: Option<Moved>,
    /// Keys that move when the last server is gone.
    pub removed_last: Option<Moved>,
    /// Keys that move when the server in the middle is gone.
    pub removed_middle: Option<Moved>,
    /// What a pick took, in nanoseconds: the mean over all keys. It is measured, and differs from run to run.
    pub pick_ns: f64,
    /// What the strategy keeps in memory, in bytes.
    pub bytes: usize,
}

/// Keys that move, as shares of all.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Moved {
    /// Keys that go elsewhere.
    pub share: f64,
    /// Those among them that had to neither leave a server that is gone nor fill one that came.
    pub unforced: f64,
}
