//! A queueing server: workers, each of which serves one job at a time, and one queue in front of
//! them.
//!
//! First come, first served. A service is never preempted for another job. Time is virtual: moments
//! are [`Time`], and costs are nanoseconds at speed 1. A service lasts its cost divided by the
//! speed at its beginning, rounded to a nanosecond. World, flow and jobs all queue here. They
//! differ in the type of job, and in whether its cost is known before its end.
//!
//! Invariants:
//!
//! - A job waits only while all workers are busy or the server is paused, or until the owner takes
//!   the [next](Queue::take_next).
//! - Each service ends once: the worker's turn tells whether a planned end is still valid.
//! - The load is recorded at each change, so its integrals are those of `busy` and `in_system`.

use std::collections::VecDeque;

use crate::stats::LoadSeries;
use crate::time::Time;

/// Workers and their queue. `W` waits, `S` is served.
#[derive(Debug)]
pub struct Queue<W, S> {
    waiting: VecDeque<W>,
    queue_max: usize,
    workers_max: u32,
    workers: Vec<Worker<S>>,
    /// Idle workers. Workers are created only when needed.
    idle: Vec<u32>,
    is_paused: bool,
    /// The speed and the load.
    pub gauge: Gauge,
}

/// The part of a queueing server that does not depend on the job type: its speed, and its load over
/// time.
#[derive(Debug)]
pub struct Gauge {
    /// The speed of services that begin from now on.
    pub speed: f64,
    series: Option<LoadSeries>,
}

#[derive(Debug)]
struct Worker<S> {
    serves: Option<S>,
    /// How often a service of this worker was cancelled or rescheduled.
    turn: u16,
    ends: Time,
}

/// The planned end of a service. The plan is valid while the worker's turn has this value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Service {
    /// The worker's index.
    pub worker: u32,
    /// The worker's turn.
    pub turn: u16,
    /// The time of the end.
    pub ends: Time,
}

impl<W, S> Default for Queue<W, S> {
    fn default() -> Self {
        Self::new(1, None)
    }
}

impl<W, S> Queue<W, S> {
    /// Makes an empty queue at speed 1. `queue_max` is the number of waiting jobs at which the
    /// queue [is full](Self::is_full).
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

    /// The largest number of workers.
    pub fn workers_max(&self) -> u32 {
        self.workers_max
    }

    /// The number of busy workers.
    pub fn busy(&self) -> u32 {
        (self.workers.len() - self.idle.len()) as u32
    }

    /// The number of jobs that wait or are served.
    pub fn in_system(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).saturating_add(self.busy())
    }

    /// Whether no job waits or is served.
    pub fn is_idle(&self) -> bool {
        self.in_system() == 0
    }

    /// Whether the number of waiting jobs has reached its limit.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.queue_max
    }

    /// Whether a job that arrives now is served at once.
    #[inline]
    pub fn is_ready(&self) -> bool {
        !self.is_paused && self.busy() < self.workers_max
    }

    /// Whether the queue is paused and begins no service.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Pauses or resumes the beginning of services. Returns the previous state.
    pub fn set_paused(&mut self, is_paused: bool) -> bool {
        std::mem::replace(&mut self.is_paused, is_paused)
    }

    /// The waiting jobs.
    pub fn waiting(&self) -> &VecDeque<W> {
        &self.waiting
    }

    /// Puts a job in front of all others.
    pub fn put_first(&mut self, job: W) {
        self.waiting.push_front(job);
    }

    /// Puts a job behind all others.
    #[inline]
    pub fn wait(&mut self, now: Time, job: W) {
        self.waiting.push_back(job);
        self.note(now);
    }

    /// Takes the next job if it can be [served](Self::serve).
    #[inline]
    pub fn take_next(&mut self) -> Option<W> {
        if self.is_ready() { self.waiting.pop_front() } else { None }
    }

    /// Begins a service. A worker must be free.
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

    /// Whether a planned end is still valid: the service was neither cancelled nor rescheduled.
    #[inline]
    pub fn serves(&self, worker: u32, turn: u16) -> bool {
        let worker = self.workers.get(worker as usize);
        worker.is_some_and(|worker| worker.turn == turn && worker.serves.is_some())
    }

    /// Ends a service and frees its worker. Returns none if the service was cancelled or
    /// rescheduled.
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

    /// The jobs in service.
    pub fn served(&self) -> impl Iterator<Item = &S> {
        self.workers.iter().filter_map(|worker| worker.serves.as_ref())
    }

    /// Changes the speed, also for services that have begun. Returns their new ends.
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

    /// Cancels all services, drops all waiting jobs, and resumes a paused queue.
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
    /// Records the load from now on, in steps of this many nanoseconds.
    pub fn record(&mut self, step_ns: u64) {
        self.series = Some(LoadSeries::new(step_ns));
    }

    /// The load so far. None if it is not recorded.
    pub fn series(&mut self) -> Option<&mut LoadSeries> {
        self.series.as_mut()
    }

    /// Takes the load so far and stops recording.
    pub fn take_series(&mut self) -> Option<LoadSeries> {
        self.series.take()
    }
}
