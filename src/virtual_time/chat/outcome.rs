//! The outcome of a run, as metrics.

use std::collections::BTreeMap;

use super::ChatRun;
use crate::stats::{Balance, Outcome};
use crate::time::Time;

impl ChatRun {
    /// The outcome at the end of the run. Call once: it takes the recorded series.
    pub fn outcome(&mut self) -> Outcome {
        let end = self.end;
        let mut metrics = BTreeMap::new();
        let measured_ns = end.as_nanos().saturating_sub(self.warmup.as_nanos());
        self.people.tally.report(self.people.len(), measured_ns as f64 / 1e9, &mut metrics);
        metrics.insert("in_flight".into(), self.people.in_flight() as f64);
        metrics.insert("events".into(), self.events as f64);
        if let Some(seconds) = self.people.recovery_s(end) {
            metrics.insert("recovery_s".into(), seconds);
        }
        self.tell_loads(end, measured_ns, &mut metrics);
        self.tell_moves(end, &mut metrics);
        Outcome {
            metrics,
            latencies: self.people.tally.latencies(),
            servers: self.servers.series(end),
            marks: std::mem::take(&mut self.faults.marks),
        }
    }

    /// Load metrics of the balanced servers in the measured time. Balance is computed over each
    /// server's utilisation while it was up.
    fn tell_loads(&mut self, end: Time, measured_ns: u64, metrics: &mut BTreeMap<String, f64>) {
        let (mut busy, mut in_system) = (Vec::new(), 0.0);
        for (station, share) in self.servers.shares(end, self.warmup) {
            let before = self.before.iter().find(|(of, _)| *of == station);
            let before = before.map_or((0, 0), |(_, share)| share.integrals);
            in_system += (share.integrals.1 - before.1) as f64;
            if share.up_ns > 0 {
                busy.push((share.integrals.0 - before.0) as f64 / share.up_ns as f64);
            }
        }
        if measured_ns == 0 || busy.is_empty() {
            return;
        }
        metrics.insert("in_system.mean".into(), in_system / measured_ns as f64);
        metrics.insert("utilisation.mean".into(), busy.iter().sum::<f64>() / busy.len() as f64);
        metrics.insert("utilisation.max".into(), busy.iter().copied().fold(0.0, f64::max));
        if let Some(Balance { peak_to_mean, min_to_mean, cv, jain }) = Balance::of(&busy) {
            metrics.insert("balance.peak_to_mean".into(), peak_to_mean);
            metrics.insert("balance.min_to_mean".into(), min_to_mean);
            metrics.insert("balance.cv".into(), cv);
            metrics.insert("balance.jain".into(), jain);
        }
    }

    fn tell_moves(&mut self, end: Time, metrics: &mut BTreeMap<String, f64>) {
        self.sample_misplaced();
        let (orphaned, split) = self.faults.misplaced;
        let moves = self.servers.moved(end);
        let share =
            |part: u64| if moves.rooms_before > 0 { part as f64 / moves.rooms_before as f64 } else { 0.0 };
        let mut put = |name: &str, value: f64| {
            metrics.insert(name.to_owned(), value);
        };
        put("moved_rooms", moves.rooms as f64);
        put("moved_fraction", share(moves.rooms));
        put("unforced_fraction", share(moves.unforced));
        put("moved_bytes", moves.bytes as f64);
        put("orphaned_rooms", orphaned as f64);
        put("split_rooms", split as f64);
        if moves.changes > 0 {
            put("rebalance_s", moves.longest_ns as f64 / 1e9);
        }
    }
}
