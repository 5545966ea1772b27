//! The router as an actor: every envelope between servers passes it.

use std::collections::HashMap;

use actix::prelude::*;

use super::server_actor::{Deliver, ServerActor};
use crate::envelope::Envelope;
use crate::ids::ServerId;
use crate::router::{Routed, Router, RouterCounters};
use crate::servers::Delivery;

/// Envelopes handled before other actors of the thread get their turn: a mailbox is drained without a pause, and a
/// flood would stall every timer.
const BURST: u32 = 256;

/// The directory of addresses, keyed by server id, around the pure router.
pub(super) struct RouterActor {
    router: Router,
    addresses: HashMap<ServerId, Addr<ServerActor>>,
    routed: Vec<Routed>,
    burst: u32,
}

/// An envelope to carry.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Carry(pub(super) Envelope);

/// A server's address.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Register(pub(super) ServerId, pub(super) Addr<ServerActor>);

/// Asks what the router has counted, and how many uids are bound.
#[derive(Message)]
#[rtype(result = "(RouterCounters, usize)")]
pub(super) struct Inspect;

impl RouterActor {
    pub(super) fn new(router: Router) -> Self {
        Self { router, addresses: HashMap::new(), routed: Vec::new(), burst: 0 }
    }
}

impl Actor for RouterActor {
    type Context = Context<Self>;
}

impl Handler<Carry> for RouterActor {
    type Result = ();

    fn handle(&mut self, Carry(envelope): Carry, ctx: &mut Self::Context) {
        self.router.route(envelope, &mut self.routed);
        for Routed { to, envelope } in self.routed.drain(..) {
            match self.addresses.get(&to) {
                Some(address) => address.do_send(Deliver(Delivery::Envelope(envelope))),
                // The router only names servers that it was given, and each was registered before it started.
                None => log::error!("no address server={to}"),
            }
        }
        self.burst += 1;
        if self.burst >= BURST {
            self.burst = 0;
            ctx.wait(tokio::task::yield_now().into_actor(self));
        }
    }
}

impl Handler<Register> for RouterActor {
    type Result = ();

    fn handle(&mut self, Register(id, address): Register, _ctx: &mut Self::Context) {
        self.addresses.insert(id, address);
    }
}

impl Handler<Inspect> for RouterActor {
    type Result = MessageResult<Inspect>;

    fn handle(&mut self, Inspect: Inspect, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult((self.router.counters(), self.router.uids().len()))
    }
}
