//! A server of the model: a queueing server, at which each attempt costs its work.

use crate::ids::ServerId;
use crate::scenario::QueueServer;
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
    pub(super) queue: Queue<Attempt, Attempt>,
    full_speed: f64,
}

impl Server {
    pub(super) fn new(server: &QueueServer, step_ns: u64) -> Self {
        let mut queue = Queue::new(server.workers, server.queue_max);
        queue.gauge.record(step_ns);
        queue.gauge.speed = server.speed;
        let id = server.id.clone().unwrap_or_else(|| "server".into());
        Self { id, weight: server.weight, place: None, queue, full_speed: server.speed }
    }

    /// Takes an attempt, if there is room.
    #[inline]
    pub(super) fn offer(&mut self, now: Time, attempt: Attempt) -> Offered {
        if self.queue.is_ready() {
            Offered::Served(self.serve(now, attempt))
        } else if self.queue.is_full() {
            Offered::Refused
        } else {
            self.queue.wait(now, attempt);
            Offered::Waits
        }
    }

    /// A service ends, and the next one in the queue begins; none when that service was stopped or put off.
    #[inline]
    pub(super) fn finish(
        &mut self,
        now: Time,
        worker: u32,
        turn: u16,
    ) -> Option<(Attempt, Option<(Attempt, Service)>)> {
        let done = self.queue.finish(now, worker, turn)?;
        let next = self.queue.take_next();
        Some((done, next.map(|next| (next, self.serve(now, next)))))
    }

    fn serve(&mut self, now: Time, attempt: Attempt) -> Service {
        self.queue.serve(now, attempt, attempt.work_ns as f64)
    }

    /// It vanishes: gives all that it had, first what was served.
    pub(super) fn crash(&mut self, now: Time) -> Vec<Attempt> {
        let lost = self.each().copied().collect();
        self.queue.clear(now);
        lost
    }

    /// What waits or is served, one by one: first what is served.
    pub(super) fn each(&self) -> impl Iterator<Item = &Attempt> {
        self.queue.served().chain(self.queue.waiting())
    }

    /// From now on it is so many times as fast as at first: when the present services end.
    pub(super) fn set_speed(&mut self, now: Time, times: f64) -> Vec<Service> {
        self.queue.speed_up(now, self.full_speed * times)
    }

    /// The integrals of its busy workers and of what it had, so far.
    pub(super) fn integrals(&mut self, now: Time) -> (u128, u128) {
        self.queue.gauge.series().map_or((0, 0), |series| series.integrals(now))
    }
}
