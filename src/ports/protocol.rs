//! The protocol of one connection, pure: the client's bytes and the time in, events and replies
//! out.
//!
//! It does not know sockets or ports. A port runs one for each socket; fuzzers run it alone.

use super::batch::Form;
use super::machine::{Action, Machine};
use super::transport::{Fault, Transport};
use super::{CloseReason, PortOptions};
use crate::time::Time;
use crate::wire::{HEADER_BYTES, Package, PackageType, WebSocketHeader, write_package};

/// The transport and the states of one connection.
pub struct Protocol {
    pub(super) transport: Transport,
    pub(super) machine: Machine,
}

/// The meaning of a package from the client, for the connection's owner.
pub enum ProtocolEvent<'a> {
    /// The client's handshake. The owner may complete the answer, and sends it with
    /// [`reply`](Protocol::reply).
    Handshake {
        /// The body that the client sent.
        hello: &'a [u8],
        /// The body of the answer.
        answer: Vec<u8>,
    },
    /// The client has acknowledged the handshake: messages may be sent.
    Open,
    /// A message: the body of a data package.
    Message(&'a [u8]),
    /// The client is alive.
    Heartbeat,
    /// A package that is ignored in this state, as in Pomelo.
    Ignored,
}

impl Protocol {
    /// The protocol of a new connection.
    pub fn new(now: Time) -> Self {
        Self { transport: Transport::Unknown, machine: Machine::new(now) }
    }

    /// The next event in `input`, whose bytes are taken off its front; `None`: the input is used
    /// up. Replies are appended to `out`. `admits` is asked about each package first: if it says
    /// no, the connection ends.
    ///
    /// # Errors
    /// The client left, broke the protocol, or is not admitted. Nothing may follow.
    #[inline]
    pub fn receive<'a, 'i: 'a>(
        &'a mut self,
        now: Time,
        input: &mut &'i [u8],
        options: &PortOptions,
        out: &mut Vec<u8>,
        admits: impl FnOnce(Package<'_>) -> bool,
    ) -> Result<Option<ProtocolEvent<'a>>, Fault> {
        let found = self.transport.advance(input, options.cluster.body_bytes_max, out)?;
        let Some((kind, here)) = found else { return Ok(None) };
        let form = self.transport.form();
        let package = Package { kind, body: here.unwrap_or(self.transport.body()) };
        if !admits(package) {
            return Err(Fault(CloseReason::TooMany, String::new()));
        }
        Ok(Some(match self.machine.on_package(now, package, &options.offer, &options.timeouts) {
            Action::Reply(PackageType::Handshake, answer) => {
                ProtocolEvent::Handshake { hello: package.body, answer }
            }
            Action::Reply(kind, body) => {
                put_package(out, form, kind, &body);
                ProtocolEvent::Heartbeat
            }
            Action::Refuse(kind, body) => {
                put_package(out, form, kind, &body);
                return Err(Fault(CloseReason::HandshakeRefused, "the handshake is malformed".to_owned()));
            }
            Action::Open(heartbeat) => {
                if heartbeat {
                    put_package(out, form, PackageType::Heartbeat, &[]);
                }
                ProtocolEvent::Open
            }
            Action::Message(bytes) => ProtocolEvent::Message(bytes),
            Action::Ignore => ProtocolEvent::Ignored,
            Action::Accept => ProtocolEvent::Heartbeat,
            Action::Close(reason) => return Err(Fault(reason, format!("a package {kind:?} from a client"))),
        }))
    }

    /// Appends a package to `out`.
    pub fn reply(&self, kind: PackageType, body: &[u8], out: &mut Vec<u8>) {
        put_package(out, self.transport.form(), kind, body);
    }

    /// The code of the close frame that is due when the connection ends (RFC 6455, 7.4.1), returned
    /// once. `None`: a close frame was sent, or the transport has none.
    pub fn take_close(&mut self) -> Option<u16> {
        match &mut self.transport {
            Transport::WebSocket(socket) => socket.close.take().map(u16::from),
            _ => None,
        }
    }
}

fn put_package(out: &mut Vec<u8>, form: Form, kind: PackageType, body: &[u8]) {
    if form == Form::WebSocket {
        out.extend_from_slice(WebSocketHeader::binary(HEADER_BYTES + body.len()).as_bytes());
    }
    write_package(out, kind, body);
}
