//! The answer to a scenario's question: one sentence computed from the figures.

use super::results::{Figure, StrategyResults};
use super::text::{figure as shown, measured, percent, percents};
use crate::scenario::Scenario;
use crate::stats::{Better, Estimate, Metric};
use crate::strategies::StrategySpec;

/// The metric of the answer: the scenario's own, or the first measured one of the model's key
/// metrics.
pub(super) fn metric(scenario: &Scenario, strategies: &[StrategyResults]) -> String {
    if let Some(metric) = &scenario.metric {
        return metric.clone();
    }
    let keys = scenario.key_metrics();
    let measured = |name: &&&str| strategies.iter().any(|of| of.figures.contains_key(**name));
    (*keys.iter().find(measured).unwrap_or(&keys[0])).to_owned()
}

/// The answer by this metric.
pub(super) fn sentence(metric: &str, strategies: &[StrategyResults]) -> String {
    let known = Metric::named(metric);
    let unit = known.map_or("", |metric| metric.unit);
    let better = known.map_or(Better::Neither, |metric| metric.better);
    let mut ranked: Vec<(&StrategySpec, &Figure)> =
        strategies.iter().filter_map(|of| Some((&of.strategy, of.figures.get(metric)?))).collect();
    let Some((first, baseline)) = ranked.first().copied() else {
        return format!("{metric} was not measured.");
    };
    if ranked.len() == 1 {
        return format!("Under {first}, {metric} is {}.", measured(&baseline.estimate, unit));
    }
    // The sort is stable: equal strategies keep the scenario's order.
    ranked.sort_by(|(_, a), (_, b)| {
        let rising = a.estimate.value.total_cmp(&b.estimate.value);
        if better == Better::Higher { rising.reverse() } else { rising }
    });
    let (best, figure) = ranked[0];
    let (last, worst) = ranked[ranked.len() - 1];
    let value = shown(figure.estimate.value, unit);
    if figure.estimate.value == worst.estimate.value {
        return format!("All strategies have the same {metric}: {value}.");
    }
    let highest = shown(worst.estimate.value, unit);
    let superlative = match better {
        Better::Lower => "lowest",
        Better::Higher => "highest",
        Better::Neither => {
            return format!("{metric} goes from {value} under {best} to {highest} under {last}.");
        }
    };
    if best == first {
        let (next, other) = ranked[1];
        return format!(
            "{best} has the {superlative} {metric}: {value}; {next}, the next, is {}.",
            against_baseline(other, first)
        );
    }
    let beside = against_baseline(figure, first);
    if figure
        .against_first
        .as_ref()
        .is_some_and(|both| both.difference.half_width.is_some() && !both.is_significant())
    {
        let baseline = shown(baseline.estimate.value, unit);
        return format!("{first} has {metric} {baseline}; {best} has the {superlative}, {value}: {beside}.");
    }
    format!("{best} has the {superlative} {metric}: {value}, {beside}.")
}

/// The difference from the baseline: `38 % below pomelo-crc (95 % interval 31 to 44 %)`.
fn against_baseline(figure: &Figure, first: &StrategySpec) -> String {
    let Some(comparison) = &figure.against_first else { return format!("not comparable with {first}") };
    let Some(ratio) = &comparison.ratio else {
        return format!("{} more than under {first}", shown(comparison.difference.value, ""));
    };
    let away = ratio.at(ratio.value - 1.0);
    let (side, share) = if away.value < 0.0 { ("below", mirrored(&away)) } else { ("above", away) };
    let head = format!("{} {side} {first}", percent(share.value));
    if share.half_width.is_none() {
        return format!("{head} (one replication: no interval)");
    }
    let doubt = if comparison.is_significant() { "" } else { ", which is not significant" };
    format!("{head}{doubt} (95 % interval {})", percents(share.low(), share.high()))
}

fn mirrored(estimate: &Estimate) -> Estimate {
    estimate.at(-estimate.value)
}
