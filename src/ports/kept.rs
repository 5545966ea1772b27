//! A session that may outlive its connection.

use std::net::SocketAddr;

use super::CloseReason;
use super::batch::Batches;
use super::connection::Connection;
use super::history::History;
use super::stream::Stream;
use super::token::Tokens;
use crate::ids::SessionId;
use crate::time::Time;

/// A session whose client announced that it can resume.
pub(super) struct KeptSession {
    pub(super) session: SessionId,
    pub(super) location: Location,
    pub(super) tokens: Tokens,
    pub(super) history: History,
    /// Its packages go into its row's outbox.
    pub(super) is_attached: bool,
}

/// Where a session is.
pub(super) enum Location {
    /// In this row.
    Row(usize),
    /// Its connection was lost.
    Away(Away),
}

/// A session without a connection.
pub(super) struct Away {
    /// The client's address; the session still takes its place.
    pub(super) peer: SocketAddr,
    /// How the connection was lost.
    pub(super) reason: CloseReason,
    /// When the session ends.
    pub(super) until: Time,
    /// Messages that were passed to the server and are still in flight.
    pub(super) in_flight: usize,
}

impl KeptSession {
    /// Puts the missed packages into the outbox of the new connection, once it is open. Returns the
    /// number of packages.
    pub(super) fn attach(&mut self, row: &mut Connection<impl Stream>, batches: &Batches) -> usize {
        if self.is_attached || !row.is_open() {
            return 0;
        }
        self.is_attached = true;
        self.history.replay(|data| {
            row.put(data, batches);
            row.outbox.waiting_bytes()
        })
    }

    /// A message of a session without an open row is done. Returns the row that counts such
    /// messages, if there is one already.
    pub(super) fn done(&mut self) -> Option<usize> {
        match &mut self.location {
            Location::Row(row) => Some(*row),
            Location::Away(away) => {
                away.in_flight = away.in_flight.saturating_sub(1);
                None
            }
        }
    }
}

/// Where a session is that has not ended.
#[derive(Clone, Copy)]
pub(super) enum Found {
    /// In a row that is open.
    Row(usize),
    /// Kept until its client comes back.
    Kept(u32),
}
