//! Checks a scenario: bounds for every number, and names that refer to something.

mod chat;
mod claims;
mod events;
mod queue;
mod roster;

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::error::ScenarioError;
use super::{Policy, Retry, Scenario, Warmup};
use crate::random::{Distribution, Shape};
use crate::strategies::StrategySpec;
use roster::Roster;

/// Bound on the servers up at one time.
pub const SERVERS_MAX: u64 = 4096;

/// Bound on the people of a chat, and on keys.
pub const USERS_MAX: u32 = 20_000_000;

/// Bound on replications.
pub const REPLICATIONS_MAX: u32 = 1000;

/// Range of durations in seconds, up to some three years with warm-up.
const SECONDS: RangeInclusive<f64> = 1e-3..=1e8;

/// Range of times, sizes and rates that may be 0.
const FROM_ZERO: RangeInclusive<f64> = 0.0..=1e9;

/// Range of times, sizes and rates that must be above 0.
const ABOVE_ZERO: RangeInclusive<f64> = 1e-9..=1e9;

/// Longest name, in characters.
const NAME_MAX: usize = 64;

/// A field, and what is wrong with its value.
struct Wrong {
    field: String,
    reason: String,
}

type Checked = Result<(), Wrong>;

impl Scenario {
    /// Checks that the scenario makes sense. [`load`](Self::load) and
    /// [`from_json`](Self::from_json) do this already; call it again after changing a scenario.
    ///
    /// # Errors
    /// The first problem found; `file` names the scenario in it.
    pub fn check(&self, file: &str) -> Result<(), ScenarioError> {
        let senseless =
            |Wrong { field, reason }| ScenarioError::Senseless { file: file.to_owned(), field, reason };
        check(self).map_err(senseless)
    }
}

fn check(scenario: &Scenario) -> Checked {
    name(scenario)?;
    number("duration_s", scenario.duration_s, SECONDS)?;
    let warmup = match scenario.warmup_s {
        Warmup::Seconds(seconds) => seconds,
        Warmup::Rule(_) if scenario.events.is_empty() => 0.0,
        Warmup::Rule(_) => {
            return wrong(
                "warmup_s",
                "expected a number of seconds when there are events: they are counted from the start of the warm-up",
            );
        }
    };
    number("warmup_s", warmup, 0.0..=*SECONDS.end())?;
    number("replications", scenario.replications, 1..=REPLICATIONS_MAX)?;
    if let Some(target) = scenario.target_half_width {
        number("target_half_width", target, 1e-4..=1.0)?;
    }
    let sticky = match (&scenario.queue, &scenario.chat) {
        (Some(queue), None) => {
            let most = scenario.events.iter().filter_map(|event| event.crowd).map(|crowd| crowd.factor);
            let most = most.fold(1.0, f64::max);
            queue::check(queue, (scenario.duration_s + warmup) * most)?;
            false
        }
        (None, Some(chat)) => {
            chat::check(chat)?;
            chat.balance.as_str() == "chat"
        }
        (None, None) => return wrong("queue", "expected a model: this field, or `chat`"),
        (Some(_), Some(_)) => return wrong("chat", "cannot be used with `queue`: a scenario has one model"),
    };
    strategies(&scenario.strategies, sticky)?;
    events::check(scenario, Roster::of(scenario)?, scenario.duration_s + warmup)?;
    claims::check(scenario)
}

fn name(scenario: &Scenario) -> Checked {
    let name = &scenario.name;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !(1..=NAME_MAX).contains(&name.len()) || !name.chars().all(fits) {
        return wrong("name", format!("expected 1 to {NAME_MAX} letters, digits and -, got {name:?}"));
    }
    if scenario.question.trim().is_empty() || scenario.question.len() > 4000 {
        return wrong("question", "expected a sentence of at most 4000 bytes");
    }
    Ok(())
}

fn strategies(strategies: &[StrategySpec], sticky: bool) -> Checked {
    number("strategies", strategies.len(), 1..=64)?;
    for (index, strategy) in strategies.iter().enumerate() {
        let field = || format!("strategies[{index}]");
        if strategies[..index].contains(strategy) {
            return wrong(field(), format!("expected each strategy once, got {strategy} twice"));
        }
        if sticky {
            finds_again(field, strategy)?;
        }
    }
    Ok(())
}

/// Checks that a strategy finds rooms again.
fn finds_again(field: impl Fn() -> String, strategy: &StrategySpec) -> Checked {
    if strategy.is_sticky() {
        return Ok(());
    }
    wrong(
        field(),
        format!(
            "{strategy} chooses anew each time, and would lose rooms: write directory({strategy}), which remembers"
        ),
    )
}

fn wrong<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { field: field.into(), reason: reason.into() })
}

/// Checks bounds, both included. NaN is outside of every range.
fn number<N: PartialOrd + Display>(field: impl Into<String>, value: N, within: RangeInclusive<N>) -> Checked {
    if within.contains(&value) {
        return Ok(());
    }
    wrong(field, format!("expected {} to {}, got {value}", within.start(), within.end()))
}

fn distribution(field: &str, distribution: &Distribution, mean: RangeInclusive<f64>) -> Checked {
    number(format!("{field}.mean"), distribution.mean, mean)?;
    shape(&format!("{field}.shape"), distribution.shape)
}

fn shape(field: &str, shape: Shape) -> Checked {
    match shape {
        Shape::Deterministic | Shape::Exponential | Shape::Uniform => Ok(()),
        Shape::Erlang(stages) => number(format!("{field}.erlang"), stages, 1..=1000),
        Shape::Lognormal(cv2) => number(format!("{field}.lognormal"), cv2, 1e-6..=1e6),
        Shape::Hyperexponential(cv2) => number(format!("{field}.hyperexponential"), cv2, 1.0..=1e6),
        Shape::Pareto(index) => number(format!("{field}.pareto"), index, 1.01..=1e3),
    }
}

fn retry(field: &str, retry: &Retry) -> Checked {
    number(format!("{field}.base_ms"), retry.base_ms, ABOVE_ZERO)?;
    number(format!("{field}.cap_ms"), retry.cap_ms, ABOVE_ZERO)?;
    if retry.cap_ms < retry.base_ms && retry.policy != Policy::Fixed {
        return wrong(
            format!("{field}.cap_ms"),
            format!("expected no less than base_ms {}, got {}", retry.base_ms, retry.cap_ms),
        );
    }
    number(format!("{field}.attempts_max"), retry.attempts_max, 1..=1000)
}
