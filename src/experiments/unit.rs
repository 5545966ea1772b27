//! Units of work: one replication under one strategy, each saved in a file once done.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::results::Mode;
use crate::config::ClusterSpec;
use crate::scenario::{Scenario, Warmup};
use crate::stats::Outcome;
use crate::strategies::StrategySpec;
use crate::whole_file::{ORDINARY, write_whole};

/// Size limit of a unit's file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 28;

/// Everything that all units of a run depend on.
pub(super) struct Ground {
    /// The exact build: a changed strategy gives other results.
    pub(super) build: String,
    pub(super) mode: Mode,
    pub(super) cluster: Option<ClusterSpec>,
}

/// The content of a unit's file.
#[derive(Serialize, Deserialize)]
struct Saved {
    digest: String,
    outcome: Outcome,
}

/// The directory of saved units.
pub(super) struct Shelf {
    folder: PathBuf,
}

impl Ground {
    /// Digest of everything that a unit's outcome depends on, and nothing else. Adding a strategy,
    /// a claim or a replication does not change it.
    pub(super) fn unit_digest(
        &self,
        scenario: &Scenario,
        strategy: &StrategySpec,
        replication: u32,
        warmup_s: f64,
    ) -> String {
        let bare = Scenario {
            name: String::new(),
            question: String::new(),
            strategies: vec![strategy.clone()],
            warmup_s: Warmup::Seconds(warmup_s),
            replications: replication,
            target_half_width: None,
            metric: None,
            expect: Vec::new(),
            ..scenario.clone()
        };
        digest(&(&self.build, self.mode, &self.cluster, bare))
    }

    /// Digest of everything that a run's results depend on, except the build.
    pub(super) fn run_digest(&self, program: &str, scenario: &Scenario) -> String {
        digest(&(program, self.mode, &self.cluster, scenario))
    }
}

impl Shelf {
    /// Opens a directory, creating it if needed.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.join("units");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Loads a saved unit if its digest matches. A torn or outdated file counts as missing.
    pub(super) fn take(&self, strategy: &StrategySpec, replication: u32, digest: &str) -> Option<Outcome> {
        let mut text = String::new();
        let open = File::open(self.path(strategy, replication)).ok()?;
        open.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let saved: Saved = serde_json::from_str(&text).ok()?;
        (saved.digest == digest).then_some(saved.outcome)
    }

    /// Saves a finished unit.
    pub(super) fn put(
        &self,
        strategy: &StrategySpec,
        replication: u32,
        digest: String,
        outcome: Outcome,
    ) -> io::Result<Outcome> {
        let saved = Saved { digest, outcome };
        write_whole(&self.path(strategy, replication), &serde_json::to_vec(&saved)?, ORDINARY)?;
        Ok(saved.outcome)
    }

    fn path(&self, strategy: &StrategySpec, replication: u32) -> PathBuf {
        let name: String =
            strategy.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        self.folder.join(format!("{}-{replication:04}.json", name.trim_end_matches('-')))
    }
}

fn digest(what: &impl Serialize) -> String {
    // Scenarios always serialise: they have no maps with odd keys. If one ever did not, its digest
    // would match nothing.
    let bytes = serde_json::to_vec(what).unwrap_or_default();
    format!("{:032x}", xxh3_128(&bytes))
}
