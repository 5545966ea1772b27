//! The live cluster: the pure router and servers as actix actors, with real ports and real time.
//!
//! Actors are shells: they hand deliveries in and carry effects out. All of them share one thread unless told
//! otherwise, since a message between two actors on one thread costs a tenth of a microsecond and between two
//! threads up to sixty times that.

mod control;
mod observer;
mod people;
mod reload;
mod roster;
mod router_actor;
mod running;
mod server_actor;
mod servers;
mod steer;
mod stop;
mod system;
mod timeline;
mod view;
mod watching;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

pub use control::{ControlError, Reloaded, ServerState, ServerStatus, Verb};
pub use people::{MemberLine, RoomDetail, RoomLine, RoomOfUser, RoomQuery, RoomSort, Rooms, UserLine, Users};
pub use running::{ClusterSnapshot, LiveServer, RunningCluster};
pub use steer::{LiveExplanation, RoomPlace, SessionPlace};
pub use stop::{StopHandle, StopSignal};
pub use timeline::{Event, EventKind, Events, Timeline};
pub use view::{ClusterView, ServerView};

use crate::cluster::{Cluster, Options, PlanError};
use crate::config::ServerSpec;
use crate::ports::{PortOptions, Timeouts};
pub use crate::router::{EdgeView, TypeView};
use crate::wire::HandshakeOffer;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Why a cluster did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The description is no cluster.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A client port cannot be opened.
    #[error("{server}: cannot listen on {address}: {error}{}", hint(error))]
    Listen {
        /// Whose port.
        server: String,
        /// Where.
        address: String,
        /// Why not.
        error: io::Error,
    },
    /// Other programs have ports.
    #[error(
        "ports are taken: {}; another program has them, another cluster perhaps: stop it, or {ELSEWHERE}",
        wanted(ports)
    )]
    Taken {
        /// Each with who wants it.
        ports: Vec<TakenPort>,
    },
    /// A server's own code panicked when it was made.
    #[error("{0}: its code panicked when it was made; the log says where")]
    Unmade(String),
    /// The system lets no signal handler be installed.
    #[error("cannot catch SIGINT and SIGTERM: {0}")]
    Signals(io::Error),
    /// The system gives no thread, or no event loop.
    #[error("cannot start the cluster's thread: {0}")]
    Thread(io::Error),
}

/// A port that another program has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakenPort {
    /// The server that wants it, or what else does.
    pub owner: String,
    /// `host:port`.
    pub address: String,
}

/// What helps where ports are taken.
const ELSEWHERE: &str = "serve with --port-offset 100, which adds 100 to every port, or with --ports any, which takes ports that are free";

fn wanted(ports: &[TakenPort]) -> String {
    let each = |TakenPort { owner, address }: &TakenPort| format!("{address} ({owner})");
    ports.iter().map(each).collect::<Vec<_>>().join(", ")
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program has it, another cluster perhaps: stop it, or change the clientPort"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; the host is no address of this machine: --here serves all on 127.0.0.1, --bind 0.0.0.0 on all of its own"
        }
        _ => "",
    }
}

impl Cluster {
    /// Opens every client port, then starts router and servers on a thread of their own. Returns when all are up.
    ///
    /// # Errors
    /// A type has no code, or ports cannot be opened; then nothing has started.
    pub fn start(mut self) -> Result<RunningCluster, StartError> {
        self.check().map_err(PlanError::from)?;
        let options = self.options_ref().clone();
        let listeners = self.listen()?;
        for (server, listener) in self.spec_mut().servers.iter_mut().zip(&listeners) {
            // Port 0 means any: from here on everybody knows which it is.
            if let Some(Ok(address)) = listener.as_ref().map(TcpListener::local_addr) {
                server.client_port = Some(address.port());
            }
        }
        let plan = self.checked_plan()?;
        system::spawn(plan, listeners, options)
    }

    /// The client ports that other programs have, each tried and closed again.
    pub fn taken_ports(&self) -> Vec<TakenPort> {
        match self.listen() {
            Err(StartError::Taken { ports }) => ports,
            // The start says what else is wrong.
            _ => Vec::new(),
        }
    }

    /// Opens the client ports; none for a backend.
    fn listen(&self) -> Result<Vec<Option<TcpListener>>, StartError> {
        let (mut listeners, mut taken) = (Vec::with_capacity(self.spec().servers.len()), Vec::new());
        for server in &self.spec().servers {
            match server.frontend.then(|| listen(server, self.options_ref())).transpose() {
                Ok(listener) => listeners.push(listener),
                Err(StartError::Listen { server: owner, address, error })
                    if error.kind() == io::ErrorKind::AddrInUse =>
                {
                    taken.push(TakenPort { owner, address });
                }
                Err(error) => return Err(error),
            }
        }
        if taken.is_empty() { Ok(listeners) } else { Err(StartError::Taken { ports: taken }) }
    }

    /// Starts, and runs until SIGINT, SIGTERM or SIGHUP; then stops cleanly.
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

fn listen(server: &ServerSpec, options: &Options) -> Result<TcpListener, StartError> {
    let port = server.client_port.unwrap_or(0);
    let host = options.bind.map_or_else(|| server.host.clone(), |address| address.to_string());
    let opened = resolve(&host, port).and_then(open);
    opened.map_err(|error| StartError::Listen {
        server: server.id.to_string(),
        address: format!("{host}:{port}"),
        error,
    })
}

fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let no_address = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    (host, port).to_socket_addrs()?.next().ok_or_else(no_address)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last run's connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn port_options(
    spec: &ServerSpec,
    offer: Arc<HandshakeOffer>,
    options: &Options,
    serials: &Arc<AtomicU32>,
) -> PortOptions {
    // As in Pomelo, a client may miss one beat.
    let heartbeat = offer.heartbeat_s.map(|seconds| Duration::from_secs(seconds).saturating_mul(2));
    PortOptions {
        server: spec.id.clone(),
        offer,
        timeouts: Timeouts { handshake: options.handshake_timeout, ack: options.ack_timeout, heartbeat },
        idle_timeout: options.idle_timeout,
        body_bytes_max: options.body_bytes_max,
        outbound_bytes_max: options.outbound_bytes_max,
        resume: options.resume,
        resume_bytes_max: options.resume_bytes_max,
        connections_max: spec.max_connections,
        connections_per_address_max: options.connections_per_address_max,
        blacklist: options.blacklist.clone(),
        serials: Arc::clone(serials),
    }
}
