//! Traffic: which server has sent how much to which, counted where an envelope arrives.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ids::ServerId;

/// What one server has sent to another.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeView {
    /// Who.
    pub from: ServerId,
    /// To whom.
    pub to: ServerId,
    /// Envelopes that arrived since the receiver came up.
    pub envelopes: u64,
    /// Envelopes that are on their way now: links, pauses and changes of a list hold them up.
    pub held: usize,
}

/// What a server got from each other one.
#[derive(Default)]
pub(super) struct Heard {
    /// The last sender, and what came from it in a row: what servers say comes in batches, so most
    /// are counted here, without a look at the table.
    run: Option<(ServerId, u64)>,
    counts: FxHashMap<ServerId, u64>,
}

impl Heard {
    /// An envelope has arrived.
    pub(super) fn count(&mut self, from: &ServerId) {
        match &mut self.run {
            Some((sender, count)) if sender == from => *count += 1,
            run => {
                if let Some((sender, count)) = run.replace((from.clone(), 1)) {
                    *self.counts.entry(sender).or_default() += count;
                }
            }
        }
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&ServerId, u64)> {
        let run = self.run.iter().map(|(from, count)| (from, *count));
        self.counts.iter().map(|(from, count)| (from, *count)).chain(run)
    }
}
