//! A server as a queue of jobs: it does one at a time.

use std::collections::VecDeque;

use super::job::{Asker, Job, Outcome};
use crate::config::ServerSpec;
use crate::stats::LoadSeries;
use crate::time::Time;
use crate::virtual_time::chat::work::Work;

/// What comes of a job when it is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// A server gets a job.
    Job(u16, Job),
    /// The owner of a room gets a job.
    ToRoom(u32, Job),
    /// A client hears of its request.
    Answer(Asker, Outcome),
    /// A client of a gate hears where to connect.
    Use(Asker, Option<u16>),
    /// Clients hear a message.
    Told { clients: u32, meant: Time },
    /// The router looks for a connector, for a client that asks.
    Locate(Asker),
}

/// See the module.
pub(super) struct Station {
    pub(super) spec: ServerSpec,
    pub(super) work: Work,
    pub(super) is_up: bool,
    pub(super) is_open: bool,
    /// It ends when it has nothing to do.
    pub(super) is_stopping: bool,
    /// How often a server came up or vanished here.
    pub(super) life: u16,
    pub(super) queue: VecDeque<Job>,
    pub(super) then: Vec<Then>,
    pub(super) is_busy: bool,
    pub(super) speed: f64,
    pub(super) connections: usize,
    pub(super) series: Option<LoadSeries>,
    pub(super) begun: u64,
    pub(super) up_since: Time,
    pub(super) up_before_ns: u64,
}

impl Station {
    pub(super) fn new(spec: ServerSpec, series: Option<LoadSeries>) -> Self {
        Self {
            work: Work::of(&spec),
            spec,
            is_up: true,
            is_open: true,
            is_stopping: false,
            life: 0,
            queue: VecDeque::new(),
            then: Vec::new(),
            is_busy: false,
            speed: 1.0,
            connections: 0,
            series,
            begun: 0,
            up_since: Time::START,
            up_before_ns: 0,
        }
    }

    /// Writes its load down.
    pub(super) fn note(&mut self, now: Time) {
        if let Some(series) = &mut self.series {
            let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
            series.set(now, u32::from(self.is_busy), waiting.saturating_add(u32::from(self.is_busy)));
        }
    }

    /// How long it has been up until `now`, from `since` on.
    pub(super) fn up_ns(&self, now: Time, since: Time) -> u64 {
        let since = self.up_since.max(since).as_nanos();
        self.up_before_ns + if self.is_up { now.as_nanos().saturating_sub(since) } else { 0 }
    }

    /// It is no more.
    pub(super) fn end(&mut self, now: Time) {
        self.up_before_ns += now.as_nanos().saturating_sub(self.up_since.as_nanos());
        (self.is_up, self.is_open, self.is_stopping, self.is_busy) = (false, false, false, false);
        self.life = self.life.wrapping_add(1);
        self.queue.clear();
        self.then.clear();
        self.connections = 0;
        self.note(now);
    }
}
