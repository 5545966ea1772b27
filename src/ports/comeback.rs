//! Lost connections, and sessions that get another: the changes to a port's table.

use std::rc::Rc;

use super::history::Data;
use super::kept::{Found, Location};
use super::port_core::PortCore;
use super::resume::Takeover;
use super::stream::Stream;
use super::table::Table;
use super::{CloseReason, PortEvent};
use crate::time::Time;

impl<S: Stream> PortCore<S> {
    /// A connection ends. Keeps its session if it may continue without it; otherwise forgets it.
    pub(super) fn keep(
        self: &Rc<Self>,
        table: &mut Table<S>,
        index: usize,
        now: Time,
        reason: CloseReason,
    ) -> bool {
        let Some(key) = table.rows.get(index).and_then(|row| row.kept) else { return false };
        let may_go_on = reason.is_loss() && table.rows[index].opened;
        if may_go_on {
            // The client may still be listening. After this write it gets nothing here that it
            // would be sent again.
            self.write(table, index);
        }
        let Table { rows, resume: Some(resume), .. } = table else { return false };
        let connection = &mut rows[index];
        if !may_go_on || !resume.session(key).history.is_gapless() {
            connection.kept = None;
            resume.forget(key);
            return false;
        }
        resume.lost(key, now, reason, connection.peer, connection.let_go());
        // The session has taken over its place.
        connection.has_place = false;
        log::debug!(
            "session waits for its client server={} session={}",
            self.options.server,
            connection.session
        );
        true
    }

    /// Applies the package that a row has just received to the rest of the port: its session was
    /// another row's, or is open now.
    pub(super) fn settle(
        self: &Rc<Self>,
        table: &mut Table<S>,
        index: usize,
        now: Time,
        was_over_limit: bool,
    ) {
        let Some(resume) = &mut table.resume else { return };
        if let Some(takeover) = resume.takeover() {
            self.take_over(table, index, now, takeover);
        }
        let row = &mut table.rows[index];
        if was_over_limit && !row.is_over_limit {
            // The client came in on the place of the session that it resumes, so it was not refused
            // after all.
            row.has_place = true;
            let peer = row.peer;
            table.over_limit -= 1;
            table.counted.refused -= 1;
            table.counted.accepted += 1;
            table.take_place(peer, &self.options);
        }
        let Table { rows, resume: Some(resume), counted, batches, .. } = table else { return };
        if let Some(key) = rows[index].kept {
            counted.frames_out += resume.session_mut(key).attach(&mut rows[index], batches) as u64;
        }
    }

    fn take_over(self: &Rc<Self>, table: &mut Table<S>, index: usize, now: Time, takeover: Takeover) {
        let Takeover { is_resumed, from } = takeover;
        let (in_flight, reason) = match from {
            None => (0, None),
            Some(Location::Away(away)) => {
                table.give_place(away.peer);
                (away.in_flight, Some(away.reason))
            }
            Some(Location::Row(old)) => (self.leave(table, old, now), Some(CloseReason::Client)),
        };
        let server = &self.options.server;
        let row = &mut table.rows[index];
        let (session, peer) = (row.session, row.peer);
        if is_resumed {
            row.in_flight += in_flight;
            table.counted.resumed += 1;
            log::debug!("session resumed server={server} session={session} peer={peer}");
        } else {
            table.counted.resume_refused += 1;
            reason.into_iter().for_each(|reason| *table.counted.closed.entry(reason).or_default() += 1);
            log::debug!("session not resumed server={server} session={session} peer={peer}");
        }
    }

    /// Ends a connection whose client has made another before this one was known to be lost.
    /// Returns the number of the session's messages in flight.
    fn leave(&self, table: &mut Table<S>, old: usize, now: Time) -> usize {
        let Some(connection) = table.rows.get_mut(old) else { return 0 };
        let in_flight = connection.let_go();
        connection.end(now, CloseReason::Client);
        connection.shut(std::net::Shutdown::Both);
        let peer = connection.peer;
        if std::mem::replace(&mut connection.has_place, false) {
            table.give_place(peer);
        }
        in_flight
    }

    /// Keeps a package for a client that may come back. A session that misses too much ends, as one
    /// that reads too slowly does.
    pub(super) fn put_by(self: &Rc<Self>, table: &mut Table<S>, key: u32, data: Data<'_>) {
        let Some(resume) = &mut table.resume else { return };
        if !resume.missed(key, data) {
            let reason = CloseReason::SlowConsumer;
            let why = "too much waits for it to come back";
            self.end_session(table, Found::Kept(key), reason, Some("slow consumer"), why);
        }
    }

    /// Ends a session and its connection, if it has one; `kick` is the text that its client gets.
    pub(super) fn end_session(
        self: &Rc<Self>,
        table: &mut Table<S>,
        found: Found,
        reason: CloseReason,
        kick: Option<&str>,
        why: &str,
    ) {
        let row = match (found, &table.resume) {
            (Found::Row(index), _) => Some(index),
            (Found::Kept(_), None) => return,
            (Found::Kept(key), Some(resume)) => match &resume.session(key).location {
                Location::Row(index) => Some(*index),
                Location::Away(_) => None,
            },
        };
        match (row, found) {
            (Some(index), _) => {
                if let Some(text) = kick {
                    table.rows[index].kick(text, &table.batches);
                }
                self.end(table, index, self.now(), reason, why);
            }
            (None, Found::Kept(key)) => self.end_away(table, key, reason, why),
            (None, Found::Row(_)) => {}
        }
    }

    /// Ends the sessions whose clients have been away for too long, with the reason for which their
    /// connections were lost.
    pub(super) fn expire(&self, table: &mut Table<S>, now: Time) {
        let Some(resume) = &table.resume else { return };
        if resume.away() == 0 {
            return;
        }
        for (key, reason) in resume.overdue(now) {
            self.end_away(table, key, reason, "its client did not come back in time (--resume)");
        }
    }

    /// Ends every session that waits for its client, and keeps none from now on.
    pub(super) fn keep_none(&self, table: &mut Table<S>) {
        let Some(resume) = &table.resume else { return };
        for key in resume.all_away() {
            self.end_away(table, key, CloseReason::Shutdown, "");
        }
        table.resume = None;
    }

    fn end_away(&self, table: &mut Table<S>, key: u32, reason: CloseReason, why: &str) {
        let Some(resume) = &mut table.resume else { return };
        let (session, Location::Away(away)) = resume.forget(key) else { return };
        let peer = away.peer;
        table.give_place(peer);
        *table.counted.closed.entry(reason).or_default() += 1;
        let is_told = reason.is_fault() && table.fault_log.admits(reason, peer.ip());
        let level = if is_told { log::Level::Warn } else { log::Level::Debug };
        log::log!(
            level,
            "session ends server={} session={session} peer={peer} reason={reason:?} detail={why:?}",
            self.options.server,
        );
        (self.events)(PortEvent::Closed { session });
    }
}
