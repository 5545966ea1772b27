//! Experiments: a scenario, run under each of its strategies, several times each, and what came of it.

mod results;

pub use results::{
    Comparison, Figure, Mode, RESULTS_FILE, Results, ResultsError, SCHEMA, StrategyResults, Verdict,
    VerdictKind,
};
