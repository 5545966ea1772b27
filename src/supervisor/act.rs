//! What goes into the supervisor and what comes out of it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ServerId;
use crate::servers::Delivery;

/// The longest that a stop waits for rooms to be handed over: other changes of servers come after it. Rooms that have not
/// moved by then are rebuilt from their sessions, as after a crash.
const HAND_OVER_MAX: Duration = Duration::from_secs(5);

/// The state of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// It serves.
    Running,
    /// It does nothing until it is resumed; others wait for it, as for a process that was sent SIGSTOP.
    Paused,
    /// A handler of it panicked; it comes up again by itself.
    Restarting,
    /// It is told to stop, and hands over what it holds.
    Stopping,
    /// It was stopped. `restart` and `add` bring it back.
    Stopped,
    /// It vanished, as a process that crashed. `restart` and `add` bring it back.
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
    /// Whether nothing of it runs.
    pub fn is_down(self) -> bool {
        matches!(self, ServerState::Stopped | ServerState::Killed)
    }
}

/// What can be done with one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Take it out of the cluster.
    Remove,
    /// Stop it in good order.
    Stop,
    /// Let it vanish.
    Kill,
    /// Let it hang.
    Pause,
    /// Let it go on.
    Resume,
    /// Stop and start it.
    Restart,
}

/// Why an order is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The server's state; none: it is unknown.
    pub state: Option<ServerState>,
    /// What would be needed.
    pub wanted: &'static str,
}

/// How long each part of a life may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// A stop waits this long for requests in flight, and again for clients to read their last bytes.
    pub stop: Duration,
    /// A stop waits this long for rooms to be handed over.
    pub hand_over: Duration,
}

impl Timeouts {
    /// Those of a cluster with these timeouts of stops and requests.
    pub fn new(stop: Duration, request: Duration) -> Self {
        Self { stop, hand_over: (stop + request).min(HAND_OVER_MAX) }
    }
}

/// One thing to do with one server.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Which server.
    pub server: ServerId,
    /// What to do.
    pub act: Act,
}

/// What to do with a server. Each happens after those decided before it.
#[derive(Clone, Debug)]
pub enum Act {
    /// Bind its client port, without taking clients. Report [`Fact::Bound`], [`Fact::PortTaken`] or [`Fact::Failed`].
    Bind,
    /// Make it, and let it run.
    Make,
    /// The router knows it; no route chooses it yet.
    Admit,
    /// Give it a delivery.
    Deliver(Delivery),
    /// Take clients on its port. Report [`Fact::Open`] or [`Fact::Failed`].
    Open,
    /// The router puts it on its type's list.
    Join,
    /// Router and server let it do nothing.
    Pause,
    /// Server and router, in this order, let it go on.
    Resume,
    /// The router takes it off its type's list, and moves its rooms.
    Retire,
    /// Take no more clients on its port.
    StopAccepting,
    /// Tell its clients this reason behind what they still get, and close their connections.
    Shut(&'static str),
    /// The router forgets it: what it still says counts no more.
    Forget,
    /// It ends as it is, and its connections with it.
    End,
    /// It was removed: the router forgets its place on the list.
    Strike,
    /// Report this fact once, when it holds.
    Await(Fact),
    /// Note in the timeline that this has happened.
    Note(Change),
}

/// What the supervisor waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// Its client port is its own.
    Bound,
    /// Another socket has its client port.
    PortTaken,
    /// It cannot come up.
    Failed,
    /// It has done what it was given, and the router has carried what it said meanwhile.
    Told,
    /// Its port takes clients.
    Open,
    /// It has nothing to do, and waits for no answer.
    Idle,
    /// No client is connected.
    Unconnected,
    /// It holds nothing that another server could take.
    EmptyHanded,
    /// It has ended.
    Ended,
}

/// What has happened to a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It was added.
    Added,
    /// It was stopped and removed.
    Removed,
    /// It was stopped.
    Stopped,
    /// It was killed.
    Killed,
    /// It hangs.
    Paused,
    /// It goes on.
    Resumed,
    /// It was stopped, if it was up, and started.
    Restarted,
    /// It has come back by itself.
    CameBack,
}
