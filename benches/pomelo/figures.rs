//! The figures measured for a cluster, and their summary over rounds.

use serde::Serialize;

/// The description of a figure.
#[derive(Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// The project's target for it.
    pub(crate) target: Option<Target>,
}

/// A target for a median, or for the ratio of medians, ours to the original's.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    OursAtMost(f64),
}

/// In the order of measurement.
pub(crate) type Figures = [f64; 14];

pub(crate) static FIGURES: [Figure; 14] = [
    figure("start to all ports open", "ms", Some(Target::RatioAtMost(1.0 / 50.0))),
    figure("start until all servers know that all have started", "ms", None),
    figure("memory at start, RSS", "MiB", Some(Target::OursAtMost(20.0))),
    figure("memory at start, PSS", "MiB", None),
    figure("the master's, PSS, not counted above", "MiB", None),
    figure("memory per idle connection, RSS", "KiB", None),
    figure("saturated: deliveries per second", "", Some(Target::RatioAtLeast(20.0))),
    figure("saturated: CPU of the servers per delivery", "µs", Some(Target::RatioAtMost(1.0 / 20.0))),
    figure("fixed rate: request to response, p50", "µs", None),
    figure("fixed rate: request to response, p99", "µs", Some(Target::RatioAtMost(1.0 / 5.0))),
    figure("fixed rate: request to delivery, p50", "µs", None),
    figure("fixed rate: request to delivery, p99", "µs", Some(Target::RatioAtMost(1.0 / 5.0))),
    figure("fixed rate: CPU of the servers per delivery", "µs", None),
    figure("faults that the robots met in a round", "", Some(Target::OursAtMost(0.0))),
];

const fn figure(name: &'static str, unit: &'static str, target: Option<Target>) -> Figure {
    Figure { name, unit, target }
}

/// A figure in each round, the original's and ours.
#[derive(Serialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) figure: &'static Figure,
    pub(crate) original: Vec<f64>,
    pub(crate) ours: Vec<f64>,
    /// Ours divided by the original's of the same round.
    pub(crate) ratio: Spread,
}

/// The rounds of both, figure by figure.
pub(crate) fn rows(original: &[Figures], ours: &[Figures]) -> Vec<Row> {
    let column =
        |rounds: &[Figures], row: usize| rounds.iter().map(|figures| figures[row]).collect::<Vec<_>>();
    let row = |(row, figure)| {
        let (original, ours) = (column(original, row), column(ours, row));
        let ratios: Vec<f64> = ours.iter().zip(&original).map(|(ours, original)| ours / original).collect();
        Row { figure, original, ours, ratio: Spread::of(&ratios) }
    };
    FIGURES.iter().enumerate().map(row).collect()
}

/// The median of some values, and their range.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Self { median: f64::midpoint(lower, upper), min: sorted[0], max: sorted[sorted.len() - 1] }
    }
}

impl Target {
    pub(crate) fn is_met(self, ours: Spread, ratio: Spread) -> bool {
        match self {
            Self::RatioAtLeast(least) => ratio.median >= least,
            Self::RatioAtMost(most) => ratio.median <= most,
            Self::OursAtMost(most) => ours.median <= most,
        }
    }
}
