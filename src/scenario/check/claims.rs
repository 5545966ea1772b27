//! Checks claims, and the metric that answers the question.

use super::{Checked, number, wrong};
use crate::nearest::{did_you_mean, nearest};
use crate::scenario::{Claim, Scenario};
use crate::stats::{METRICS, Metric};

/// Bound on the number of claims.
const CLAIMS_MAX: usize = 1000;

pub(super) fn check(scenario: &Scenario) -> Checked {
    let chat = scenario.chat.is_some();
    if let Some(name) = &scenario.metric {
        metric("metric", name, chat)?;
    }
    number("expect", scenario.expect.len(), 0..=CLAIMS_MAX)?;
    for (index, claim) in scenario.expect.iter().enumerate() {
        let field = format!("expect[{index}]");
        metric(&format!("{field}.metric"), &claim.metric, chat)?;
        for (part, strategy) in [("strategy", &claim.strategy), ("relative_to", &claim.relative_to)] {
            if let Some(strategy) = strategy.as_ref().filter(|named| !scenario.strategies.contains(named)) {
                return wrong(
                    format!("{field}.{part}"),
                    format!("expected one of the compared strategies, got {strategy}"),
                );
            }
        }
        bounds(&field, claim)?;
    }
    Ok(())
}

fn metric(field: &str, name: &str, chat: bool) -> Checked {
    let known = || METRICS.iter().filter(|metric| metric.models.has(chat)).map(|metric| metric.name);
    match Metric::named(name) {
        Some(metric) if metric.models.has(chat) => Ok(()),
        Some(_) => {
            let (this, other) = if chat { ("chat", "queue") } else { ("queue", "chat") };
            wrong(field, format!("{name} is a figure of the {other} model, this scenario has {this}"))
        }
        None => {
            let shown: String = name.chars().take(64).collect();
            let hint = did_you_mean(nearest(name, known()));
            wrong(field, format!("unknown metric {shown:?}: `pomelo-sim experiment schema` lists them{hint}"))
        }
    }
}

fn bounds(field: &str, claim: &Claim) -> Checked {
    let named = [
        ("at_least", claim.at_least),
        ("at_most", claim.at_most),
        ("equals", claim.equals),
        ("within", claim.within),
    ];
    for (name, value) in named {
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            return wrong(format!("{field}.{name}"), format!("expected a finite number, got {value}"));
        }
    }
    match (claim.at_least, claim.at_most, claim.equals) {
        (None, None, None) => {
            return wrong(field, "expected a bound: at_least, at_most, or equals with within");
        }
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            return wrong(format!("{field}.equals"), "cannot be used with at_least or at_most");
        }
        (Some(least), Some(most), None) if least > most => {
            return wrong(
                format!("{field}.at_most"),
                format!("expected no less than at_least {least}, got {most}"),
            );
        }
        _ => {}
    }
    match (claim.equals, claim.within) {
        (None, Some(_)) => wrong(format!("{field}.within"), "can only be used with equals"),
        (_, Some(within)) if within < 0.0 => {
            wrong(format!("{field}.within"), format!("expected no less than 0, got {within}"))
        }
        _ => Ok(()),
    }
}
