//! The router's counters.

use serde::{Deserialize, Serialize};

/// What the router has counted since it started.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RouterCounters {
    /// Envelopes received.
    pub envelopes: u64,
    /// Envelopes sent; one to all servers of a type counts once for each server.
    pub delivered: u64,
    /// Envelopes to a server that is not up, or without a server to pick.
    pub undeliverable: u64,
    /// Envelopes from a server that had vanished.
    pub from_the_dead: u64,
    /// Calls refused because too much waits for their server.
    pub refused: u64,
    /// Calls whose deadline passed while they waited.
    pub expired: u64,
    /// Envelopes that were lost on a link and sent again.
    pub resent: u64,
    /// Sessions kicked because a full link or server lost a push of theirs.
    pub missed: u64,
    /// Binds refused because the uid was taken.
    pub binds_refused: u64,
    /// Sessions kicked because another session claimed their uid.
    pub supplanted: u64,
    /// Pushes to uids that no session holds.
    pub uids_unknown: u64,
    /// Changes of a list of servers, or of a type's strategy.
    pub changes: u64,
    /// Rooms that moved to another server.
    pub rooms_moved: u64,
    /// Members of those rooms.
    pub members_moved: u64,
    /// Rooms that a restarted server got back.
    pub rooms_restored: u64,
}
