//! `ring(points)`: consistent hashing on a circle of points (Karger et al. 1997).

use super::circle::Circle;
use super::hash::of_key;
use super::{Candidate, Look, Parameter, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    weighted: true,
    parameter: Parameter::whole("points of a server of weight 1", Ring::POINTS, 1, 10_000),
    ..StrategyEntry::sticky(
        "ring",
        "consistent hashing: the next of many points on a circle",
        |argument, _| Box::new(Ring::new(argument.number() as u32)),
    )
};

/// Each server has points on a circle, in proportion to its weight. A key belongs to the first
/// point clockwise of it.
///
/// The default of 160 points is ketama's: with ten servers, the fullest then has 12 % more than the
/// mean; with 100 points, 16 %.
#[derive(Clone, Debug)]
pub struct Ring {
    points: f64,
    servers: usize,
    circle: Circle,
}

impl Ring {
    /// Default number of points of a server of weight 1.
    pub const POINTS: u32 = 160;

    /// A ring with this many points for a server of weight 1.
    pub fn new(points: u32) -> Self {
        Self { points: f64::from(points), servers: 0, circle: Circle::default() }
    }

    /// Each server's exact share of all possible keys.
    pub fn shares(&self) -> Vec<f64> {
        self.circle.shares(self.servers)
    }
}

impl Strategy for Ring {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = servers.len();
        self.circle = Circle::of(servers, self.points);
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        let hash = of_key(key);
        (self.servers > 0).then(|| self.circle.owner(self.circle.successor(hash)))
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        if self.servers == 0 {
            return format!("xxh3 {hash:016x}");
        }
        let position = self.circle.successor(hash);
        format!(
            "xxh3 {hash:016x}; the next of {} points clockwise is at {:08x}…",
            self.circle.len(),
            self.circle.place(position) >> 32
        )
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.circle.bytes()
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
