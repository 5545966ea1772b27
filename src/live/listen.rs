//! Client ports: opened before anything starts, and the errors if that fails.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use thiserror::Error;

use crate::cluster::{Options, PlanError};
use crate::config::ServerSpec;
use crate::ports::{ConnectionTimeouts, Places, PortOptions};
use crate::wire::HandshakeOffer;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Silence after which the system asks whether a client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Why a cluster did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The description is not a valid cluster.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A client port cannot be opened.
    #[error("{server}: cannot listen on {address}: {error}{}", hint(error))]
    Listen {
        /// The server of the port.
        server: String,
        /// Its address.
        address: String,
        /// The cause.
        error: io::Error,
    },
    /// Other programs have the ports.
    #[error(
        "ports are taken: {}; another program has them, another cluster perhaps: stop it, or {ELSEWHERE}",
        wanted(ports)
    )]
    Taken {
        /// The taken ports, each with its owner here.
        ports: Vec<TakenPort>,
    },
    /// A server's own code panicked in its constructor.
    #[error("{0}: its code panicked when it was made; the log says where")]
    Unmade(String),
    /// The system refuses to install a signal handler.
    #[error("cannot catch SIGINT and SIGTERM: {0}")]
    Signals(io::Error),
    /// The system refuses a thread or an event loop.
    #[error("cannot start the cluster's thread: {0}")]
    Thread(io::Error),
}

/// A port that another program has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakenPort {
    /// The server, or whatever else, that needs the port.
    pub owner: String,
    /// `host:port`.
    pub address: String,
}

/// The advice if ports are taken.
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
            "; the host is not an address of this machine: --here serves all on 127.0.0.1, --bind 0.0.0.0 on all of its addresses"
        }
        _ => "",
    }
}

pub(super) fn listen(server: &ServerSpec, options: &Options) -> Result<TcpListener, StartError> {
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
    // A restart must not wait until the system forgets the last run's connections.
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it. A client that vanished is found although nothing is sent to it.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

pub(super) fn port_options(
    spec: &ServerSpec,
    offer: Arc<HandshakeOffer>,
    options: &Options,
    serials: &Arc<AtomicU32>,
    places: &Places,
) -> PortOptions {
    // As in Pomelo, a client may miss one heartbeat.
    let heartbeat = offer.heartbeat_s.map(|seconds| Duration::from_secs(seconds).saturating_mul(2));
    PortOptions {
        server: spec.id.clone(),
        offer,
        timeouts: ConnectionTimeouts {
            handshake: options.handshake_timeout,
            ack: options.ack_timeout,
            heartbeat,
        },
        connections_max: spec.max_connections,
        places: places.clone(),
        cluster: options.clone(),
        serials: Arc::clone(serials),
    }
}
