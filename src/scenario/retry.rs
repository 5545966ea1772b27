//! Retry policies of clients.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// When a failed client retries. Names as in Brooker, "Exponential Backoff And Jitter" (2015).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How the pause grows.
    pub policy: Policy,
    /// The first pause in milliseconds, before jitter.
    pub base_ms: f64,
    /// The longest pause in milliseconds.
    #[serde(default = "half_a_minute")]
    pub cap_ms: f64,
    /// Attempts in all, including the first; then the client gives up.
    #[serde(default = "attempts")]
    pub attempts_max: u32,
}

/// Growth of the pause; `n` counts failed attempts, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Always `base`.
    Fixed,
    /// `base·2^(n-1)`, up to the cap.
    Exponential,
    /// Uniform from 0 to the pause of `exponential`.
    FullJitter,
    /// Uniform from half the pause of `exponential` to all of it.
    EqualJitter,
    /// Uniform from `base` to three times the previous pause, up to the cap.
    Decorrelated,
}

impl Retry {
    /// The pause in milliseconds after failure number `failed`, from 1; `before` is the previous
    /// pause.
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
