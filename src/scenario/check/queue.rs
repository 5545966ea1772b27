//! Checks the `queue` model.

use std::collections::HashSet;

use super::{
    ABOVE_ZERO, Checked, FROM_ZERO, SERVERS_MAX, USERS_MAX, distribution, number, retry, shape, wrong,
};
use crate::ids::ServerId;
use crate::scenario::{QueueModel, QueueServer, QueueServers};

/// Bound on the jobs of a run: a run that takes days is a typing error.
const JOBS_MAX: f64 = 1e10;

/// `seconds` is the length of a run, weighted by its largest crowd.
pub(super) fn check(queue: &QueueModel, seconds: f64) -> Checked {
    number("queue.servers", queue.servers.count(), 1..=SERVERS_MAX)?;
    if let QueueServers::Each(each) = &queue.servers {
        let check = |(index, one)| server(&format!("queue.servers[{index}]"), one);
        each.iter().enumerate().try_for_each(check)?;
        let mut seen = HashSet::new();
        let twice = queue.servers.expanded().into_iter().filter_map(|server| server.id);
        if let Some(twice) = twice.into_iter().find(|id| !seen.insert(id.clone())) {
            return wrong("queue.servers", format!("expected unique server ids, got {twice} twice"));
        }
    }
    let arrivals = &queue.arrivals;
    number("queue.arrivals.rate_per_s", arrivals.rate_per_s, ABOVE_ZERO)?;
    shape("queue.arrivals.gaps", arrivals.gaps)?;
    number("queue.arrivals.wave", arrivals.wave, 0.0..=1.0)?;
    number("queue.arrivals.wave_period_s", arrivals.wave_period_s, ABOVE_ZERO)?;
    let jobs = arrivals.rate_per_s * seconds;
    if jobs > JOBS_MAX {
        return wrong(
            "queue.arrivals.rate_per_s",
            format!("expected at most {JOBS_MAX:e} jobs in a run, duration and warm-up, got {jobs:e}"),
        );
    }
    distribution("queue.service_ms", &queue.service_ms, ABOVE_ZERO)?;
    if let Some(keys) = &queue.keys {
        number("queue.keys.count", keys.count, 1..=USERS_MAX)?;
        number("queue.keys.zipf", keys.zipf, 0.0..=10.0)?;
    }
    number("queue.load_age_ms", queue.load_age_ms, FROM_ZERO)?;
    if let Some(timeout) = queue.timeout_ms {
        number("queue.timeout_ms", timeout, ABOVE_ZERO)?;
    }
    queue.retry.as_ref().map_or(Ok(()), |policy| retry("queue.retry", policy))
}

fn server(field: &str, server: &QueueServer) -> Checked {
    number(format!("{field}.count"), server.count, 1..=4096)?;
    if let Some(id) = &server.id {
        self::id(&format!("{field}.id"), id)?;
        if server.count > 1 {
            return wrong(format!("{field}.id"), "cannot be used with count: an id is one server's");
        }
    }
    number(format!("{field}.workers"), server.workers, 1..=4096)?;
    number(format!("{field}.speed"), server.speed, 1e-6..=1e6)?;
    number(format!("{field}.weight"), server.weight, 1e-6..=1e6)
}

/// The rules of `servers.json` for an id, and a bound on its length.
pub(super) fn id(field: &str, id: &ServerId) -> Checked {
    let text = id.as_str();
    let unprintable = |c: char| c.is_whitespace() || c.is_control();
    if (1..=super::NAME_MAX).contains(&text.len()) && !text.contains(unprintable) {
        return Ok(());
    }
    let shown: String = text.chars().take(super::NAME_MAX).collect();
    wrong(field, format!("expected an id of 1 to {} bytes without spaces, got {shown:?}", super::NAME_MAX))
}
