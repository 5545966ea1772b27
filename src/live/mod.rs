//! The live cluster: the pure router and servers as actix actors, with real ports and real time.
//!
//! Actors are shells: they pass deliveries in and carry effects out. By default all of them share
//! one thread, since a message between two actors on one thread costs a tenth of a microsecond, and
//! between two threads up to sixty times that.
//!
//! Servers are changed one after the other (`servers`), as the supervisor decides. Queries run
//! concurrently with changes (`queries`). Both read a server's entry in the roster.

mod clock;
mod control;
mod listen;
mod queries;
mod reload;
mod roster;
mod router_actor;
mod routing;
mod running;
mod server_actor;
mod servers;
mod stop;
mod system;
mod timeline;

use std::io;
use std::net::TcpListener;

use self::listen::listen;
pub use control::{ControlError, Reloaded, ServerState, Verb};
pub use listen::{StartError, TakenPort};
pub use queries::{
    ClusterView, LiveExplanation, MemberLine, RoomDetail, RoomLine, RoomOfUser, RoomPlace, RoomQuery,
    RoomSort, Rooms, ServerView, SessionPlace, UserLine, Users,
};
pub use running::RunningCluster;
pub use stop::{StopHandle, StopSignal};
pub use timeline::{EventKind, Events, Timeline, TimelineEvent};

use crate::cluster::{Cluster, PlanError};
pub use crate::router::{EdgeView, TypeView};

impl Cluster {
    /// Opens every client port, then starts the router and the servers on a separate thread.
    /// Returns when all are up.
    ///
    /// # Errors
    /// A type has no code, or ports cannot be opened; then nothing has started.
    pub fn start(mut self) -> Result<RunningCluster, StartError> {
        self.check().map_err(PlanError::from)?;
        let options = self.options_ref().clone();
        let listeners = self.listen()?;
        for (server, listener) in self.spec_mut().servers.iter_mut().zip(&listeners) {
            // Port 0 means any free port: from here on the real one is known.
            if let Some(Ok(address)) = listener.as_ref().map(TcpListener::local_addr) {
                server.client_port = Some(address.port());
            }
        }
        let plan = self.checked_plan()?;
        system::spawn(plan, listeners, options)
    }

    /// The client ports that other programs have. Each is tried and closed again.
    pub fn taken_ports(&self) -> Vec<TakenPort> {
        match self.listen() {
            Err(StartError::Taken { ports }) => ports,
            // `start` reports the other errors.
            _ => Vec::new(),
        }
    }

    /// Opens the client ports; `None` for a backend.
    fn listen(&self) -> Result<Vec<Option<TcpListener>>, StartError> {
        let (mut listeners, mut taken) = (Vec::with_capacity(self.spec().servers.len()), Vec::new());
        for server in &self.spec().servers {
            match server.frontend.then(|| listen(server, self.options_ref())).transpose() {
                Ok(listener) => listeners.push(listener),
                Err(StartError::Listen { server: owner, address, error })
                    if error.kind() == io::ErrorKind::AddrInUse =>
                {
                    // All taken ports in one error: the user fixes them at once.
                    taken.push(TakenPort { owner, address });
                }
                Err(error) => return Err(error),
            }
        }
        if taken.is_empty() { Ok(listeners) } else { Err(StartError::Taken { ports: taken }) }
    }

    /// Starts, runs until SIGINT, SIGTERM or SIGHUP, then stops cleanly.
    ///
    /// # Errors
    /// See [`start`](Cluster::start).
    pub fn run(self) -> Result<(), StartError> {
        let stop = StopSignal::install().map_err(StartError::Signals)?;
        let running = self.start()?;
        stop.wait();
        running.stop();
        Ok(())
    }
}
