//! Combines the outcomes of all replications, and compares each strategy with the first.

use std::collections::{BTreeMap, BTreeSet};

use super::results::{Comparison, Figure, StrategyResults};
use crate::stats::{Estimate, LatencyCurve, Metric, Outcome, pool};
use crate::strategies::StrategySpec;

/// `outcomes` are by replication, then by strategy.
pub(super) fn of(strategies: &[StrategySpec], outcomes: &[Vec<Outcome>]) -> Vec<StrategyResults> {
    let mut all: Vec<StrategyResults> = Vec::with_capacity(strategies.len());
    for (index, strategy) in strategies.iter().enumerate() {
        let own: Vec<&Outcome> = outcomes.iter().filter_map(|row| row.get(index)).collect();
        let curves = curves(&own);
        let mut figures = figures(&own, &curves);
        if let Some(first) = all.first() {
            for (name, figure) in &mut figures {
                figure.against_first = first.figures.get(name).and_then(|other| compare(figure, other));
            }
        }
        let shown = own.first().map(|outcome| (outcome.servers.clone(), outcome.marks.clone()));
        let (servers, marks) = shown.unwrap_or_default();
        all.push(StrategyResults { strategy: strategy.clone(), figures, curves, servers, marks });
    }
    all
}

/// Compares one figure of two strategies, over the replications that have both; `None` without any.
pub fn compare(figure: &Figure, other: &Figure) -> Option<Comparison> {
    let pairs = figure.values.iter().zip(&other.values);
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.filter_map(|(a, b)| a.zip(*b)).unzip();
    let (value, beside) = (figure.estimate.value, other.estimate.value);
    let ratio = Estimate::of_ratio(&a, &b).filter(|_| beside != 0.0);
    Some(Comparison {
        difference: Estimate::of_difference(&a, &b)?.at(value - beside),
        ratio: ratio.map(|ratio| ratio.at(value / beside)),
    })
}

fn curves(outcomes: &[&Outcome]) -> BTreeMap<String, LatencyCurve> {
    let kinds: BTreeSet<&String> = outcomes.iter().flat_map(|outcome| outcome.latencies.keys()).collect();
    let together = |kind: &String| {
        let parts: Vec<&LatencyCurve> =
            outcomes.iter().filter_map(|outcome| outcome.latencies.get(kind)).collect();
        pool(&parts).map(|curve| (kind.clone(), curve))
    };
    kinds.into_iter().filter_map(together).collect()
}

fn figures(outcomes: &[&Outcome], curves: &BTreeMap<String, LatencyCurve>) -> BTreeMap<String, Figure> {
    let names: BTreeSet<&String> = outcomes.iter().flat_map(|outcome| outcome.metrics.keys()).collect();
    let figure = |name: &String| {
        let values: Vec<Option<f64>> =
            outcomes.iter().map(|outcome| outcome.metrics.get(name).copied()).collect();
        let given: Vec<f64> = values.iter().copied().flatten().collect();
        let mut estimate = Estimate::of(&given)?;
        // The mean of percentiles is not a percentile: read those from the pooled curve.
        let on_curve = Metric::named(name).and_then(Metric::on_curve);
        let pooled = on_curve.and_then(|(kind, share)| curves.get(kind)?.at(share));
        if let Some(pooled) = pooled {
            estimate = estimate.at(pooled);
        }
        Some((name.clone(), Figure { estimate, values, against_first: None }))
    };
    names.into_iter().filter_map(figure).collect()
}
