//! A queueing server: workers, each of which serves one job at a time, and one queue in front of them.
//!
//! First come, first served, and a service is never given up for another job. Time is virtual: moments
//! are [`Time`], costs are nanoseconds at speed 1, and a service lasts its cost by the speed at which it
//! begins, rounded to a nanosecond. World, flow and jobs all queue here; they differ in what a job is,
//! and in whether its cost is known before it is done.
//!
//! What holds:
//!
//! - A job waits only while all workers are busy or the server is paused, or until its owner takes the
//!   [next](Queue::take_next).
//! - Each service ends once: the worker's turn tells whether an end that was planned is still meant.
//! - The load is written down at each change, so that its integrals are those of `busy` and `in_system`.

use std::collections::VecDeque;

use crate::stats::LoadSeries;
use crate::time::Time;

/// See the module. `W` waits, `S` is served.
#[derive(Debug)]
pub struct Queue<W, S> {
    waiting: VecDeque<W>,
    queue_max: usize,
    workers_max: u32,
    workers: Vec<Worker<S>>,
    /// Workers that have nothing to do; others have not been needed yet.
    idle: Vec<u32>,
    is_paused: bool,
    /// How fast it works, and its load.
    pub gauge: Gauge,
}

/// What does not depend on what is served: the speed of a queueing server, and its load over time.
#[derive(Debug)]
pub struct Gauge {
    /// How fast services are that begin from now on.
    pub speed: f64,
    series: Option<LoadSeries>,
}

#[derive(Debug)]
struct Worker<S> {
    serves: Option<S>,
    /// How often a service of it was broken off or put off.
    turn: u16,
    ends: Time,
}

/// A service that will end: it is the one meant while the worker's turn is this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Service {
    /// By which worker.
    pub worker: u32,
    /// The worker's turn.
    pub turn: u16,
    /// When.
    pub ends: Time,
}

impl<W, S> Default for Queue<W, S> {
    fn default() -> Self {
        Self::new(1, None)
    }
}

impl<W, S> Queue<W, S> {
    /// At speed 1. `queue_max`: how many jobs may wait before it [is full](Self::is_full).
    pub fn new(workers_max: u32, queue_max: Option<u32>) -> Self {
        Self {
            waiting: VecDeque::new(),
            queue_max: queue_max.map_or(usize::MAX, |most| most as usize),
            workers_max,
            workers: Vec::new(),
            idle: Vec::new(),
            is_paused: false,
            gauge: Gauge { speed: 1.0, series: None },
        }
    }

    /// How many workers there can be.
    pub fn workers_max(&self) -> u32 {
        self.workers_max
    }

    /// Workers that serve.
    pub fn busy(&self) -> u32 {
        (self.workers.len() - self.idle.len()) as u32
    }

    /// Jobs that wait or are served.
    pub fn in_system(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).saturating_add(self.busy())
    }

    /// Whether nothing waits or is served.
    pub fn is_idle(&self) -> bool {
        self.in_system() == 0
    }

    /// Whether as many jobs wait as may.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.queue_max
    }

    /// Whether a job that comes now is served at once.
    #[inline]
    pub fn is_ready(&self) -> bool {
        !self.is_paused && self.busy() < self.workers_max
    }

    /// Whether it begins no service until it goes on.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// It begins no service from now on, or does again. Gives what it was before.
    pub fn set_paused(&mut self, is_paused: bool) -> bool {
        std::mem::replace(&mut self.is_paused, is_paused)
    }

    /// The jobs that wait.
    pub fn waiting(&self) -> &VecDeque<W> {
        &self.waiting
    }

    /// A job waits before all others.
    pub fn put_first(&mut self, job: W) {
        self.waiting.push_front(job);
    }

    /// A job waits behind all others.
    #[inline]
    pub fn wait(&mut self, now: Time, job: W) {
        self.waiting.push_back(job);
        self.note(now);
    }

    /// The job whose turn it is, if it can be [served](Self::serve).
    #[inline]
    pub fn take_next(&mut self) -> Option<W> {
        if self.is_ready() { self.waiting.pop_front() } else { None }
    }

    /// A worker begins a service. There must be one that is not busy.
    #[inline]
    pub fn serve(&mut self, now: Time, what: S, cost_ns: f64) -> Service {
        let takes_ns = (cost_ns / self.gauge.speed).round() as u64;
        let ends = Time::from_nanos(now.as_nanos().saturating_add(takes_ns));
        let worker = self.idle.pop().unwrap_or_else(|| {
            self.workers.push(Worker { serves: None, turn: 0, ends });
            self.workers.len() as u32 - 1
        });
        let of = &mut self.workers[worker as usize];
        (of.serves, of.ends) = (Some(what), ends);
        let turn = of.turn;
        self.note(now);
        Service { worker, turn, ends }
    }

    /// Whether a service was neither broken off nor put off.
    #[inline]
    pub fn serves(&self, worker: u32, turn: u16) -> bool {
        let worker = self.workers.get(worker as usize);
        worker.is_some_and(|worker| worker.turn == turn && worker.serves.is_some())
    }

    /// A service ends, and its worker is free; none when it was broken off or put off.
    #[inline]
    pub fn finish(&mut self, now: Time, worker: u32, turn: u16) -> Option<S> {
        let of = self.workers.get_mut(worker as usize).filter(|of| of.turn == turn)?;
        let done = of.serves.take()?;
        self.idle.push(worker);
        self.note(now);
        if let Some(series) = &mut self.gauge.series {
            series.finished(now, 1);
        }
        Some(done)
    }

    /// Jobs that are served.
    pub fn served(&self) -> impl Iterator<Item = &S> {
        self.workers.iter().filter_map(|worker| worker.serves.as_ref())
    }

    /// Changes the speed of services that have begun too: gives when they end now.
    pub fn speed_up(&mut self, now: Time, speed: f64) -> Vec<Service> {
        let ratio = std::mem::replace(&mut self.gauge.speed, speed) / speed;
        let serving = self.workers.iter_mut().enumerate().filter(|(_, worker)| worker.serves.is_some());
        let put_off = serving.map(|(index, worker)| {
            let left_ns = worker.ends.since(now).as_nanos() as f64 * ratio;
            worker.ends = Time::from_nanos(now.as_nanos().saturating_add(left_ns.round() as u64));
            worker.turn = worker.turn.wrapping_add(1);
            Service { worker: index as u32, turn: worker.turn, ends: worker.ends }
        });
        put_off.collect()
    }

    /// Breaks off and forgets all, and goes on if it was paused.
    pub fn clear(&mut self, now: Time) {
        self.waiting.clear();
        for (index, worker) in self.workers.iter_mut().enumerate() {
            if worker.serves.take().is_some() {
                worker.turn = worker.turn.wrapping_add(1);
                self.idle.push(index as u32);
            }
        }
        self.is_paused = false;
        self.note(now);
    }

    #[inline]
    fn note(&mut self, now: Time) {
        let (busy, in_system) = (self.busy(), self.in_system());
        if let Some(series) = &mut self.gauge.series {
            series.set(now, busy, in_system);
        }
    }
}

impl Gauge {
    /// From now on the load is written down, in steps of this many nanoseconds.
    pub fn record(&mut self, step_ns: u64) {
        self.series = Some(LoadSeries::new(step_ns));
    }

    /// The load so far; none when it is not written down.
    pub fn series(&mut self) -> Option<&mut LoadSeries> {
        self.series.as_mut()
    }

    /// The same, and from now on the load is not written down any more.
    pub fn take_series(&mut self) -> Option<LoadSeries> {
        self.series.take()
    }
}
