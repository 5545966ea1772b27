//! `weighted-rendezvous`: rendezvous hashing in proportion to weights (Schindelhauer, Schomaker
//! 2005).

use super::hash::{by_id, fold, of_key, of_server};
use super::{Candidate, Look, Rendezvous, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    weighted: true,
    ..StrategyEntry::sticky(
        "weighted-rendezvous",
        "rendezvous hashing in exact proportion to weights",
        |_, _| Box::new(WeightedRendezvous::default()),
    )
};

/// The server with the highest `w / -ln u` gets the key, where `u` is a uniform number derived from
/// key and server. Each server gets exactly its weight's share, and a change of one weight moves
/// keys only from or to that server.
#[derive(Clone, Default, Debug)]
pub struct WeightedRendezvous {
    /// Seed, weight and place on the list, in the order of ids.
    servers: Vec<(u64, f64, u32)>,
    /// With equal weights, `w / -ln u` has the order of `u`: no logarithm is needed.
    alike: Option<Rendezvous>,
}

impl WeightedRendezvous {
    /// The winner's score and place on the list.
    fn winner(&self, hash: u64) -> Option<(f64, u32)> {
        let mut best: Option<(f64, u32)> = None;
        for (seed, weight, index) in &self.servers {
            let u = ((fold(hash ^ seed) >> 11) as f64 + 0.5) / 2_f64.powi(53);
            // -ln u is at least 1 - u, so most servers cannot win and need no logarithm.
            if best.is_some_and(|(score, _)| score * (1.0 - u) > *weight) {
                continue;
            }
            let score = weight / -u.ln();
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, *index));
            }
        }
        best
    }
}

impl Strategy for WeightedRendezvous {
    fn rebuild(&mut self, servers: &[Candidate]) {
        let server = |index: usize| (of_server(&servers[index]), servers[index].weight, index as u32);
        self.servers = by_id(servers).into_iter().map(server).collect();
        let alike = servers.windows(2).all(|pair| pair[0].weight == pair[1].weight);
        self.alike = alike.then(|| {
            let mut plain = Rendezvous::default();
            plain.rebuild(servers);
            plain
        });
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        match &self.alike {
            Some(plain) => plain.peek(key),
            None => self.winner(of_key(key)).map(|(_, index)| index as usize),
        }
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        match self.winner(hash) {
            None => format!("xxh3 {hash:016x}"),
            Some((score, index)) => {
                let weight =
                    self.servers.iter().find(|(_, _, at)| *at == index).map_or(1.0, |(_, weight, _)| *weight);
                format!("xxh3 {hash:016x}; weight {weight} gives the highest score, {score:.4}")
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.servers) + self.alike.as_ref().map_or(0, Rendezvous::bytes)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
