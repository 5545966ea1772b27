//! A running cluster with a bystander room: checks the effect of hostile input on its sender, and
//! that nothing else is affected.

use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::CloseReason;

use super::client::Transport;
use super::raw::Raw;
use super::watch::{Held, WatchedRoom, closed, resident_bytes, wait_closed};
use super::{patient, tutorial};

/// A bound on leaked memory: a declared length costs nothing, and messages are not kept.
const GROWTH_BYTES_MAX: usize = 64 << 20;

/// The expected effect on a connection.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Fate {
    /// It is closed, and counted as this.
    Ends(CloseReason),
    /// It breaks the WebSocket protocol, and is closed with this code (RFC 6455, 7.4.1).
    Breaks(u16),
    /// The request of this id gets this answer, and the connection keeps working.
    Answered(u64, &'static str),
    /// No effect.
    Ignored,
}

/// A cluster, a bystander room, and the cluster's resources before the attack.
pub struct Scene {
    pub cluster: RunningCluster,
    pub room: WatchedRoom,
    pub held: Held,
    resident: usize,
}

impl Scene {
    pub fn new() -> Self {
        let cluster = tutorial().options(patient()).start().unwrap();
        let room = WatchedRoom::start(&cluster, "lobby");
        let held = Held::by(&cluster.view().unwrap());
        Self { cluster, room, held, resident: resident_bytes() }
    }

    pub fn open(&self, port: &str, transport: Transport) -> Raw {
        Raw::open(self.cluster.address(port).unwrap(), transport)
    }

    /// Sends `bytes`, and checks the expected effect there and everywhere else.
    pub fn suffers(&self, port: &str, mut raw: Raw, transport: Transport, bytes: &[u8], fate: Fate) {
        let ends = |reason| closed(&self.cluster, port, reason);
        match fate {
            Fate::Ends(_) | Fate::Breaks(_) => {
                let (reason, code) = match fate {
                    Fate::Ends(reason) => (reason, 1000),
                    Fate::Breaks(code) => (CloseReason::BadWebSocket, code),
                    Fate::Answered(..) | Fate::Ignored => unreachable!("it goes on"),
                };
                let before = ends(reason);
                raw.send(bytes);
                let said = raw.end();
                if transport == Transport::WebSocket {
                    assert!(said.ends_with(&[&[0x88, 2], &code.to_be_bytes()[..]].concat()), "{said:?}");
                }
                wait_closed(&self.cluster, port, reason, before + 1);
            }
            Fate::Answered(id, answer) => {
                raw.send(bytes);
                let mut expected = Vec::new();
                pomelo_sim::wire::write_response(&mut expected, id, b"");
                raw.until(&[&expected[4..], answer.as_bytes()].concat());
                raw.assert_works(transport);
            }
            Fate::Ignored => {
                raw.send(bytes);
                raw.assert_works(transport);
            }
        }
        drop(raw);
        self.room.assert_works();
        self.held.wait_again(&self.cluster);
    }

    pub fn end(self) {
        self.room.finish();
        let grown = resident_bytes().saturating_sub(self.resident);
        assert!(grown < GROWTH_BYTES_MAX, "memory grew by {grown} bytes");
        Held::wait_nothing(&self.cluster);
    }
}
