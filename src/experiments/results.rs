//! What an experiment gave: the form of `results.json`, which every report is written from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::scenario::{Claim, Scenario};
use crate::stats::{Estimate, LatencyCurve, Mark, ServerSeries};
use crate::strategies::StrategySpec;

/// Number of the form that [`Results`] has; another number, another form.
pub const SCHEMA: u32 = 1;

/// What a results file is called in its directory.
pub const RESULTS_FILE: &str = "results.json";

/// Most bytes of a results file that are read.
const FILE_BYTES_MAX: u64 = 1 << 28;

/// What an experiment gave. The same scenario, seed and version give the same bytes, whatever the threads.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What made it: `pomelo-sim 0.1.0`.
    pub program: String,
    /// Over everything that the figures depend on: scenario, seed, strategies, version. Hexadecimal.
    pub digest: String,
    /// On which clock it ran.
    pub mode: Mode,
    /// The machine, in live mode, whose figures depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The scenario as it ran, with what flags changed.
    pub scenario: Scenario,
    /// The figure that the answer is given by: a name in `stats::METRICS`.
    pub metric: String,
    /// How long each run warmed up, in virtual seconds: as given, or as the rule found it.
    pub warmup_s: f64,
    /// How many replications each strategy had: as given, or as many as `target_half_width` took.
    pub replications: u32,
    /// The answer to the scenario's question, in one sentence of text.
    pub answer: String,
    /// By strategy, in the order of the scenario; the first is the one that the others are held against.
    pub strategies: Vec<StrategyResults>,
    /// What became of the scenario's claims, each under each strategy that it is about.
    pub verdicts: Vec<Verdict>,
    /// The command that gives the same again.
    pub replay: String,
}

/// On which clock an experiment runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Virtual: repeatable to the byte.
    #[default]
    Virtual,
    /// With real sockets and robots.
    Live,
}

/// What came of one strategy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrategyResults {
    /// Which.
    pub strategy: StrategySpec,
    /// By name of the metric, those that were measured.
    pub figures: BTreeMap<String, Figure>,
    /// Latency curves by what took the time (`job`; or `gate`, `enter`, `send`, `deliver`), of all replications'
    /// measurements together: pooled, not averaged.
    pub curves: BTreeMap<String, LatencyCurve>,
    /// The load of each server over time in the first replication, as an example: a mean of several would hide swings.
    pub servers: Vec<ServerSeries>,
    /// What happened in the first replication, in order of time.
    pub marks: Vec<Mark>,
}

/// One figure under one strategy.
///
/// Its value is the mean over the replications, but a percentile or a maximum (`_ms.p99`, `_ms.max`) is the one of all
/// replications' measurements together. The half width is that of the t-interval over the replications' values, for both.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// The figure and how sure it is; `n` is below the number of replications when some did not give it.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// By replication; null where it did not come up.
    pub values: Vec<Option<f64>>,
    /// Held against the first strategy, replication by replication; none for the first itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_first: Option<Comparison>,
}

/// A figure beside the same figure of another strategy, paired by replication: both met the same chance.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// This one less the other.
    pub difference: Estimate,
    /// This one by the other; none when the other is 0.
    pub ratio: Option<Estimate>,
}

/// What became of a claim under a strategy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The claim.
    pub claim: Claim,
    /// Under which strategy.
    pub strategy: StrategySpec,
    /// The figure that it is about, or its share of the same figure under `relative_to`; none when it was not measured.
    pub estimate: Option<Estimate>,
    /// Whether it holds.
    pub verdict: VerdictKind,
    /// Both, as a sentence.
    pub text: String,
}

/// Whether a claim holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// The whole interval is within the claim's bounds; for `equals`, some of it is.
    Holds,
    /// The whole interval is outside, or a replication did not give the figure.
    Fails,
    /// A bound lies within the interval: more replications would tell.
    CannotSay,
}

impl Comparison {
    /// Whether the two surely differ: the interval of their difference does not hold 0. Else it is printed "n.s.".
    pub fn is_significant(&self) -> bool {
        self.difference.half_width.is_some() && !self.difference.contains(0.0)
    }
}

/// Why there are no results.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// They cannot be read.
    #[error("{file}: cannot be read: {reason}")]
    Unreadable {
        /// Which file.
        file: String,
        /// Why.
        reason: std::io::Error,
    },
    /// They are something else.
    #[error("{file}: no results of an experiment: {reason}")]
    Malformed {
        /// Which file.
        file: String,
        /// What was expected, and what came.
        reason: String,
    },
}

impl Results {
    /// Reads what a run wrote: its directory, or the file in it.
    ///
    /// # Errors
    /// There is none, it is larger than 256 MiB, or it has another form than this version's.
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

    /// Those of one strategy.
    pub fn of(&self, strategy: &StrategySpec) -> Option<&StrategyResults> {
        self.strategies.iter().find(|results| results.strategy == *strategy)
    }
}
