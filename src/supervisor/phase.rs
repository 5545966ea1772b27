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
//! A frontend retires first, so that its clients are answered before it says goodbye; a backend says
//! goodbye first, while it still has its rooms. Each state of a stop has a deadline, at which it is left
//! as if its fact held. A kill leads from every state with a server straight to `Ending`, and so does a
//! start that fails. What follows `Ending` is the life's goal.

use super::act::ServerState;
use crate::time::Time;

/// See the module. A moment is the deadline.
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
    /// When it is left as if its fact held, or goes on by itself.
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

    /// As observers see it.
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

    /// Whether the server neither comes up nor goes down.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Phase::Down { .. } | Phase::Up | Phase::Paused | Phase::Over)
    }

    /// Whether there is a server that a kill can end.
    pub(super) fn has_server(self) -> bool {
        !matches!(self, Phase::Down { .. } | Phase::Binding { .. } | Phase::Ending | Phase::Over)
    }
}
