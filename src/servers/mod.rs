//! Servers as plain state machines, without actors, sockets or clocks.
//!
//! A server type implements [`ServerLogic`]: typed handlers for clients, remotes for other servers,
//! and hooks. A [`Host`] runs one server of the type: it takes a [`Delivery`], calls the logic, and
//! fills an [`Outbox`]. The three types of the chat tutorial, [`Gate`], [`Connector`] and [`Chat`],
//! use this interface, and other crates can add types with it.
//!
//! A handler that needs another server returns a [`Call`] with a continuation. Nothing blocks and
//! nothing is polled, so the same handler runs on actors and on a virtual clock.

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

    /// The heartbeat interval of clients on a frontend of this type. None: the server ignores
    /// heartbeats.
    const HEARTBEAT: Option<Duration> = None;

    /// Creates the state of one server when it starts.
    fn create(server: &ServerSpec) -> Self;

    /// Registers the handlers, remotes and filters.
    fn register(registry: &mut Registry<Self>);

    /// Runs after this server has started.
    fn after_start(&mut self, _cx: &mut Cx<'_>) {}

    /// Runs after all servers have started.
    fn after_start_all(&mut self, _cx: &mut Cx<'_>) {}

    /// Runs before the server stops. Messages that it sends here are still delivered.
    fn before_shutdown(&mut self, _cx: &mut Cx<'_>) {}

    /// Runs once for each session whose connection ended. The context still has the session's uid
    /// and settings. Its channels are told separately: see [`member_gone`](Self::member_gone).
    fn session_closed(&mut self, _cx: &mut Cx<'_>) {}

    /// Runs after a member left one of this server's channels because its session closed, gave its
    /// uid back, or was lost with its frontend. The channel no longer contains the member.
    fn member_gone(&mut self, _cx: &mut Cx<'_>, _channel: &str, _uid: &Uid) {}
}
