//! The client side: jobs, their attempts and timeouts.

use slab::Slab;

use crate::time::Time;

/// A job that a client waits for or will retry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// Number of the job in the run, from 0.
    pub(super) number: u64,
    /// Its key, from 0; unused when each job has its own key.
    pub(super) key: u32,
    /// When it arrived: its latency counts from here.
    pub(super) born: Time,
    /// Service time at speed 1.
    pub(super) work_ns: u64,
    /// Attempts so far.
    pub(super) tries: u32,
    /// Pause before the last attempt.
    pub(super) pause_ms: f64,
}

/// Why a job was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// Its server's queue was full.
    QueueFull,
    /// It took longer than the client's timeout.
    Timeout,
    /// Its client has no attempts left.
    GaveUp,
    /// Its server crashed.
    ServerGone,
    /// No server was on the list.
    NoServer,
}

impl Loss {
    /// Every reason, with its name in metrics.
    pub(super) const ALL: [(Self, &str); 5] = [
        (Self::QueueFull, "queue_full"),
        (Self::Timeout, "timeout"),
        (Self::GaveUp, "gave_up"),
        (Self::ServerGone, "server_gone"),
        (Self::NoServer, "no_server"),
    ];
}

/// All jobs in flight, each with its turn. Attempts and timeouts of an older turn are void.
#[derive(Default)]
pub(super) struct Jobs {
    all: Slab<(Job, u32)>,
    last_turn: u32,
}

impl Jobs {
    /// Number of jobs in flight.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn insert(&mut self, job: Job) -> u32 {
        let turn = self.next_turn();
        self.all.insert((job, turn)) as u32
    }

    /// A job in flight, and its turn.
    pub(super) fn at(&mut self, index: u32) -> (&mut Job, u32) {
        let (job, turn) = &mut self.all[index as usize];
        (job, *turn)
    }

    /// Whether the client still waits for this attempt.
    pub(super) fn waits(&self, index: u32, turn: u32) -> bool {
        self.all.get(index as usize).is_some_and(|(_, of)| *of == turn)
    }

    /// The client stops waiting for the current attempt.
    pub(super) fn turn(&mut self, index: u32) {
        self.all[index as usize].1 = self.next_turn();
    }

    /// Removes a job that is done or lost.
    pub(super) fn remove(&mut self, index: u32) -> Job {
        self.all.remove(index as usize).0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.all.iter().map(|(_, (job, _))| job)
    }

    /// Turns are unique, so that a reused slot is not mistaken for the job it held before.
    fn next_turn(&mut self) -> u32 {
        self.last_turn = self.last_turn.wrapping_add(1);
        self.last_turn
    }
}
