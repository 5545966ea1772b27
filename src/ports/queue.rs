//! The connections of a port that may end for a newcomer, in the order in which they do.

use std::collections::VecDeque;
use std::time::Duration;

use slab::Slab;

use super::connection::Connection;
use super::stream::Stream;
use crate::ids::SessionId;
use crate::time::Time;

/// How long a connection without heartbeats must have been silent to be displaced by a newcomer.
const QUIET: Duration = Duration::from_secs(5);

/// The connections of a port that may be displaced, longest waiting first.
///
/// Ended connections leave it late, when they are met: so every operation is constant on average,
/// however fast a flood of newcomers displaces each other.
#[derive(Default)]
pub(super) struct Queue(VecDeque<(usize, SessionId)>);

impl Queue {
    /// A connection has come.
    pub(super) fn push<S: Stream>(&mut self, index: usize, session: SessionId, rows: &Slab<Connection<S>>) {
        if self.0.len() > 2 * rows.len() + 64 {
            self.0.retain(|(index, session)| rows.get(*index).is_some_and(|row| row.session == *session));
        }
        self.0.push_back((index, session));
    }

    /// The connection to end for a newcomer. Where there are no heartbeats, connections that have
    /// sent messages are displaced too, once they are quiet.
    pub(super) fn next<S: Stream>(
        &mut self,
        now: Time,
        has_heartbeats: bool,
        rows: &Slab<Connection<S>>,
    ) -> Option<usize> {
        for _ in 0..self.0.len() {
            let (index, session) = self.0.pop_front()?;
            let Some(row) = rows.get(index).filter(|row| row.session == session) else { continue };
            let is_quiet = !has_heartbeats && now.since(row.received_at) >= QUIET;
            match (row.ending.is_none() && row.has_place, row.has_sent_message) {
                (false, _) => {}
                (true, false) => return Some(index),
                (true, true) if is_quiet => return Some(index),
                (true, true) if has_heartbeats => {}
                (true, true) => self.0.push_back((index, session)),
            }
        }
        None
    }
}
