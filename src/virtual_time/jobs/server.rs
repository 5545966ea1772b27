//! A server of the model: a queueing server at which each attempt costs its work.

use crate::ids::ServerId;
use crate::scenario::QueueServer;
use crate::time::Time;
use crate::world::{Queue, Service};

/// One attempt at a job, as its server sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// The job's slot, and the turn of this attempt. The turn is outdated once the client stops
    /// waiting for the attempt.
    pub(super) job: u32,
    pub(super) turn: u32,
    /// When it arrived at the server.
    pub(super) came: Time,
    /// Service time at speed 1.
    pub(super) work_ns: u64,
}

/// A server's response to an attempt.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Offered {
    Served(Service),
    Waits,
    Refused,
}

/// A queueing server and its place on the strategy's list.
pub(super) struct Server {
    pub(super) id: ServerId,
    pub(super) weight: f64,
    /// Its place on the strategy's list, while listed.
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

    /// Serves or queues an attempt, or refuses it when the queue is full.
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

    /// Ends a service and begins the next one in the queue. `None` when that service was cancelled
    /// or rescheduled.
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

    /// Crashes: returns all attempts that it had, those in service first.
    pub(super) fn crash(&mut self, now: Time) -> Vec<Attempt> {
        let lost = self.each().copied().collect();
        self.queue.clear(now);
        lost
    }

    /// All attempts, those in service first.
    pub(super) fn each(&self) -> impl Iterator<Item = &Attempt> {
        self.queue.served().chain(self.queue.waiting())
    }

    /// Sets the speed as a multiple of the initial one, and returns the new ends of the services in
    /// progress.
    pub(super) fn set_speed(&mut self, now: Time, times: f64) -> Vec<Service> {
        self.queue.speed_up(now, self.full_speed * times)
    }

    /// Integrals over time of busy workers and of attempts in the server, so far.
    pub(super) fn integrals(&mut self, now: Time) -> (u128, u128) {
        self.queue.gauge.series().map_or((0, 0), |series| series.integrals(now))
    }
}
