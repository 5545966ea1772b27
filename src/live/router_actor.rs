//! The router as an actor: every envelope between servers passes it.

use actix::prelude::*;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot::{Sender, channel};

use super::server_actor::{Clock, DeliverAll, ServerActor, take_all};
use crate::envelope::Envelope;
use crate::ids::ServerId;
use crate::router::{Routed, Router};
use crate::time::Time;

/// Envelopes handled before other actors of the thread get their turn: a mailbox is drained without a pause, and a
/// flood would stall every timer.
const BURST: usize = 256;

/// The directory of addresses, keyed by server id, around the pure router.
pub(super) struct RouterActor {
    router: Router,
    clock: Clock,
    mailboxes: FxHashMap<ServerId, Mailbox>,
    routed: Vec<Routed>,
    drain_scheduled: bool,
    /// The moment for which a timer is set, while links hold something up.
    tick_at: Option<Time>,
    burst: usize,
    /// Dropped when a server holds nothing that another one could take.
    empty_handed: Vec<(ServerId, Sender<()>)>,
}

/// A server's address, and the envelopes that go to it in the next message.
struct Mailbox {
    address: Addr<ServerActor>,
    envelopes: Vec<Envelope>,
}

/// The output of some deliveries to a server, in order. A killed server's unsent output is discarded:
/// each delivery's messages are carried all or none.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Carry(pub(super) Vec<Envelope>);

/// A server's address; none when it is no more.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Register(pub(super) ServerId, pub(super) Option<Addr<ServerActor>>);

/// Answered when a server that was retired holds nothing that another one could take.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct WhenEmptyHanded(pub(super) ServerId);

/// Does something with the router between two envelopes, and gives the result.
pub(super) struct WithRouter<R>(pub(super) RouterOrder<R>);

/// What is to be done, and when it is now; what goes out of it is carried.
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

    /// Hands on what goes out, in one message a server, and sets the timer for what waits.
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
                // The router only names servers that it was given, and each was registered before it started.
                None => log::error!("no address server={to}"),
            }
        }
        for to in called {
            if let Some(mailbox) = self.mailboxes.get_mut(&to) {
                mailbox.address.do_send(DeliverAll(take_all(&mut mailbox.envelopes)));
            }
        }
        // A sender that is dropped is the answer.
        self.empty_handed.retain(|(id, _)| !self.router.is_empty_handed(id));
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
            // actix polls this once the mailbox is drained: what came together goes on together.
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
        // What is for one that goes was for it.
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
