//! Experiments: run a scenario under each of its strategies, in several replications, and summarise
//! the results.
//!
//! A run consists of *units*: one replication under one strategy. Units are independent, so they
//! run in parallel, and each is saved when it is done. Merged in order, they give the same bytes
//! for any number of threads, and whether or not the run was interrupted. In a replication, every
//! strategy meets the same random numbers, so strategies are compared in pairs, which cancels most
//! of the noise.

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
