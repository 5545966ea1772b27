//! `directory(inner)`: remembers where another strategy has placed a key, as long as the key is in
//! use.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::{Candidate, Look, Needs, Parameter, Placements, Strategy, StrategyEntry};
use crate::ids::ServerId;
use crate::time::Time;

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    restores: false,
    parameter: Parameter::Inner,
    ..StrategyEntry::sticky(
        "directory",
        "remembers another strategy's choice for each key in use",
        |argument, seed| Box::new(Directory::new(argument.inner().make(seed))),
    )
};

/// Overhead of a shared text.
const ARC_BYTES: usize = 16;

/// Makes any strategy sticky: a key is placed once, and found again until it is forgotten. No key
/// moves when a server joins; when one leaves, its keys are placed anew at their next pick.
///
/// Keys that have not [settled](Placements::settle) are kept apart, so that those that never will
/// can be found and dropped.
#[derive(Clone)]
pub struct Directory {
    inner: Box<dyn Strategy>,
    servers: Vec<ServerId>,
    /// Place on the list of each key in use. Iteration order never becomes visible.
    settled: FxHashMap<Arc<str>, u32>,
    /// Keys that may be unused, or not in use yet.
    loose: FxHashMap<Arc<str>, Loose>,
}

#[derive(Clone, Copy, Debug)]
struct Loose {
    /// The place on the list.
    index: u32,
    /// Its last pick; `None` when that was so long ago that it is dropped next.
    asked: Option<Time>,
}

impl Directory {
    /// Remembers what `inner` chooses.
    pub fn new(inner: Box<dyn Strategy>) -> Self {
        let (settled, loose) = (FxHashMap::default(), FxHashMap::default());
        Self { inner, servers: Vec::new(), settled, loose }
    }
}

impl Strategy for Directory {
    fn rebuild(&mut self, servers: &[Candidate]) {
        let places: FxHashMap<&ServerId, u32> =
            servers.iter().enumerate().map(|(index, server)| (&server.id, index as u32)).collect();
        let places: Vec<Option<u32>> = self.servers.iter().map(|id| places.get(id).copied()).collect();
        let stays = |index: &mut u32| match places[*index as usize] {
            Some(place) => {
                *index = place;
                true
            }
            None => false,
        };
        self.settled.retain(|_, index| stays(index));
        self.loose.retain(|_, loose| stays(&mut loose.index));
        self.servers = servers.iter().map(|server| server.id.clone()).collect();
        self.inner.rebuild(servers);
    }

    fn pick(&mut self, key: &str, look: &Look<'_>) -> Option<usize> {
        if let Some(index) = self.settled.get(key) {
            return Some(*index as usize);
        }
        if let Some(loose) = self.loose.get_mut(key) {
            loose.asked = Some(look.now);
            return Some(loose.index as usize);
        }
        let index = self.inner.pick(key, look)?;
        self.loose.insert(key.into(), Loose { index: index as u32, asked: Some(look.now) });
        Some(index)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        let index = self.settled.get(key).copied();
        index.or_else(|| self.loose.get(key).map(|loose| loose.index)).map(|index| index as usize)
    }

    fn needs(&self) -> Needs {
        self.inner.needs()
    }

    fn learn(&mut self, now: Time, index: usize, took: Duration) {
        self.inner.learn(now, index, took);
    }

    fn placements(&self) -> Option<&dyn Placements> {
        Some(self)
    }

    fn placements_mut(&mut self) -> Option<&mut dyn Placements> {
        Some(self)
    }

    fn explain(&self, key: &str) -> String {
        match self.peek(key) {
            Some(_) => format!("remembered since it was chosen; {}", self.inner.explain(key)),
            None => format!("not chosen yet; {}", self.inner.explain(key)),
        }
    }

    fn bytes(&self) -> usize {
        let table = |capacity: usize, of: usize| capacity * (size_of::<Arc<str>>() + of);
        let names: usize =
            self.settled.keys().chain(self.loose.keys()).map(|key| key.len() + ARC_BYTES).sum();
        size_of_val(self)
            + names
            + table(self.settled.capacity(), size_of::<u32>())
            + table(self.loose.capacity(), size_of::<Loose>())
            + self.inner.bytes()
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

impl Placements for Directory {
    fn place(&mut self, key: &str, index: usize) {
        self.loose.remove(key);
        self.settled.insert(key.into(), index as u32);
    }

    fn settle(&mut self, key: &str) {
        if let Some((key, loose)) = self.loose.remove_entry(key) {
            self.settled.insert(key, loose.index);
        }
    }

    fn unsettle(&mut self, now: Time, key: &str) {
        if let Some((key, index)) = self.settled.remove_entry(key) {
            self.loose.insert(key, Loose { index, asked: Some(now) });
        }
    }

    fn forget(&mut self, key: &str) {
        self.settled.remove(key);
        self.loose.remove(key);
    }

    fn unsettled(&self) -> usize {
        self.loose.len()
    }

    fn mark_stale(&mut self, until: Time) {
        for loose in self.loose.values_mut() {
            loose.asked = loose.asked.filter(|asked| *asked > until);
        }
    }

    fn drop_stale(&mut self) {
        self.loose.retain(|_, loose| loose.asked.is_some());
    }
}
