//! Actors around the machines, as in `live`, without ports: messages are forwarded by the router or
//! directly.

use std::collections::HashMap;
use std::time::Instant;

use actix::prelude::*;
use bytes::Bytes;
use pomelo_sim::envelope::Envelope;
use pomelo_sim::ids::ServerId;
use pomelo_sim::router::{Routed, Router};
use pomelo_sim::servers::{Delivery, Effect, Outbox, Server};
use pomelo_sim::time::Time;
use tokio::sync::oneshot;

/// As in `live`: yields to other actors after this many.
const BURST: u32 = 256;

#[derive(Message)]
#[rtype(result = "()")]
struct Deliver(Delivery);

#[derive(Message)]
#[rtype(result = "()")]
enum Carry {
    One(Envelope),
    Many(Vec<Envelope>),
}

#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Register(pub(crate) ServerId, pub(crate) Addr<Shell>);

/// Sets the only destination.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TalkTo(pub(crate) Addr<Shell>);

/// A connector's first messages, and the message that each session sends after an answer, up to the
/// given number of requests. The receiver is notified when all are answered.
#[derive(Message)]
#[rtype(result = "oneshot::Receiver<()>")]
pub(crate) struct Begin {
    pub(crate) first: Vec<Delivery>,
    pub(crate) then: Bytes,
    pub(crate) requests: u64,
}

/// Queries the number of messages sent to servers.
#[derive(Message)]
#[rtype(result = "u64")]
pub(crate) struct Sent;

pub(crate) enum Way {
    Router(Addr<RouterShell>),
    Direct(Addr<Shell>),
}

pub(crate) struct RouterShell {
    router: Router,
    began: Instant,
    addresses: HashMap<ServerId, Addr<Shell>>,
    routed: Vec<Routed>,
    burst: u32,
}

impl RouterShell {
    pub(crate) fn new(router: Router) -> Self {
        Self { router, began: Instant::now(), addresses: HashMap::new(), routed: Vec::new(), burst: 0 }
    }
}

impl Actor for RouterShell {
    type Context = Context<Self>;
}

impl Handler<Register> for RouterShell {
    type Result = ();

    fn handle(&mut self, Register(id, address): Register, _ctx: &mut Self::Context) {
        self.addresses.insert(id, address);
    }
}

impl Handler<Carry> for RouterShell {
    type Result = ();

    fn handle(&mut self, carry: Carry, ctx: &mut Self::Context) {
        let now = Time::START + self.began.elapsed();
        match carry {
            Carry::One(envelope) => self.router.route(now, envelope, &mut self.routed),
            Carry::Many(envelopes) => {
                envelopes.into_iter().for_each(|envelope| self.router.route(now, envelope, &mut self.routed));
            }
        }
        for Routed { to, envelope } in self.routed.drain(..) {
            self.addresses[&to].do_send(Deliver(Delivery::Envelope(envelope)));
        }
        assert_eq!(self.router.next_deadline(), None, "no link holds anything up");
        self.burst += 1;
        if self.burst >= BURST {
            self.burst = 0;
            ctx.wait(tokio::task::yield_now().into_actor(self));
        }
    }
}

pub(crate) struct Shell {
    server: Box<dyn Server>,
    way: Way,
    began: Instant,
    out: Outbox,
    then: Bytes,
    /// Requests still to be sent, and requests still unanswered.
    to_send: u64,
    open: u64,
    done: Option<oneshot::Sender<()>>,
    sent: u64,
    burst: u32,
}

impl Shell {
    pub(crate) fn new(server: Box<dyn Server>, way: Way) -> Self {
        let out = Outbox::default();
        let began = Instant::now();
        Self {
            server,
            way,
            began,
            out,
            then: Bytes::new(),
            to_send: 0,
            open: 0,
            done: None,
            sent: 0,
            burst: 0,
        }
    }

    fn perform(&mut self, ctx: &mut Context<Self>) {
        let (mut first, mut more) = (None, Vec::new());
        for effect in self.out.effects.drain(..) {
            match effect {
                Effect::Send(envelope) => {
                    self.sent += 1;
                    match (&self.way, &first) {
                        (Way::Direct(peer), _) => peer.do_send(Deliver(Delivery::Envelope(envelope))),
                        (Way::Router(_), None) => first = Some(envelope),
                        (Way::Router(_), Some(_)) => more.push(envelope),
                    }
                }
                Effect::Respond { session, body, .. } => {
                    assert!(!body.starts_with(br#"{"code""#), "refused: {body:?}");
                    self.open -= 1;
                    if self.to_send > 0 {
                        self.to_send -= 1;
                        let bytes = self.then.clone();
                        ctx.address().do_send(Deliver(Delivery::Message {
                            session,
                            bytes,
                            since: Time::START,
                        }));
                    } else if self.open == 0
                        && let Some(done) = self.done.take()
                    {
                        done.send(()).unwrap();
                    }
                }
                Effect::Push { .. } | Effect::Done { .. } => {}
                other => panic!("nothing else happens here: {other:?}"),
            }
        }
        match (&self.way, first) {
            (Way::Router(router), Some(envelope)) if more.is_empty() => {
                router.do_send(Carry::One(envelope));
            }
            (Way::Router(router), Some(envelope)) => {
                more.insert(0, envelope);
                router.do_send(Carry::Many(more));
            }
            _ => {}
        }
        self.burst += 1;
        if self.burst >= BURST {
            self.burst = 0;
            ctx.wait(tokio::task::yield_now().into_actor(self));
        }
    }
}

impl Actor for Shell {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Shell {
    type Result = ();

    fn handle(&mut self, Deliver(delivery): Deliver, ctx: &mut Self::Context) {
        self.server.deliver(Time::START + self.began.elapsed(), delivery, &mut self.out);
        self.perform(ctx);
    }
}

impl Handler<TalkTo> for Shell {
    type Result = ();

    fn handle(&mut self, TalkTo(peer): TalkTo, _ctx: &mut Self::Context) {
        self.way = Way::Direct(peer);
    }
}

impl Handler<Begin> for Shell {
    type Result = MessageResult<Begin>;

    fn handle(&mut self, Begin { first, then, requests }: Begin, ctx: &mut Self::Context) -> Self::Result {
        let (done, all_answered) = oneshot::channel();
        let requests_first =
            first.iter().filter(|one| matches!(one, Delivery::Message { .. })).count() as u64;
        (self.then, self.done) = (then, Some(done));
        (self.to_send, self.open) = (requests - requests_first, requests);
        first.into_iter().for_each(|delivery| ctx.address().do_send(Deliver(delivery)));
        MessageResult(all_answered)
    }
}

impl Handler<Sent> for Shell {
    type Result = u64;

    fn handle(&mut self, Sent: Sent, _ctx: &mut Self::Context) -> Self::Result {
        self.sent
    }
}
