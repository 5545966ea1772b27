//! `peak-ewma(seconds)`: two choices by recent latency, as in Finagle.

use std::time::Duration;

use super::draw::{distinct, least};
use super::{Candidate, Look, Needs, Parameter, Strategy, StrategyEntry};
use crate::ids::ServerId;
use crate::random::Random;
use crate::time::Time;

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    parameter: Parameter::Number {
        what: "time constant of the latency in seconds",
        default: 10.0,
        min: 0.001,
        max: 86_400.0,
        whole: false,
    },
    ..StrategyEntry::choice(
        "peak-ewma",
        "of two random servers, the one with the lower latency times load",
        |argument, seed| Box::new(PeakEwma::new(argument.number(), seed)),
    )
};

/// Cost of a server of unknown latency once it has load: it is tried, but not by all clients at
/// once.
const UNKNOWN_S: f64 = 1e6;

/// Draws two distinct servers and picks the one with the lower `latency · (load + 1)`.
///
/// The latency is a moving average with time constant τ that reacts to bad news at once. A slower
/// reading replaces it; a faster one moves it by the time since the last reading. Without readings
/// it decays, so that a slow server is tried again.
#[derive(Clone, Debug)]
pub struct PeakEwma {
    tau_s: f64,
    servers: Vec<Known>,
    random: Random,
    drawn: Vec<usize>,
}

/// The latency of a server, as far as known.
#[derive(Clone, Debug)]
struct Known {
    id: ServerId,
    latency_s: f64,
    at: Time,
}

impl PeakEwma {
    /// A time constant of `tau_s` seconds, and draws from the stream of this seed.
    pub fn new(tau_s: f64, seed: u64) -> Self {
        Self { tau_s, servers: Vec::new(), random: Random::new(seed, "peak-ewma"), drawn: Vec::new() }
    }
}

impl Known {
    /// The fraction of the last value that remains.
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
