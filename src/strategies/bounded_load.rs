//! `bounded-load(epsilon)`: consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam
//! 2018).

use super::circle::Circle;
use super::hash::of_key;
use super::{Candidate, Look, Needs, Parameter, Ring, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    parameter: Parameter::Number {
        what: "epsilon: allowed excess over the mean",
        default: 0.25,
        min: 0.01,
        max: 100.0,
        whole: false,
    },
    ..StrategyEntry::choice(
        "bounded-load",
        "ring that skips servers with more than 1 + epsilon times the mean load",
        |argument, _| Box::new(BoundedLoad::new(argument.number())),
    )
};

/// Works as `ring`, but a server with `(1 + epsilon)` times the mean is full and skipped. When the
/// next key joins `m` keys, no load exceeds `ceil((1 + epsilon) (m + 1) / n)`.
///
/// A key's server depends on the loads, so a later pick may differ; `directory(bounded-load)` finds
/// keys again.
#[derive(Clone, Debug)]
pub struct BoundedLoad {
    epsilon: f64,
    servers: usize,
    circle: Circle,
}

impl BoundedLoad {
    /// Bounds loads at `1 + epsilon` times the mean.
    pub fn new(epsilon: f64) -> Self {
        Self { epsilon, servers: 0, circle: Circle::default() }
    }

    /// The bound on a server's load once the next key is placed.
    pub fn cap(&self, loads: &[u32]) -> u64 {
        let total: u64 = loads.iter().map(|load| u64::from(*load)).sum();
        ((1.0 + self.epsilon) * (total + 1) as f64 / self.servers as f64).ceil() as u64
    }
}

impl Strategy for BoundedLoad {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = servers.len();
        let alike: Vec<Candidate> =
            servers.iter().map(|server| Candidate { weight: 1.0, ..server.clone() }).collect();
        self.circle = Circle::of(&alike, f64::from(Ring::POINTS));
    }

    fn pick(&mut self, key: &str, look: &Look<'_>) -> Option<usize> {
        if self.servers == 0 {
            return None;
        }
        let first = self.circle.successor(of_key(key));
        if look.loads.len() != self.servers {
            return Some(self.circle.owner(first));
        }
        let cap = self.cap(look.loads);
        let clockwise = (first..self.circle.len()).chain(0..first);
        // Some server has space: together, the caps exceed the loads.
        let free = clockwise.map(|position| self.circle.owner(position));
        free.into_iter().find(|owner| u64::from(look.loads[*owner]) < cap)
    }

    fn peek(&self, _: &str) -> Option<usize> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { loads: true, ..Needs::default() }
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        if self.servers == 0 {
            return format!("xxh3 {hash:016x}");
        }
        let place = self.circle.place(self.circle.successor(hash)) >> 32;
        format!("xxh3 {hash:016x}; from the point {place:08x}… on, the first server that is not full")
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.circle.bytes()
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
