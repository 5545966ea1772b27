//! Who has sent how much to whom: counted where an envelope arrives.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::Router;
use super::changes::key_of;
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
    /// The last sender, and what came from it in a row: what servers say comes in batches, so most are counted here,
    /// without a look at the table.
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

    fn each(&self) -> impl Iterator<Item = (&ServerId, u64)> {
        let run = self.run.iter().map(|(from, count)| (from, *count));
        self.counts.iter().map(|(from, count)| (from, *count)).chain(run)
    }
}

impl Router {
    /// What each server has sent to each other one, in order of their names. What the router itself says, crosses no link
    /// and is not counted.
    pub fn edges(&self) -> Vec<EdgeView> {
        let mut edges: BTreeMap<(&ServerId, &ServerId), (u64, usize)> = BTreeMap::new();
        for (to, home) in &self.homes {
            for (from, count) in home.heard.each().filter(|(from, _)| *from != to) {
                edges.entry((from, to)).or_default().0 += count;
            }
            for envelope in home.paused.iter().flat_map(|backlog| backlog.envelopes()) {
                edges.entry((&envelope.from, to)).or_default().1 += 1;
            }
        }
        for (from, to, held) in self.links.held() {
            edges.entry((from, to)).or_default().1 += held;
        }
        for replicas in self.types.values() {
            for envelope in replicas.held.envelopes() {
                if let Some(to) = key_of(&envelope.payload).and_then(|key| replicas.owner(key)) {
                    edges.entry((&envelope.from, to)).or_default().1 += 1;
                }
            }
        }
        let view = |((from, to), (envelopes, held)): ((&ServerId, &ServerId), (u64, usize))| EdgeView {
            from: from.clone(),
            to: to.clone(),
            envelopes,
            held,
        };
        edges.into_iter().filter(|((from, to), _)| from != to).map(view).collect()
    }

    /// How much waits for a server that is paused.
    pub fn waiting_for(&self, server: &ServerId) -> usize {
        let paused = self.homes.get(server).and_then(|home| home.paused.as_ref());
        paused.map_or(0, |backlog| backlog.envelopes().len())
    }
}
