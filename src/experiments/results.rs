//! Results of an experiment: the schema of `results.json`, the source of every report.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::scenario::{Claim, Scenario};
use crate::stats::{Estimate, LatencyCurve, Mark, ServerSeries};
use crate::strategies::StrategySpec;

/// Version of the schema of [`Results`].
pub const SCHEMA: u32 = 1;

/// File name of the results in their directory.
pub const RESULTS_FILE: &str = "results.json";

/// Size limit of a results file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 28;

/// The results of an experiment. The same scenario, seed and version give the same bytes for any
/// number of threads.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The program and its version: `pomelo-sim 0.1.0`.
    pub program: String,
    /// Digest of everything that the figures depend on: scenario, seed, strategies, version.
    /// Hexadecimal.
    pub digest: String,
    /// The clock it ran on.
    pub mode: Mode,
    /// The machine; in live mode only, where figures depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The scenario as it ran, including changes by flags.
    pub scenario: Scenario,
    /// The metric of the answer: a name in `stats::METRICS`.
    pub metric: String,
    /// The warm-up of each run in virtual seconds, as given or as found by the rule.
    pub warmup_s: f64,
    /// Replications of each strategy, as given or as required by `target_half_width`.
    pub replications: u32,
    /// The answer to the scenario's question, in one sentence.
    pub answer: String,
    /// By strategy, in the scenario's order; the first is the baseline.
    pub strategies: Vec<StrategyResults>,
    /// The verdicts on the scenario's claims, one for each strategy that a claim applies to.
    pub verdicts: Vec<Verdict>,
    /// The command that reproduces the results.
    pub replay: String,
}

/// The clock of an experiment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Virtual time: repeatable to the byte.
    #[default]
    Virtual,
    /// Real time, with sockets and robots.
    Live,
}

/// The results of one strategy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrategyResults {
    /// The strategy.
    pub strategy: StrategySpec,
    /// The measured figures, by metric.
    pub figures: BTreeMap<String, Figure>,
    /// Latency curves by operation (`job`; or `gate`, `enter`, `send`, `deliver`), pooled over all
    /// replications, not averaged.
    pub curves: BTreeMap<String, LatencyCurve>,
    /// The load of each server over time in the first replication, as an example: a mean of several
    /// would hide swings.
    pub servers: Vec<ServerSeries>,
    /// Marks of the first replication, in order of time.
    pub marks: Vec<Mark>,
}

/// One figure under one strategy.
///
/// The value is the mean over the replications, except for a percentile or a maximum (`_ms.p99`,
/// `_ms.max`), which is taken from the pooled measurements of all replications. In both cases, the
/// half width is that of the t-interval over the replications' values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// The figure and its interval; `n` is below the number of replications when some did not give
    /// it.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// By replication; null where it was not measured.
    pub values: Vec<Option<f64>>,
    /// Compared with the first strategy, replication by replication; `None` for the first itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_first: Option<Comparison>,
}

/// A figure compared with that of another strategy, paired by replication: both met the same random
/// numbers.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// This figure minus the other.
    pub difference: Estimate,
    /// This figure divided by the other; `None` when the other is 0.
    pub ratio: Option<Estimate>,
}

/// The verdict on a claim under a strategy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The claim.
    pub claim: Claim,
    /// The strategy.
    pub strategy: StrategySpec,
    /// The claim's figure, or its ratio to the figure under `relative_to`; `None` when it was not
    /// measured.
    pub estimate: Option<Estimate>,
    /// Whether it holds.
    pub verdict: VerdictKind,
    /// Claim and verdict as a sentence.
    pub text: String,
}

/// Whether a claim holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// The whole interval is within the claim's bounds; for `equals`, part of it is.
    Holds,
    /// The whole interval is outside, or a replication lacks the figure.
    Fails,
    /// A bound lies within the interval: more replications would decide.
    CannotSay,
}

impl Comparison {
    /// Whether the figures surely differ: the interval of their difference excludes 0. Otherwise
    /// "n.s." is printed.
    pub fn is_significant(&self) -> bool {
        self.difference.half_width.is_some() && !self.difference.contains(0.0)
    }
}

/// Why results cannot be loaded.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// The cause.
        reason: std::io::Error,
    },
    /// The file does not contain results.
    #[error("{file}: no results of an experiment: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What was expected, and what came.
        reason: String,
    },
}

impl Results {
    /// Reads the results of a run, from its directory or from the file.
    ///
    /// # Errors
    /// The file is missing, larger than 256 MiB, or of another version's schema.
    pub fn load(path: &Path) -> Result<Self, ResultsError> {
        let path = if path.is_dir() { path.join(RESULTS_FILE) } else { path.to_path_buf() };
        let file = path.display().to_string();
        let mut text = String::new();
        let read = File::open(&path).and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        let malformed = |reason: String| ResultsError::Malformed { file: file.clone(), reason };
        match read {
            Err(reason) => return Err(ResultsError::Unreadable { file, reason }),
            Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => {
                return Err(malformed(format!("expected at most {FILE_BYTES_MAX} bytes")));
            }
            Ok(_) => {}
        }
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let head: Head = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        if head.schema != SCHEMA {
            return Err(malformed(format!("expected schema {SCHEMA}, got {}", head.schema)));
        }
        serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))
    }

    /// The results of one strategy.
    pub fn of(&self, strategy: &StrategySpec) -> Option<&StrategyResults> {
        self.strategies.iter().find(|results| results.strategy == *strategy)
    }
}
