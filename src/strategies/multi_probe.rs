//! `multi-probe(k)`: consistent hashing with one point for each server and several probes
//! (Appleton, O'Reilly 2015).

use super::circle::Circle;
use super::hash::{nth, of_key};
use super::{Candidate, Look, Parameter, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    parameter: Parameter::whole("probes for each key", 21, 1, 1000),
    ..StrategyEntry::sticky(
        "multi-probe",
        "consistent hashing with one point per server and several probes",
        |argument, _| Box::new(MultiProbe::new(argument.number() as u32)),
    )
};

/// A key probes the circle at `k` places, and belongs to the point nearest clockwise of any of
/// them. Memory is one point for each server. The fullest server has `k/(k-1)` of the mean; the
/// emptiest has much less than the mean.
#[derive(Clone, Debug)]
pub struct MultiProbe {
    probes: u64,
    servers: usize,
    circle: Circle,
}

impl MultiProbe {
    /// Probes `k` places for each key.
    pub fn new(k: u32) -> Self {
        Self { probes: u64::from(k), servers: 0, circle: Circle::default() }
    }

    /// Each server's exact share of all possible keys.
    ///
    /// A probe is at distance `d` from its point on as much of the circle as there are gaps longer
    /// than `d`. Let `y(d)` be the probability that it is farther. A server with the gap `g` wins
    /// with probability `∫ k y^(k-1) dd` from 0 to `g`. Between two gaps of the sorted list `y` is
    /// linear, so each piece is `(y₀^k - y₁^k) / slope`.
    pub fn shares(&self) -> Vec<f64> {
        let gaps = self.circle.shares(self.servers);
        let mut order: Vec<usize> = (0..self.servers).collect();
        order.sort_by(|one, other| gaps[*one].total_cmp(&gaps[*other]));
        let mut shares = vec![0.0; self.servers];
        let (mut share, mut reached, mut farther) = (0.0, 0.0, 1.0_f64);
        for (passed, index) in order.into_iter().enumerate() {
            let slope = (self.servers - passed) as f64;
            let next = (farther - slope * (gaps[index] - reached)).max(0.0);
            let k = self.probes as f64;
            share += (farther.powf(k) - next.powf(k)) / slope;
            (reached, farther) = (gaps[index], next);
            shares[index] = share;
        }
        shares
    }

    /// Position and distance of the nearest point, and the probe that found it.
    fn nearest(&self, hash: u64) -> Option<(u32, u64, usize)> {
        let probe = |probe| {
            let place = nth(hash, probe);
            let position = self.circle.successor(place);
            (self.circle.distance(place, position), probe, position)
        };
        (self.servers > 0).then(|| (0..self.probes).map(probe).min()).flatten()
    }
}

impl Strategy for MultiProbe {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = servers.len();
        let alike: Vec<Candidate> =
            servers.iter().map(|server| Candidate { weight: 1.0, ..server.clone() }).collect();
        self.circle = Circle::of(&alike, 1.0);
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        self.nearest(of_key(key)).map(|(_, _, position)| self.circle.owner(position))
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        match self.nearest(hash) {
            None => format!("xxh3 {hash:016x}"),
            Some((distance, probe, _)) => format!(
                "xxh3 {hash:016x}; probe {} of {} is nearest to a point: {:.4} % of the circle",
                probe + 1,
                self.probes,
                f64::from(distance) / 2_f64.powi(32) * 100.0
            ),
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.circle.bytes()
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
