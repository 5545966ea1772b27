//! Experiments: a scenario, run under each of its strategies, several times each, and what came of it.
//!
//! A run is many *units*: one replication under one strategy. Units know nothing of each other, so they run in parallel,
//! and each is saved when it is done; merged in order, they give the same bytes whatever the threads, and whether or not the
//! run was interrupted. In a replication every strategy meets the same chance, so strategies are compared by pairs, and
//! most of what chance does cancels.

mod answer;
mod compare;
mod engine;
mod error;
mod live;
pub mod report;
mod results;
mod run;
mod summary;
pub mod text;
mod unit;
mod verdicts;
mod warmup;

pub use compare::{CompareError, Compared, Row};
pub use engine::engine;
pub use error::RunError;
pub use live::{LiveError, run_live};
pub use results::{
    Comparison, Figure, Mode, RESULTS_FILE, Results, ResultsError, SCHEMA, StrategyResults, Verdict,
    VerdictKind,
};
pub use run::{Engine, Options, Progress, program, run};
pub use summary::compare;
