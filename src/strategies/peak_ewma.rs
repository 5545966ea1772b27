//! `peak-ewma(seconds)`: two choices on how long a server has taken lately, as Finagle has it.

use std::time::Duration;

use super::draw::{distinct, least};
use super::{Candidate, Look, Needs, Parameter, Strategy, StrategyEntry};
use crate::ids::ServerId;
use crate::random::Random;
use crate::time::Time;

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    parameter: Parameter::Number {
        what: "seconds that a latency is remembered",
        default: 10.0,
        min: 0.001,
        max: 86_400.0,
        whole: false,
    },
    ..StrategyEntry::choice(
        "peak-ewma",
        "of two that are drawn, the one with the lower latency times load",
        |argument, seed| Box::new(PeakEwma::new(argument.number(), seed)),
    )
};

/// What a server of which nothing is known costs, once it has something in hand: so it is tried, but not by all at once.
const UNKNOWN_S: f64 = 1e6;

/// Of two different servers that are drawn, the one with the lower `latency · (load + 1)`.
///
/// The latency is an average with a memory of τ that believes bad news at once: a slower reading takes its place, a faster
/// one only moves it by how long ago the last one was. Without readings it falls, so that one that was slow is tried again.
#[derive(Clone, Debug)]
pub struct PeakEwma {
    tau_s: f64,
    servers: Vec<Known>,
    random: Random,
    drawn: Vec<usize>,
}

/// What is known of a server.
#[derive(Clone, Debug)]
struct Known {
    id: ServerId,
    latency_s: f64,
    at: Time,
}

impl PeakEwma {
    /// With a memory of that many seconds, and the chance of that seed.
    pub fn new(tau_s: f64, seed: u64) -> Self {
        Self { tau_s, servers: Vec::new(), random: Random::new(seed, "peak-ewma"), drawn: Vec::new() }
    }
}

impl Known {
    /// How much of the last value is left.
    fn decay(&self, now: Time, tau_s: f64) -> f64 {
        (-now.since(self.at).as_secs_f64() / tau_s).exp()
    }

    fn cost(&self, now: Time, tau_s: f64, load: u32) -> f64 {
        let load = f64::from(load);
        match self.latency_s * self.decay(now, tau_s) {
            0.0 if load > 0.0 => UNKNOWN_S + load,
            latency_s => latency_s * (load + 1.0),
        }
    }
}

impl Strategy for PeakEwma {
    fn rebuild(&mut self, servers: &[Candidate]) {
        let before = std::mem::take(&mut self.servers);
        let known = |server: &Candidate| {
            let known = before.iter().find(|known| known.id == server.id).cloned();
            known.unwrap_or_else(|| Known { id: server.id.clone(), latency_s: 0.0, at: Time::START })
        };
        self.servers = servers.iter().map(known).collect();
    }

    fn pick(&mut self, _: &str, look: &Look<'_>) -> Option<usize> {
        distinct(&mut self.random, self.servers.len(), 2, &mut self.drawn);
        let cost = |index: usize| self.servers[index].cost(look.now, self.tau_s, look.load(index));
        least(&mut self.random, self.drawn.iter().copied(), cost)
    }

    fn peek(&self, _: &str) -> Option<usize> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { loads: true, latencies: true }
    }

    fn learn(&mut self, now: Time, index: usize, took: Duration) {
        let Some(known) = self.servers.get_mut(index) else { return };
        let (took_s, decay) = (took.as_secs_f64(), known.decay(now, self.tau_s));
        let before_s = known.latency_s * decay;
        known.latency_s = if took_s > before_s { took_s } else { before_s + took_s * (1.0 - decay) };
        known.at = now;
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.servers)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
