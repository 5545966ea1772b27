//! The activity of each server between two views. Servers that were restarted in between count from
//! 0 again.

use crate::ids::ServerId;
use crate::live::{ClusterView, ServerView};
use crate::stats::Histogram;

/// Two snapshots belong to one life of a server if it came up at the same time, within this
/// rounding error.
const SAME_TIME_SECONDS: f64 = 1e-4;

/// Two views of a cluster.
pub(super) struct Between<'a> {
    before: Option<&'a ClusterView>,
    now: &'a ClusterView,
    /// Time between them; 0 if there is only one.
    pub(super) seconds: f64,
}

/// One server's activity, a second.
#[derive(Default)]
pub(super) struct Since {
    /// Messages from its clients.
    pub(super) messages: f64,
    /// Calls from other servers.
    pub(super) invocations: f64,
    /// Pushes, counted once a client: those that a frontend passed to its own, and those that any
    /// other server made.
    pub(super) deliveries: f64,
    pub(super) errors: f64,
    pub(super) latency: Histogram,
}

impl<'a> Between<'a> {
    pub(super) fn new(before: Option<&'a ClusterView>, now: &'a ClusterView) -> Self {
        // A restarted cluster has nothing in common with the one before.
        let before = before.filter(|before| before.uptime_seconds < now.uptime_seconds);
        let seconds = before.map_or(0.0, |before| now.uptime_seconds - before.uptime_seconds);
        Self { before, now, seconds }
    }

    pub(super) fn of(&self, server: &ServerView) -> Since {
        if self.before.is_none() {
            return Since::default();
        }
        let before = self.same_life(server);
        let rate = |count: fn(&ServerView) -> u64| {
            count(server).saturating_sub(before.map_or(0, count)) as f64 / self.seconds
        };
        Since {
            messages: rate(|server| server.figure(|account| account.counters.messages)),
            invocations: rate(|server| server.figure(|account| account.counters.invocations)),
            deliveries: rate(deliveries),
            errors: rate(|server| server.figure(|account| account.counters.errors)),
            latency: before
                .map_or_else(|| server.latency.clone(), |before| server.latency.since(&before.latency)),
        }
    }

    /// The server in the view before, if it has not been restarted since.
    fn same_life(&self, server: &ServerView) -> Option<&'a ServerView> {
        let before = self.before?;
        let then = find(before, &server.id).filter(|then| then.account.is_some())?;
        let came_up = |view: &ClusterView, server: &ServerView| view.uptime_seconds - server.uptime_seconds;
        let apart = came_up(self.now, server) - came_up(before, then);
        (apart.abs() < SAME_TIME_SECONDS).then_some(then)
    }
}

fn find<'a>(view: &'a ClusterView, id: &ServerId) -> Option<&'a ServerView> {
    view.servers.iter().find(|server| server.id == *id)
}

fn deliveries(server: &ServerView) -> u64 {
    match (server.frontend, &server.port, &server.account) {
        (true, Some(port), _) => port.pushed,
        (false, _, Some(account)) => account.counters.recipients,
        _ => 0,
    }
}
