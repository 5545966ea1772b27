//! The port itself: a table of connections, what goes into their outboxes, and when these are written.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use slab::Slab;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, spawn_local};

use super::connection::{Connection, Written};
use super::history::Data;
use super::resume::Resume;
use super::tasks::{accept, read, sweep, unblock};
use super::transport::Fault;
use super::{CloseReason, PortEvent, PortOptions, PortSnapshot};
use crate::ids::SessionId;
use crate::time::Time;
use crate::wire::PushFrame;

/// Bytes taken from a socket at once: what one client may have done before others get their turn. One buffer serves
/// all connections of a port.
const READ_BYTES: usize = 16 * 1024;

/// Connections over the limit that are told so; more than these are dropped without a word.
const SURPLUS_MAX: usize = 64;

/// An open client port. It must be opened and used on one thread, inside a tokio `LocalSet`.
pub struct Port {
    shared: Rc<Shared>,
    address: SocketAddr,
    tasks: Vec<AbortHandle>,
}

/// What the port, its tasks and its connections share.
pub(super) struct Shared {
    pub(super) options: PortOptions,
    pub(super) events: Box<dyn Fn(PortEvent)>,
    epoch: Instant,
    pub(super) table: RefCell<Table>,
    /// Nothing more is read from clients: the cluster stops.
    drains: Cell<bool>,
    /// Nothing is taken or read, and nobody is overdue: the server is paused.
    pub(super) paused: Cell<bool>,
    read_buffer: RefCell<Box<[u8]>>,
}

/// The connections of a port.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rows: Slab<Connection>,
    /// Rows for which there was no place.
    pub(super) surplus: usize,
    /// Places that are taken, by the other rows and by sessions that wait for their clients.
    places: usize,
    /// The same by address, while their number is limited.
    by_address: HashMap<IpAddr, usize>,
    /// Rows whose outbox is to be written.
    dirty: Vec<usize>,
    /// Sessions that may outlive their connections, if any may.
    pub(super) resume: Option<Resume>,
    pub(super) counted: PortSnapshot,
}

/// Where a session is.
#[derive(Clone, Copy)]
pub(super) enum Found {
    /// In a row that is open.
    Row(usize),
    /// Kept until its client has come back.
    Kept(u32),
}

impl Port {
    /// Takes connections from `listener`; what they do goes to `events`, which must not call the port.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn open(
        listener: std::net::TcpListener,
        options: PortOptions,
        events: impl Fn(PortEvent) + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let table = Table { resume: Resume::new(&options), ..Table::default() };
        let shared = Rc::new(Shared {
            options,
            events: Box::new(events),
            epoch: Instant::now(),
            table: RefCell::new(table),
            drains: Cell::new(false),
            paused: Cell::new(false),
            read_buffer: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
        });
        let accepting = spawn_local(accept(Rc::clone(&shared), listener)).abort_handle();
        let sweeping = spawn_local(sweep(Rc::downgrade(&shared))).abort_handle();
        Ok(Self { shared, address, tasks: vec![accepting, sweeping] })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a push into the outboxes of these sessions. It goes out with the next [`flush`](Port::flush).
    pub fn push(&self, sessions: &[SessionId], frame: &PushFrame) {
        let table = &mut *self.shared.table.borrow_mut();
        for session in sessions {
            match table.find(*session) {
                Some(found) => {
                    table.counted.pushed += 1;
                    self.shared.put(table, found, Data::Push(frame));
                }
                None => table.counted.pushes_late += 1,
            }
        }
    }

    /// The same for all sessions.
    pub fn broadcast(&self, frame: &PushFrame) {
        let table = &mut *self.shared.table.borrow_mut();
        let open = table.rows.iter().filter(|(_, row)| row.is_open());
        let open = open.map(|(index, _)| Found::Row(index));
        let waiting = table.resume.iter().flat_map(|resume| resume.waiting(&table.rows));
        let all: Vec<Found> = open.chain(waiting.map(Found::Kept)).collect();
        for found in all {
            self.shared.put(table, found, Data::Push(frame));
        }
    }

    /// Puts a response into a session's outbox.
    pub fn respond(&self, session: SessionId, request: u64, body: &Bytes) {
        let table = &mut *self.shared.table.borrow_mut();
        if let Some(found) = table.find(session) {
            self.shared.put(table, found, Data::Response(request, body));
        }
    }

    /// A message of this session is done with: it may send another in its place.
    pub fn done(&self, session: SessionId) {
        let table = &mut *self.shared.table.borrow_mut();
        let index = match table.find(session) {
            Some(Found::Row(index)) => Some(index),
            Some(Found::Kept(key)) => table.resume.as_mut().and_then(|resume| resume.done(key)),
            None => None,
        };
        if let Some(index) = index
            && table.rows[index].done()
        {
            table.rows[index].read_on(self.shared.now());
        }
    }

    /// Tells a client why, and ends its connection.
    pub fn kick(&self, session: SessionId, reason: &str) {
        self.end(session, CloseReason::Kicked, Some(reason), "");
    }

    /// Ends the connection of a client whose message was none.
    pub fn reject(&self, session: SessionId, error: &str) {
        self.end(session, CloseReason::BadMessage, None, error);
    }

    /// Writes every outbox that has changed, each at once.
    pub fn flush(&self) {
        let mut table = self.shared.table.borrow_mut();
        let mut dirty = std::mem::take(&mut table.dirty);
        for index in dirty.drain(..) {
            if let Some(connection) = table.rows.get_mut(index) {
                connection.dirty = false;
            }
            self.shared.write(&mut table, index);
        }
        // Keeps the list's memory: nothing was added while it was away.
        table.dirty = dirty;
    }

    /// Takes no more connections, closes the address, and reads no more from clients: what they have said is answered
    /// while nothing new comes.
    pub fn stop_accepting(&self) {
        self.tasks[0].abort();
        self.shared.drains.set(true);
    }

    /// Takes no connection and reads nothing, as a process that hangs; or goes on. Silence meanwhile is nobody's fault.
    pub fn set_paused(&self, paused: bool) {
        self.shared.paused.set(paused);
        if !paused {
            let now = self.shared.now();
            for (_, row) in &mut self.shared.table.borrow_mut().rows {
                row.read_on(now);
            }
        }
    }

    /// Kicks every client, ends every connection and every session that waits for its client.
    pub fn shut_down(&self, reason: &str) {
        let now = self.shared.now();
        let table = &mut *self.shared.table.borrow_mut();
        let indices: Vec<usize> = table.rows.iter().map(|(index, _)| index).collect();
        for index in indices {
            if table.rows[index].is_open() {
                table.rows[index].kick(reason);
            }
            self.shared.end(table, index, now, CloseReason::Shutdown, "");
        }
        self.shared.keep_none(table);
    }

    /// What the port has counted, and holds now.
    pub fn snapshot(&self) -> PortSnapshot {
        let table = self.shared.table.borrow();
        let rows = table.rows.iter().map(|(_, row)| row);
        PortSnapshot {
            connections: table.connections(),
            waiting_bytes: rows.clone().map(Connection::waiting_bytes).sum(),
            outbox_bytes: rows.map(Connection::outbox_bytes).sum(),
            away: table.resume.as_ref().map_or(0, Resume::away),
            kept_bytes: table.resume.as_ref().map_or(0, Resume::bytes),
            ..table.counted.clone()
        }
    }

    fn end(&self, session: SessionId, reason: CloseReason, kick: Option<&str>, why: &str) {
        let table = &mut *self.shared.table.borrow_mut();
        if let Some(found) = table.find(session) {
            self.shared.end_session(table, found, reason, kick, why);
        }
    }
}

impl Drop for Port {
    /// Connections end with the port, and so do sessions that wait for their clients.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        let table = &mut *self.shared.table.borrow_mut();
        for (_, connection) in &table.rows {
            connection.shut(Shutdown::Both);
        }
        self.shared.keep_none(table);
    }
}

impl Table {
    /// Takes out a row whose connection has come to its end.
    pub(super) fn remove(&mut self, index: usize) {
        let Some(connection) = self.rows.try_remove(index) else { return };
        if connection.dirty {
            self.dirty.retain(|dirty| *dirty != index);
        }
        if connection.is_surplus {
            self.surplus -= 1;
        } else if connection.has_place {
            self.give_place(connection.peer);
        }
        // A task that waits to write to it would hold the socket for as long as its client likes.
        connection.shut(Shutdown::Both);
    }

    /// Takes a place for a connection of that address.
    pub(super) fn take_place(&mut self, peer: SocketAddr, options: &PortOptions) {
        self.places += 1;
        if options.connections_per_address_max.is_some() {
            *self.by_address.entry(peer.ip().to_canonical()).or_default() += 1;
        }
    }

    /// Gives it back.
    pub(super) fn give_place(&mut self, peer: SocketAddr) {
        self.places -= 1;
        if let Entry::Occupied(mut count) = self.by_address.entry(peer.ip().to_canonical()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    fn connections(&self) -> usize {
        self.rows.len() - self.surplus
    }

    /// Where a session is that has not ended.
    fn find(&self, session: SessionId) -> Option<Found> {
        let index = session.slot() as usize;
        if self.rows.get(index).is_some_and(|row| row.session == session && row.is_open()) {
            return Some(Found::Row(index));
        }
        // One that has changed its connection is not where its number says.
        self.resume.as_ref()?.find(session, &self.rows)
    }
}

impl Shared {
    pub(super) fn now(&self) -> Time {
        Time::START + self.epoch.elapsed()
    }

    /// Makes a row for a connection, and its reader.
    pub(super) fn accepted(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let table = &mut *self.table.borrow_mut();
        let server = &self.options.server;
        let address = peer.ip().to_canonical();
        if self.options.blacklist.contains(&address) {
            log::debug!("connection refused server={server} peer={peer} reason=blacklist");
            table.counted.blacklisted += 1;
            return;
        }
        let is_over = |max: Option<usize>, now: usize| max.is_some_and(|max| now >= max);
        let from_there = table.by_address.get(&address).copied().unwrap_or(0);
        let is_surplus = is_over(self.options.connections_max, table.places)
            || is_over(self.options.connections_per_address_max, from_there);
        if is_surplus {
            log::debug!("connection refused server={server} peer={peer} reason=max-connections");
            table.counted.refused += 1;
            if table.surplus == SURPLUS_MAX {
                return;
            }
            table.surplus += 1;
        } else {
            table.counted.accepted += 1;
            table.take_place(peer, &self.options);
        }
        // Frames are put together before they are written; waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("cannot set nodelay server={} peer={peer} error={error}", self.options.server);
        }
        let serial = self.options.serials.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let entry = table.rows.vacant_entry();
        let index = entry.key();
        let session = SessionId::new(serial, index as u32);
        let stream = Rc::new(stream);
        let mut connection = Connection::new(session, peer, Rc::clone(&stream), self.now());
        (connection.is_surplus, connection.has_place) = (is_surplus, !is_surplus);
        entry.insert(connection);
        spawn_local(read(Rc::clone(self), index, stream));
    }

    /// Takes what a socket has: true when there may be more, an error when it has come to its end.
    pub(super) fn read_once(self: &Rc<Self>, index: usize, stream: &TcpStream) -> io::Result<bool> {
        let mut buffer = self.read_buffer.borrow_mut();
        match stream.try_read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                self.received(index, &buffer[..bytes]);
                Ok(bytes == buffer.len())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn received(self: &Rc<Self>, index: usize, bytes: &[u8]) {
        let now = self.now();
        let table = &mut *self.table.borrow_mut();
        let Some(connection) = table.rows.get_mut(index) else { return };
        let was_surplus = connection.is_surplus;
        let resume = table.resume.as_mut();
        let (ignored, result) = connection.receive(now, bytes, index, resume, &self.options, &self.events);
        table.counted.ignored += ignored;
        self.settle(table, index, now, was_surplus);
        if let Err(Fault(reason, why)) = result {
            self.end(table, index, now, reason, &why);
        }
        // Replies to the handshake, to heartbeats and to pings: nobody else would write them.
        let waits = table.rows.get(index).is_some_and(|row| row.waiting_bytes() > 0 && !row.dirty);
        if waits {
            self.write(table, index);
        }
        self.bound(table, index);
    }

    pub(super) fn may_read(&self, index: usize, waker: &Waker) -> bool {
        let row = &mut self.table.borrow_mut().rows[index];
        row.may_read(self.drains.get() || self.paused.get(), waker)
    }

    /// Appends to an outbox, or to what is kept until there is one; within their bounds.
    fn put(self: &Rc<Self>, table: &mut Table, found: Found, data: Data<'_>) {
        let index = match found {
            Found::Row(index) => index,
            Found::Kept(key) => return self.put_by(table, key, data),
        };
        let Some(connection) = table.rows.get_mut(index) else { return };
        connection.put(data);
        if let (Some(key), Some(resume)) = (connection.kept, &mut table.resume) {
            resume.sent(key, data, connection.waiting_bytes());
        }
        table.counted.frames_out += 1;
        if !connection.dirty && !connection.blocked {
            connection.dirty = true;
            table.dirty.push(index);
        }
        self.bound(table, index);
    }

    /// Ends a connection for which too much waits. What was never offered to its socket does not count.
    fn bound(self: &Rc<Self>, table: &mut Table, index: usize) {
        let max = self.options.outbound_bytes_max;
        let over = |table: &Table| {
            let row = table.rows.get(index);
            row.is_some_and(|row| row.waiting_bytes() > max && row.ending().is_none())
        };
        if over(table) {
            self.write(table, index);
        }
        if over(table) {
            table.rows[index].kick("slow consumer");
            self.end(table, index, self.now(), CloseReason::SlowConsumer, "too much waits for it to read");
        }
    }

    /// Decides that a connection ends. Its row stays until its reader finds the stream's end.
    pub(super) fn end(
        self: &Rc<Self>,
        table: &mut Table,
        index: usize,
        now: Time,
        reason: CloseReason,
        why: &str,
    ) {
        if table.rows.get(index).is_none_or(|row| row.ending().is_some()) {
            return;
        }
        let goes_on = self.keep(table, index, now, reason);
        let Some(connection) = table.rows.get_mut(index) else { return };
        connection.end(now, reason);
        if !connection.is_surplus && !goes_on {
            *table.counted.closed.entry(reason).or_default() += 1;
        }
        let level = if reason.is_fault() { log::Level::Warn } else { log::Level::Debug };
        log::log!(
            level,
            "connection ends server={} session={} peer={} transport={} reason={reason:?} detail={why:?}",
            self.options.server,
            connection.session,
            connection.peer,
            connection.transport_name(),
        );
        if connection.was_opened() {
            (self.events)(PortEvent::Closed { session: connection.session });
        }
        if !connection.dirty {
            self.write(table, index);
        }
    }

    pub(super) fn write(self: &Rc<Self>, table: &mut Table, index: usize) {
        let Some(connection) = table.rows.get_mut(index) else { return };
        if connection.blocked {
            return;
        }
        table.counted.writes += 1;
        let waiting_bytes = connection.waiting_bytes();
        let written = connection.write();
        if let (Some(key), Some(resume)) = (connection.kept, &mut table.resume) {
            resume.taken(key, waiting_bytes - connection.waiting_bytes());
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
