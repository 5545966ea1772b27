//! The port itself: accepts, reads, writes, and watches the time.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, spawn_local};

use super::connection::{Connection, Written};
use super::transport::Fault;
use super::{CloseReason, PortEvent, PortOptions, PortSnapshot};
use crate::ids::SessionId;
use crate::time::Time;
use crate::wire::PushFrame;

/// How often connections are looked at for what is overdue.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// How long a connection that was ended may take to read the end of it.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes taken from a socket at once: what one client may have done before others get their turn. One buffer serves
/// all connections of a port.
const READ_BYTES: usize = 16 * 1024;

/// How long to wait when no connection can be taken: the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An open client port. It must be opened and used on one thread, inside a tokio `LocalSet`.
pub struct Port {
    shared: Rc<Shared>,
    address: SocketAddr,
    tasks: Vec<AbortHandle>,
}

struct Shared {
    options: PortOptions,
    events: Box<dyn Fn(PortEvent)>,
    epoch: Instant,
    table: RefCell<Table>,
    /// Nothing more is read from clients: the cluster stops.
    drains: Cell<bool>,
    read_buffer: RefCell<Box<[u8]>>,
}

#[derive(Default)]
struct Table {
    rows: Slab<Connection>,
    /// Number of the last session.
    serial: u32,
    /// Rows whose outbox is to be written.
    dirty: Vec<usize>,
    counted: PortSnapshot,
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
        let shared = Rc::new(Shared {
            options,
            events: Box::new(events),
            epoch: Instant::now(),
            table: RefCell::default(),
            drains: Cell::new(false),
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
            if let Some(index) = table.find(*session) {
                self.shared.put(table, index, |connection| connection.push(frame));
            }
        }
    }

    /// The same for all sessions.
    pub fn broadcast(&self, frame: &PushFrame) {
        let table = &mut *self.shared.table.borrow_mut();
        let open = table.rows.iter().filter(|(_, row)| row.is_open());
        let indices: Vec<usize> = open.map(|(index, _)| index).collect();
        for index in indices {
            self.shared.put(table, index, |connection| connection.push(frame));
        }
    }

    /// Puts a response into a session's outbox.
    pub fn respond(&self, session: SessionId, request: u64, body: &[u8]) {
        let table = &mut *self.shared.table.borrow_mut();
        if let Some(index) = table.find(session) {
            self.shared.put(table, index, |connection| connection.respond(request, body));
        }
    }

    /// A message of this session is done with: it may send another in its place.
    pub fn done(&self, session: SessionId) {
        let table = &mut *self.shared.table.borrow_mut();
        if let Some(index) = table.find(session) {
            table.rows[index].done();
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

    /// Kicks every client, ends every connection.
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
    }

    /// What the port has counted, and holds now.
    pub fn snapshot(&self) -> PortSnapshot {
        let table = self.shared.table.borrow();
        PortSnapshot { connections: table.rows.len(), ..table.counted.clone() }
    }

    fn end(&self, session: SessionId, reason: CloseReason, kick: Option<&str>, why: &str) {
        let now = self.shared.now();
        let table = &mut *self.shared.table.borrow_mut();
        let Some(index) = table.find(session) else { return };
        if let Some(text) = kick {
            table.rows[index].kick(text);
        }
        self.shared.end(table, index, now, reason, why);
    }
}

impl Drop for Port {
    /// Connections end with the port.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for (_, connection) in &self.shared.table.borrow().rows {
            connection.shut(Shutdown::Both);
        }
    }
}

impl Table {
    /// The row of a session that is open.
    fn find(&self, session: SessionId) -> Option<usize> {
        let index = session.slot() as usize;
        self.rows.get(index).filter(|row| row.session == session && row.is_open()).map(|_| index)
    }
}

impl Shared {
    fn now(&self) -> Time {
        Time::START + self.epoch.elapsed()
    }

    fn accepted(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let table = &mut *self.table.borrow_mut();
        if self.options.connections_max.is_some_and(|max| table.rows.len() >= max) {
            // Dropped, and so closed, as the original does; but never counted as a connection.
            table.counted.refused += 1;
            log::debug!(
                "connection refused server={} peer={peer} reason=max-connections",
                self.options.server
            );
            return;
        }
        table.counted.accepted += 1;
        // Frames are put together before they are written; waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("cannot set nodelay server={} peer={peer} error={error}", self.options.server);
        }
        table.serial = table.serial.wrapping_add(1);
        let entry = table.rows.vacant_entry();
        let index = entry.key();
        let session = SessionId::new(table.serial, index as u32);
        let stream = Rc::new(stream);
        entry.insert(Connection::new(session, peer, Rc::clone(&stream), self.now()));
        spawn_local(read(Rc::clone(self), index, stream));
    }

    /// Takes what a socket has: true when there may be more, an error when it has come to its end.
    fn read_once(self: &Rc<Self>, index: usize, stream: &TcpStream) -> io::Result<bool> {
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
        let (ignored, result) = connection.receive(now, bytes, &self.options, &self.events);
        table.counted.ignored += ignored;
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

    fn may_read(&self, index: usize, waker: &Waker) -> bool {
        let row = &mut self.table.borrow_mut().rows[index];
        row.may_read(self.drains.get(), waker)
    }

    /// Appends to an outbox, within its bound.
    fn put(self: &Rc<Self>, table: &mut Table, index: usize, append: impl FnOnce(&mut Connection)) {
        let Some(connection) = table.rows.get_mut(index) else { return };
        append(connection);
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
    fn end(self: &Rc<Self>, table: &mut Table, index: usize, now: Time, reason: CloseReason, why: &str) {
        let Some(connection) = table.rows.get_mut(index) else { return };
        if !connection.end(now, reason) {
            return;
        }
        *table.counted.closed.entry(reason).or_default() += 1;
        let level = if reason.is_fault() { log::Level::Warn } else { log::Level::Debug };
        log::log!(
            level,
            "connection ends server={} session={} peer={} transport={} reason={reason:?} {why}",
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

    fn write(self: &Rc<Self>, table: &mut Table, index: usize) {
        let Some(connection) = table.rows.get_mut(index) else { return };
        if connection.blocked {
            return;
        }
        table.counted.writes += 1;
        match connection.write() {
            Written::All => {}
            Written::Failed => connection.shut(Shutdown::Both),
            Written::Blocked => {
                connection.blocked = true;
                let stream = Rc::clone(&connection.stream);
                spawn_local(unblock(Rc::downgrade(self), index, connection.session, stream));
            }
        }
    }
}

async fn accept(shared: Rc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => shared.accepted(stream, peer),
            Err(error) => {
                log::warn!("cannot accept server={} error={error}", shared.options.server);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Reads one connection until it ends, and then, alone of all, removes its row. Kept small: there is one a client.
async fn read(shared: Rc<Shared>, index: usize, stream: Rc<TcpStream>) {
    let reason = loop {
        if stream.readable().await.is_err() {
            break CloseReason::Io;
        }
        poll_fn(|cx| match shared.may_read(index, cx.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        match shared.read_once(index, &stream) {
            // One who sends without end shares the thread with the others.
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break CloseReason::Client,
            Err(_) => break CloseReason::Io,
        }
    };
    let table = &mut *shared.table.borrow_mut();
    shared.end(table, index, shared.now(), reason, "");
    if table.rows.contains(index) {
        if table.rows[index].dirty {
            table.dirty.retain(|dirty| *dirty != index);
        }
        // A task that waits to write to it would hold the socket for as long as its client likes.
        table.rows.remove(index).shut(Shutdown::Both);
    }
}

/// Goes on writing when a full socket has room again.
async fn unblock(shared: Weak<Shared>, index: usize, session: SessionId, stream: Rc<TcpStream>) {
    let writable = stream.writable().await;
    let Some(shared) = shared.upgrade() else { return };
    let table = &mut *shared.table.borrow_mut();
    let Some(connection) = table.rows.get_mut(index).filter(|row| row.session == session) else { return };
    connection.blocked = false;
    match writable {
        Ok(()) => shared.write(table, index),
        Err(_) => connection.shut(Shutdown::Both),
    }
}

/// One timer for all connections: a timer each would cost more than the connection.
async fn sweep(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        let now = shared.now();
        let table = &mut *shared.table.borrow_mut();
        let mut overdue = Vec::new();
        for (index, connection) in &mut table.rows {
            connection.shrink();
            match connection.ending() {
                Some((_, since)) if now.since(since) >= LINGER => connection.shut(Shutdown::Both),
                Some(_) => {}
                None => {
                    overdue.extend(connection.overdue(now, &shared.options).map(|reason| (index, reason)))
                }
            }
        }
        for (index, reason) in overdue {
            shared.end(table, index, now, reason, "");
        }
    }
}
