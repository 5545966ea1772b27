//! What the router counts.

use serde::{Deserialize, Serialize};

/// What the router has counted since it started.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RouterCounters {
    /// Envelopes taken in.
    pub envelopes: u64,
    /// Envelopes handed on; one to all servers of a type counts once a server.
    pub delivered: u64,
    /// Envelopes for a server that is not there, or with no server to choose.
    pub undeliverable: u64,
    /// Envelopes from a server that is no more.
    pub from_the_dead: u64,
    /// Calls refused since too much waits for the server that they are for.
    pub refused: u64,
    /// Calls whose deadline had come while they waited.
    pub expired: u64,
    /// Envelopes that were lost on a link and sent again.
    pub resent: u64,
    /// Sessions kicked since a full link or server lost a push of theirs.
    pub missed: u64,
    /// Binds refused since the uid was taken.
    pub binds_refused: u64,
    /// Sessions kicked since another one claimed their uid.
    pub supplanted: u64,
    /// Pushes to uids that are bound nowhere.
    pub uids_unknown: u64,
    /// Changes of a list of servers, or of the strategy of a type.
    pub changes: u64,
    /// Rooms that went to another server.
    pub rooms_moved: u64,
    /// Members that went with them.
    pub members_moved: u64,
    /// Rooms that a server got back when it had started again.
    pub rooms_restored: u64,
}
