//! One connection: its transport, its state, and the bytes that wait for its client.

mod offline;

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tungstenite::protocol::frame::coding::CloseCode;

pub use offline::{OfflineConnection, Received};

use super::batch::{BatchId, Batches, Form};
use super::history::Data;
use super::machine::{Action, Machine};
use super::outbox::{Outbox, Written};
use super::resume::Resume;
use super::transport::{Fault, Transport};
use super::{CloseReason, PortEvent, PortOptions};
use crate::ids::SessionId;
use crate::time::Time;
use crate::wire::{Package, PackageType, WebSocketHeader, kick_body, package_header, write_response};

/// How long one for whom there is no place may take to say how it speaks, so that it can be told in its own way.
const SURPLUS_PATIENCE: Duration = Duration::from_secs(1);

/// Messages of one client that may be under way; while there are more, nothing is read from it. Without a bound one
/// who floods fills mailboxes faster than they are emptied, and all others wait behind it.
const UNDER_WAY_MAX: usize = 64;

/// A row of a port's table.
pub(super) struct Connection {
    pub(super) session: SessionId,
    pub(super) peer: SocketAddr,
    pub(super) stream: Rc<TcpStream>,
    transport: Transport,
    machine: Machine,
    outbox: Outbox,
    close_sent: bool,
    close_code: CloseCode,
    /// There was no place for it: it is closed as soon as it has said how it speaks, and never counted.
    pub(super) is_surplus: bool,
    /// It takes one of the port's places. One that was lost leaves its own to the session that waits for its client.
    pub(super) has_place: bool,
    /// The server behind the port knows of its session, and this is the session's connection.
    opened: bool,
    /// Where its session is kept, when it may outlive the connection: see [`Resume`].
    pub(super) kept: Option<u32>,
    /// It stands in the port's list of outboxes to write.
    pub(super) dirty: bool,
    /// The socket takes no more for now; a task waits for it.
    pub(super) blocked: bool,
    /// It ends: nothing more is read or said, what waits is still written.
    ending: Option<(CloseReason, Time)>,
    /// The last time that bytes came.
    heard: Time,
    /// Messages of it that were handed up and are not done with.
    under_way: usize,
    /// Its reader, while it waits for some of them to be done.
    reader: Option<Waker>,
}

/// What a connection's transport works on.
pub(super) struct Core<'a> {
    pub(super) options: &'a PortOptions,
    pub(super) outbox: &'a mut Vec<u8>,
    pub(super) is_websocket: bool,
    pub(super) close_sent: bool,
    pub(super) close_code: CloseCode,
    is_surplus: bool,
    opened: bool,
    kept: Option<u32>,
    machine: &'a mut Machine,
    session: SessionId,
    row: usize,
    resume: Option<&'a mut Resume>,
    peer: SocketAddr,
    now: Time,
    ignored: u64,
    messages: usize,
    events: &'a dyn Fn(PortEvent),
}

impl Core<'_> {
    /// Takes one package.
    pub(super) fn package(&mut self, package: Package<'_>) -> Result<(), Fault> {
        let kind = package.kind;
        if self.is_surplus {
            let Some(resume) = &self.resume else { return Ok(()) };
            // There is a place for one after all: for who comes back to a session that holds it.
            if kind != PackageType::Handshake || !resume.is_awaited(package.body) {
                return Err(Fault(CloseReason::TooMany, String::new()));
            }
            self.is_surplus = false;
        }
        match self.machine.on_package(self.now, package, &self.options.offer, &self.options.timeouts) {
            Action::Reply(PackageType::Handshake, mut answer) => {
                self.greet(package.body, &mut answer);
                self.reply(PackageType::Handshake, &answer);
            }
            Action::Reply(kind, body) => self.reply(kind, &body),
            Action::Refuse(kind, body) => {
                self.reply(kind, &body);
                return Err(Fault(CloseReason::HandshakeRefused, "the handshake is malformed".to_owned()));
            }
            Action::Open(heartbeat) => {
                if heartbeat {
                    self.reply(PackageType::Heartbeat, &[]);
                }
                if let (Some(resume), Some(key)) = (self.resume.as_deref_mut(), self.kept) {
                    resume.acknowledged(key);
                }
                if !std::mem::replace(&mut self.opened, true) {
                    (self.events)(PortEvent::Opened { session: self.session, peer: self.peer });
                }
            }
            Action::Message(bytes) => {
                self.messages += 1;
                let bytes = Bytes::copy_from_slice(bytes);
                (self.events)(PortEvent::Message { session: self.session, bytes });
            }
            Action::Ignore => self.ignored += 1,
            Action::Accept => {}
            Action::Close(reason) => return Err(Fault(reason, format!("a package {kind:?} from a client"))),
        }
        Ok(())
    }

    /// Tells a client that shakes hands how to come back, or gives it the session that it comes back to.
    fn greet(&mut self, hello: &[u8], answer: &mut Vec<u8>) {
        let Some(resume) = self.resume.as_deref_mut() else { return };
        let greeting = resume.greet(self.session, self.row, hello, answer);
        // Said before anything is of the new session: it may want what the old one has.
        if let Some(session) = greeting.ended {
            (self.events)(PortEvent::Closed { session });
        }
        (self.session, self.kept, self.opened) = (greeting.session, greeting.kept, greeting.is_resumed);
    }

    fn reply(&mut self, kind: PackageType, body: &[u8]) {
        put_package(self.outbox, self.is_websocket, kind, body);
    }
}

impl Connection {
    pub(super) fn new(session: SessionId, peer: SocketAddr, stream: Rc<TcpStream>, now: Time) -> Self {
        Self {
            session,
            peer,
            stream,
            transport: Transport::Unknown,
            machine: Machine::new(now),
            outbox: Outbox::default(),
            close_sent: false,
            // A normal end, as Pomelo's servers say it.
            close_code: CloseCode::Normal,
            is_surplus: false,
            has_place: true,
            opened: false,
            kept: None,
            dirty: false,
            blocked: false,
            ending: None,
            heard: now,
            under_way: 0,
            reader: None,
        }
    }

    /// Takes what the socket gave; `row` says where the connection stands. Gives back the number of packages that were
    /// ignored.
    pub(super) fn receive(
        &mut self,
        now: Time,
        bytes: &[u8],
        row: usize,
        resume: Option<&mut Resume>,
        options: &PortOptions,
        events: &dyn Fn(PortEvent),
    ) -> (u64, Result<(), Fault>) {
        self.heard = now;
        if self.ending.is_some() {
            return (0, Ok(()));
        }
        let mut core = Core {
            options,
            is_websocket: self.outbox.form == Form::WebSocket,
            outbox: self.outbox.own_uncut(),
            close_sent: self.close_sent,
            close_code: self.close_code,
            is_surplus: self.is_surplus,
            opened: self.opened,
            kept: self.kept,
            machine: &mut self.machine,
            session: self.session,
            row,
            resume,
            peer: self.peer,
            now,
            ignored: 0,
            messages: 0,
            events,
        };
        let result = self.transport.receive(bytes, &mut core);
        let ignored = core.ignored;
        let may_be_awaited = core.resume.is_some();
        self.under_way += core.messages;
        (self.close_sent, self.close_code) = (core.close_sent, core.close_code);
        (self.is_surplus, self.session, self.kept, self.opened) =
            (core.is_surplus, core.session, core.kept, core.opened);
        self.outbox.form = if core.is_websocket { Form::WebSocket } else { Form::Tcp };
        if self.is_surplus && self.transport.is_known() && !may_be_awaited {
            return (ignored, Err(Fault(CloseReason::TooMany, String::new())));
        }
        (ignored, result)
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
        let is_websocket = self.is_websocket();
        put_package(self.outbox.own(batches), is_websocket, PackageType::Kick, &kick_body(reason));
    }

    /// Whatever this batch is given from now on is for this client too. Gives the batch that was so before.
    pub(super) fn join(&mut self, batch: BatchId, batches: &Batches) -> Option<BatchId> {
        self.outbox.join(batch, batches)
    }

    /// The batch whose bytes are for this client too.
    pub(super) fn joined(&self) -> Option<BatchId> {
        self.outbox.joined()
    }

    /// Nothing more of a batch is for this client. Gives the batch that was so before.
    pub(super) fn part(&mut self, batches: &Batches) -> Option<BatchId> {
        self.outbox.part(batches)
    }

    /// What it has of a batch until now stands before whatever comes next.
    pub(super) fn cut(&mut self, batches: &Batches) {
        self.outbox.cut(batches);
    }

    /// Batches are about to be emptied.
    pub(super) fn settle(&mut self, batches: &Batches) {
        self.outbox.settle(batches);
    }

    /// How its client speaks.
    pub(super) fn form(&self) -> Form {
        self.outbox.form
    }

    fn is_websocket(&self) -> bool {
        self.form() == Form::WebSocket
    }

    /// Ends the connection once what waits is written. False when it ends already.
    pub(super) fn end(&mut self, now: Time, reason: CloseReason) -> bool {
        if self.ending.is_some() {
            return false;
        }
        self.ending = Some((reason, now));
        // It reads on, to find the stream's end.
        self.wake_reader();
        if self.is_websocket() && !self.close_sent {
            put_close(self.outbox.own_uncut(), self.close_code, "");
        }
        true
    }

    /// Tells a WebSocket in its close frame that the server goes away, and why. Over raw TCP there
    /// is no word for that but the end of the stream.
    pub(super) fn go_away(&mut self, reason: &str, batches: &Batches) {
        if self.is_websocket() && self.ending.is_none() && !std::mem::replace(&mut self.close_sent, true) {
            put_close(self.outbox.own(batches), CloseCode::Away, reason);
        }
    }

    /// Lets the session go: it has another connection, or waits for one. What this one was not yet given is lost to it,
    /// and nothing can follow a frame that was cut. Gives the number of the session's messages under way.
    pub(super) fn let_go(&mut self) -> usize {
        (self.opened, self.kept) = (false, None);
        if self.waiting_bytes() > 0 {
            self.outbox.forget();
            self.close_sent = true;
            self.shut(std::net::Shutdown::Both);
        }
        std::mem::take(&mut self.under_way)
    }

    /// Takes on the session's messages that are under way.
    pub(super) fn take_on(&mut self, under_way: usize) {
        self.under_way += under_way;
    }

    /// Writes what waits, once. Ends the stream when that was the last of it.
    pub(super) fn write(&mut self, batches: &Batches) -> Written {
        let written = self.outbox.write(&self.stream, batches);
        if self.ending.is_some() && matches!(written, Written::All) {
            self.shut(std::net::Shutdown::Write);
        }
        written
    }

    /// Ends the stream now; its reader then finds the end of it, and removes the row.
    pub(super) fn shut(&self, how: std::net::Shutdown) {
        // It may be gone already, which is as good.
        let _ = socket2::SockRef::from(&*self.stream).shutdown(how);
    }

    /// One of its messages is done with. True when it waits to be read, and may be again.
    pub(super) fn done(&mut self) -> bool {
        self.under_way = self.under_way.saturating_sub(1);
        self.under_way < UNDER_WAY_MAX && self.reader.is_some()
    }

    /// It is read again; that it was not heard until now was not its fault.
    pub(super) fn read_on(&mut self, now: Time) {
        self.heard = now;
        self.machine.heard_late(now);
        self.wake_reader();
    }

    /// Whether more of it may be read; if not, `waker` is woken when that may have changed. A port that `drains` reads
    /// only on to the end of those that end.
    pub(super) fn may_read(&mut self, drains: bool, waker: &Waker) -> bool {
        let may = self.ending.is_some() || (!drains && self.under_way < UNDER_WAY_MAX);
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

    pub(super) fn waiting_bytes(&self) -> usize {
        self.outbox.waiting_bytes()
    }

    /// The memory that its outbox takes.
    pub(super) fn outbox_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// Gives memory back that nothing waits in.
    pub(super) fn shrink(&mut self) {
        self.outbox.shrink();
    }

    pub(super) fn is_open(&self) -> bool {
        self.machine.is_working() && self.ending.is_none()
    }

    /// Whether the server behind the port knows of it.
    pub(super) fn was_opened(&self) -> bool {
        self.opened
    }

    pub(super) fn ending(&self) -> Option<(CloseReason, Time)> {
        self.ending
    }

    pub(super) fn transport_name(&self) -> &'static str {
        self.transport.name()
    }

    /// Whether the client was silent for too long.
    pub(super) fn overdue(&self, now: Time, options: &PortOptions) -> Option<CloseReason> {
        if self.is_surplus && now.since(self.heard) >= SURPLUS_PATIENCE {
            return Some(CloseReason::TooMany);
        }
        // It may have spoken, and was not read: its messages are worked off first.
        if self.reader.is_some() {
            return None;
        }
        let idle = !self.is_websocket() && now.since(self.heard) >= options.idle_timeout;
        self.machine.overdue(now, &options.timeouts).or(idle.then_some(CloseReason::IdleTimeout))
    }
}

fn respond(out: &mut Vec<u8>, form: Form, request: u64, body: &[u8]) {
    // The header's length depends on the package's, which is written first where it must end up if short.
    let start = out.len();
    write_response(out, request, body);
    if form == Form::WebSocket {
        let header = WebSocketHeader::binary(out.len() - start);
        out.splice(start..start, header.as_bytes().iter().copied());
    }
}

/// A close frame; a reason that is too long for one is left out.
fn put_close(out: &mut Vec<u8>, code: CloseCode, reason: &str) {
    const FIN_CLOSE: u8 = 0x88;
    /// What a control frame can carry (RFC 6455, 5.5), without the code.
    const REASON_BYTES_MAX: usize = 123;
    let reason = if reason.len() <= REASON_BYTES_MAX { reason } else { "" };
    let [high, low] = u16::from(code).to_be_bytes();
    out.extend_from_slice(&[FIN_CLOSE, 2 + reason.len() as u8, high, low]);
    out.extend_from_slice(reason.as_bytes());
}

fn put_package(out: &mut Vec<u8>, is_websocket: bool, kind: PackageType, body: &[u8]) {
    let header = package_header(kind, body.len());
    if is_websocket {
        out.extend_from_slice(WebSocketHeader::binary(header.len() + body.len()).as_bytes());
    }
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
}
