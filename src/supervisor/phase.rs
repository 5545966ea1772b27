//! The states of a server's life.
//!
//! ```text
//!   ┌──────▶ Down ──── add, restart, comeback ────▶ Binding ──Bound──▶ Starting ──Told──▶ Opening ──Open──▶ Up ◀─▶ Paused
//!   │         ▲        (a backend has no port: from Down to Starting, from Starting to Up)                   │
//!   │         │                                                                          stop, remove, restart
//!   │         │                                                                                              ▼
//!   │       Ending ◀──EmptyHanded── HandingOver ◀──Unconnected── Closing ◀──Told── Telling ◀──Idle── Answering  a frontend
//!   │         │                     HandingOver ◀──────────────Idle── Answering ◀──Told── Telling               a backend
//!   └─Ended───┘
//! ```
//!
//! A frontend retires first, so that its clients get their answers before it says goodbye. A
//! backend says goodbye first, while it still has its rooms. Each state of a stop has a deadline;
//! when it passes, the life continues as if the fact held. A kill leads from every state with a
//! server straight to `Ending`, and so does a failed start. The goal of the life decides what
//! follows `Ending`.

use super::act::ServerState;
use crate::time::Time;

/// A state of a server's life. Its `Time` is the deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Down { back_at: Option<Time> },
    Binding { retry_at: Option<Time>, until: Time },
    Starting,
    Opening,
    Up,
    Paused,
    Answering(Time),
    Telling(Time),
    Closing(Time),
    HandingOver(Time),
    Ending,
    Over,
}

impl Phase {
    /// The time at which the state ends as if its fact held, or continues by itself.
    pub(super) fn deadline(self) -> Option<Time> {
        match self {
            Phase::Down { back_at } => back_at,
            Phase::Binding { retry_at, .. } => retry_at,
            Phase::Answering(at) | Phase::Telling(at) | Phase::Closing(at) | Phase::HandingOver(at) => {
                Some(at)
            }
            _ => None,
        }
    }

    /// The state as observers see it.
    pub(super) fn state(self, was_killed: bool) -> ServerState {
        match self {
            Phase::Starting | Phase::Opening | Phase::Up => ServerState::Running,
            Phase::Paused => ServerState::Paused,
            Phase::Answering(_) | Phase::Telling(_) | Phase::Closing(_) | Phase::HandingOver(_) => {
                ServerState::Stopping
            }
            _ if was_killed => ServerState::Killed,
            _ => ServerState::Stopped,
        }
    }

    /// Whether the server is neither coming up nor going down.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Phase::Down { .. } | Phase::Up | Phase::Paused | Phase::Over)
    }

    /// Whether a server exists that a kill can end.
    pub(super) fn has_server(self) -> bool {
        !matches!(self, Phase::Down { .. } | Phase::Binding { .. } | Phase::Ending | Phase::Over)
    }
}
