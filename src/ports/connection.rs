//! One connection: its transport, its state, and the bytes that wait for its client.

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tungstenite::protocol::frame::coding::CloseCode;

use super::batch::{Batches, Form};
use super::history::Data;
use super::outbox::{ClientOutbox, Written};
use super::protocol::Protocol;
use super::stream::Stream;
use super::{CloseReason, PortOptions};
use crate::ids::SessionId;
use crate::time::Time;
use crate::wire::{PackageType, WebSocketHeader, kick_body, write_response};

/// Grace period for an over-limit connection to reveal its transport, so the refusal can be sent in
/// that transport.
const OVER_LIMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages of one client that may be in flight; at this limit its socket is not read. Without a
/// bound, a client that floods fills mailboxes faster than they are emptied, and all others wait
/// behind it.
const IN_FLIGHT_MAX: usize = 64;

/// A row of a port's table.
pub(super) struct Connection<S> {
    pub(super) session: SessionId,
    pub(super) peer: SocketAddr,
    pub(super) stream: Rc<S>,
    pub(super) protocol: Protocol,
    pub(super) outbox: ClientOutbox,
    /// Over the limit: it is closed as soon as its transport is known, and never counted.
    pub(super) is_over_limit: bool,
    /// It takes one of the port's places. A lost connection leaves its place to the session that
    /// waits for the client.
    pub(super) has_place: bool,
    /// The server behind the port knows its session, and this is the session's connection.
    pub(super) opened: bool,
    /// Where its session is kept, if it may outlive the connection: see `resume.rs`.
    pub(super) kept: Option<u32>,
    /// It is in the port's list of outboxes to write.
    pub(super) dirty: bool,
    /// The socket is full; a task waits until it is writable.
    pub(super) blocked: bool,
    /// It ends: nothing more is read or queued, but waiting bytes are still written.
    pub(super) ending: Option<(CloseReason, Time)>,
    /// When bytes last arrived.
    pub(super) received_at: Time,
    /// A ping was sent since.
    pub(super) is_pinged: bool,
    /// It has sent a message: it is somebody.
    pub(super) has_sent_message: bool,
    /// Bytes of a message that has not arrived completely, and when its first byte came.
    pub(super) unfinished_bytes: usize,
    unfinished_since: Time,
    /// Messages that were passed to the server and are still in flight.
    pub(super) in_flight: usize,
    /// Its reader, while it waits for messages in flight.
    reader: Option<Waker>,
}

impl<S: Stream> Connection<S> {
    pub(super) fn new(session: SessionId, peer: SocketAddr, stream: Rc<S>, now: Time) -> Self {
        Self {
            session,
            peer,
            stream,
            protocol: Protocol::new(now),
            outbox: ClientOutbox::default(),
            is_over_limit: false,
            has_place: true,
            opened: false,
            kept: None,
            dirty: false,
            blocked: false,
            ending: None,
            received_at: now,
            is_pinged: false,
            has_sent_message: false,
            unfinished_bytes: 0,
            unfinished_since: now,
            in_flight: 0,
            reader: None,
        }
    }

    /// Appends a data package to the outbox.
    pub(super) fn put(&mut self, data: Data<'_>, batches: &Batches) {
        let form = self.outbox.form;
        let outbox = self.outbox.own(batches);
        match (data, form) {
            (Data::Push(frame), Form::WebSocket) => outbox.extend_from_slice(frame.websocket()),
            (Data::Push(frame), Form::Tcp) => outbox.extend_from_slice(frame.package()),
            (Data::Response(request, body), _) => respond(outbox, form, request, body),
        }
    }

    pub(super) fn kick(&mut self, reason: &str, batches: &Batches) {
        self.protocol.reply(PackageType::Kick, &kick_body(reason), self.outbox.own(batches));
    }

    /// Ends the connection once waiting bytes are written. False if it is ending already.
    pub(super) fn end(&mut self, now: Time, reason: CloseReason) -> bool {
        if self.ending.is_some() {
            return false;
        }
        self.ending = Some((reason, now));
        // The reader continues, to find the stream's end.
        self.wake_reader();
        if let Some(code) = self.protocol.take_close() {
            put_close(self.outbox.own_uncut(), code, "");
        }
        true
    }

    /// Sends a WebSocket client a close frame that says that the server goes away, and why. Raw TCP
    /// has nothing for that but the end of the stream.
    pub(super) fn go_away(&mut self, reason: &str, batches: &Batches) {
        if self.ending.is_none() && self.protocol.take_close().is_some() {
            put_close(self.outbox.own(batches), CloseCode::Away.into(), reason);
        }
    }

    /// Releases the session, which has another connection or waits for one. If bytes still wait,
    /// they are discarded and the connection is shut: nothing can follow a truncated frame. Returns
    /// the number of the session's messages in flight.
    pub(super) fn let_go(&mut self) -> usize {
        (self.opened, self.kept) = (false, None);
        if self.outbox.waiting_bytes() > 0 {
            self.outbox.forget();
            self.protocol.take_close();
            self.shut(std::net::Shutdown::Both);
        }
        std::mem::take(&mut self.in_flight)
    }

    /// Writes waiting bytes, once. Ends the stream when the last of them is out.
    pub(super) fn write(&mut self, batches: &Batches) -> Written {
        let written = self.outbox.write(&*self.stream, batches);
        if self.ending.is_some() && matches!(written, Written::All) {
            self.shut(std::net::Shutdown::Write);
        }
        written
    }

    /// Ends the stream now; its reader then finds the end, and removes the row.
    pub(super) fn shut(&self, how: std::net::Shutdown) {
        // The socket may be closed already, which is as good.
        let _ = self.stream.shutdown(how);
    }

    /// One of its messages is done. True if its reader waits and may continue.
    pub(super) fn done(&mut self) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.in_flight < IN_FLIGHT_MAX && self.reader.is_some()
    }

    /// Resumes reading. Its timeouts restart: nothing could be received while it was not read.
    pub(super) fn read_on(&mut self, now: Time) {
        (self.received_at, self.unfinished_since) = (now, now);
        self.protocol.machine.restart_timeout(now);
        self.wake_reader();
    }

    /// Whether its socket may be read; if not, `waker` is woken when that may have changed. A port
    /// that `drains` reads only connections that end, to find their end.
    pub(super) fn may_read(&mut self, drains: bool, waker: &Waker) -> bool {
        let may = self.ending.is_some() || (!drains && self.in_flight < IN_FLIGHT_MAX);
        if !may {
            self.reader = Some(waker.clone());
        }
        may
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.protocol.machine.is_working() && self.ending.is_none()
    }

    /// Whether the client was silent for too long.
    pub(super) fn overdue(&self, now: Time, options: &PortOptions) -> Option<CloseReason> {
        if self.is_over_limit && now.since(self.received_at) >= OVER_LIMIT_TIMEOUT {
            return Some(CloseReason::TooMany);
        }
        // The client may have sent something that was not read yet: its messages in flight come
        // first.
        if self.reader.is_some() {
            return None;
        }
        let idle = self.may_be_idle(options) && now.since(self.received_at) >= options.cluster.idle_timeout;
        let reason = self
            .protocol
            .machine
            .overdue(now, &options.timeouts)
            .or(idle.then_some(CloseReason::IdleTimeout));
        // The process may have been stopped or busy: what the client sent in time is read first.
        if reason.is_some() && self.stream.has_unread() {
            return None;
        }
        let is_unfinished =
            self.unfinished_bytes > 0 && now.since(self.unfinished_since) >= options.cluster.message_timeout;
        reason.or(is_unfinished.then_some(CloseReason::MessageTimeout))
    }

    /// Whether silence ends it. A WebSocket client that sends heartbeats is judged by these.
    fn may_be_idle(&self, options: &PortOptions) -> bool {
        self.outbox.form == Form::Tcp || options.timeouts.heartbeat.is_none()
    }

    /// Sends a ping if the client has been silent for half of the idle timeout. A WebSocket library
    /// answers it by itself (RFC 6455, 5.5.2), so only clients that have vanished become idle. Raw
    /// TCP has no such thing. True if there is something to write.
    pub(super) fn ping_if_silent(&mut self, now: Time, options: &PortOptions, batches: &Batches) -> bool {
        const PING: [u8; 2] = [0x89, 0];
        let is_silent = now.since(self.received_at) >= options.cluster.idle_timeout / 2;
        let may_ping = self.outbox.form == Form::WebSocket && self.may_be_idle(options) && !self.is_pinged;
        if is_silent && may_ping && self.ending.is_none() {
            self.is_pinged = true;
            self.outbox.own(batches).extend_from_slice(&PING);
            return true;
        }
        false
    }

    /// Counts what is unfinished after bytes arrived; `progress`: a package was completed by them.
    pub(super) fn count_unfinished(&mut self, now: Time, progress: bool) {
        let before =
            std::mem::replace(&mut self.unfinished_bytes, self.protocol.transport.unfinished_bytes());
        if before == 0 || progress {
            self.unfinished_since = now;
        }
    }

    /// The process did not run for this long: nobody could be read or heard.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.received_at = self.received_at + by;
        self.unfinished_since = self.unfinished_since + by;
        self.protocol.machine.postpone(by);
        if let Some((_, since)) = &mut self.ending {
            *since = *since + by;
        }
    }
}

fn respond(out: &mut Vec<u8>, form: Form, request: u64, body: &[u8]) {
    // The header's length depends on the package's length. The package is written first, where it
    // belongs in either form, and the header is inserted before it.
    let start = out.len();
    write_response(out, request, body);
    if form == Form::WebSocket {
        let header = WebSocketHeader::binary(out.len() - start);
        out.splice(start..start, header.as_bytes().iter().copied());
    }
}

/// A close frame; a reason that is too long for it is left out.
fn put_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    const FIN_CLOSE: u8 = 0x88;
    /// Longest reason that a control frame can carry (RFC 6455, 5.5), without the code.
    const REASON_BYTES_MAX: usize = 123;
    let reason = if reason.len() <= REASON_BYTES_MAX { reason } else { "" };
    let [high, low] = code.to_be_bytes();
    out.extend_from_slice(&[FIN_CLOSE, 2 + reason.len() as u8, high, low]);
    out.extend_from_slice(reason.as_bytes());
}
