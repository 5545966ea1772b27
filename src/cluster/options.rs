//! What can be set of a cluster besides its configuration files.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::Roles;
use crate::router::{LinkRule, OnDuplicate};
use crate::servers::ROLES;
use crate::servers::SessionLimits;
use crate::wire::BODY_BYTES_MAX_DEFAULT;

/// What can be set besides the configuration files.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which server type plays which part, for warnings, audits and traces.
    pub roles: Roles,
    /// Address of all client ports, instead of each server's `host`.
    pub bind: Option<IpAddr>,
    /// Threads that servers and ports are spread over.
    pub threads: usize,
    /// Heartbeat of the frontends that have one, instead of their type's own. Zero: none has.
    pub heartbeat: Option<Duration>,
    /// From connecting to the handshake.
    pub handshake_timeout: Duration,
    /// From the handshake to its acknowledgement.
    pub ack_timeout: Duration,
    /// A connection without a byte for this long is closed, if its port has no heartbeats or it is
    /// raw TCP. WebSockets without heartbeats are sent a ping after half of it.
    pub idle_timeout: Duration,
    /// From the first byte of a message to its last.
    pub message_timeout: Duration,
    /// Most bytes of messages that have not arrived completely, of all clients of a port. Over that
    /// the client with the longest of them is closed.
    pub unfinished_bytes_max: usize,
    /// What happens to a login whose uid another session holds.
    pub on_duplicate: OnDuplicate,
    /// A request that has no answer by then is answered with an error.
    pub request_timeout: Duration,
    /// How long a stop waits for requests in flight, and again for clients to read their last
    /// bytes.
    pub stop_timeout: Duration,
    /// Whether clients of a server that stops are kicked, with the reason; if not, their
    /// connections are closed, and WebSockets told the reason in their close frame.
    pub kick_on_stop: bool,
    /// What each server takes of its clients at most.
    pub sessions: SessionLimits,
    /// Connections that all client ports take together; `None` is no limit. At the limit a newcomer
    /// displaces the connection that has waited longest without sending a message.
    pub cluster_connections_max: Option<usize>,
    /// Connections from one address that a port takes; `None` is no limit. All addresses of an IPv6
    /// /64 network count as one.
    pub connections_per_address_max: Option<usize>,
    /// Addresses whose connections are closed at once.
    pub blacklist: Vec<IpAddr>,
    /// Whether rooms go where the list of servers says when that changes. Without it they stay and
    /// lose their members, as in Pomelo.
    pub rebalance: bool,
    /// Rules of the links between servers.
    pub links: Vec<LinkRule>,
    /// The seed of chance on the links.
    pub seed: u64,
    /// How long a session whose connection was lost waits for its client to come back, if that has
    /// said that it can; none: not at all.
    pub resume: Option<Duration>,
    /// Most bytes of packages that are kept for each session in case its client comes back, with
    /// what it takes to keep them. No more than [`outbound_bytes_max`](Options::outbound_bytes_max)
    /// is used.
    pub resume_bytes_max: usize,
    /// Longest body of a package from a client, in bytes.
    pub body_bytes_max: usize,
    /// Most bytes that wait for one client.
    pub outbound_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            roles: ROLES,
            bind: None,
            threads: 1,
            heartbeat: None,
            handshake_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(90),
            message_timeout: Duration::from_secs(30),
            unfinished_bytes_max: 32 << 20,
            on_duplicate: OnDuplicate::default(),
            request_timeout: Duration::from_secs(3),
            stop_timeout: Duration::from_secs(1),
            // As the original stops: `pomelo stop` ends the process, and its clients find their
            // sockets closed. After a kick libpomelo2 connects no more (tr_uv_tcp_aux.c: it resets,
            // where it reconnects after a close); libpomelo and the JavaScript clients reconnect
            // after either, if they are told to reconnect at all.
            kick_on_stop: false,
            sessions: SessionLimits::default(),
            cluster_connections_max: None,
            connections_per_address_max: None,
            blacklist: Vec::new(),
            rebalance: true,
            links: Vec::new(),
            seed: 1,
            resume: None,
            resume_bytes_max: 256 * 1024,
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
            outbound_bytes_max: 1024 * 1024,
        }
    }
}
