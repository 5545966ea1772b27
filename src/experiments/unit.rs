//! Units of work: one replication under one strategy, each kept in a file of its own once it is done.

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

/// Most bytes of a unit's file that are read.
const FILE_BYTES_MAX: u64 = 1 << 28;

/// What all units of a run depend on.
pub(super) struct Ground {
    /// The program, to the build: a strategy that was changed since gives other figures.
    pub(super) build: String,
    pub(super) mode: Mode,
    pub(super) cluster: Option<ClusterSpec>,
}

/// A unit's file.
#[derive(Serialize, Deserialize)]
struct Saved {
    digest: String,
    outcome: Outcome,
}

/// The directory where units are kept.
pub(super) struct Shelf {
    folder: PathBuf,
}

impl Ground {
    /// Over everything that a unit's outcome depends on, and nothing else: a strategy more, a claim or a replication more
    /// does not change it.
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

    /// Over everything that a run's results depend on, but the build.
    pub(super) fn run_digest(&self, program: &str, scenario: &Scenario) -> String {
        digest(&(program, self.mode, &self.cluster, scenario))
    }
}

impl Shelf {
    /// In this directory, which is made.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.join("units");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// A unit that was done before, if it is the same one. What is torn or of another time is as if it were not there.
    pub(super) fn take(&self, strategy: &StrategySpec, replication: u32, digest: &str) -> Option<Outcome> {
        let mut text = String::new();
        let open = File::open(self.path(strategy, replication)).ok()?;
        open.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let saved: Saved = serde_json::from_str(&text).ok()?;
        (saved.digest == digest).then_some(saved.outcome)
    }

    /// Keeps one that is done.
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
    // Neither maps with odd keys nor anything else that has no JSON is in there; if ever, it matches nothing.
    let bytes = serde_json::to_vec(what).unwrap_or_default();
    format!("{:032x}", xxh3_128(&bytes))
}
