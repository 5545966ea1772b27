//! A connection without a socket: what a port makes of a client's bytes, for tests and fuzzers.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};

use tungstenite::protocol::frame::coding::CloseCode;

use super::Core;
use crate::ids::SessionId;
use crate::ports::machine::Machine;
use crate::ports::transport::Transport;
use crate::ports::{CloseReason, PortEvent, PortOptions};
use crate::time::Time;

/// The transport and the states of one connection, pure: bytes in; events, and what the client is told, out.
pub struct OfflineConnection {
    options: PortOptions,
    transport: Transport,
    machine: Machine,
    told: Vec<u8>,
    is_websocket: bool,
    close_sent: bool,
    close_code: CloseCode,
    opened: bool,
}

/// What came of some bytes.
#[derive(Debug)]
pub struct Received {
    /// What the server behind the port hears of.
    pub events: Vec<PortEvent>,
    /// What the client is told: HTTP, WebSocket frames or packages.
    pub told: Vec<u8>,
    /// Why the connection ends, and what the log says of it, if it does. Nothing may follow.
    pub end: Option<(CloseReason, String)>,
}

impl OfflineConnection {
    /// A connection that was just made, at [`Time::START`].
    pub fn new(options: PortOptions) -> Self {
        Self {
            options,
            transport: Transport::Unknown,
            machine: Machine::new(Time::START),
            told: Vec::new(),
            is_websocket: false,
            close_sent: false,
            close_code: CloseCode::Normal,
            opened: false,
        }
    }

    /// Takes the next bytes of the client's stream.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) -> Received {
        let events = RefCell::new(Vec::new());
        let mut core = Core {
            options: &self.options,
            outbox: &mut self.told,
            is_websocket: self.is_websocket,
            close_sent: self.close_sent,
            close_code: self.close_code,
            is_surplus: false,
            opened: self.opened,
            kept: None,
            machine: &mut self.machine,
            session: SessionId::new(1, 0),
            row: 0,
            // Nobody comes back to a connection that is alone.
            resume: None,
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            now,
            ignored: 0,
            messages: 0,
            events: &|event| events.borrow_mut().push(event),
        };
        let result = self.transport.receive(bytes, &mut core);
        (self.is_websocket, self.close_sent, self.close_code) =
            (core.is_websocket, core.close_sent, core.close_code);
        self.opened = core.opened;
        let end = result.err().map(|fault| (fault.0, fault.1));
        Received { events: events.into_inner(), told: std::mem::take(&mut self.told), end }
    }

    /// The code that a WebSocket is closed with when it ends now (RFC 6455, 7.4.1); none when it was closed already,
    /// and for another transport.
    pub fn close_code(&self) -> Option<u16> {
        (self.is_websocket && !self.close_sent).then(|| self.close_code.into())
    }
}
