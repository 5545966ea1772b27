//! The input and output of the supervisor: verbs and facts in, decisions out.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ServerId;
use crate::servers::Delivery;

/// The longest wait of a stop for the hand-off of its rooms: later changes of servers queue behind
/// the stop. Rooms that have not moved by then are rebuilt from their sessions, as after a crash.
const HAND_OVER_MAX: Duration = Duration::from_secs(5);

/// The state of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// The server serves.
    Running,
    /// The server does nothing until it is resumed. Others wait for it, as for a process stopped by
    /// SIGSTOP.
    Paused,
    /// A handler panicked. The server comes back by itself.
    Restarting,
    /// The server stops and hands off its rooms.
    Stopping,
    /// The server was stopped. `restart` and `add` bring it back.
    Stopped,
    /// The server vanished like a crashed process. `restart` and `add` bring it back.
    Killed,
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ServerState::Running => "running",
            ServerState::Paused => "paused",
            ServerState::Restarting => "restarting",
            ServerState::Stopping => "stopping",
            ServerState::Stopped => "stopped",
            ServerState::Killed => "killed",
        })
    }
}

impl ServerState {
    /// Whether no part of the server runs.
    pub fn is_down(self) -> bool {
        matches!(self, ServerState::Stopped | ServerState::Killed)
    }
}

/// An order to one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Remove it from the cluster.
    Remove,
    /// Stop it in good order.
    Stop,
    /// Kill it without a goodbye.
    Kill,
    /// Suspend it.
    Pause,
    /// Resume it.
    Resume,
    /// Stop it and start it.
    Restart,
}

/// The reason of a refused order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The server's state, or none if the server is unknown.
    pub state: Option<ServerState>,
    /// The condition that the order requires.
    pub wanted: &'static str,
}

/// The time limits of a stop.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The wait of a stop for requests in flight, and again for clients to read their last bytes.
    pub stop: Duration,
    /// The wait of a stop for the hand-off of rooms.
    pub hand_over: Duration,
}

impl Timeouts {
    /// Makes the limits of a cluster from its timeouts of stops and requests.
    pub fn new(stop: Duration, request: Duration) -> Self {
        Self { stop, hand_over: (stop + request).min(HAND_OVER_MAX) }
    }
}

/// One action on one server.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The server.
    pub server: ServerId,
    /// The action.
    pub act: Act,
}

/// An action on a server. Each action happens after those decided before it.
#[derive(Clone, Debug)]
pub enum Act {
    /// Bind the client port without accepting clients. Report [`Fact::Bound`], [`Fact::PortTaken`]
    /// or [`Fact::Failed`].
    Bind,
    /// Create the server and let it run.
    Make,
    /// Make the server known to the router. No route chooses it yet.
    Admit,
    /// Give the server a delivery.
    Deliver(Delivery),
    /// Accept clients on the port. Report [`Fact::Open`] or [`Fact::Failed`].
    Open,
    /// Add the server to the router's list of its type.
    Join,
    /// Suspend the server, in the router and on its own side.
    Pause,
    /// Resume the server, then the router, in this order.
    Resume,
    /// Remove the server from the router's list of its type, and move its rooms.
    Retire,
    /// Stop accepting clients on the port.
    StopAccepting,
    /// Send the clients this reason after their pending output, and close their connections.
    Shut(&'static str),
    /// Make the router forget the server: its later messages count no more.
    Forget,
    /// End the server as it is, with its connections.
    End,
    /// The server was removed: the router forgets its place in the order.
    RemoveFromOrder,
    /// Report this fact once, as soon as it holds.
    Await(Fact),
    /// Note this change in the timeline.
    Note(Change),
}

/// A fact that the supervisor waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The server owns its client port.
    Bound,
    /// Another socket has the client port.
    PortTaken,
    /// The server cannot start.
    Failed,
    /// The server has finished its deliveries, and the router has received its output.
    Told,
    /// The port accepts clients.
    Open,
    /// The server has nothing to do and waits for no answer.
    Idle,
    /// No client is connected.
    Unconnected,
    /// The server has nothing left that another server could take over.
    EmptyHanded,
    /// The server has ended.
    Ended,
}

/// A change of a server, as the timeline notes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The server was added.
    Added,
    /// The server was stopped and removed.
    Removed,
    /// The server was stopped.
    Stopped,
    /// The server was killed.
    Killed,
    /// The server was suspended.
    Paused,
    /// The server was resumed.
    Resumed,
    /// The server was started, after a stop if it was up.
    Restarted,
    /// The server came back by itself.
    CameBack,
}
