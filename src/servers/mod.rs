//! What a server does, as plain state machines: no actor, socket or clock.
//!
//! A server type is a [`ServerLogic`]: typed handlers for clients, remotes for other servers, hooks. A [`Host`]
//! runs one server of it: it takes a [`Delivery`], calls the logic, and fills an [`Outbox`]. The chat tutorial's
//! three types, [`Gate`], [`Connector`] and [`Chat`], are written in it, and so can another crate's be.
//!
//! A handler that must ask another server returns a [`Call`] with what to do then. Nothing blocks and nothing
//! is polled, so the same handler runs on actors and on a virtual clock.

mod channel;
mod codec;
mod context;
mod filter;
mod handlers;
mod host;
mod javascript;
mod limits;
mod outbox;
mod registry;
mod reply;
mod snapshot;
mod tracing;
mod tutorial;

use std::time::Duration;

pub use channel::ChannelHandle;
pub use codec::Codec;
pub use context::Cx;
pub use filter::{Filter, FilterCall};
pub use handlers::{HandlerTable, Resolved};
pub use host::{Host, HostSetup, Server};
pub use javascript::{Json, Text};
pub use limits::SessionLimits;
pub use outbox::{Delivery, Effect, Outbox};
pub use registry::Registry;
pub use reply::{Call, IntoReply, Reply};
pub use snapshot::{Holdings, HostCounters, ServerSnapshot};
pub use tutorial::{Chat, Connector, Gate, ROLES, name_of, uid_of};

pub use crate::channels::{Channel, Channels, Member};

use crate::config::ServerSpec;
use crate::ids::Uid;

/// The code of one server type. Each configured server of the type owns one value of it.
pub trait ServerLogic: Sized + 'static {
    /// The type's key in `servers.json`, and the first part of its handlers' routes.
    const NAME: &'static str;

    /// How often clients of a frontend of this type beat; none: their heartbeats are swallowed.
    const HEARTBEAT: Option<Duration> = None;

    /// Makes the state of one server, when it starts.
    fn create(server: &ServerSpec) -> Self;

    /// Names the handlers, remotes and filters.
    fn register(registry: &mut Registry<Self>);

    /// This server is up.
    fn after_start(&mut self, _cx: &mut Cx<'_>) {}

    /// All servers are up.
    fn after_start_all(&mut self, _cx: &mut Cx<'_>) {}

    /// The server is about to stop; what it sends now is still delivered.
    fn before_shutdown(&mut self, _cx: &mut Cx<'_>) {}

    /// A client's connection is gone, once for each session; the context still knows its uid and settings. The channels
    /// that it was in hear of it without this: see [`member_gone`](Self::member_gone).
    fn session_closed(&mut self, _cx: &mut Cx<'_>) {}

    /// A member of one of this server's channels is gone: its session closed, gave its uid back, or was lost with its
    /// frontend. It is out of the channel already.
    fn member_gone(&mut self, _cx: &mut Cx<'_>, _channel: &str, _uid: &Uid) {}
}
