//! Numbers about numbers: how even a load is, what an experiment's replications say together, and how sure that is.

mod balance;
mod interval;
mod outcome;

pub use balance::Balance;
pub use interval::{CONFIDENCE, Estimate, student_quantile};
pub use outcome::{Latency, Mark, Outcome, Quantile, ServerSeries};
