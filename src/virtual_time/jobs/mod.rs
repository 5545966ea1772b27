//! The `queue` model on the event queue: jobs, servers, and a strategy between them.
//!
//! For each attempt at a job, the strategy picks a server, which serves the attempt, queues it, or
//! refuses it when its queue is full. A client gives up after its timeout, but the server still
//! does the work. A refused, lost or late job is retried after a pause if the scenario has a retry
//! policy, as the same job with the same work; otherwise it is lost. A removed server leaves the
//! list and finishes what it has. When a server crashes, its clients know at once. A server that
//! returns goes to the end of the list, as in Pomelo. An added server equals the scenario's first
//! one.
//!
//! Arrivals, service times and keys are separate streams, so every strategy meets the same jobs.
//! Jobs are counted if they arrive in the measured time; for them, attempted = done + lost + in
//! flight holds exactly at the end of the run. Latencies, waits, loads and peaks cover what ends in
//! the measured time, whenever it began: if only jobs that began in it counted, the long ones would
//! be missing at its end and the mean would be too small.

mod client;
mod farm;
mod keys;
mod plan;
mod server;
mod steps;
mod tally;

use std::time::Duration;

use client::{Job, Jobs, Loss};
use farm::Farm;
use keys::Keys;
use plan::Plan;
use server::{Attempt, Offered, Server};
use tally::Tally;

use super::EventQueue;
use super::error::VirtualError;
use super::rate::Arrivals;
use crate::random::Random;
use crate::scenario::{QueueModel, Scenario};
use crate::stats::Outcome;
use crate::strategies::{Look, Needs, Strategy, StrategySpec};
use crate::time::Time;
use crate::world::Service;

/// Steps in a server's time series.
const STEPS: u64 = 120;

/// Bound on jobs in flight, attempts at a server, and planned events: some gigabytes.
const IN_FLIGHT_MAX: usize = 50_000_000;

/// Runs one replication of a scenario with the `queue` model under a strategy. The first `warmup_s`
/// seconds are not measured.
///
/// # Errors
/// The scenario has another model or is invalid, or the backlog grows beyond memory.
pub fn run_queue(
    scenario: &Scenario,
    spec: &StrategySpec,
    replication: u32,
    warmup_s: f64,
) -> Result<Outcome, VirtualError> {
    let (plan, model) = Plan::of(scenario, warmup_s)?;
    let stream = |name: &str| Random::new(scenario.seed, &format!("queue {replication} {name}"));
    let strategy = spec.make(stream("strategy").between(0, u64::MAX));
    let step_ns = plan.end.as_nanos().div_ceil(STEPS);
    let needs = strategy.needs();
    let load_age = (needs.loads && model.load_age_ms > 0.0)
        .then(|| millis(model.load_age_ms).max(Duration::from_nanos(1)));
    let servers = plan.servers.iter().map(|server| Server::new(server, step_ns)).collect();
    let run = Run {
        queue: EventQueue::default(),
        model,
        strategy,
        needs,
        farm: Farm::new(servers, load_age.is_none()),
        jobs: Jobs::default(),
        born: 0,
        arrivals: plan.arrivals(model, stream("arrivals")),
        services: stream("services"),
        pauses: stream("pauses"),
        keys: Keys::new(model.keys.as_ref(), stream("keys")),
        counts_moves: spec.is_sticky() && plan.changes_list(),
        timeout: model.timeout_ms.map(millis),
        load_age,
        tally: Tally::new(&plan),
        plan,
    };
    run.play()
}

/// A planned event.
#[derive(Clone, Copy)]
enum Event {
    /// The next job arrives.
    Born,
    /// A worker finishes the service of this turn.
    Finished { server: u32, worker: u32, turn: u16 },
    /// A client's timeout for this turn expires.
    TimedOut { job: u32, turn: u32 },
    /// A client retries.
    Again { job: u32 },
    /// The strategy polls the loads.
    Looked,
    /// A step of the plan.
    Step(u32),
    /// The measured time begins.
    Measured,
    /// The run ends.
    End,
}

struct Run<'a> {
    queue: EventQueue<Event>,
    plan: Plan,
    model: &'a QueueModel,
    strategy: Box<dyn Strategy>,
    needs: Needs,
    farm: Farm,
    jobs: Jobs,
    /// Jobs so far.
    born: u64,
    arrivals: Arrivals,
    services: Random,
    pauses: Random,
    keys: Keys,
    /// Whether keys have a server that they may move away from.
    counts_moves: bool,
    timeout: Option<Duration>,
    load_age: Option<Duration>,
    tally: Tally,
}

impl Run<'_> {
    fn play(mut self) -> Result<Outcome, VirtualError> {
        // Planned first, so that changes of the cluster precede jobs of the same moment.
        self.queue.plan(self.plan.end, Event::End);
        self.queue.plan(self.plan.measured, Event::Measured);
        for (index, step) in self.plan.steps.iter().enumerate() {
            self.queue.plan(step.at, Event::Step(index as u32));
        }
        self.change_list((0..self.plan.at_first as u32).collect());
        self.plan_look(Time::START);
        self.plan_birth();
        let mut events = 0;
        while let Some((now, event)) = self.queue.pop() {
            events += 1;
            match event {
                Event::Born => self.birth(now)?,
                Event::Finished { server, worker, turn } => self.finished(now, server, worker, turn),
                Event::TimedOut { job, turn } => {
                    if self.jobs.waits(job, turn) {
                        self.fail(now, job, Loss::Timeout);
                    }
                }
                Event::Again { job } => self.attempt(now, job)?,
                Event::Looked => {
                    self.farm.look();
                    self.plan_look(now);
                }
                Event::Step(index) => self.step(now, index as usize),
                Event::Measured => self.tally.begin(now, &mut self.farm.servers),
                Event::End => break,
            }
        }
        let moves = if self.counts_moves { self.keys.moves() } else { None };
        Ok(self.tally.finish(self.farm.servers, self.jobs.iter(), moves, events))
    }

    fn plan_birth(&mut self) {
        if let Some(at) = self.arrivals.next(self.plan.end) {
            self.queue.plan(at, Event::Born);
        }
    }

    fn birth(&mut self, now: Time) -> Result<(), VirtualError> {
        let work_ns = (self.model.service_ms.draw(&mut self.services) * 1e6).round() as u64;
        let key = self.keys.draw();
        let job = Job { number: self.born, key, born: now, work_ns, tries: 0, pause_ms: 0.0 };
        self.born += 1;
        self.tally.born(now);
        let job = self.jobs.insert(job);
        self.within_bound(now, self.jobs.len())?;
        self.plan_birth();
        self.attempt(now, job)
    }

    fn attempt(&mut self, now: Time, index: u32) -> Result<(), VirtualError> {
        let (job, turn) = self.jobs.at(index);
        job.tries += 1;
        self.tally.tried(now, job);
        let look = Look { now, loads: self.farm.loads() };
        let key = self.keys.text(job.number, job.key);
        let place = self.strategy.pick(key, &look);
        if let (Some(_), Some(placements)) = (place, self.strategy.placements_mut()) {
            placements.settle(key);
        }
        let Some(chosen) = place.and_then(|place| self.farm.list().get(place)).copied() else {
            self.fail(now, index, Loss::NoServer);
            return Ok(());
        };
        let server = &mut self.farm.servers[chosen as usize];
        let attempt = Attempt { job: index, turn, came: now, work_ns: job.work_ns };
        match server.offer(now, attempt) {
            Offered::Served(service) => {
                self.tally.taken(now, false);
                self.plan_finish(chosen, service);
            }
            Offered::Waits => self.tally.taken(now, true),
            Offered::Refused => {
                self.fail(now, index, Loss::QueueFull);
                return Ok(());
            }
        }
        self.farm.note(chosen);
        if let Some(timeout) = self.timeout {
            self.queue.plan(now + timeout, Event::TimedOut { job: index, turn });
        }
        self.within_bound(now, self.farm.servers[chosen as usize].queue.in_system() as usize)
    }

    fn finished(&mut self, now: Time, index: u32, worker: u32, turn: u16) {
        let server = &mut self.farm.servers[index as usize];
        let Some((done, next)) = server.finish(now, worker, turn) else { return };
        if let (Some(place), true) = (server.place, self.needs.latencies) {
            self.strategy.learn(now, place as usize, now.since(done.came));
        }
        if let Some((next, service)) = next {
            self.tally.waited(now, next.came);
            self.plan_finish(index, service);
        }
        self.farm.note(index);
        self.tally.left(now, done.came);
        self.tally.worked(now, index, done.work_ns);
        if self.jobs.waits(done.job, done.turn) {
            let job = self.end(done.job);
            self.tally.done(now, &job);
        }
    }

    /// Handles a failed attempt: the client retries later or gives up.
    fn fail(&mut self, now: Time, index: u32, why: Loss) {
        self.jobs.turn(index);
        let (job, _) = self.jobs.at(index);
        let why = match &self.model.retry {
            Some(retry) if job.tries < retry.attempts_max => {
                job.pause_ms = retry.pause_ms(job.tries, job.pause_ms, &mut self.pauses);
                self.queue.plan(now + millis(job.pause_ms), Event::Again { job: index });
                return;
            }
            Some(_) => Loss::GaveUp,
            None => why,
        };
        let job = self.end(index);
        self.tally.lost(&job, why);
    }

    /// Ends a job. A key that only this job used is forgotten, so that the strategy does not
    /// remember it for ever.
    fn end(&mut self, index: u32) -> Job {
        let job = self.jobs.remove(index);
        if let (Keys::Own(key), Some(placements)) = (&mut self.keys, self.strategy.placements_mut()) {
            placements.forget(key.text(job.number));
        }
        job
    }

    fn plan_look(&mut self, now: Time) {
        if let Some(age) = self.load_age {
            self.queue.plan(now + age, Event::Looked);
        }
    }

    fn plan_finish(&mut self, server: u32, service: Service) {
        let Service { worker, turn, ends } = service;
        self.queue.plan(ends, Event::Finished { server, worker, turn });
    }

    /// Abandoned attempts and void timeouts also take memory, so all of them are bounded.
    fn within_bound(&self, now: Time, count: usize) -> Result<(), VirtualError> {
        let count = count.max(self.queue.len());
        if count <= IN_FLIGHT_MAX {
            return Ok(());
        }
        Err(VirtualError::TooMany { count, at_s: now.as_nanos() as f64 / 1e9 })
    }
}

/// At most some years, whatever the number is.
fn millis(millis: f64) -> Duration {
    Duration::from_nanos((millis * 1e6).round() as u64)
}
