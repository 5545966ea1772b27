//! `round-robin`: each server in turn.

use super::{Candidate, Look, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry =
    StrategyEntry::choice("round-robin", "each server in turn", |_, _| Box::new(RoundRobin::default()));

/// Keeps its position when the list changes.
#[derive(Clone, Default, Debug)]
pub struct RoundRobin {
    servers: usize,
    next: usize,
}

impl Strategy for RoundRobin {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = servers.len();
    }

    fn pick(&mut self, _: &str, _: &Look<'_>) -> Option<usize> {
        let index = self.next.checked_rem(self.servers)?;
        self.next = index + 1;
        Some(index)
    }

    fn peek(&self, _: &str) -> Option<usize> {
        None
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
