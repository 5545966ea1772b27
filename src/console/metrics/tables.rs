//! The metrics of servers, ports and the router, with their Prometheus names. To add a metric, add
//! a line.

use super::text::Kind::{self, Counter, Gauge};
use crate::ports::PortSnapshot;
use crate::router::RouterCounters;
use crate::servers::ServerSnapshot;

/// A family: name, kind, help, and how to read its value.
pub(super) type Figure<T> = (&'static str, Kind, &'static str, fn(&T) -> f64);

/// For every server that is up.
pub(super) const SERVERS: &[Figure<ServerSnapshot>] = &[
    ("pomelo_sessions", Gauge, "Clients that are connected.", |own| own.sessions as f64),
    ("pomelo_sessions_bound", Gauge, "Clients that are logged in.", |own| own.bound as f64),
    ("pomelo_rooms", Gauge, "Rooms (channels) that the server holds.", |own| own.channels as f64),
    ("pomelo_room_members", Gauge, "Members of the rooms that the server holds.", |own| own.members as f64),
    ("pomelo_calls_pending", Gauge, "Calls that the server waits for.", |own| own.calls_pending as f64),
    ("pomelo_messages_total", Counter, "Requests and notifies from clients.", |own| {
        own.counters.messages as f64
    }),
    ("pomelo_invocations_total", Counter, "Handlers and remotes run for other servers.", |own| {
        own.counters.invocations as f64
    }),
    ("pomelo_pushes_total", Counter, "Pushes, one a group of recipients.", |own| own.counters.pushes as f64),
    ("pomelo_deliveries_total", Counter, "Sessions that pushes were meant for, one by one.", |own| {
        own.counters.recipients as f64
    }),
    ("pomelo_errors_total", Counter, "Requests and calls that were answered with an error.", |own| {
        own.counters.errors as f64
    }),
    ("pomelo_timeouts_total", Counter, "Calls that nobody answered in time.", |own| {
        own.counters.timeouts as f64
    }),
    ("pomelo_late_answers_total", Counter, "Answers that came after their deadline.", |own| {
        own.counters.late_answers as f64
    }),
    ("pomelo_ignored_messages_total", Counter, "Messages that the protocol gives no answer to.", |own| {
        own.counters.ignored as f64
    }),
    ("pomelo_refused_messages_total", Counter, "Messages refused since there were too many.", |own| {
        own.counters.refused as f64
    }),
    (
        "pomelo_expired_calls_total",
        Counter,
        "Calls that came after their deadline, and were not run.",
        |own| own.counters.expired as f64,
    ),
    ("pomelo_panics_total", Counter, "Handlers that panicked.", |own| own.counters.panics as f64),
];

/// For every frontend that is up.
pub(super) const PORTS: &[Figure<PortSnapshot>] = &[
    ("pomelo_port_connections", Gauge, "Connections in any state.", |port| port.connections as f64),
    ("pomelo_port_waiting_bytes", Gauge, "Bytes that wait for clients to read them.", |port| {
        port.waiting_bytes as f64
    }),
    ("pomelo_port_unfinished_bytes", Gauge, "Bytes of messages that have not arrived completely.", |port| {
        port.unfinished_bytes as f64
    }),
    ("pomelo_port_outbox_bytes", Gauge, "Memory of what waits for clients to read it.", |port| {
        port.outbox_bytes as f64
    }),
    ("pomelo_port_kept_bytes", Gauge, "Bytes that are kept for clients that come back.", |port| {
        port.kept_bytes as f64
    }),
    ("pomelo_port_away_sessions", Gauge, "Sessions whose clients may come back.", |port| port.away as f64),
    ("pomelo_port_accepted_total", Counter, "Connections that were taken.", |port| port.accepted as f64),
    ("pomelo_port_refused_total", Counter, "Connections turned away since there were too many.", |port| {
        port.refused as f64
    }),
    ("pomelo_port_blacklisted_total", Counter, "Connections turned away by the blacklist.", |port| {
        port.blacklisted as f64
    }),
    ("pomelo_port_resumed_total", Counter, "Connections whose sessions went on with another.", |port| {
        port.resumed as f64
    }),
    (
        "pomelo_port_resume_refused_total",
        Counter,
        "Clients that could not have their session back.",
        |port| port.resume_refused as f64,
    ),
    (
        "pomelo_port_ignored_packages_total",
        Counter,
        "Packages ignored in the state in which they came.",
        |port| port.ignored as f64,
    ),
    ("pomelo_port_frames_total", Counter, "Frames for clients.", |port| port.frames_out as f64),
    ("pomelo_port_writes_total", Counter, "Socket writes.", |port| port.writes as f64),
    ("pomelo_port_pushes_total", Counter, "Pushes that went to a session, one by one.", |port| {
        port.pushed as f64
    }),
    ("pomelo_port_late_pushes_total", Counter, "Pushes for sessions that are gone.", |port| {
        port.pushes_late as f64
    }),
];

/// For the router: all of them are counters.
pub(super) const ROUTER: &[Figure<RouterCounters>] = &[
    ("pomelo_router_envelopes_total", Counter, "Envelopes taken in.", |router| router.envelopes as f64),
    ("pomelo_router_delivered_total", Counter, "Envelopes handed on.", |router| router.delivered as f64),
    ("pomelo_router_undeliverable_total", Counter, "Envelopes with no server to go to.", |router| {
        router.undeliverable as f64
    }),
    ("pomelo_router_from_the_dead_total", Counter, "Envelopes from a server that is gone.", |router| {
        router.from_the_dead as f64
    }),
    (
        "pomelo_router_refused_total",
        Counter,
        "Calls refused since too much waited for their server.",
        |router| router.refused as f64,
    ),
    ("pomelo_router_expired_total", Counter, "Calls whose deadline came while they waited.", |router| {
        router.expired as f64
    }),
    (
        "pomelo_router_resent_total",
        Counter,
        "Envelopes that a link lost, and that were sent again.",
        |router| router.resent as f64,
    ),
    (
        "pomelo_router_missed_total",
        Counter,
        "Sessions kicked since a full link lost a push of theirs.",
        |router| router.missed as f64,
    ),
    ("pomelo_router_binds_refused_total", Counter, "Logins refused since the uid was taken.", |router| {
        router.binds_refused as f64
    }),
    (
        "pomelo_router_supplanted_total",
        Counter,
        "Sessions kicked since another claimed their uid.",
        |router| router.supplanted as f64,
    ),
    ("pomelo_router_uids_unknown_total", Counter, "Pushes to uids that are bound nowhere.", |router| {
        router.uids_unknown as f64
    }),
    ("pomelo_router_changes_total", Counter, "Changes of a list of servers.", |router| router.changes as f64),
    ("pomelo_router_rooms_moved_total", Counter, "Rooms that went to another server.", |router| {
        router.rooms_moved as f64
    }),
    ("pomelo_router_members_moved_total", Counter, "Members that went with their rooms.", |router| {
        router.members_moved as f64
    }),
    (
        "pomelo_router_rooms_restored_total",
        Counter,
        "Rooms that a server got back when it came up again.",
        |router| router.rooms_restored as f64,
    ),
];
