//! Samples a running cluster once a second: the work of each server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::ids::{ServerId, ServerType};
use crate::live::RunningCluster;
use crate::stats::ServerSeries;

/// Interval at which the clock is checked.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Step of the series.
const STEP: Duration = Duration::from_secs(1);

/// The times and the server type to sample.
pub(super) struct Watch {
    server_type: ServerType,
    moments: Mutex<Moments>,
}

#[derive(Clone, Copy, Default)]
struct Moments {
    begun: Option<Instant>,
    measured: Option<Instant>,
}

/// The samples of a run.
#[derive(Default)]
pub(super) struct Seen {
    /// Messages per second of each server of the type.
    pub(super) series: Vec<ServerSeries>,
    /// Messages that each handled in the measured time.
    pub(super) handled: Vec<f64>,
}

impl Watch {
    /// Samples the servers of this type.
    pub(super) fn new(server_type: ServerType) -> Self {
        Self { server_type, moments: Mutex::default() }
    }

    /// Starts the time, if it is not running yet; with `is_measured`, the measured time too.
    pub(super) fn begin(&self, is_measured: bool) {
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        moments.begun.get_or_insert_with(Instant::now);
        if is_measured {
            moments.measured.get_or_insert_with(Instant::now);
        }
    }

    /// Samples until the run is over.
    pub(super) fn look(&self, cluster: &RunningCluster, is_over: &AtomicBool) -> Seen {
        let mut counts: Vec<BTreeMap<ServerId, u64>> = Vec::new();
        let mut at_measured: Option<BTreeMap<ServerId, u64>> = None;
        while !is_over.load(Ordering::Relaxed) {
            thread::sleep(LOOK_EVERY);
            let Moments { begun, measured } = *self.moments.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(begun) = begun else { continue };
            let steps = u32::try_from(counts.len()).unwrap_or(u32::MAX);
            if begun.elapsed() >= STEP * steps {
                counts.push(self.counts(cluster));
            }
            if measured.is_some() && at_measured.is_none() {
                at_measured = Some(self.counts(cluster));
            }
        }
        let end = self.counts(cluster);
        // A restarted server counts from 0 again.
        let since =
            |before: Option<&u64>, now: u64| now.checked_sub(before.copied().unwrap_or(0)).unwrap_or(now);
        let start = at_measured.unwrap_or_default();
        let handled = end.iter().map(|(id, now)| since(start.get(id), *now) as f64).collect();
        let mut ids: Vec<ServerId> = counts.iter().flat_map(BTreeMap::keys).cloned().collect();
        ids.sort();
        ids.dedup();
        let series = ids.into_iter().map(|id| {
            let step = |pair: &[BTreeMap<ServerId, u64>]| {
                pair[1].get(&id).map_or(0.0, |now| since(pair[0].get(&id), *now) as f64 / STEP.as_secs_f64())
            };
            ServerSeries {
                handled_per_s: counts.windows(2).map(step).collect(),
                server_type: self.server_type.clone(),
                step_s: STEP.as_secs_f64(),
                busy: Vec::new(),
                in_system: Vec::new(),
                id,
            }
        });
        Seen { series: series.collect(), handled }
    }

    /// Messages that each server of the type has handled so far.
    fn counts(&self, cluster: &RunningCluster) -> BTreeMap<ServerId, u64> {
        let servers = cluster.list().unwrap_or_default().into_iter().filter_map(|server| server.account);
        let ours = servers.filter(|server| server.server_type == self.server_type);
        ours.map(|server| (server.id, server.counters.messages + server.counters.invocations)).collect()
    }
}
