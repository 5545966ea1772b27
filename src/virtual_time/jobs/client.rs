//! The clients' side: jobs that somebody waits for.

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

/// All jobs that are under way, in places that are used again.
#[derive(Default)]
pub(super) struct Jobs {
    places: Vec<Place>,
    free: Vec<u32>,
}

struct Place {
    job: Job,
    /// Counts on when what was waited for no longer is: an attempt or a timeout with an older turn means nothing any more.
    turn: u32,
    taken: bool,
}

impl Jobs {
    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, job: Job) -> u32 {
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            (place.job, place.taken) = (job, true);
            return index;
        }
        self.places.push(Place { job, turn: 0, taken: true });
        self.places.len() as u32 - 1
    }

    /// The job at a place that is taken, and its turn.
    pub(super) fn at(&mut self, index: u32) -> (&mut Job, u32) {
        let place = &mut self.places[index as usize];
        (&mut place.job, place.turn)
    }

    /// Whether somebody waits for the job at that turn.
    pub(super) fn waits(&self, index: u32, turn: u32) -> bool {
        let place = &self.places[index as usize];
        place.taken && place.turn == turn
    }

    /// Nobody waits any more for the attempt under way.
    pub(super) fn turn(&mut self, index: u32) {
        let place = &mut self.places[index as usize];
        place.turn = place.turn.wrapping_add(1);
    }

    /// It is done or lost.
    pub(super) fn remove(&mut self, index: u32) -> Job {
        self.turn(index);
        self.free.push(index);
        let place = &mut self.places[index as usize];
        place.taken = false;
        place.job
    }

    /// Each that is under way.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.places.iter().filter(|place| place.taken).map(|place| &place.job)
    }
}
