//! A server's load over virtual time, step by step: jobs in the system and utilisation.

use super::outcome::ServerSeries;
use crate::ids::{ServerId, ServerType};
use crate::time::Time;

/// Integrates piecewise constant values over time.
#[derive(Clone, Debug)]
pub struct LoadSeries {
    step_ns: u64,
    last: Time,
    /// Per step: the integrals of busy workers and of jobs in the system, in nanoseconds.
    steps: Vec<(u128, u128)>,
    /// Per step: number of finished jobs.
    finished: Vec<u64>,
    busy: u32,
    in_system: u32,
}

impl LoadSeries {
    /// Starts at 0, idle, with steps of this length.
    pub fn new(step_ns: u64) -> Self {
        Self {
            step_ns: step_ns.max(1),
            last: Time::START,
            steps: Vec::new(),
            finished: Vec::new(),
            busy: 0,
            in_system: 0,
        }
    }

    /// Sets the busy workers and the jobs in the system from `now` on.
    pub fn set(&mut self, now: Time, busy: u32, in_system: u32) {
        self.advance(now);
        (self.busy, self.in_system) = (busy, in_system);
    }

    /// Counts a job finished at this time.
    pub fn finished(&mut self, now: Time, count: u64) {
        // Runs are bounded, and so are their steps.
        let index = usize::try_from(now.as_nanos() / self.step_ns).unwrap_or(usize::MAX);
        if self.finished.len() <= index {
            self.finished.resize(index + 1, 0);
        }
        self.finished[index] += count;
    }

    /// The integrals of busy workers and of jobs in the system from the start to `now`, in
    /// nanoseconds.
    pub fn integrals(&mut self, now: Time) -> (u128, u128) {
        self.advance(now);
        self.steps.iter().fold((0, 0), |sum, step| (sum.0 + step.0, sum.1 + step.1))
    }

    /// The series up to `end`.
    pub fn finish(mut self, end: Time, id: ServerId, server_type: ServerType, workers: u32) -> ServerSeries {
        self.advance(end);
        let step = self.step_ns as f64;
        // The last step may be shorter.
        let length = |index: usize| {
            let start = self.step_ns.saturating_mul(index as u64);
            (end.as_nanos().saturating_sub(start) as f64).min(step).max(1.0)
        };
        let of = |part: fn(&(u128, u128)) -> u128, by: f64| {
            let steps = self.steps.iter().enumerate();
            steps.map(|(index, step)| part(step) as f64 / length(index) / by).collect()
        };
        let handled = (0..self.steps.len())
            .map(|index| self.finished.get(index).map_or(0.0, |count| *count as f64 * 1e9 / length(index)));
        ServerSeries {
            handled_per_s: handled.collect(),
            id,
            server_type,
            step_s: step / 1e9,
            busy: of(|step| step.0, f64::from(workers.max(1))),
            in_system: of(|step| step.1, 1.0),
        }
    }

    fn advance(&mut self, now: Time) {
        let end = now.as_nanos();
        let mut at = self.last.as_nanos();
        while at < end {
            let index = at / self.step_ns;
            let until = (index + 1).saturating_mul(self.step_ns).min(end);
            // Runs are bounded, and so are their steps.
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if self.steps.len() <= index {
                self.steps.resize(index + 1, (0, 0));
            }
            let passed = u128::from(until - at);
            self.steps[index].0 += passed * u128::from(self.busy);
            self.steps[index].1 += passed * u128::from(self.in_system);
            at = until;
        }
        self.last = self.last.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::LoadSeries;
    use crate::time::Time;

    #[test]
    fn a_change_within_a_step_counts_from_its_moment() {
        let at = |seconds: f64| Time::from_nanos((seconds * 1e9) as u64);
        let mut series = LoadSeries::new(1_000_000_000);
        series.set(at(0.5), 1, 3);
        series.set(at(2.25), 0, 0);
        series.finished(at(2.25), 3);
        assert_eq!(series.integrals(at(2.25)), (1_750_000_000, 5_250_000_000));
        let series = series.finish(at(2.5), "a".into(), "chat".into(), 1);
        assert_eq!(series.busy, [0.5, 1.0, 0.5]);
        assert_eq!(series.in_system, [1.5, 3.0, 1.5]);
        assert_eq!(series.handled_per_s, [0.0, 0.0, 6.0]);
    }
}
