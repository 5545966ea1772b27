//! The states of a connection, as one pure machine: handshake, acknowledgement, work.
//!
//! ```text
//!   handshake ──ok──▶ ack ──▶ working        a wrong handshake, an unknown package or a kick ──▶ closed
//! ```
//! Packages that come in the wrong state, such as data before the acknowledgement, are ignored, as
//! in Pomelo.

use std::time::Duration;

use super::CloseReason;
use crate::time::Time;
use crate::wire::{HandshakeOffer, Package, PackageType};

/// The timeouts of a connection's states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionTimeouts {
    /// From connecting to the handshake.
    pub handshake: Duration,
    /// From the handshake's answer to its acknowledgement.
    pub ack: Duration,
    /// From the acknowledgement or the client's last heartbeat to its next. `None`: heartbeats are
    /// accepted without a reply, and never time out.
    pub heartbeat: Option<Duration>,
}

/// The response to a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action<'a> {
    /// Send this package.
    Reply(PackageType, Vec<u8>),
    /// Send this package, then close.
    Refuse(PackageType, Vec<u8>),
    /// The client is in; with `true`, send it a first heartbeat.
    Open(bool),
    /// Pass this message on to the server.
    Message(&'a [u8]),
    /// Nothing: the package does not belong in this state.
    Ignore,
    /// Nothing: the package is fine as it is.
    Accept,
    /// Close.
    Close(CloseReason),
}

/// One connection's state.
#[derive(Clone, Debug)]
pub struct Machine {
    phase: Phase,
    /// When the phase began; while working, when the last heartbeat came.
    since: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Handshake,
    Ack,
    Working,
}

impl Machine {
    /// The state of a new connection.
    pub fn new(now: Time) -> Self {
        Self { phase: Phase::Handshake, since: now }
    }

    /// Whether messages pass.
    pub fn is_working(&self) -> bool {
        self.phase == Phase::Working
    }

    /// Takes a package from the client.
    pub fn on_package<'a>(
        &mut self,
        now: Time,
        package: Package<'a>,
        offer: &HandshakeOffer,
        timeouts: &ConnectionTimeouts,
    ) -> Action<'a> {
        match (self.phase, package.kind) {
            (_, PackageType::Kick) => Action::Close(CloseReason::BadPackage),
            (Phase::Handshake, PackageType::Handshake) => match offer.answer(package.body) {
                Ok(answer) => {
                    self.enter(Phase::Ack, now);
                    Action::Reply(PackageType::Handshake, answer)
                }
                Err(answer) => Action::Refuse(PackageType::Handshake, answer),
            },
            (Phase::Ack, PackageType::HandshakeAck) => {
                self.enter(Phase::Working, now);
                Action::Open(timeouts.heartbeat.is_some())
            }
            (Phase::Working, PackageType::Data) => Action::Message(package.body),
            (Phase::Working, PackageType::Heartbeat) => match timeouts.heartbeat {
                Some(_) => {
                    self.since = now;
                    Action::Reply(PackageType::Heartbeat, Vec::new())
                }
                None => Action::Accept,
            },
            _ => Action::Ignore,
        }
    }

    /// Whether the client has been silent for too long.
    pub fn overdue(&self, now: Time, timeouts: &ConnectionTimeouts) -> Option<CloseReason> {
        let (limit, reason) = match self.phase {
            Phase::Handshake => (timeouts.handshake, CloseReason::HandshakeTimeout),
            Phase::Ack => (timeouts.ack, CloseReason::AckTimeout),
            Phase::Working => (timeouts.heartbeat?, CloseReason::HeartbeatTimeout),
        };
        (now.since(self.since) >= limit).then_some(reason)
    }

    /// Restarts the timeout: the client was not read for a while.
    pub fn restart_timeout(&mut self, now: Time) {
        self.since = now;
    }

    /// Moves the timeout: the server did not run for this long.
    pub fn postpone(&mut self, by: Duration) {
        self.since = self.since + by;
    }

    fn enter(&mut self, phase: Phase, now: Time) {
        self.phase = phase;
        self.since = now;
    }
}
