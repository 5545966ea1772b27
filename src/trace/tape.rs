//! The recorded steps, the filter, and the limits on new traces.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Asked, Filter, Step, TraceId, What};
use crate::ids::ServerId;
use crate::time::Time;

/// Steps that are kept; older ones are dropped.
pub const STEPS_MAX: usize = 4000;

/// Most traces that start in one second; the others are only counted.
pub const BEGUN_PER_SECOND_MAX: u32 = 200;

/// The same for traces for which it is not known yet whether the wanted server takes part.
const SOUGHT_PER_SECOND_MAX: u32 = 2000;

/// Longest text in a step, in characters.
pub const TEXT_CHARS_MAX: usize = 200;

/// Most steps returned by one read.
const READ_MAX: usize = 1000;

/// Most traces kept that may turn out to be wanted, and most remembered that have.
const SOUGHT_MAX: usize = 1024;

/// Most steps of an undecided trace: a longer one is dropped.
const SOUGHT_STEPS_MAX: usize = 200;

const SECOND_NS: u64 = 1_000_000_000;

/// The result of a read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeView {
    /// Whether new traces start.
    pub on: bool,
    /// The filter.
    pub filter: Filter,
    /// Time left.
    pub seconds_left: f64,
    /// Steps from the requested number on, at most a thousand.
    pub steps: Vec<Step>,
    /// The number to request next.
    pub next: u64,
    /// Traces that were not started because of the limit per second.
    pub skipped: u64,
}

/// A bounded record of steps, shared by all machines of a cluster.
#[derive(Debug, Default)]
pub(super) struct Tape {
    /// When tracing ends.
    until: Option<Time>,
    filter: Filter,
    steps: VecDeque<Step>,
    next_seq: u64,
    last_trace: u64,
    /// Traces before this one belong to an earlier filter.
    first_trace: u64,
    skipped: u64,
    /// The current second, and how many traces have started and turned out to be wanted in it.
    second: u64,
    begun: u32,
    found: u32,
    /// Undecided traces: the wanted server has not taken part yet.
    sought: BTreeMap<TraceId, Vec<Step>>,
    /// Traces in which it has taken part.
    wanted: BTreeSet<TraceId>,
}

impl Tape {
    pub(super) fn turn_on(&mut self, now: Time, filter: Filter, lasts: Duration) {
        *self = Self {
            until: Some(now + lasts),
            filter,
            first_trace: self.last_trace + 1,
            last_trace: self.last_trace,
            next_seq: self.next_seq,
            ..Self::default()
        };
    }

    pub(super) fn turn_off(&mut self) {
        self.until = None;
        self.sought.clear();
    }

    pub(super) fn is_over(&self, now: Time) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Starts a trace for a message, if it matches and the limits allow it.
    pub(super) fn begin(&mut self, now: Time, asked: &Asked<'_>) -> Option<TraceId> {
        if !self.filter.wants(asked) {
            return None;
        }
        let second = now.as_nanos() / SECOND_NS;
        if second != self.second {
            (self.second, self.begun, self.found) = (second, 0, 0);
        }
        let is_sought = self.filter.server.as_deref().is_some_and(|server| server != asked.server);
        let most = if is_sought { SOUGHT_PER_SECOND_MAX } else { BEGUN_PER_SECOND_MAX };
        if self.begun >= most {
            self.skipped += 1;
            return None;
        }
        self.begun += 1;
        self.last_trace += 1;
        let trace = TraceId(NonZeroU64::new(self.last_trace)?);
        if is_sought {
            self.sought.insert(trace, Vec::new());
            if self.sought.len() > SOUGHT_MAX {
                self.sought.pop_first();
            }
        } else if self.filter.server.is_some() {
            self.remember(trace);
        }
        Some(trace)
    }

    pub(super) fn note(&mut self, trace: TraceId, at_ms: f64, server: &ServerId, what: What) {
        if trace.number() < self.first_trace {
            return;
        }
        let step = Step { seq: 0, trace, at_ms, server: server.clone(), what };
        let Some(wanted) = &self.filter.server else { return self.keep(step) };
        if self.wanted.contains(&trace) {
            return self.keep(step);
        }
        let Some(steps) = self.sought.get_mut(&trace) else { return };
        let takes_part = server.as_str() == wanted || step.what.names(wanted);
        steps.push(step);
        if !takes_part {
            if steps.len() > SOUGHT_STEPS_MAX {
                self.sought.remove(&trace);
            }
            return;
        }
        let steps = self.sought.remove(&trace).unwrap_or_default();
        if self.found >= BEGUN_PER_SECOND_MAX {
            self.skipped += 1;
            return;
        }
        self.found += 1;
        self.remember(trace);
        steps.into_iter().for_each(|step| self.keep(step));
    }

    pub(super) fn read(&self, now: Time, since: u64) -> TapeView {
        let is_over = self.is_over(now);
        let steps: Vec<Step> =
            self.steps.iter().filter(|step| step.seq >= since).take(READ_MAX).cloned().collect();
        let left = self.until.filter(|_| !is_over).map_or(Duration::ZERO, |until| until.since(now));
        TapeView {
            on: !is_over,
            filter: self.filter.clone(),
            seconds_left: (left.as_secs_f64() * 1e3).round() / 1e3,
            next: steps.last().map_or(self.next_seq, |last| last.seq + 1),
            steps,
            skipped: self.skipped,
        }
    }

    fn remember(&mut self, trace: TraceId) {
        self.wanted.insert(trace);
        if self.wanted.len() > SOUGHT_MAX {
            self.wanted.pop_first();
        }
    }

    fn keep(&mut self, step: Step) {
        if self.steps.len() == STEPS_MAX {
            self.steps.pop_front();
        }
        self.steps.push_back(Step { seq: self.next_seq, ..step });
        self.next_seq += 1;
    }
}
