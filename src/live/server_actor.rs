//! A configured server as an actor: deliveries in, effects out to the router and to its own port.

use std::io;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::router_actor::{Carry, RouterActor};
use super::running::LiveServer;
use crate::ports::{Port, PortEvent, PortOptions};
use crate::servers::{Delivery, Effect, Holdings, Outbox, Server};
use crate::time::Time;

/// Deliveries handled before the outboxes are written and other actors get their turn.
const BURST: u32 = 256;

/// Deadlines are looked at no more often than this.
const TICK_MIN: Duration = Duration::from_millis(10);

/// The shell of one server.
pub(super) struct ServerActor {
    server: Box<dyn Server>,
    router: Addr<RouterActor>,
    port: Option<Port>,
    clock: Clock,
    out: Outbox,
    flush_scheduled: bool,
    tick_scheduled: bool,
    burst: u32,
    /// What has come while the server is paused; none while it is not.
    paused: Option<Vec<Delivery>>,
}

/// Real time as the cluster counts it.
#[derive(Clone, Copy)]
pub(super) struct Clock(pub(super) Instant);

impl Clock {
    pub(super) fn now(self) -> Time {
        Time::START + self.0.elapsed()
    }
}

/// Something that happens to the server.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Deliver(pub(super) Delivery);

/// Opens the server's port.
#[derive(Message)]
#[rtype(result = "io::Result<()>")]
pub(super) struct OpenPort(pub(super) TcpListener, pub(super) PortOptions);

/// Closes the address of the server's port; its connections stay.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopAccepting;

/// Kicks the server's clients and ends their connections.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ShutPort(pub(super) &'static str);

/// Lets the server do nothing, or go on.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SetPaused(pub(super) bool);

/// Ends the actor as it is, and its connections with it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Vanish;

/// Asks for the server's account of itself and its port.
#[derive(Message)]
#[rtype(result = "LiveServer")]
pub(super) struct Inspect;

/// Asks for all that the server holds, one by one.
#[derive(Message)]
#[rtype(result = "Holdings")]
pub(super) struct InspectHoldings;

/// Asks how many messages the server has taken since it started.
#[derive(Message)]
#[rtype(result = "u64")]
pub(super) struct CountMessages;

impl ServerActor {
    /// A server whose port is not open yet.
    pub(super) fn new(server: Box<dyn Server>, router: Addr<RouterActor>, clock: Clock) -> Self {
        let out = Outbox::default();
        Self {
            server,
            router,
            port: None,
            clock,
            out,
            flush_scheduled: false,
            tick_scheduled: false,
            burst: 0,
            paused: None,
        }
    }

    /// Carries out what the server wants, in its order. Pushes and responses only reach outboxes here: they are written
    /// when the mailbox is empty, so that what belongs to one client goes out in one write.
    fn perform(&mut self, ctx: &mut Context<Self>) {
        let mut wrote = false;
        let (mut first, mut more) = (None, Vec::new());
        for effect in self.out.effects.drain(..) {
            match (effect, &self.port) {
                (Effect::Send(envelope), _) => {
                    match first {
                        None => first = Some(envelope),
                        Some(_) => more.push(envelope),
                    }
                    continue;
                }
                (Effect::Done { session }, Some(port)) => {
                    port.done(session);
                    continue;
                }
                (Effect::Respond { session, request, body }, Some(port)) => {
                    port.respond(session, request, &body)
                }
                (Effect::Push { sessions, frame }, Some(port)) => port.push(sessions.as_slice(), &frame),
                (Effect::Broadcast { frame }, Some(port)) => port.broadcast(&frame),
                (Effect::Kick { session, reason }, Some(port)) => port.kick(session, &reason),
                (Effect::Reject { session, error }, Some(port)) => port.reject(session, &error),
                (lost, None) => {
                    log::error!("lost, since the server has no clients effect={lost:?}");
                    continue;
                }
            }
            wrote = true;
        }
        match first {
            Some(envelope) if more.is_empty() => self.router.do_send(Carry::One(envelope)),
            Some(envelope) => {
                more.insert(0, envelope);
                self.router.do_send(Carry::Many(more));
            }
            None => {}
        }
        if wrote && !self.flush_scheduled {
            self.flush_scheduled = true;
            // actix polls this once the mailbox is drained, in the same turn of the thread.
            ctx.spawn(async {}.into_actor(self).map(|(), actor, _ctx| actor.flush()));
        }
        self.schedule_tick(ctx);
        self.burst += 1;
        if self.burst >= BURST {
            // Under load the mailbox may never be empty: clients must not wait for that.
            self.flush();
            ctx.wait(tokio::task::yield_now().into_actor(self));
        }
    }

    /// Wakes the server at its next deadline. One timer at a time: most calls are answered long before theirs.
    fn schedule_tick(&mut self, ctx: &mut Context<Self>) {
        if self.tick_scheduled {
            return;
        }
        let Some(deadline) = self.server.next_deadline() else { return };
        self.tick_scheduled = true;
        let wait = deadline.since(self.clock.now()).max(TICK_MIN);
        ctx.run_later(wait, |actor, ctx| {
            actor.tick_scheduled = false;
            if actor.paused.is_some() {
                return;
            }
            actor.server.deliver(actor.clock.now(), Delivery::Tick, &mut actor.out);
            actor.perform(ctx);
        });
    }

    fn flush(&mut self) {
        self.flush_scheduled = false;
        self.burst = 0;
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
        if let Some(waiting) = &mut self.paused {
            return waiting.push(delivery);
        }
        self.server.deliver(self.clock.now(), delivery, &mut self.out);
        self.perform(ctx);
    }
}

impl Handler<OpenPort> for ServerActor {
    type Result = io::Result<()>;

    fn handle(&mut self, OpenPort(listener, options): OpenPort, ctx: &mut Self::Context) -> Self::Result {
        let address = ctx.address();
        let server = options.server.clone();
        let port = Port::open(listener, options, move |event| address.do_send(Deliver(event.into())))?;
        log::info!("port open server={server} address={}", port.address());
        self.port = Some(port);
        Ok(())
    }
}

impl Handler<StopAccepting> for ServerActor {
    type Result = ();

    fn handle(&mut self, StopAccepting: StopAccepting, _ctx: &mut Self::Context) {
        if let Some(port) = &self.port {
            port.stop_accepting();
        }
    }
}

impl Handler<ShutPort> for ServerActor {
    type Result = ();

    fn handle(&mut self, ShutPort(reason): ShutPort, _ctx: &mut Self::Context) {
        if let Some(port) = &self.port {
            port.shut_down(reason);
            port.flush();
        }
    }
}

impl Handler<SetPaused> for ServerActor {
    type Result = ();

    fn handle(&mut self, SetPaused(paused): SetPaused, ctx: &mut Self::Context) {
        if let Some(port) = &self.port {
            port.set_paused(paused);
        }
        if paused {
            self.paused.get_or_insert_default();
            return;
        }
        let Some(waiting) = self.paused.take() else { return };
        // What has become overdue meanwhile is answered first: nobody waits for it any more.
        let late = std::iter::once(Delivery::Tick);
        for delivery in late.chain(waiting) {
            self.server.deliver(self.clock.now(), delivery, &mut self.out);
            self.perform(ctx);
        }
    }
}

impl Handler<Vanish> for ServerActor {
    type Result = ();

    fn handle(&mut self, Vanish: Vanish, ctx: &mut Self::Context) {
        // Its connections end with the port, whoever holds the actor's address.
        self.port = None;
        ctx.terminate();
    }
}

impl Handler<InspectHoldings> for ServerActor {
    type Result = MessageResult<InspectHoldings>;

    fn handle(&mut self, InspectHoldings: InspectHoldings, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.server.holdings())
    }
}

impl Handler<CountMessages> for ServerActor {
    type Result = u64;

    fn handle(&mut self, CountMessages: CountMessages, _ctx: &mut Self::Context) -> Self::Result {
        self.server.messages()
    }
}

impl Handler<Inspect> for ServerActor {
    type Result = MessageResult<Inspect>;

    fn handle(&mut self, Inspect: Inspect, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(LiveServer {
            server: self.server.snapshot(),
            port: self.port.as_ref().map(Port::snapshot),
        })
    }
}

impl From<PortEvent> for Delivery {
    fn from(event: PortEvent) -> Self {
        match event {
            PortEvent::Opened { session, peer } => Delivery::Opened { session, peer: Some(peer) },
            PortEvent::Message { session, bytes } => Delivery::Message { session, bytes },
            PortEvent::Closed { session } => Delivery::Closed { session },
        }
    }
}
