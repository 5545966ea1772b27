//! Robots: a load generator for any chat that speaks Pomelo's protocol and the tutorial's routes,
//! this one or the original.
//!
//! It is a black box test: it knows the [`client`](crate::client), and nothing of the servers of
//! this crate.
//!
//! # A run
//!
//! 1. **Log in.** Robots arrive one after the other. Each asks the gate, over a separate connection
//!    as real clients do, connects to the server that it names, and enters its room. A failed login
//!    is retried once after a second.
//! 2. **Rest** for a second: no messages, so the server's memory is the cost of its connections.
//! 3. **Warm up:** the planned load, not measured.
//! 4. **Measure:** the same load.
//! 5. **Drain:** no more messages; wait for all answers and deliveries in flight.
//! 6. **Log out.**
//!
//! # Open and closed loop
//!
//! In an open loop messages are scheduled independently of the server, and every latency counts
//! from the scheduled time: a server that stalls for a second delays a second's messages, and all
//! of their latencies show it. In a closed loop each sender sends after an answer, so the server
//! sets the pace: it shows a server's capacity, and its latencies only reflect how much the robots
//! let it queue.
//!
//! # Cost
//!
//! One thread, one poll (`engine.rs`), no task per robot; a robot is a state machine ([`robot`])
//! fed with bytes. A delivery is not parsed as JSON, allocates nothing, and needs no table: its
//! content names its sender, number and time (`content.rs`). The clock is read once per read. So
//! robots on one core can load a server on another.
//!
//! The [`judge`](crate::judge) checks during the run that every member receives every message of
//! its room, once and in order.

mod answer;
mod clock;
mod content;
pub mod crowd;
mod engine;
mod pacer;
pub mod plan;
pub mod process;
mod report;
mod requests;
pub mod robot;
pub mod schedule;
mod settings;
pub mod shared;
mod sockets;
mod tally;

use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::Events;
use thiserror::Error;

use self::engine::Engine;
pub use self::plan::{Load, LoadPlan, LoadPlanError, TransportChoice};
use self::process::Processes;
pub use self::report::{Flow, Logins, Report, RunLatencies, ServerUsage};
use self::robot::NEVER;
pub use self::settings::Settings;
pub use self::tally::Summary;
use crate::descriptors;
use crate::judge::Verdict;
use crate::time::Time;

/// Pause between login and load.
const REST: Duration = Duration::from_secs(1);

/// How often the end of a phase is checked.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often progress is reported.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Most events of one poll.
const EVENTS: usize = 1024;

/// Why a run could not start or finish.
#[derive(Debug, Error)]
pub enum RobotsError {
    /// Nothing listens at the gate's address.
    #[error("no gate at {gate}: {reason}; for a cluster without a gate: --connector HOST:PORT")]
    NoGate {
        /// `HOST:PORT`.
        gate: String,
        /// What the system says.
        reason: io::Error,
    },
    /// Nothing listens at the connector's address.
    #[error("no connector at {connector}: {reason}")]
    NoConnector {
        /// `HOST:PORT`.
        connector: String,
        /// What the system says.
        reason: io::Error,
    },
    /// The system allows fewer connections than there are users.
    #[error(
        "{users} users need {needed} file descriptors, and this process may have {allowed}: raise the hard limit (ulimit -Hn)"
    )]
    Descriptors {
        /// Robots.
        users: usize,
        /// Descriptors needed in all.
        needed: u64,
        /// The hard limit.
        allowed: u64,
    },
    /// The server's processes cannot be read.
    #[error("pid: {0}")]
    Process(io::Error),
    /// The system refuses a resource.
    #[error("the system refuses what robots need: {0}")]
    System(io::Error),
}

/// Descriptors that a process needs besides robots.
const OTHER_DESCRIPTORS: u64 = 32;

/// The progress of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// The phase, in a word.
    pub phase: &'static str,
    /// Since the run began.
    pub elapsed: Duration,
    /// Robots that have logged in.
    pub logins: usize,
    /// Robots in all.
    pub users: usize,
    /// Messages sent so far.
    pub sends: u64,
    /// Messages that have arrived so far.
    pub deliveries: u64,
}

/// Executes the plan. `stop` ends it early, with a report; `progress` is called a few times a
/// second.
///
/// # Errors
/// Nothing listens at the gate, or the system refuses a resource. Failures of the server are in the
/// report instead.
pub fn run(
    plan: &LoadPlan,
    stop: &AtomicBool,
    progress: impl FnMut(&Progress),
) -> Result<Report, RobotsError> {
    let no_gate = |reason| match plan.direct {
        true => RobotsError::NoConnector { connector: plan.gate.clone(), reason },
        false => RobotsError::NoGate { gate: plan.gate.clone(), reason },
    };
    let gate = sockets::resolve(plan.gate.as_str()).map_err(no_gate)?;
    TcpStream::connect_timeout(&gate, Duration::from_secs_f64(plan.timeout)).map_err(no_gate)?;
    let needed = plan.users as u64 + OTHER_DESCRIPTORS;
    let allowed = descriptors::raise().map_err(RobotsError::System)?;
    if allowed < needed {
        return Err(RobotsError::Descriptors { users: plan.users, needed, allowed });
    }
    let server = if plan.pid.is_empty() { None } else { Some(Processes::new(plan.pid.clone())) };
    let server = server.transpose().map_err(RobotsError::Process)?;
    let engine = Engine::new(plan, gate)?;
    let events = Events::with_capacity(EVENTS);
    Run { plan, stop, progress, server, engine, events, look_at: Time::START, tell_at: Time::START }.whole()
}

struct Run<'a, P> {
    plan: &'a LoadPlan,
    stop: &'a AtomicBool,
    progress: P,
    server: Option<Processes>,
    engine: Engine,
    events: Events,
    look_at: Time,
    tell_at: Time,
}

impl<P: FnMut(&Progress)> Run<'_, P> {
    fn whole(mut self) -> Result<Report, RobotsError> {
        let plan = self.plan;
        let span = Duration::from_secs_f64;
        let rss_before = self.resident_bytes()?;

        self.phase("logging in", NEVER, |engine| {
            engine.shared.tally.logins + engine.shared.tally.logins_failed == plan.users
        })?;
        self.phase("resting", self.engine.clock.now() + REST, |_| false)?;
        let rss_connected = self.resident_bytes()?;
        let connections = self.engine.connections();

        let start = self.engine.clock.now();
        self.engine.start_load(plan, start).map_err(RobotsError::System)?;
        self.phase("warming up", start + span(plan.warmup), |_| false)?;
        let start = self.engine.clock.now();
        self.engine.shared.tally.measured = start..start + span(plan.duration);
        let cpu_before = self.cpu()?;
        self.phase("measuring", start + span(plan.duration), |_| false)?;
        let cpu = self.cpu()?.saturating_sub(cpu_before);
        let now = self.engine.clock.now();
        let measured = &mut self.engine.shared.tally.measured;
        measured.end = measured.end.min(now);
        let (seconds, end) = (measured.end.since(measured.start).as_secs_f64(), measured.end);

        self.engine.stop_load(end);
        let give_up = self.engine.clock.now() + span(plan.timeout);
        self.drain(give_up)?;
        let rss_end = self.resident_bytes()?;
        let integrity = self.engine.shared.judge.verdict();
        self.engine.log_out(self.engine.clock.now());

        let tally = &self.engine.shared.tally;
        let flow =
            |count: u64| Flow { count, per_second: if seconds > 0.0 { count as f64 / seconds } else { 0.0 } };
        let login_seconds = tally.last_login.since(Time::START).as_secs_f64();
        Ok(Report {
            plan: plan.clone(),
            seconds,
            logins: Logins {
                ok: tally.logins,
                failed: tally.logins_failed,
                per_second: if login_seconds > 0.0 { tally.logins as f64 / login_seconds } else { 0.0 },
            },
            sends: flow(tally.sends),
            sent: tally.sends_so_far,
            deliveries: flow(tally.deliveries),
            others: tally.others,
            returns: tally.returns,
            latency_us: RunLatencies {
                gate: tally.gate.summary(),
                enter: tally.enter.summary(),
                send: tally.send.summary(),
                deliver: tally.deliver.summary(),
            },
            lateness_us: tally.lateness.summary(),
            errors: tally.errors.clone(),
            integrity,
            server: self.server.as_ref().map(|_| ServerUsage {
                cpu_seconds: cpu.as_secs_f64(),
                cpu_us_per_delivery: cpu.as_secs_f64() * 1e6 / tally.deliveries.max(1) as f64,
                rss_before,
                rss_connected,
                bytes_per_connection: rss_connected.saturating_sub(rss_before) / connections.max(1) as u64,
                rss_end,
            }),
        })
    }

    /// Drives the robots until this time, until `done`, or until the run is stopped.
    fn phase(
        &mut self,
        phase: &'static str,
        end: Time,
        mut done: impl FnMut(&mut Engine) -> bool,
    ) -> Result<(), RobotsError> {
        while !self.stop.load(Ordering::Relaxed) && self.turn(phase, end, &mut done)? {}
        Ok(())
    }

    /// Waits for messages in flight, even if the run is stopped.
    fn drain(&mut self, end: Time) -> Result<(), RobotsError> {
        let mut done = |engine: &mut Engine| {
            engine.robots.iter().all(|robot| robot.is_idle()) && {
                let Verdict { lost, unanswered, .. } = engine.shared.judge.verdict();
                lost + unanswered == 0
            }
        };
        while self.turn("draining", end, &mut done)? {}
        Ok(())
    }

    fn turn(
        &mut self,
        phase: &'static str,
        end: Time,
        done: &mut impl FnMut(&mut Engine) -> bool,
    ) -> Result<bool, RobotsError> {
        self.engine.turn(&mut self.events).map_err(RobotsError::System)?;
        let now = self.engine.clock.now();
        if now >= self.tell_at {
            self.tell_at = now + TELL_EVERY;
            let tally = &self.engine.shared.tally;
            (self.progress)(&Progress {
                phase,
                elapsed: now.since(Time::START),
                logins: tally.logins,
                users: self.plan.users,
                sends: tally.sends_so_far,
                deliveries: tally.deliveries_so_far,
            });
        }
        if now >= end {
            return Ok(false);
        }
        if now < self.look_at {
            return Ok(true);
        }
        self.look_at = now + LOOK_EVERY;
        Ok(!done(&mut self.engine))
    }

    fn cpu(&self) -> Result<Duration, RobotsError> {
        self.server.as_ref().map_or(Ok(Duration::ZERO), Processes::cpu).map_err(RobotsError::Process)
    }

    fn resident_bytes(&self) -> Result<u64, RobotsError> {
        self.server.as_ref().map_or(Ok(0), Processes::resident_bytes).map_err(RobotsError::Process)
    }
}
