//! Statistics: load balance, latencies, and estimates with confidence intervals from replications.

mod balance;
mod histogram;
mod interval;
mod latencies;
mod load_series;
mod metrics;
mod mser;
mod outcome;
mod pool;

pub use balance::Balance;
pub use histogram::Histogram;
pub use interval::{CONFIDENCE, Estimate, student_quantile};
pub use latencies::Latencies;
pub use load_series::LoadSeries;
pub use metrics::{Better, METRICS, Metric, Models};
pub use mser::mser_5;
pub use outcome::{LatencyCurve, Mark, Outcome, Quantile, ServerSeries};
pub use pool::pool;
