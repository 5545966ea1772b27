//! `smooth-weighted-round-robin`: evenly interleaved turns in proportion to weights, as in nginx.

use super::{Candidate, Look, Strategy, StrategyEntry};
use crate::ids::ServerId;

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    weighted: true,
    ..StrategyEntry::choice(
        "smooth-weighted-round-robin",
        "turns in proportion to weight, interleaved as in nginx",
        |_, _| Box::new(SmoothWeightedRoundRobin::default()),
    )
};

/// At each pick, every server's credit grows by its weight. The server with the most credit is
/// picked, and pays the sum of all weights. Weights 5, 1, 1 give the turns a a b a c a a.
#[derive(Clone, Default, Debug)]
pub struct SmoothWeightedRoundRobin {
    servers: Vec<Turn>,
    total: f64,
}

#[derive(Clone, Debug)]
struct Turn {
    id: ServerId,
    weight: f64,
    credit: f64,
}

impl Strategy for SmoothWeightedRoundRobin {
    fn rebuild(&mut self, servers: &[Candidate]) {
        // Servers that stay keep their credit.
        let before = std::mem::take(&mut self.servers);
        let credit =
            |id: &ServerId| before.iter().find(|turn| turn.id == *id).map_or(0.0, |turn| turn.credit);
        let turn = |server: &Candidate| Turn {
            id: server.id.clone(),
            weight: server.weight,
            credit: credit(&server.id),
        };
        self.servers = servers.iter().map(turn).collect();
        self.total = servers.iter().map(|server| server.weight).sum();
    }

    fn pick(&mut self, _: &str, _: &Look<'_>) -> Option<usize> {
        let mut best: Option<usize> = None;
        for index in 0..self.servers.len() {
            self.servers[index].credit += self.servers[index].weight;
            if best.is_none_or(|best| self.servers[index].credit > self.servers[best].credit) {
                best = Some(index);
            }
        }
        self.servers[best?].credit -= self.total;
        best
    }

    fn peek(&self, _: &str) -> Option<usize> {
        None
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.servers)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
