//! Numbers about numbers: how even a load is, what an experiment's replications say together, and how sure that is.

mod balance;
mod interval;
mod latencies;
mod load_series;
mod outcome;

pub use balance::Balance;
pub use interval::{CONFIDENCE, Estimate, student_quantile};
pub use latencies::Latencies;
pub use load_series::LoadSeries;
pub use outcome::{Latency, Mark, Outcome, Quantile, ServerSeries};
