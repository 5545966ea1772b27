//! The port itself: its table of connections, the output that goes into their outboxes, and when
//! these are written.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};

use super::history::Data;
use super::kept::Found;
use super::port_core::PortCore;
use super::resume::Resume;
use super::table::Table;
use super::tasks::{accept, sweep};
use super::{CloseReason, PortEvent, PortOptions, PortSnapshot};
use crate::ids::SessionId;
use crate::wire::PushFrame;

/// Bytes read from a socket at once: the most that one client can do before others get their turn.
/// One buffer serves all connections of a port.
const READ_BYTES: usize = 16 * 1024;

/// An open client port. It must be opened and used on one thread, inside a tokio `LocalSet`.
pub struct Port {
    core: Rc<PortCore<TcpStream>>,
    address: SocketAddr,
    tasks: Vec<AbortHandle>,
}

impl Port {
    /// Accepts connections from `listener`. Their events go to `events`, which must not call the
    /// port.
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
        let table = Table::new(Resume::new(&options.cluster), options.places.share());
        let core = Rc::new(PortCore {
            options,
            events: Box::new(events),
            epoch: Instant::now(),
            table: RefCell::new(table),
            drains: Cell::new(false),
            paused: Cell::new(false),
            ended: Notify::new(),
            read_buffer: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
        });
        let accepting = spawn_local(accept(Rc::clone(&core), listener)).abort_handle();
        let sweeping = spawn_local(sweep(Rc::downgrade(&core))).abort_handle();
        Ok(Self { core, address, tasks: vec![accepting, sweeping] })
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a push into the outboxes of these sessions. The next [`flush`](Port::flush) sends it.
    pub fn push(&self, sessions: &[SessionId], frame: &PushFrame) {
        self.push_each(&mut self.core.table.borrow_mut(), sessions, frame);
    }

    fn push_each(&self, table: &mut Table<TcpStream>, sessions: &[SessionId], frame: &PushFrame) {
        for session in sessions {
            match table.find(*session) {
                Some(found) => {
                    table.counted.pushed += 1;
                    self.core.put(table, found, Data::Push(frame));
                }
                None => table.counted.pushes_late += 1,
            }
        }
    }

    /// The same for a group that gets pushes together again and again: a frame costs little more
    /// than for one session, as long as the list is the same `Arc`.
    pub fn push_together(&self, sessions: &Arc<[SessionId]>, frame: &PushFrame) {
        let table = &mut *self.core.table.borrow_mut();
        // Sessions that may resume get everything one by one, since it is kept for each.
        if table.resume.is_none() {
            return self.core.put_together(table, sessions, frame);
        }
        self.push_each(table, sessions, frame);
    }

    /// The same for all sessions.
    pub fn broadcast(&self, frame: &PushFrame) {
        let table = &mut *self.core.table.borrow_mut();
        let open = table.rows.iter().filter(|(_, row)| row.is_open());
        let open = open.map(|(index, _)| Found::Row(index));
        let waiting = table.resume.iter().flat_map(|resume| resume.waiting(&table.rows));
        // Collected first: `put` changes the table.
        let all: Vec<Found> = open.chain(waiting.map(Found::Kept)).collect();
        for found in all {
            self.core.put(table, found, Data::Push(frame));
        }
    }

    /// Puts a response into a session's outbox.
    pub fn respond(&self, session: SessionId, request: u64, body: &Bytes) {
        let table = &mut *self.core.table.borrow_mut();
        if let Some(found) = table.find(session) {
            self.core.put(table, found, Data::Response(request, body));
        }
    }

    /// A message of this session is done: it may send another in its place.
    pub fn done(&self, session: SessionId) {
        let table = &mut *self.core.table.borrow_mut();
        let index = match table.find(session) {
            Some(Found::Row(index)) => Some(index),
            Some(Found::Kept(key)) => table.resume.as_mut().and_then(|resume| resume.session_mut(key).done()),
            None => None,
        };
        if let Some(index) = index
            && table.rows[index].done()
        {
            table.rows[index].read_on(self.core.now());
        }
    }

    /// Sends a client the reason, and ends its connection.
    pub fn kick(&self, session: SessionId, reason: &str) {
        self.end(session, CloseReason::Kicked, Some(reason), "");
    }

    /// Closes the connection of a client that sent a malformed message.
    pub fn reject(&self, session: SessionId, error: &str) {
        self.end(session, CloseReason::BadMessage, None, error);
    }

    /// Writes every changed outbox, each in one go.
    pub fn flush(&self) {
        self.core.flush(&mut self.core.table.borrow_mut());
    }

    /// Stops accepting, closes the address, and stops reading: messages that were received are
    /// answered while nothing new comes.
    pub fn stop_accepting(&self) {
        self.tasks[0].abort();
        self.core.drains.set(true);
    }

    /// Pauses or resumes. While paused it accepts and reads nothing, like a process that hangs;
    /// idle and heartbeat timeouts are suspended.
    pub fn set_paused(&self, paused: bool) {
        self.core.paused.set(paused);
        if !paused {
            let now = self.core.now();
            for (_, row) in &mut self.core.table.borrow_mut().rows {
                row.read_on(now);
            }
        }
    }

    /// Ends every connection and every session that waits for its client. Clients get the reason in
    /// a kick, or in the close frame of a WebSocket.
    pub fn shut_down(&self, reason: &str, kicks: bool) {
        let now = self.core.now();
        let table = &mut *self.core.table.borrow_mut();
        let indices: Vec<usize> = table.rows.iter().map(|(index, _)| index).collect();
        for index in indices {
            match kicks {
                true if table.rows[index].is_open() => table.rows[index].kick(reason, &table.batches),
                true => {}
                false => table.rows[index].go_away(reason, &table.batches),
            }
            self.core.end(table, index, now, CloseReason::Shutdown, "");
        }
        self.core.keep_none(table);
    }

    /// Waits until there are no connections.
    pub fn until_empty(&self) -> impl Future<Output = ()> + use<> {
        let core = Rc::clone(&self.core);
        async move {
            while core.table.borrow().connections() > 0 {
                core.ended.notified().await;
            }
        }
    }

    /// The port's counters and present state.
    pub fn snapshot(&self) -> PortSnapshot {
        let table = self.core.table.borrow();
        let rows = table.rows.iter().map(|(_, row)| row);
        PortSnapshot {
            connections: table.connections(),
            unfinished_bytes: table.unfinished_bytes,
            waiting_bytes: rows.clone().map(|row| row.outbox.waiting_bytes()).sum(),
            outbox_bytes: rows.map(|row| row.outbox.bytes()).sum(),
            away: table.resume.as_ref().map_or(0, Resume::away),
            kept_bytes: table.resume.as_ref().map_or(0, Resume::bytes),
            ..table.counted.clone()
        }
    }

    fn end(&self, session: SessionId, reason: CloseReason, kick: Option<&str>, why: &str) {
        let table = &mut *self.core.table.borrow_mut();
        if let Some(found) = table.find(session) {
            self.core.end_session(table, found, reason, kick, why);
        }
    }
}

impl Drop for Port {
    /// Ends the connections, and the sessions that wait for their clients.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        let table = &mut *self.core.table.borrow_mut();
        for (_, connection) in &table.rows {
            connection.shut(Shutdown::Both);
        }
        self.core.keep_none(table);
    }
}
