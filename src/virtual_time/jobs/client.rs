//! The clients' side: jobs that somebody waits for.

use slab::Slab;

use crate::time::Time;

/// A job that somebody waits for, or will try again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// Which of all, from 0.
    pub(super) number: u64,
    /// Its key, from 0; of no meaning when each job has a key of its own.
    pub(super) key: u32,
    /// When it was to be done: its latency counts from here.
    pub(super) born: Time,
    /// How long it takes at speed 1.
    pub(super) work_ns: u64,
    /// How often it was tried.
    pub(super) tries: u32,
    /// The pause before the last attempt.
    pub(super) pause_ms: f64,
}

/// Why a job is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// The queue of its server was full.
    QueueFull,
    /// It took longer than its client waits.
    Timeout,
    /// Its client has no attempts left.
    GaveUp,
    /// Its server crashed.
    ServerGone,
    /// There was no server.
    NoServer,
}

impl Loss {
    /// Each, with its name in figures.
    pub(super) const ALL: [(Self, &str); 5] = [
        (Self::QueueFull, "queue_full"),
        (Self::Timeout, "timeout"),
        (Self::GaveUp, "gave_up"),
        (Self::ServerGone, "server_gone"),
        (Self::NoServer, "no_server"),
    ];
}

/// All jobs in flight, each with its turn: an attempt or a timeout of an older turn means nothing any
/// more.
#[derive(Default)]
pub(super) struct Jobs {
    all: Slab<(Job, u32)>,
    last_turn: u32,
}

impl Jobs {
    /// How many are in flight.
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

    /// Whether somebody waits for the job at that turn.
    pub(super) fn waits(&self, index: u32, turn: u32) -> bool {
        self.all.get(index as usize).is_some_and(|(_, of)| *of == turn)
    }

    /// Nobody waits any more for the present attempt.
    pub(super) fn turn(&mut self, index: u32) {
        self.all[index as usize].1 = self.next_turn();
    }

    /// It is done or lost.
    pub(super) fn remove(&mut self, index: u32) -> Job {
        self.all.remove(index as usize).0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.all.iter().map(|(_, (job, _))| job)
    }

    /// No two of them are alike, so that a place that is used again is not mistaken for the same job.
    fn next_turn(&mut self) -> u32 {
        self.last_turn = self.last_turn.wrapping_add(1);
        self.last_turn
    }
}
