//! Compares two experiments: the effect of a changed scenario, server or program on each strategy.

use thiserror::Error;

use super::results::{Comparison, Figure, Results};
use super::summary;
use crate::scenario::Scenario;
use crate::stats::{Estimate, METRICS, Metric};
use crate::strategies::StrategySpec;

/// A comparison of two results.
#[derive(Clone, PartialEq, Debug)]
pub struct Compared {
    /// Whether both met the same random numbers, so that replications could be paired.
    pub paired: bool,
    /// Whether the scenarios are the same, except for strategies and replications.
    pub same_scenario: bool,
    /// By strategy, then by metric.
    pub rows: Vec<Row>,
}

/// One figure in both results.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The strategy.
    pub strategy: StrategySpec,
    /// The metric.
    pub metric: &'static Metric,
    /// In the first results.
    pub before: Estimate,
    /// In the second.
    pub after: Estimate,
    /// The second compared with the first; `None` with too few replications.
    pub comparison: Option<Comparison>,
}

/// Why two results cannot be compared.
#[derive(Debug, Error)]
pub enum CompareError {
    /// They are of different models.
    #[error("{0} is of the queue model, and {1} of the chat model: they have nothing in common")]
    Models(String, String),
    /// They have no strategy in common.
    #[error("no strategy is in both: {0} has {1}, {2} has {3}")]
    Strategies(String, String, String, String),
}

impl Compared {
    /// Compares the second results with the first.
    ///
    /// # Errors
    /// The results have nothing in common.
    pub fn of(before: &Results, after: &Results) -> Result<Self, CompareError> {
        let (first, second) = (&before.scenario, &after.scenario);
        match (first.chat.is_some(), second.chat.is_some()) {
            (false, true) => return Err(CompareError::Models(first.name.clone(), second.name.clone())),
            (true, false) => return Err(CompareError::Models(second.name.clone(), first.name.clone())),
            _ => {}
        }
        let paired = first.seed == second.seed && before.mode == after.mode;
        let mut rows = Vec::new();
        for of in &before.strategies {
            let Some(other) = after.of(&of.strategy) else { continue };
            for metric in &METRICS {
                let Some((a, b)) = of.figures.get(metric.name).zip(other.figures.get(metric.name)) else {
                    continue;
                };
                rows.push(Row {
                    strategy: of.strategy.clone(),
                    metric,
                    before: a.estimate,
                    after: b.estimate,
                    comparison: if paired { summary::compare(b, a) } else { unpaired(b, a) },
                });
            }
        }
        if rows.is_empty() {
            let names = |results: &Results| {
                let names: Vec<String> =
                    results.strategies.iter().map(|of| of.strategy.to_string()).collect();
                names.join(", ")
            };
            return Err(CompareError::Strategies(
                first.name.clone(),
                names(before),
                second.name.clone(),
                names(after),
            ));
        }
        Ok(Self { paired, same_scenario: bare(first) == bare(second), rows })
    }
}

fn unpaired(figure: &Figure, other: &Figure) -> Option<Comparison> {
    let given = |figure: &Figure| figure.values.iter().copied().flatten().collect::<Vec<f64>>();
    let difference = Estimate::of_independent(&given(figure), &given(other))?;
    let value = figure.estimate.value - other.estimate.value;
    Some(Comparison { difference: difference.at(value), ratio: None })
}

/// The scenario without the fields that may differ between two comparable runs.
fn bare(scenario: &Scenario) -> Scenario {
    Scenario {
        strategies: Vec::new(),
        replications: 0,
        target_half_width: None,
        metric: None,
        seed: 0,
        expect: Vec::new(),
        ..scenario.clone()
    }
}
