//! What a server's actor is asked by those who look at it.

use std::sync::Arc;

use actix::prelude::*;

use super::ServerActor;
use crate::channels::Member;
use crate::live::rooms::{MEMBERS_SHOWN, RoomQuery, RoomSeen, find_rooms};
use crate::ports::{Port, PortSnapshot};
use crate::servers::{Holdings, HostCounters, ServerSnapshot};
use crate::stats::Histogram;

/// Asks for all figures of the server and its port.
#[derive(Message)]
#[rtype(result = "Observed")]
pub(in crate::live) struct Observe;

/// A server's account of itself and its port's, with all figures.
pub(in crate::live) struct Observed {
    pub(in crate::live) account: ServerSnapshot,
    pub(in crate::live) port: Option<PortSnapshot>,
    /// How long what it was asked took.
    pub(in crate::live) latency: Histogram,
    /// Most deliveries that one turn had before it, in this second or the one before, and what has come while it is paused.
    pub(in crate::live) queue: usize,
}

/// Asks for some of the server's rooms, and how many it has of that kind.
#[derive(Message)]
#[rtype(result = "(Vec<RoomSeen>, usize)")]
pub(in crate::live) struct FindRooms(pub(in crate::live) Arc<RoomQuery>);

/// Asks for a room: its first members, and how many they are; none when the server has none of that name.
#[derive(Message)]
#[rtype(result = "Option<(Vec<Member>, usize)>")]
pub(in crate::live) struct ShowRoom(pub(in crate::live) Arc<str>);

/// Asks for all that the server holds, one by one.
#[derive(Message)]
#[rtype(result = "Holdings")]
pub(in crate::live) struct InspectHoldings;

/// Asks what the server has counted since it started.
#[derive(Message)]
#[rtype(result = "HostCounters")]
pub(in crate::live) struct Count;

impl Handler<InspectHoldings> for ServerActor {
    type Result = MessageResult<InspectHoldings>;

    fn handle(&mut self, InspectHoldings: InspectHoldings, _ctx: &mut Self::Context) -> Self::Result {
        // What it holds and what the router knows are compared.
        self.speak();
        MessageResult(self.server.holdings())
    }
}

impl Handler<Count> for ServerActor {
    type Result = MessageResult<Count>;

    fn handle(&mut self, Count: Count, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.server.counters())
    }
}

impl Handler<Observe> for ServerActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, Observe: Observe, _ctx: &mut Self::Context) -> Self::Result {
        let waiting = self.paused.as_ref().map_or(0, Vec::len);
        let queue = self.queue.highest(self.clock.now()) as usize + waiting;
        MessageResult(Observed {
            account: self.server.snapshot(),
            port: self.port.as_ref().map(Port::snapshot),
            latency: self.server.latency(),
            queue,
        })
    }
}

impl Handler<FindRooms> for ServerActor {
    type Result = MessageResult<FindRooms>;

    fn handle(&mut self, FindRooms(query): FindRooms, _ctx: &mut Self::Context) -> Self::Result {
        let found = self.server.channels().map(|channels| find_rooms(channels, &query, self.clock.now()));
        MessageResult(found.unwrap_or_default())
    }
}

impl Handler<ShowRoom> for ServerActor {
    type Result = MessageResult<ShowRoom>;

    fn handle(&mut self, ShowRoom(room): ShowRoom, _ctx: &mut Self::Context) -> Self::Result {
        let channel = self.server.channels().and_then(|channels| channels.get(&room));
        MessageResult(channel.map(|room| (room.with_sessions().take(MEMBERS_SHOWN).collect(), room.len())))
    }
}
