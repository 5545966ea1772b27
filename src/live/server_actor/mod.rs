//! A configured server as an actor: deliveries in, effects out to the router and to its own port.

pub(super) mod life;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot::Sender;

use super::clock::Clock;
use super::router_actor::{Carry, RouterActor};
use crate::envelope::{Envelope, Recipients};
use crate::ports::{Port, PortEvent};
use crate::servers::{Delivery, Effect, Outbox, Server};
use crate::time::{Time, TwoSeconds};
use crate::trace::Watch;

/// Deliveries handled before other actors get their turn, and the server's output is sent to the
/// router.
const BURST: usize = 256;

/// Deliveries handled before outboxes are written. Under load the mailbox may never be empty, and
/// clients must not wait for that; but the more frames go out in one write, the less each of them
/// costs.
const FLUSH: usize = 4096;

/// Deadlines are checked no more often than this.
const TICK_MIN: Duration = Duration::from_millis(10);

/// The shell of one server.
///
/// A mailbox is drained in one turn of the thread. The server's output is collected meanwhile, and
/// is sent when the mailbox is empty: one message to the router, and one write for each client.
/// Messages between actors and writes to sockets are the largest costs, so cost per message falls
/// under load; a lone message is not delayed.
pub(super) struct ServerActor {
    server: Box<dyn Server>,
    router: Addr<RouterActor>,
    port: Option<Port>,
    /// Client events not yet delivered to the actor.
    received: Rc<RefCell<ClientEvents>>,
    clock: Clock,
    out: Outbox,
    /// Envelopes for the router.
    outgoing: Vec<Envelope>,
    drain_scheduled: bool,
    tick_scheduled: bool,
    /// Deliveries since the last turn of other actors, and since the last flush.
    burst: usize,
    unflushed: usize,
    /// Deliveries since the mailbox was empty, without those of the burst; then the highest such
    /// numbers.
    turn: usize,
    queue: TwoSeconds,
    /// When the last delivery was handled.
    now: Time,
    /// Deliveries that arrive while the server is paused; `None` while it is not.
    paused: Option<Vec<Delivery>>,
    /// Dropped once the server has nothing to do, which answers those that wait.
    idle: Vec<Sender<()>>,
}

/// Client events, and when the first of them arrived: one clock reading for all that arrive
/// together.
#[derive(Default)]
struct ClientEvents {
    events: Vec<PortEvent>,
    since: Time,
}

/// A delivery to the server. When this is answered, the server's output is with the router.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Deliver(pub(super) Delivery);

/// The router's envelopes for the server, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct DeliverAll(pub(super) Vec<Envelope>);

/// Client events are waiting.
#[derive(Message)]
#[rtype(result = "()")]
struct TakeClientEvents;

/// Reads the server between two deliveries.
pub(super) struct Inspect<R>(pub(super) Box<dyn FnOnce(Inside<'_>) -> R + Send>);

/// A query's view of a server.
pub(super) struct Inside<'a> {
    pub(super) server: &'a dyn Server,
    pub(super) port: Option<&'a Port>,
    /// Most deliveries that one drain contained, in this second or the one before, and those that
    /// have arrived while the server is paused.
    pub(super) queue: usize,
    pub(super) now: Time,
}

impl<R: Send + 'static> Message for Inspect<R> {
    type Result = R;
}

impl ServerActor {
    /// A server whose port is not open yet.
    pub(super) fn new(
        server: Box<dyn Server>,
        router: Addr<RouterActor>,
        clock: Clock,
        watch: Watch,
    ) -> Self {
        Self {
            server,
            router,
            port: None,
            received: Rc::default(),
            clock,
            out: Outbox::watched(watch),
            outgoing: Vec::new(),
            drain_scheduled: false,
            tick_scheduled: false,
            burst: 0,
            unflushed: 0,
            turn: 0,
            queue: TwoSeconds::default(),
            now: Time::START,
            paused: None,
            idle: Vec::new(),
        }
    }

    /// Passes deliveries to the server, or keeps them while it is paused.
    fn deliver(&mut self, deliveries: impl IntoIterator<Item = Delivery>, ctx: &mut Context<Self>) {
        if let Some(waiting) = &mut self.paused {
            return waiting.extend(deliveries);
        }
        let now = self.clock.now();
        self.now = now;
        for delivery in deliveries {
            self.server.deliver(now, delivery, &mut self.out);
            self.perform();
            self.burst += 1;
        }
        self.after_burst(ctx);
    }

    /// Carries out the server's effects, in order. Pushes and responses only reach outboxes here.
    fn perform(&mut self) {
        for effect in self.out.effects.drain(..) {
            match (effect, &self.port) {
                (Effect::Send(envelope), _) => self.outgoing.push(envelope),
                (Effect::Done { session }, Some(port)) => port.done(session),
                (Effect::Respond { session, request, body }, Some(port)) => {
                    port.respond(session, request, &body)
                }
                (Effect::Push { sessions, frame }, Some(port)) => match sessions {
                    Recipients::One(session) => port.push(&[session], &frame),
                    Recipients::Many(sessions) => port.push_together(&sessions, &frame),
                },
                (Effect::Broadcast { frame }, Some(port)) => port.broadcast(&frame),
                (Effect::Kick { session, reason }, Some(port)) => port.kick(session, &reason),
                (Effect::Reject { session, error }, Some(port)) => port.reject(session, &error),
                (lost, None) => log::error!("lost, since the server has no clients effect={lost:?}"),
            }
        }
    }

    /// Sends output when the mailbox is drained, and at intervals if it never is.
    fn after_burst(&mut self, ctx: &mut Context<Self>) {
        self.schedule_tick(ctx);
        if self.burst >= BURST {
            let burst = std::mem::take(&mut self.burst);
            (self.unflushed, self.turn) = (self.unflushed + burst, self.turn + burst);
            self.speak();
            if self.unflushed >= FLUSH {
                self.flush();
            }
            ctx.wait(tokio::task::yield_now().into_actor(self));
        }
        if !std::mem::replace(&mut self.drain_scheduled, true) {
            // actix polls this once the mailbox is drained, in the same turn of the thread.
            ctx.spawn(async {}.into_actor(self).map(|(), actor, _ctx| {
                actor.drain_scheduled = false;
                actor.note_turn();
                actor.speak();
                actor.flush();
                if !actor.idle.is_empty() && actor.server.snapshot().calls_pending == 0 {
                    actor.idle.clear();
                }
            }));
        }
    }

    /// Sends the server's output to the router.
    fn speak(&mut self) {
        if !self.outgoing.is_empty() {
            self.router.do_send(Carry(take_all(&mut self.outgoing)));
        }
    }

    /// Wakes the server at its next deadline. One timer at a time: most calls are answered long
    /// before theirs.
    fn schedule_tick(&mut self, ctx: &mut Context<Self>) {
        if self.tick_scheduled {
            return;
        }
        let Some(deadline) = self.server.next_deadline() else { return };
        self.tick_scheduled = true;
        let wait = deadline.since(self.clock.now()).max(TICK_MIN);
        ctx.run_later(wait, |actor, ctx| {
            actor.tick_scheduled = false;
            // Resuming delivers a tick.
            if actor.paused.is_some() {
                return;
            }
            actor.deliver([Delivery::Tick], ctx);
        });
    }

    /// Records how many deliveries this drain contained.
    fn note_turn(&mut self) {
        let turn = u32::try_from(std::mem::take(&mut self.turn) + self.burst).unwrap_or(u32::MAX);
        let most = self.queue.at(self.now);
        *most = turn.max(*most);
    }

    fn flush(&mut self) {
        (self.burst, self.unflushed) = (0, 0);
        if let Some(port) = &self.port {
            port.flush();
        }
    }
}

impl Actor for ServerActor {
    type Context = Context<Self>;
}

impl Handler<Deliver> for ServerActor {
    type Result = ();

    fn handle(&mut self, Deliver(delivery): Deliver, ctx: &mut Self::Context) {
        self.deliver([delivery], ctx);
        self.speak();
    }
}

impl Handler<DeliverAll> for ServerActor {
    type Result = ();

    fn handle(&mut self, DeliverAll(envelopes): DeliverAll, ctx: &mut Self::Context) {
        self.deliver(envelopes.into_iter().map(Delivery::Envelope), ctx);
    }
}

impl Handler<TakeClientEvents> for ServerActor {
    type Result = ();

    fn handle(&mut self, TakeClientEvents: TakeClientEvents, ctx: &mut Self::Context) {
        let (events, since) = {
            let mut received = self.received.borrow_mut();
            (take_all(&mut received.events), received.since)
        };
        self.deliver(events.into_iter().map(|event| delivery_of(event, since)), ctx);
    }
}

impl<R: Send + 'static> Handler<Inspect<R>> for ServerActor {
    type Result = MessageResult<Inspect<R>>;

    fn handle(&mut self, Inspect(query): Inspect<R>, _ctx: &mut Self::Context) -> Self::Result {
        // The audit compares the server's state with the router's: output on its way would be a
        // difference.
        self.speak();
        let (now, waiting) = (self.clock.now(), self.paused.as_ref().map_or(0, Vec::len));
        let queue = self.queue.highest(now) as usize + waiting;
        MessageResult(query(Inside { server: &*self.server, port: self.port.as_ref(), queue, now }))
    }
}

/// Takes all items, and leaves room for as many again: a list that grows anew each time is copied
/// over and over.
pub(super) fn take_all<T>(list: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(list.len());
    std::mem::replace(list, room)
}

fn delivery_of(event: PortEvent, since: Time) -> Delivery {
    match event {
        PortEvent::Opened { session, peer } => Delivery::Opened { session, peer: Some(peer) },
        PortEvent::Message { session, bytes } => Delivery::Message { session, bytes, since },
        PortEvent::Closed { session } => Delivery::Closed { session },
    }
}
