//! A metric over all strategies: its description, the best strategy, and significance.

use std::cmp::Ordering;

use super::words;
use crate::experiments::{Figure, Results, StrategyResults};
use crate::stats::{Better, Estimate, METRICS, Metric};

/// A metric's name, and its description unless another version's.
#[derive(Clone, Copy)]
pub(super) struct Measure<'a> {
    /// The name, as in scenarios.
    pub(super) name: &'a str,
    metric: Option<&'static Metric>,
}

impl<'a> Measure<'a> {
    /// The metric of this name.
    pub(super) fn named(name: &'a str) -> Self {
        Self { name, metric: Metric::named(name) }
    }

    /// All metrics with values, in the order of [`METRICS`], then unknown ones by name.
    pub(super) fn all(results: &'a Results) -> Vec<Self> {
        let given = results.strategies.iter().flat_map(|strategy| strategy.figures.keys());
        let mut names: Vec<&str> = given.map(String::as_str).collect();
        let place = |name: &str| METRICS.iter().position(|metric| metric.name == name);
        names.sort_by_key(|name| (place(name).unwrap_or(usize::MAX), *name));
        names.dedup();
        names.into_iter().map(Self::named).collect()
    }

    /// Its unit; empty for a share, a ratio or a count.
    pub(super) fn unit(&self) -> &'static str {
        self.metric.map_or("", |metric| metric.unit)
    }

    /// `send_ms.p99 (ms)`.
    pub(super) fn with_unit(&self) -> String {
        if self.unit().is_empty() { self.name.to_owned() } else { format!("{} ({})", self.name, self.unit()) }
    }

    /// Its description, in a line.
    pub(super) fn summary(&self) -> &'static str {
        self.metric.map_or("", |metric| metric.summary)
    }

    /// `lower is better`.
    pub(super) fn direction(&self) -> &'static str {
        match self.better() {
            Better::Lower => "lower is better",
            Better::Higher => "higher is better",
            Better::Neither => "",
        }
    }

    /// Orders two values, the better first.
    pub(super) fn compare(&self, a: f64, b: f64) -> Ordering {
        match self.better() {
            Better::Lower => a.total_cmp(&b),
            Better::Higher => b.total_cmp(&a),
            Better::Neither => Ordering::Equal,
        }
    }

    /// Whether its values are better or worse, rather than just different.
    pub(super) fn judges(&self) -> bool {
        self.better() != Better::Neither
    }

    /// A strategy's figure.
    pub(super) fn of(&self, strategy: &'a StrategyResults) -> Option<&'a Figure> {
        strategy.figures.get(self.name).filter(|figure| figure.estimate.value.is_finite())
    }

    /// A strategy's estimate.
    pub(super) fn estimate(&self, strategy: &'a StrategyResults) -> Option<&'a Estimate> {
        self.of(strategy).map(|figure| &figure.estimate)
    }

    /// The best value; `None` when all are equal, or none is better.
    pub(super) fn best(&self, results: &'a Results) -> Option<f64> {
        let values = results.strategies.iter().filter_map(|strategy| self.estimate(strategy));
        let mut values: Vec<f64> = values.map(|estimate| estimate.value).collect();
        values.sort_by(|a, b| self.compare(*a, *b));
        let (first, last) = (values.first()?, values.last()?);
        (self.compare(*first, *last) == Ordering::Less).then_some(*first)
    }

    fn better(&self) -> Better {
        self.metric.map_or(Better::Neither, |metric| metric.better)
    }
}

/// Difference from the first strategy, in short: `−34 % ± 4 %`, `n.s.`. Empty for the first itself,
/// and without a comparison.
pub(super) fn against_first(figure: &Figure) -> String {
    let Some(comparison) = figure.against_first.as_ref() else {
        return String::new();
    };
    if comparison.difference.half_width.is_none() {
        return change(comparison.ratio.as_ref());
    }
    if comparison.is_significant() { change(comparison.ratio.as_ref()) } else { "n.s.".to_owned() }
}

fn change(ratio: Option<&Estimate>) -> String {
    let Some(ratio) = ratio.filter(|ratio| ratio.value.is_finite()) else {
        return String::new();
    };
    if ratio.value >= 10.0 {
        return format!("× {}", words::number(ratio.value.round()));
    }
    let change = words::percent_change(ratio.value - 1.0);
    match ratio.half_width.filter(|half| half.is_finite() && *half > 0.0) {
        Some(half) => format!("{change} (± {})", words::percent_change(half).trim_start_matches('+')),
        None => change,
    }
}
