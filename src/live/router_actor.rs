//! The router as an actor: every envelope between servers passes through it.

use actix::prelude::*;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot::{Sender, channel};

use super::clock::Clock;
use super::server_actor::{DeliverAll, ServerActor, take_all};
use crate::envelope::Envelope;
use crate::ids::ServerId;
use crate::router::{Routed, Router};
use crate::time::Time;

/// Envelopes handled before other actors of the thread get their turn: a mailbox is drained without
/// a pause, and a flood would stall every timer.
const BURST: usize = 256;

/// The directory of addresses, keyed by server id, around the pure router.
pub(super) struct RouterActor {
    router: Router,
    clock: Clock,
    mailboxes: FxHashMap<ServerId, Mailbox>,
    routed: Vec<Routed>,
    drain_scheduled: bool,
    /// The moment for which a timer is set, while links delay envelopes.
    tick_at: Option<Time>,
    burst: usize,
    /// Each sender is dropped once its server holds nothing that another server could take.
    empty_handed: Vec<(ServerId, Sender<()>)>,
}

/// A server's address, and the envelopes for its next message.
struct Mailbox {
    address: Addr<ServerActor>,
    envelopes: Vec<Envelope>,
}

/// The output of some deliveries to a server, in order. A killed server's unsent output is
/// discarded: each delivery's messages are carried all or none.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Carry(pub(super) Vec<Envelope>);

/// A server's address; `None` once it is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Register(pub(super) ServerId, pub(super) Option<Addr<ServerActor>>);

/// Answered once a retired server holds nothing that another server could take.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct WhenEmptyHanded(pub(super) ServerId);

/// Runs an order on the router between two envelopes, and returns the result.
pub(super) struct WithRouter<R>(pub(super) RouterOrder<R>);

/// An order, given the router, the present time, and a list for its envelopes, which are sent on.
pub(super) type RouterOrder<R> = Box<dyn FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send>;

impl<R: Send + 'static> Message for WithRouter<R> {
    type Result = R;
}

impl RouterActor {
    pub(super) fn new(router: Router, clock: Clock) -> Self {
        Self {
            router,
            clock,
            mailboxes: FxHashMap::default(),
            routed: Vec::new(),
            drain_scheduled: false,
            tick_at: None,
            burst: 0,
            empty_handed: Vec::new(),
        }
    }

    /// Sends the routed envelopes on, in one message a server, and sets the timer for those that
    /// wait.
    fn hand_on(&mut self, ctx: &mut Context<Self>) {
        let mut called = Vec::new();
        for Routed { to, envelope } in self.routed.drain(..) {
            match self.mailboxes.get_mut(&to) {
                Some(mailbox) => {
                    mailbox.envelopes.push(envelope);
                    if mailbox.envelopes.len() == 1 {
                        called.push(to);
                    }
                }
                // The router names only servers that it was given, and each was registered before
                // it started.
                None => log::error!("no address server={to}"),
            }
        }
        for to in called {
            if let Some(mailbox) = self.mailboxes.get_mut(&to) {
                mailbox.address.do_send(DeliverAll(take_all(&mut mailbox.envelopes)));
            }
        }
        // Dropping the sender is the answer.
        self.empty_handed.retain(|(id, _)| !self.router.is_empty_handed(id));
        let Some(deadline) = self.router.next_deadline() else { return };
        if self.tick_at.is_some_and(|at| at <= deadline) {
            return;
        }
        self.tick_at = Some(deadline);
        ctx.run_later(deadline.since(self.clock.now()), move |actor, ctx| {
            // An earlier timer may have been set meanwhile; it does the work.
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

    fn handle(&mut self, Carry(envelopes): Carry, ctx: &mut Self::Context) {
        let now = self.clock.now();
        self.burst += envelopes.len();
        for envelope in envelopes {
            self.router.route(now, envelope, &mut self.routed);
        }
        if self.burst >= BURST {
            self.burst = 0;
            self.hand_on(ctx);
            ctx.wait(tokio::task::yield_now().into_actor(self));
        } else if !std::mem::replace(&mut self.drain_scheduled, true) {
            // actix polls this once the mailbox is drained: envelopes that arrive together go on
            // together.
            ctx.spawn(async {}.into_actor(self).map(|(), actor, ctx| {
                (actor.drain_scheduled, actor.burst) = (false, 0);
                actor.hand_on(ctx);
            }));
        }
    }
}

impl Handler<Register> for RouterActor {
    type Result = ();

    fn handle(&mut self, Register(id, address): Register, ctx: &mut Self::Context) {
        // Envelopes routed so far belong to the address registered so far.
        self.hand_on(ctx);
        match address {
            Some(address) => drop(self.mailboxes.insert(id, Mailbox { address, envelopes: Vec::new() })),
            None => drop(self.mailboxes.remove(&id)),
        }
    }
}

impl Handler<WhenEmptyHanded> for RouterActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, WhenEmptyHanded(id): WhenEmptyHanded, ctx: &mut Self::Context) -> Self::Result {
        let (asker, empty_handed) = channel();
        self.empty_handed.push((id, asker));
        self.hand_on(ctx);
        Box::pin(async { drop(empty_handed.await) })
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
