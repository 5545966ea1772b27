//! A server of the model: workers that serve, and a queue before them.

use std::collections::VecDeque;

use crate::ids::ServerId;
use crate::scenario::QueueServer;
use crate::stats::LoadSeries;
use crate::time::Time;

/// One attempt at a job, as a server has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// Whose: the job's place, and its turn, which has gone by when the client no longer waits for this attempt.
    pub(super) job: u32,
    pub(super) turn: u32,
    /// When it came to the server.
    pub(super) came: Time,
    /// How long it takes at speed 1.
    pub(super) work_ns: u64,
}

/// A service that will end: it is the one meant while the worker's turn is this.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Service {
    pub(super) worker: u32,
    pub(super) turn: u32,
    pub(super) ends: Time,
}

/// What a server did with an attempt.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Offered {
    Served(Service),
    Waits,
    Refused,
}

/// See the module.
pub(super) struct Server {
    pub(super) id: ServerId,
    pub(super) weight: f64,
    /// Its place on the strategy's list, while it is on it.
    pub(super) place: Option<u32>,
    pub(super) series: LoadSeries,
    workers_max: u32,
    queue_max: usize,
    full_speed: f64,
    speed: f64,
    workers: Vec<Worker>,
    /// Workers that have nothing to do; others have not been needed yet.
    idle: Vec<u32>,
    waiting: VecDeque<Attempt>,
}

#[derive(Clone, Copy)]
struct Worker {
    serves: Option<Attempt>,
    turn: u32,
    ends: Time,
}

impl Server {
    pub(super) fn new(server: &QueueServer, step_ns: u64) -> Self {
        Self {
            id: server.id.clone().unwrap_or_else(|| "server".into()),
            weight: server.weight,
            place: None,
            series: LoadSeries::new(step_ns),
            workers_max: server.workers,
            queue_max: server.queue_max.map_or(usize::MAX, |max| max as usize),
            full_speed: server.speed,
            speed: server.speed,
            workers: Vec::new(),
            idle: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn workers_max(&self) -> u32 {
        self.workers_max
    }

    /// What waits or is served.
    pub(super) fn in_system(&self) -> u32 {
        self.busy() + self.waiting.len() as u32
    }

    /// What waits or is served, one by one: first what is served.
    pub(super) fn each(&self) -> impl Iterator<Item = &Attempt> {
        self.workers.iter().filter_map(|worker| worker.serves.as_ref()).chain(&self.waiting)
    }

    /// Takes an attempt, if there is room.
    #[inline]
    pub(super) fn offer(&mut self, now: Time, attempt: Attempt) -> Offered {
        let offered = if let Some(worker) = self.free_worker() {
            Offered::Served(self.serve(now, worker, attempt))
        } else if self.waiting.len() < self.queue_max {
            self.waiting.push_back(attempt);
            Offered::Waits
        } else {
            return Offered::Refused;
        };
        self.note(now);
        offered
    }

    /// A service ends, and the next one in the queue begins; none when that service was stopped or put off.
    #[inline]
    pub(super) fn finish(
        &mut self,
        now: Time,
        worker: u32,
        turn: u32,
    ) -> Option<(Attempt, Option<(Attempt, Service)>)> {
        let done =
            self.workers.get_mut(worker as usize).filter(|worker| worker.turn == turn)?.serves.take()?;
        let next = self.waiting.pop_front().map(|next| (next, self.serve(now, worker, next)));
        if next.is_none() {
            self.idle.push(worker);
        }
        self.note(now);
        self.series.finished(now, 1);
        Some((done, next))
    }

    /// It vanishes: gives all that it had.
    pub(super) fn crash(&mut self, now: Time) -> Vec<Attempt> {
        let lost = self.each().copied().collect();
        for (index, worker) in self.workers.iter_mut().enumerate() {
            if worker.serves.take().is_some() {
                worker.turn = worker.turn.wrapping_add(1);
                self.idle.push(index as u32);
            }
        }
        self.waiting.clear();
        self.note(now);
        lost
    }

    /// From now on it is so many times as fast as at first: when what is being served will end.
    pub(super) fn set_speed(&mut self, now: Time, times: f64) -> Vec<Service> {
        let before = std::mem::replace(&mut self.speed, self.full_speed * times);
        let ratio = before / self.speed;
        let serving = self.workers.iter_mut().enumerate().filter(|(_, worker)| worker.serves.is_some());
        let put_off = serving.map(|(index, worker)| {
            let left = worker.ends.since(now).as_nanos() as f64 * ratio;
            worker.ends = Time::from_nanos(now.as_nanos().saturating_add(left.round() as u64));
            worker.turn = worker.turn.wrapping_add(1);
            Service { worker: index as u32, turn: worker.turn, ends: worker.ends }
        });
        put_off.collect()
    }

    fn busy(&self) -> u32 {
        (self.workers.len() - self.idle.len()) as u32
    }

    fn free_worker(&mut self) -> Option<u32> {
        let made = self.workers.len() as u32;
        self.idle.pop().or_else(|| {
            (made < self.workers_max).then(|| {
                self.workers.push(Worker { serves: None, turn: 0, ends: Time::START });
                made
            })
        })
    }

    fn serve(&mut self, now: Time, index: u32, attempt: Attempt) -> Service {
        let takes = if self.speed == 1.0 {
            attempt.work_ns
        } else {
            (attempt.work_ns as f64 / self.speed).round() as u64
        };
        let ends = Time::from_nanos(now.as_nanos().saturating_add(takes));
        let worker = &mut self.workers[index as usize];
        let turn = worker.turn.wrapping_add(1);
        *worker = Worker { serves: Some(attempt), turn, ends };
        Service { worker: index, turn, ends }
    }

    fn note(&mut self, now: Time) {
        self.series.set(now, self.busy(), self.in_system());
    }
}
