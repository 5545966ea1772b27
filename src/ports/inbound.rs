//! Client input: from the sockets, through the protocol, to the server behind the port.

use std::io;
use std::rc::Rc;
use std::task::Waker;

use bytes::Bytes;

use super::connection::Connection;
use super::port_core::PortCore;
use super::protocol::ProtocolEvent;
use super::resume::Resume;
use super::stream::Stream;
use super::transport::Fault;
use super::{CloseReason, PortEvent};
use crate::time::Time;
use crate::wire::{Package, PackageType};

impl<S: Stream> PortCore<S> {
    pub(super) fn may_read(&self, index: usize, waker: &Waker) -> bool {
        let row = &mut self.table.borrow_mut().rows[index];
        row.may_read(self.drains.get() || self.paused.get(), waker)
    }

    /// Reads a socket once: true if there may be more, an error at its end.
    pub(super) fn read_once(self: &Rc<Self>, index: usize, stream: &S) -> io::Result<bool> {
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
        let was_over_limit = connection.is_over_limit;
        // Noted before replies are appended: earlier frames of the batch go out before them.
        connection.outbox.cut(&table.batches);
        (connection.received_at, connection.is_pinged) = (now, false);
        let ignored = &mut table.counted.ignored;
        let mut result = self.take(connection, index, bytes, now, table.resume.as_mut(), ignored);
        table.unfinished_bytes -= connection.unfinished_bytes;
        connection.count_unfinished(now, matches!(result, Ok(true)));
        table.unfinished_bytes += connection.unfinished_bytes;
        connection.outbox.form = connection.protocol.transport.form();
        if connection.is_over_limit && connection.protocol.transport.is_known() && table.resume.is_none() {
            result = Err(Fault(CloseReason::TooMany, String::new()));
        }
        self.settle(table, index, now, was_over_limit);
        if let Err(Fault(reason, why)) = result {
            self.end(table, index, now, reason, &why);
        }
        self.bound_unfinished(table);
        // Replies to handshakes, heartbeats and pings: nothing else would write them.
        let waits = table.rows.get(index).is_some_and(|row| row.outbox.waiting_bytes() > 0 && !row.dirty);
        if waits {
            self.write(table, index);
        }
        self.bound(table, index);
    }

    /// Handles the packages that arrived for a row. True if there were any.
    fn take(
        &self,
        row: &mut Connection<S>,
        index: usize,
        mut bytes: &[u8],
        now: Time,
        mut resume: Option<&mut Resume>,
        ignored: &mut u64,
    ) -> Result<bool, Fault> {
        if row.ending.is_some() {
            return Ok(false);
        }
        let mut progress = false;
        loop {
            let awaiting = resume.as_deref();
            let admits = |Package { kind, body }: Package<'_>| {
                // A client over the limit is admitted after all if it resumes a session, which
                // still holds its place.
                let comes_back = || awaiting.is_some_and(|resume| resume.is_awaited(body));
                row.is_over_limit &= kind != PackageType::Handshake || !comes_back();
                !row.is_over_limit
            };
            let out = row.outbox.own_uncut();
            let event = row.protocol.receive(now, &mut bytes, &self.options, out, admits)?;
            progress |= event.is_some();
            match event {
                None => return Ok(progress),
                Some(ProtocolEvent::Handshake { hello, mut answer }) => {
                    if let Some(resume) = resume.as_deref_mut() {
                        let greeting = resume.greet(row.session, index, hello, &mut answer);
                        // Sent before any event of the new session, which may want what the old one
                        // holds.
                        if let Some(session) = greeting.ended {
                            (self.events)(PortEvent::Closed { session });
                        }
                        (row.session, row.kept, row.opened) =
                            (greeting.session, greeting.kept, greeting.is_resumed);
                    }
                    row.protocol.reply(PackageType::Handshake, &answer, row.outbox.own_uncut());
                }
                Some(ProtocolEvent::Open) => {
                    if let (Some(resume), Some(key)) = (resume.as_deref_mut(), row.kept) {
                        resume.acknowledged(key);
                    }
                    if !std::mem::replace(&mut row.opened, true) {
                        (self.events)(PortEvent::Opened { session: row.session, peer: row.peer });
                    }
                }
                Some(ProtocolEvent::Message(bytes)) => {
                    row.in_flight += 1;
                    row.has_sent_message = true;
                    let bytes = Bytes::copy_from_slice(bytes);
                    (self.events)(PortEvent::Message { session: row.session, bytes });
                }
                Some(ProtocolEvent::Heartbeat) => {}
                Some(ProtocolEvent::Ignored) => *ignored += 1,
            }
        }
    }
}
