//! The operations of a port, for itself and its tasks: bytes arrive, frames go into outboxes,
//! outboxes are written, connections end.

use std::cell::{Cell, RefCell};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::connection::Connection;
use super::history::Data;
use super::kept::Found;
use super::outbox::Written;
use super::places::Place;
use super::stream::Stream;
use super::table::Table;
use super::tasks::{read, unblock};
use super::{CloseReason, PortEvent, PortOptions};
use crate::ids::SessionId;
use crate::time::Time;
use crate::wire::PushFrame;

/// Connections over the limit that get a refusal; beyond these they are dropped without an answer.
const OVER_LIMIT_MAX: usize = 64;

/// What a connection may exceed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Blacklist,
    Port,
    Address,
    Cluster,
}

impl Limit {
    fn name(self) -> &'static str {
        match self {
            Limit::Blacklist => "--blacklist",
            Limit::Port => "max-connections",
            Limit::Address => "--per-address",
            Limit::Cluster => "--connections-max",
        }
    }
}

/// State shared by the port, its tasks and its connections.
pub(super) struct PortCore<S> {
    pub(super) options: PortOptions,
    pub(super) events: Box<dyn Fn(PortEvent)>,
    pub(super) epoch: Instant,
    pub(super) table: RefCell<Table<S>>,
    /// Nothing more is read from clients: the cluster stops.
    pub(super) drains: Cell<bool>,
    /// Nothing is accepted or read, and timeouts are suspended: the server is paused.
    pub(super) paused: Cell<bool>,
    /// Notified when a connection has been removed.
    pub(super) ended: Notify,
    pub(super) read_buffer: RefCell<Box<[u8]>>,
}

impl<S: Stream> PortCore<S> {
    pub(super) fn now(&self) -> Time {
        Time::START + self.epoch.elapsed()
    }

    /// The port's own limit that a connection from there would exceed.
    pub(super) fn limit(&self, peer: SocketAddr) -> Option<Limit> {
        let table = self.table.borrow();
        let address = peer.ip().to_canonical();
        let is_over = |max: Option<usize>, now: usize| max.is_some_and(|max| now >= max);
        if self.options.cluster.blacklist.contains(&address) {
            Some(Limit::Blacklist)
        } else if is_over(self.options.connections_max, table.places) {
            Some(Limit::Port)
        } else if is_over(self.options.cluster.connections_per_address_max, table.places_from(peer)) {
            Some(Limit::Address)
        } else {
            None
        }
    }

    /// Asks for one of the cluster's places. If it must come from this port, the connection that
    /// has waited longest ends.
    pub(super) fn ask_for_place(self: &Rc<Self>) -> Place {
        let table = &mut *self.table.borrow_mut();
        match table.share.ask() {
            Place::Displace if self.displace(table) => Place::Free,
            Place::Displace => Place::Full,
            place => place,
        }
    }

    /// Ends the connection that has waited longest without a message. False if there is none.
    pub(super) fn displace(self: &Rc<Self>, table: &mut Table<S>) -> bool {
        let now = self.now();
        let next = table.queue.next(now, self.options.timeouts.heartbeat.is_some(), &table.rows);
        if let Some(index) = next {
            self.end_at_once(table, index, now, "another client needed its place (--connections-max)");
        }
        next.is_some()
    }

    /// Ends connections while unfinished messages take too much memory, that with most first.
    pub(super) fn bound_unfinished(self: &Rc<Self>, table: &mut Table<S>) {
        while table.unfinished_bytes > self.options.cluster.unfinished_bytes_max {
            let rows = table.rows.iter().filter(|(_, row)| row.ending.is_none());
            let longest = rows.max_by_key(|(_, row)| row.unfinished_bytes);
            let Some((index, _)) = longest.filter(|(_, row)| row.unfinished_bytes > 0) else { return };
            table.unfinished_bytes -= std::mem::take(&mut table.rows[index].unfinished_bytes);
            let why = "its unfinished message took most of the memory for these";
            self.end_at_once(table, index, self.now(), why);
        }
    }

    /// Ends a connection whose descriptor or memory is needed now: nothing lingers.
    fn end_at_once(self: &Rc<Self>, table: &mut Table<S>, index: usize, now: Time, why: &str) {
        self.end(table, index, now, CloseReason::Displaced, why);
        if let Some(row) = table.rows.get(index) {
            row.shut(Shutdown::Both);
        }
    }

    /// Makes a row and a reader for a connection, which exceeds a `limit` or none.
    pub(super) fn accepted(self: &Rc<Self>, stream: S, peer: SocketAddr, limit: Option<Limit>) {
        let table = &mut *self.table.borrow_mut();
        if let Some(limit) = limit {
            let server = &self.options.server;
            log::debug!("connection refused server={server} peer={peer} reason={}", limit.name());
            if limit == Limit::Blacklist {
                table.counted.blacklisted += 1;
                return;
            }
            table.counted.refused += 1;
            if table.over_limit == OVER_LIMIT_MAX {
                return;
            }
            table.over_limit += 1;
        } else {
            table.counted.accepted += 1;
            table.take_place(peer, &self.options);
        }
        let serial = self.options.serials.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let entry = table.rows.vacant_entry();
        let index = entry.key();
        let session = SessionId::new(serial, index as u32);
        let stream = Rc::new(stream);
        let mut connection = Connection::new(session, peer, Rc::clone(&stream), self.now());
        (connection.is_over_limit, connection.has_place) = (limit.is_some(), limit.is_none());
        entry.insert(connection);
        if limit.is_none() {
            table.queue.push(index, session, &table.rows);
            table.share.add_displaceable();
        }
        spawn_local(read(Rc::clone(self), index, stream));
    }

    /// Appends to an outbox, or to the packages kept until there is one, within their bounds.
    pub(super) fn put(self: &Rc<Self>, table: &mut Table<S>, found: Found, data: Data<'_>) {
        let index = match found {
            Found::Row(index) => index,
            Found::Kept(key) => return self.put_by(table, key, data),
        };
        let Some(connection) = table.rows.get_mut(index) else { return };
        connection.put(data, &table.batches);
        if let (Some(key), Some(resume)) = (connection.kept, &mut table.resume) {
            resume.sent(key, data, connection.outbox.waiting_bytes());
        }
        table.counted.frames_out += 1;
        if !connection.dirty && !connection.blocked {
            connection.dirty = true;
            table.dirty.push(index);
        }
        self.bound(table, index);
    }

    /// Puts a push into the outboxes of many sessions at once. None of them may outlive its
    /// connection.
    pub(super) fn put_together(
        self: &Rc<Self>,
        table: &mut Table<S>,
        recipients: &Arc<[SessionId]>,
        frame: &PushFrame,
    ) {
        let batch = table.batch_for(recipients).unwrap_or_else(|| table.begin_batch(recipients));
        let (members, is_full) = table.batches.put(batch, frame);
        table.counted.pushed += members as u64;
        table.counted.frames_out += members as u64;
        table.counted.pushes_late += (recipients.len() - members) as u64;
        if is_full {
            self.flush(table);
        }
    }

    /// Writes every changed outbox, each in one go, and empties the batches.
    pub(super) fn flush(self: &Rc<Self>, table: &mut Table<S>) {
        let mut dirty = std::mem::take(&mut table.dirty);
        for index in dirty.drain(..) {
            let Some(connection) = table.rows.get_mut(index) else { continue };
            connection.dirty = false;
            self.write(table, index);
            if let Some(connection) = table.rows.get_mut(index) {
                connection.outbox.settle(&table.batches);
            }
            self.bound(table, index);
        }
        // Keeps the list's memory: nothing was added to it in the loop.
        table.dirty = dirty;
        table.batches.reset();
    }

    /// Ends a connection with too many waiting bytes. Writes first: bytes that were never offered
    /// to the socket do not count.
    pub(super) fn bound(self: &Rc<Self>, table: &mut Table<S>, index: usize) {
        let max = self.options.cluster.outbound_bytes_max;
        let over = |table: &Table<S>| {
            let row = table.rows.get(index);
            row.is_some_and(|row| row.outbox.waiting_bytes() > max && row.ending.is_none())
        };
        if over(table) {
            self.write(table, index);
        }
        if over(table) {
            table.rows[index].kick("slow consumer", &table.batches);
            let why = format!("more than {max} bytes wait for it to read (--outbound-max)");
            self.end(table, index, self.now(), CloseReason::SlowConsumer, &why);
        }
    }

    /// Decides that a connection ends. Its row stays until its reader finds the stream's end.
    pub(super) fn end(
        self: &Rc<Self>,
        table: &mut Table<S>,
        index: usize,
        now: Time,
        reason: CloseReason,
        why: &str,
    ) {
        if table.rows.get(index).is_none_or(|row| row.ending.is_some()) {
            return;
        }
        let goes_on = self.keep(table, index, now, reason);
        let Some(connection) = table.rows.get_mut(index) else { return };
        if let Some(batch) = connection.outbox.part(&table.batches) {
            table.batches.parted(batch);
        }
        connection.end(now, reason);
        if !connection.is_over_limit && !goes_on {
            *table.counted.closed.entry(reason).or_default() += 1;
        }
        let is_told = reason.is_fault() && table.fault_log.admits(reason, connection.peer.ip());
        let level = if is_told { log::Level::Warn } else { log::Level::Debug };
        log::log!(
            level,
            "connection ends server={} session={} peer={} transport={} reason={reason:?} detail={why:?}",
            self.options.server,
            connection.session,
            connection.peer,
            connection.protocol.transport.name(),
        );
        // `keep` has cleared this if the session continues.
        if connection.opened {
            (self.events)(PortEvent::Closed { session: connection.session });
        }
        // A dirty outbox is written with the next flush.
        if !connection.dirty {
            self.write(table, index);
        }
    }

    pub(super) fn write(self: &Rc<Self>, table: &mut Table<S>, index: usize) {
        let Some(connection) = table.rows.get_mut(index) else { return };
        if connection.blocked {
            return;
        }
        table.counted.writes += 1;
        let waiting_bytes = connection.outbox.waiting_bytes();
        let written = connection.write(&table.batches);
        if let (Some(key), Some(resume)) = (connection.kept, &mut table.resume) {
            resume.session_mut(key).history.taken(waiting_bytes - connection.outbox.waiting_bytes());
        }
        match written {
            Written::All => {}
            Written::Failed => connection.shut(Shutdown::Both),
            Written::Blocked => {
                connection.blocked = true;
                let stream = Rc::clone(&connection.stream);
                spawn_local(unblock(Rc::downgrade(self), index, stream));
            }
        }
    }
}
