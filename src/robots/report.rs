//! What a run says in the end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::LoadPlan;
use super::tally::Summary;
use crate::judge::Verdict;

/// The result of a run. Counts, rates and the server's CPU time are of the measured seconds; logins, errors and integrity
/// of the whole run. A latency belongs to the measured seconds when what it is of was meant to begin in them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// What was to be done.
    pub plan: LoadPlan,
    /// How long was measured: less than planned when the run was ended early.
    pub seconds: f64,
    /// First logins.
    pub logins: Logins,
    /// Messages sent.
    pub sends: Flow,
    /// The same of the whole run: what integrity is about.
    pub sent: u64,
    /// Messages that arrived: one a member of the room.
    pub deliveries: Flow,
    /// Chat that arrived in the whole run and no robot said.
    pub others: u64,
    /// Times that a robot which had been in entered again in the whole run.
    pub returns: u64,
    /// How long it took, in microseconds.
    pub latency_us: RunLatencies,
    /// How much later than meant messages of an open loop were sent, in microseconds: a part of their latencies which is
    /// the robots' own, unless a robot was not in its room.
    pub lateness_us: Summary,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Whether everybody got what they had to get.
    pub integrity: Verdict,
    /// The server's processes, when they were named.
    pub server: Option<ServerUsage>,
}

/// Robots that came in.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Logins {
    /// Robots that got in.
    pub ok: usize,
    /// Robots that did not at their first login, nor when they tried it once more.
    pub failed: usize,
    /// Robots that got in, by the time from the first arrival to the last login.
    pub per_second: f64,
}

/// How much.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Flow {
    /// In the measured seconds.
    pub count: u64,
    /// In one of them.
    pub per_second: f64,
}

/// Latencies, in microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct RunLatencies {
    /// From when a login was meant to begin to the gate's answer, connecting included. Of the whole run.
    pub gate: Summary,
    /// From the gate's answer to the room's, connecting included. Of the whole run.
    pub enter: Summary,
    /// From when a message was meant to be sent to its answer.
    pub send: Summary,
    /// From when a message was meant to be sent to its arrival at each member, the sender too.
    pub deliver: Summary,
}

/// The server's processes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ServerUsage {
    /// CPU time that they took in the measured seconds.
    pub cpu_seconds: f64,
    /// The same by deliveries, in microseconds.
    pub cpu_us_per_delivery: f64,
    /// Resident memory before the first robot came, in bytes.
    pub rss_before: u64,
    /// When all were in, and had been silent for a second.
    pub rss_connected: u64,
    /// What that is more, for each robot that is in.
    pub bytes_per_connection: u64,
    /// Before robots left.
    pub rss_end: u64,
}

impl Report {
    /// Whether nothing went wrong, and there was something that could have.
    pub fn is_clean(&self) -> bool {
        let is_whole = self.integrity.is_clean() && self.logins.failed == 0 && self.errors.is_empty();
        is_whole && self.void().is_none()
    }

    /// Why the run says nothing about the chat, if so. Robots of whom none was to send say what
    /// they were to say.
    pub fn void(&self) -> Option<String> {
        let why = match (self.logins.ok, self.sent) {
            (0, _) => "nobody got in",
            (_, 0) if self.plan.senders != Some(0) => "nothing was sent",
            _ => return None,
        };
        // Those that did not get in could not send: that is no reason.
        let reasons =
            self.errors.iter().filter(|(kind, _)| self.logins.ok > 0 || !kind.starts_with("send: "));
        let error = reasons.max_by_key(|(_, number)| **number);
        Some(error.map_or_else(|| why.to_owned(), |(kind, _)| format!("{why}: {kind}")))
    }
}
