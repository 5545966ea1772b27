//! Sockets and timers under the robots: one thread, one poll, no task or allocation per received
//! message.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use super::RobotsError;
use super::clock::Clock;
use super::crowd::Crowd;
use super::pacer::Pacer;
use super::plan::{Load, LoadPlan, TransportChoice};
use super::robot::{NEVER, Next, Robot};
use super::schedule::{Moments, arrival};
use super::shared::RunState;
use super::sockets::{Sockets, in_words};
use crate::time::Time;

/// Buffer size of one read.
const READ_BYTES: usize = 128 * 1024;

/// Longest wait of a poll: bounds how late a run ends, and how late a phase change is noticed.
const POLL_MAX: Duration = Duration::from_millis(20);

/// The pacer's token; robots' tokens count from 0.
const PACER: Token = Token(usize::MAX);

/// The robots of a run, with their sockets and timers.
pub(super) struct Engine {
    pub(super) clock: Clock,
    pub(super) shared: RunState,
    pub(super) robots: Vec<Robot>,
    poll: Poll,
    sockets: Sockets,
    gate: SocketAddr,
    gate_name: String,
    /// Robots' timers; entries that differ from `armed` are stale.
    timers: BinaryHeap<Reverse<(Time, usize)>>,
    armed: Vec<Time>,
    buffer: Vec<u8>,
    /// Robots whose last read filled the buffer, so that more may be waiting.
    unread: Vec<usize>,
    pacer: Option<Pacer>,
    /// The pacer's last batch; the buffer is reused.
    batch: Vec<(Time, usize)>,
    senders: Vec<usize>,
    churn: Option<(Moments, (Time, usize))>,
}

impl Engine {
    /// Robots that have not started.
    pub(super) fn new(plan: &LoadPlan, gate: SocketAddr) -> Result<Self, RobotsError> {
        let crowd = Crowd::new(plan);
        let shared = RunState::new(plan, &crowd);
        let robots: Vec<Robot> = crowd
            .room_of
            .iter()
            .enumerate()
            .map(|(member, room)| {
                let websocket = match plan.transport {
                    TransportChoice::Ws => true,
                    TransportChoice::Tcp => false,
                    TransportChoice::Mix => member % 2 == 0,
                };
                Robot::new(member, *room, websocket, Time::START + arrival(member, plan.arrivals))
            })
            .collect();
        let mut engine = Self {
            clock: Clock::start(),
            shared,
            poll: Poll::new().map_err(RobotsError::System)?,
            sockets: Sockets::new(robots.len()),
            gate,
            gate_name: plan.gate.clone(),
            timers: BinaryHeap::new(),
            armed: vec![NEVER; robots.len()],
            robots,
            buffer: vec![0; READ_BYTES],
            unread: Vec::new(),
            pacer: None,
            batch: Vec::new(),
            senders: crowd.senders,
            churn: None,
        };
        (0..engine.robots.len()).for_each(|robot| engine.arm(robot));
        Ok(engine)
    }

    /// Starts the load: robots send, leave and return as planned.
    pub(super) fn start_load(&mut self, plan: &LoadPlan, now: Time) -> io::Result<()> {
        if let Load::Rate(rate) = plan.load {
            let moments = Moments::new(plan.seed, "robots: sends", self.senders.len(), rate, now);
            let waker = Waker::new(self.poll.registry(), PACER)?;
            self.pacer = Some(Pacer::start(moments, self.clock, waker)?);
        }
        let mut moments = Moments::new(plan.seed, "robots: churn", self.robots.len(), plan.churn / 60.0, now);
        self.churn = moments.next().map(|first| (moments, first));
        self.shared.open_windows(plan);
        for robot in 0..self.robots.len() {
            let next = self.robots[robot].go_on(&mut self.shared, now);
            self.obey(robot, next, now);
        }
        Ok(())
    }

    /// Stops planned messages and departures.
    pub(super) fn stop_load(&mut self, now: Time) {
        self.pacer.iter_mut().for_each(|pacer| pacer.stop(now));
        self.send_due();
        self.pacer = None;
        self.churn = None;
        self.shared.close_windows();
    }

    /// Makes every robot leave for good.
    pub(super) fn log_out(&mut self, now: Time) {
        self.shared.ending = true;
        for robot in 0..self.robots.len() {
            self.robots[robot].give_up_waiting(&mut self.shared);
            let next = self.robots[robot].log_out(&mut self.shared, now);
            self.obey(robot, next, now);
        }
    }

    /// Number of open connections.
    pub(super) fn connections(&self) -> usize {
        self.sockets.count()
    }

    /// Waits for the next events, and lets the robots act on them.
    pub(super) fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.poll_once(events)?;
        for robot in std::mem::take(&mut self.unread) {
            self.read(robot, false);
        }
        for event in events.iter().filter(|event| event.token() != PACER) {
            let Token(robot) = event.token();
            self.ready(robot, event.is_read_closed() || event.is_error());
        }
        self.send_due();
        self.leave_due();
        self.tick_due();
        Ok(())
    }

    fn poll_once(&mut self, events: &mut Events) -> io::Result<()> {
        let now = self.clock.now();
        let timer = self.timers.peek().map_or(NEVER, |Reverse((at, _))| *at);
        let churn = self.churn.as_ref().map_or(NEVER, |(_, (at, _))| *at);
        let mut wait = timer.min(churn).since(now).min(POLL_MAX);
        if !self.unread.is_empty() {
            wait = Duration::ZERO;
        }
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Handles a socket that is readable or writable.
    fn ready(&mut self, robot: usize, ended: bool) {
        match self.sockets.connected(robot) {
            Ok(true) => {
                self.flush(robot);
                self.read(robot, ended);
            }
            Ok(false) => {}
            Err(error) => self.broken(robot, &in_words(&error)),
        }
    }

    /// Reads once, or up to the end if the server has closed.
    fn read(&mut self, robot: usize, to_the_end: bool) {
        loop {
            match self.sockets.read(robot, &mut self.buffer) {
                Ok(None) => return,
                Ok(Some(0)) => return self.broken(robot, "closed by the server"),
                Err(error) => return self.broken(robot, &in_words(&error)),
                Ok(Some(bytes)) => {
                    let now = self.clock.now();
                    let next = self.robots[robot].received(&mut self.shared, &self.buffer[..bytes], now);
                    self.obey(robot, next, now);
                    if !to_the_end {
                        if bytes == self.buffer.len() {
                            self.unread.push(robot);
                        }
                        return;
                    }
                }
            }
        }
    }

    /// Sends the messages that are due.
    fn send_due(&mut self) {
        let Some(pacer) = &self.pacer else { return };
        let mut batch = std::mem::take(&mut self.batch);
        pacer.take(&mut batch);
        for (intended, sender) in batch.drain(..) {
            let (robot, now) = (self.senders[sender], self.clock.now());
            if self.shared.tally.measured.contains(&intended) {
                self.shared.tally.lateness.record(intended, now);
            }
            self.robots[robot].say(&mut self.shared, intended, now);
            self.obey(robot, Next::Stay, now);
        }
        self.batch = batch;
    }

    /// Lets robots leave that are due.
    fn leave_due(&mut self) {
        let now = self.clock.now();
        while let Some((moments, due)) = &mut self.churn
            && due.0 <= now
        {
            let robot = due.1;
            match moments.next() {
                Some(next) => *due = next,
                None => self.churn = None,
            }
            let next = self.robots[robot].leave(&mut self.shared, now);
            self.obey(robot, next, now);
        }
    }

    fn tick_due(&mut self) {
        let now = self.clock.now();
        while let Some(Reverse((at, robot))) =
            self.timers.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            self.timers.pop();
            if at != self.armed[robot] {
                continue;
            }
            self.armed[robot] = NEVER;
            let due = self.robots[robot].due(&self.shared) <= now;
            let next = if due { self.robots[robot].tick(&mut self.shared, now) } else { Next::Stay };
            self.obey(robot, next, now);
        }
    }

    /// Carries out a robot's `Next`: connects, writes or closes, and arms its timer.
    fn obey(&mut self, robot: usize, next: Next, now: Time) {
        let connects = match next {
            Next::Stay => {
                self.flush(robot);
                self.arm(robot);
                return;
            }
            Next::Close => {
                self.flush(robot);
                self.sockets.close(robot);
                self.arm(robot);
                return;
            }
            Next::Gate => {
                let connected = self.sockets.connect(self.poll.registry(), robot, self.gate);
                connected.map(|()| self.robots[robot].connected(&self.gate_name))
            }
            Next::Server(host, port) => {
                self.flush(robot);
                let address = self.sockets.address(&host, port);
                let connected = address.and_then(|at| self.sockets.connect(self.poll.registry(), robot, at));
                connected.map(|()| self.robots[robot].connected(&format!("{host}:{port}")))
            }
        };
        match connects {
            Ok(()) => self.arm(robot),
            Err(error) => {
                let next = self.robots[robot].broken(&mut self.shared, now, &in_words(&error));
                self.obey(robot, next, now);
            }
        }
    }

    fn broken(&mut self, robot: usize, why: &str) {
        let now = self.clock.now();
        let next = self.robots[robot].broken(&mut self.shared, now, why);
        self.sockets.close(robot);
        self.obey(robot, next, now);
    }

    fn flush(&mut self, robot: usize) {
        if !self.sockets.is_open(robot) {
            return;
        }
        let Some(out) = self.robots[robot].output() else { return };
        if let Err(error) = self.sockets.write(robot, out) {
            // Read the server's last bytes first: they explain more than the failed write.
            log::debug!("cannot write robot={robot} error={error}");
        }
    }

    fn arm(&mut self, robot: usize) {
        let due = self.robots[robot].due(&self.shared);
        if due < self.armed[robot] {
            self.armed[robot] = due;
            self.timers.push(Reverse((due, robot)));
        }
    }
}
