//! The router as an actor: every envelope between servers passes it.

use std::collections::HashMap;

use actix::prelude::*;

use super::server_actor::{Clock, Deliver, ServerActor};
use crate::envelope::Envelope;
use crate::ids::ServerId;
use crate::router::{Routed, Router};
use crate::servers::Delivery;
use crate::time::Time;

/// Envelopes handled before other actors of the thread get their turn: a mailbox is drained without a pause, and a
/// flood would stall every timer.
const BURST: u32 = 256;

/// The directory of addresses, keyed by server id, around the pure router.
pub(super) struct RouterActor {
    router: Router,
    clock: Clock,
    addresses: HashMap<ServerId, Addr<ServerActor>>,
    routed: Vec<Routed>,
    /// The moment for which a timer is set, while links hold something up.
    tick_at: Option<Time>,
    burst: u32,
}

/// What one delivery made a server send, to be carried whole: when the server vanishes, it has happened or it has not.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) enum Carry {
    /// As most do.
    One(Envelope),
    /// In order.
    Many(Vec<Envelope>),
}

/// A server's address; none when it is no more.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Register(pub(super) ServerId, pub(super) Option<Addr<ServerActor>>);

/// Does something with the router between two envelopes, and gives what comes of it.
pub(super) struct WithRouter<R>(pub(super) Order<R>);

/// What is to be done, and when it is now; what goes out of it is carried.
pub(super) type Order<R> = Box<dyn FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send>;

impl<R: Send + 'static> Message for WithRouter<R> {
    type Result = R;
}

impl RouterActor {
    pub(super) fn new(router: Router, clock: Clock) -> Self {
        Self { router, clock, addresses: HashMap::new(), routed: Vec::new(), tick_at: None, burst: 0 }
    }

    /// Hands on what goes out, and sets the timer for what waits.
    fn hand_on(&mut self, ctx: &mut Context<Self>) {
        for Routed { to, envelope } in self.routed.drain(..) {
            match self.addresses.get(&to) {
                Some(address) => address.do_send(Deliver(Delivery::Envelope(envelope))),
                // The router only names servers that it was given, and each was registered before it started.
                None => log::error!("no address server={to}"),
            }
        }
        let Some(deadline) = self.router.next_deadline() else { return };
        if self.tick_at.is_some_and(|at| at <= deadline) {
            return;
        }
        self.tick_at = Some(deadline);
        ctx.run_later(deadline.since(self.clock.now()), move |actor, ctx| {
            // An earlier moment may have been set meanwhile; its timer does the work.
            if actor.tick_at == Some(deadline) {
                actor.tick_at = None;
            }
            actor.router.tick(actor.clock.now(), &mut actor.routed);
            actor.hand_on(ctx);
        });
    }
}

impl Actor for RouterActor {
    type Context = Context<Self>;
}

impl Handler<Carry> for RouterActor {
    type Result = ();

    fn handle(&mut self, carry: Carry, ctx: &mut Self::Context) {
        let now = self.clock.now();
        match carry {
            Carry::One(envelope) => self.router.route(now, envelope, &mut self.routed),
            Carry::Many(envelopes) => {
                for envelope in envelopes {
                    self.router.route(now, envelope, &mut self.routed);
                }
            }
        }
        self.hand_on(ctx);
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
        match address {
            Some(address) => drop(self.addresses.insert(id, address)),
            None => drop(self.addresses.remove(&id)),
        }
    }
}

impl<R: Send + 'static> Handler<WithRouter<R>> for RouterActor {
    type Result = MessageResult<WithRouter<R>>;

    fn handle(&mut self, WithRouter(order): WithRouter<R>, ctx: &mut Self::Context) -> Self::Result {
        let result = order(&mut self.router, self.clock.now(), &mut self.routed);
        self.hand_on(ctx);
        MessageResult(result)
    }
}
