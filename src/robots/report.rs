//! The report of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::LoadPlan;
use super::tally::Summary;
use crate::judge::Verdict;

/// The result of a run. Counts, rates and the server's CPU time cover the measured seconds; logins,
/// errors and integrity the whole run. A latency belongs to the measured seconds if its intended
/// start does.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The plan.
    pub plan: LoadPlan,
    /// Measured time; less than planned if the run was stopped early.
    pub seconds: f64,
    /// First logins.
    pub logins: Logins,
    /// Messages sent.
    pub sends: Flow,
    /// The same for the whole run, which integrity covers.
    pub sent: u64,
    /// Deliveries: one per member of the room.
    pub deliveries: Flow,
    /// Chat messages received in the whole run that no robot sent.
    pub others: u64,
    /// Re-entries of robots in the whole run.
    pub returns: u64,
    /// Latencies in microseconds.
    pub latency_us: RunLatencies,
    /// How late messages of an open loop were sent, in microseconds: the robots' own part of their
    /// latencies, unless a robot was not in its room.
    pub lateness_us: Summary,
    /// Errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// Whether every member received what it had to.
    pub integrity: Verdict,
    /// The server's processes, if they were named.
    pub server: Option<ServerUsage>,
}

/// Logins.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Logins {
    /// Robots that logged in.
    pub ok: usize,
    /// Robots whose first login and its retry both failed.
    pub failed: usize,
    /// Logins per second, from the first arrival to the last login.
    pub per_second: f64,
}

/// A count and its rate.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Flow {
    /// In the measured seconds.
    pub count: u64,
    /// Per second.
    pub per_second: f64,
}

/// Latencies, in microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct RunLatencies {
    /// From a login's intended start to the gate's answer, connecting included. Whole run.
    pub gate: Summary,
    /// From the gate's answer to the room's, connecting included. Whole run.
    pub enter: Summary,
    /// From a message's intended time to its answer.
    pub send: Summary,
    /// From a message's intended time to its arrival at each member, the sender included.
    pub deliver: Summary,
}

/// The server's processes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ServerUsage {
    /// CPU time in the measured seconds.
    pub cpu_seconds: f64,
    /// CPU time per delivery, in microseconds.
    pub cpu_us_per_delivery: f64,
    /// Resident memory before the first login, in bytes.
    pub rss_before: u64,
    /// Resident memory when all were logged in and had been silent for a second.
    pub rss_connected: u64,
    /// The growth per logged-in robot.
    pub bytes_per_connection: u64,
    /// Resident memory before robots left.
    pub rss_end: u64,
}

impl Report {
    /// Whether nothing failed, and anything was tested at all.
    pub fn is_clean(&self) -> bool {
        let is_whole = self.integrity.is_clean() && self.logins.failed == 0 && self.errors.is_empty();
        is_whole && self.void().is_none()
    }

    /// Why the run did not test the chat, if so. A plan without senders does not need to.
    pub fn void(&self) -> Option<String> {
        let why = match (self.logins.ok, self.sent) {
            (0, _) => "nobody got in",
            (_, 0) if self.plan.senders != Some(0) => "nothing was sent",
            _ => return None,
        };
        // Robots that did not log in could not send; their login errors are reported already.
        let reasons =
            self.errors.iter().filter(|(kind, _)| self.logins.ok > 0 || !kind.starts_with("send: "));
        let error = reasons.max_by_key(|(_, number)| **number);
        Some(error.map_or_else(|| why.to_owned(), |(kind, _)| format!("{why}: {kind}")))
    }
}
