//! Traffic: how much each server has sent to each other, counted on arrival.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ids::ServerId;

/// What one server has sent to another.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeView {
    /// The sender.
    pub from: ServerId,
    /// The receiver.
    pub to: ServerId,
    /// Envelopes that arrived since the receiver came up.
    pub envelopes: u64,
    /// Envelopes in flight: delayed by links, pauses or a change of a list.
    pub held: usize,
}

/// What a server received from each other server.
#[derive(Default)]
pub(super) struct Heard {
    /// The last sender, with its current run of envelopes. Servers send in batches, so most
    /// envelopes are counted here, without a look at the table.
    run: Option<(ServerId, u64)>,
    counts: FxHashMap<ServerId, u64>,
}

impl Heard {
    /// Counts an arrival.
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
