//! The counters of a run, and the metrics computed from them.

use std::collections::BTreeMap;

use super::client::{Job, Loss};
use super::keys::Moves;
use super::plan::Plan;
use super::server::Server;
use crate::ids::ServerType;
use crate::stats::{Balance, Latencies, Mark, Outcome};
use crate::time::Time;

const SECOND: u64 = 1_000_000_000;

/// Counters of the measured time. A job counts if it arrives in it.
pub(super) struct Tally {
    measured: Time,
    end: Time,
    latencies: Latencies,
    attempted: u64,
    lost: [u64; Loss::ALL.len()],
    /// Of the attempted jobs, those done.
    done: u64,
    retries: u64,
    /// Attempts that a server accepted; of these, those that had to wait; and those whose wait is
    /// over.
    taken: u64,
    had_to_wait: u64,
    wait_ns: u128,
    begun: u64,
    /// Nanoseconds that attempts spent at servers within the measured time.
    stay_ns: u128,
    busiest_second: BusiestSecond,
    pub(super) marks: Vec<Mark>,
    servers: Vec<Counted>,
}

/// Counters of one server.
#[derive(Clone, Copy, Default)]
struct Counted {
    was_there: bool,
    /// Work finished in the measured time, in nanoseconds at speed 1.
    work_ns: u128,
    /// Integrals of busy workers and of attempts in the server, at the start of the measured time.
    before: (u128, u128),
}

struct BusiestSecond {
    until: u64,
    this: u64,
    most: u64,
}

impl Tally {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            measured: plan.measured,
            end: plan.end,
            latencies: Latencies::default(),
            attempted: 0,
            lost: [0; Loss::ALL.len()],
            done: 0,
            retries: 0,
            taken: 0,
            had_to_wait: 0,
            wait_ns: 0,
            begun: 0,
            stay_ns: 0,
            busiest_second: BusiestSecond { until: plan.measured.as_nanos() + SECOND, this: 0, most: 0 },
            marks: Vec::new(),
            servers: vec![Counted::default(); plan.servers.len()],
        }
    }

    /// Starts the measured time.
    pub(super) fn begin(&mut self, now: Time, servers: &mut [Server]) {
        for (counted, server) in self.servers.iter_mut().zip(servers) {
            counted.before = server.integrals(now);
            counted.was_there = server.place.is_some();
        }
    }

    /// Marks a server as having been on the list.
    pub(super) fn joined(&mut self, server: u32) {
        self.servers[server as usize].was_there = true;
    }

    #[inline]
    pub(super) fn born(&mut self, now: Time) {
        self.attempted += u64::from(now >= self.measured);
    }

    /// Counts an attempt at a job.
    #[inline]
    pub(super) fn tried(&mut self, now: Time, job: &Job) {
        if now >= self.measured {
            self.busiest_second.take(now);
        }
        self.retries += u64::from(job.tries > 1 && job.born >= self.measured);
    }

    /// Counts an attempt that a server accepted.
    #[inline]
    pub(super) fn taken(&mut self, now: Time, waits: bool) {
        if now >= self.measured {
            self.taken += 1;
            self.had_to_wait += u64::from(waits);
            // An attempt that is served at once has waited zero time.
            self.begun += u64::from(!waits);
        }
    }

    /// Counts the wait of an attempt that arrived at `came` and is now served.
    #[inline]
    pub(super) fn waited(&mut self, now: Time, came: Time) {
        if now >= self.measured {
            self.begun += 1;
            self.wait_ns += u128::from(now.as_nanos() - came.as_nanos());
        }
    }

    /// Counts the stay of an attempt that arrived at `came` and leaves its server, done or not.
    #[inline]
    pub(super) fn left(&mut self, now: Time, came: Time) {
        let from = came.max(self.measured).as_nanos();
        self.stay_ns += u128::from(now.as_nanos().saturating_sub(from));
    }

    /// Counts work that a server has finished.
    #[inline]
    pub(super) fn worked(&mut self, now: Time, server: u32, work_ns: u64) {
        if now >= self.measured {
            self.servers[server as usize].work_ns += u128::from(work_ns);
        }
    }

    #[inline]
    pub(super) fn done(&mut self, now: Time, job: &Job) {
        self.done += u64::from(job.born >= self.measured);
        if now >= self.measured {
            self.latencies.record(now.since(job.born));
        }
    }

    pub(super) fn lost(&mut self, job: &Job, why: Loss) {
        if job.born >= self.measured
            && let Some(index) = Loss::ALL.iter().position(|(loss, _)| *loss == why)
        {
            self.lost[index] += 1;
        }
    }

    /// Computes the outcome at the end of the run. `unfinished` are the jobs still in flight,
    /// whether at a server or pausing.
    pub(super) fn finish<'a>(
        mut self,
        mut servers: Vec<Server>,
        unfinished: impl Iterator<Item = &'a Job>,
        moves: Option<Moves>,
        events: u64,
    ) -> Outcome {
        let end = self.end;
        for server in &servers {
            server.each().for_each(|attempt| self.left(end, attempt.came));
        }
        let in_flight = unfinished.filter(|job| job.born >= self.measured).count() as u64;
        let loads: Vec<(u128, u128)> = servers.iter_mut().map(|server| server.integrals(end)).collect();
        let window_ns = (end.as_nanos() - self.measured.as_nanos()) as f64;
        let window_s = window_ns / 1e9;

        let mut metrics = BTreeMap::new();
        let mut tell = |name: &str, value: f64| metrics.insert(name.to_owned(), value);
        let (done, lost) = (self.done, self.lost.iter().sum::<u64>());
        tell("attempted", self.attempted as f64);
        tell("done", done as f64);
        tell("lost", lost as f64);
        tell("in_flight", in_flight as f64);
        for ((_, reason), count) in Loss::ALL.iter().zip(self.lost) {
            tell(&format!("lost.{reason}"), count as f64);
        }
        tell("lost_fraction", ratio(lost as f64, self.attempted as f64));
        tell("retries_per_client", ratio(self.retries as f64, self.attempted as f64));
        tell("throughput_per_s", self.latencies.count() as f64 / window_s);
        tell("peak_attempts_per_s", self.busiest_second.rate(end, window_s));
        tell("wait_probability", ratio(self.had_to_wait as f64, self.taken as f64));
        tell("wait_ms.mean", ratio(self.wait_ns as f64 / 1e6, self.begun as f64));
        tell("events", events as f64);

        let there = || self.servers.iter().enumerate().filter(|(_, counted)| counted.was_there);
        let in_window = |index: usize| loads[index].1 - self.servers[index].before.1;
        let stay_ns: u128 = (0..loads.len()).map(in_window).sum();
        tell("in_system.mean", stay_ns as f64 / window_ns);
        tell("little_error", ratio(stay_ns.abs_diff(self.stay_ns) as f64, stay_ns as f64));
        let utilisations: Vec<f64> = there()
            .map(|(index, counted)| {
                let busy = (loads[index].0 - counted.before.0) as f64;
                busy / window_ns / f64::from(servers[index].queue.workers_max().max(1))
            })
            .collect();
        tell("utilisation.mean", ratio(utilisations.iter().sum(), utilisations.len() as f64));
        tell("utilisation.max", utilisations.iter().copied().fold(0.0, f64::max));
        let work: Vec<f64> = there().map(|(_, counted)| counted.work_ns as f64).collect();
        if let Some(balance) = Balance::of(&work) {
            tell("balance.peak_to_mean", balance.peak_to_mean);
            tell("balance.min_to_mean", balance.min_to_mean);
            tell("balance.cv", balance.cv);
            tell("balance.jain", balance.jain);
        }
        if let Some(moves) = moves {
            tell("moved_fraction", ratio(moves.moved as f64, moves.of as f64));
            tell("unforced_fraction", ratio(moves.unforced as f64, moves.of as f64));
        }
        self.latencies.report("job", &mut metrics);

        let latencies = self.latencies.summary().map(|latency| ("job".to_owned(), latency));
        let series = |mut server: Server| {
            let series = server.queue.gauge.take_series()?;
            Some(series.finish(end, server.id, ServerType::from("server"), server.queue.workers_max()))
        };
        Outcome {
            metrics,
            latencies: latencies.into_iter().collect(),
            servers: servers.into_iter().filter_map(series).collect(),
            marks: self.marks,
        }
    }
}

impl BusiestSecond {
    #[inline]
    fn take(&mut self, now: Time) {
        if now.as_nanos() >= self.until {
            self.most = self.most.max(self.this);
            self.this = 0;
            let past = now.as_nanos() - self.until;
            self.until += (past / SECOND + 1) * SECOND;
        }
        self.this += 1;
    }

    /// The last second counts only if it is complete, or the only one.
    fn rate(&self, end: Time, window_s: f64) -> f64 {
        if window_s < 1.0 {
            return self.this as f64 / window_s;
        }
        let most = if self.until <= end.as_nanos() { self.most.max(self.this) } else { self.most };
        most as f64
    }
}

/// The quotient, or 0 when there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}
