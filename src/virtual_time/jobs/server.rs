//! A server of the model: a queue whose workers are as fast as it is.

use crate::ids::ServerId;
use crate::scenario::QueueServer;
use crate::stats::LoadSeries;
use crate::time::Time;
use crate::world::{Queue, Service};

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
    pub(super) queue: Queue<Attempt, Attempt>,
    queue_max: usize,
    full_speed: f64,
    speed: f64,
}

impl Server {
    pub(super) fn new(server: &QueueServer, step_ns: u64) -> Self {
        Self {
            id: server.id.clone().unwrap_or_else(|| "server".into()),
            weight: server.weight,
            place: None,
            series: LoadSeries::new(step_ns),
            queue: Queue::new(server.workers),
            queue_max: server.queue_max.map_or(usize::MAX, |max| max as usize),
            full_speed: server.speed,
            speed: server.speed,
        }
    }

    /// Takes an attempt, if there is room.
    #[inline]
    pub(super) fn offer(&mut self, now: Time, attempt: Attempt) -> Offered {
        let offered = if let Some(worker) = self.queue.free() {
            Offered::Served(self.serve(now, worker, attempt))
        } else if self.queue.waiting().len() < self.queue_max {
            self.queue.waiting_mut().push_back(attempt);
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
        turn: u16,
    ) -> Option<(Attempt, Option<(Attempt, Service)>)> {
        let done = self.queue.finish(worker, turn)?;
        let next = self.queue.waiting_mut().pop_front();
        let next = next.map(|next| (next, self.serve(now, worker, next)));
        self.note(now);
        self.series.finished(now, 1);
        Some((done, next))
    }

    /// It vanishes: gives all that it had, first what was served.
    pub(super) fn crash(&mut self, now: Time) -> Vec<Attempt> {
        let lost = self.each().copied().collect();
        self.queue.clear();
        self.note(now);
        lost
    }

    /// What waits or is served, one by one: first what is served.
    pub(super) fn each(&self) -> impl Iterator<Item = &Attempt> {
        self.queue.served().chain(self.queue.waiting())
    }

    /// From now on it is so many times as fast as at first: when what is being served will end.
    pub(super) fn set_speed(&mut self, now: Time, times: f64) -> Vec<Service> {
        let before = std::mem::replace(&mut self.speed, self.full_speed * times);
        let ratio = before / self.speed;
        self.queue.put_off(|ends| {
            let left = ends.since(now).as_nanos() as f64 * ratio;
            Time::from_nanos(now.as_nanos().saturating_add(left.round() as u64))
        })
    }

    fn serve(&mut self, now: Time, worker: u32, attempt: Attempt) -> Service {
        let takes = if self.speed == 1.0 {
            attempt.work_ns
        } else {
            (attempt.work_ns as f64 / self.speed).round() as u64
        };
        self.queue.serve(worker, attempt, Time::from_nanos(now.as_nanos().saturating_add(takes)))
    }

    fn note(&mut self, now: Time) {
        self.series.set(now, self.queue.busy(), self.queue.in_system());
    }
}
