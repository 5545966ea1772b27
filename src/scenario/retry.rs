//! Retry policies: when a client tries again.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// When a client that failed tries again. Names as in Brooker, "Exponential Backoff And Jitter" (2015).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How the pause grows.
    pub policy: Policy,
    /// The first pause in milliseconds, before chance.
    pub base_ms: f64,
    /// The longest pause in milliseconds.
    #[serde(default = "half_a_minute")]
    pub cap_ms: f64,
    /// How often it tries in all, the first time included; then it gives up.
    #[serde(default = "attempts")]
    pub attempts_max: u32,
}

/// How the pause between two attempts grows: `n` counts the failed attempts, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Always `base`.
    Fixed,
    /// `base·2^(n-1)`, up to the cap.
    Exponential,
    /// Uniform from 0 to what `exponential` waits.
    FullJitter,
    /// Half of what `exponential` waits, and uniform up to all of it.
    EqualJitter,
    /// Uniform from `base` to three times the pause before, up to the cap.
    Decorrelated,
}

impl Retry {
    /// The pause in milliseconds after the `failed`th failure, which is at least 1; `before` is the pause before that one.
    pub fn pause_ms(&self, failed: u32, before: f64, random: &mut Random) -> f64 {
        let doublings = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = (self.base_ms * 2_f64.powi(doublings)).min(self.cap_ms);
        match self.policy {
            Policy::Fixed => self.base_ms.min(self.cap_ms),
            Policy::Exponential => grown,
            Policy::FullJitter => grown * random.unit(),
            Policy::EqualJitter => grown * (0.5 + 0.5 * random.unit()),
            Policy::Decorrelated => {
                let most = (3.0 * before.max(self.base_ms)).max(self.base_ms);
                (self.base_ms + (most - self.base_ms) * random.unit()).min(self.cap_ms)
            }
        }
    }
}

fn half_a_minute() -> f64 {
    30_000.0
}

fn attempts() -> u32 {
    10
}
