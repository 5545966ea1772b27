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

/// A session whose client says that it knows how to come back.
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
    /// Nowhere: its connection was lost.
    Away(Away),
}

/// A session without a connection.
pub(super) struct Away {
    /// Where its client was; its place is taken still.
    pub(super) peer: SocketAddr,
    /// How the connection was lost.
    pub(super) reason: CloseReason,
    /// When it ends.
    pub(super) until: Time,
    /// Messages of it that were handed up and are not done with.
    pub(super) under_way: usize,
}

impl KeptSession {
    /// Puts what the client has missed into the outbox of its new connection, once it is open. Gives
    /// the number of packages.
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

    /// A message of a session in no open row is done with. Gives the row that counts such messages, if
    /// there is one already.
    pub(super) fn done(&mut self) -> Option<usize> {
        match &mut self.location {
            Location::Row(row) => Some(*row),
            Location::Away(away) => {
                away.under_way = away.under_way.saturating_sub(1);
                None
            }
        }
    }
}

/// Where to find a session that has not ended.
#[derive(Clone, Copy)]
pub(super) enum Found {
    /// In a row that is open.
    Row(usize),
    /// Kept until its client has come back.
    Kept(u32),
}
