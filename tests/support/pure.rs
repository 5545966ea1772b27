//! The cluster's router and servers without actix, sockets or time: one queue, first in, first out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::envelope::Envelope;
use pomelo_sim::ids::{ServerId, SessionId, SessionKey};
use pomelo_sim::router::Router;
use pomelo_sim::servers::{Delivery, Effect, Outbox, Server, ServerSnapshot};
use pomelo_sim::time::Time;

/// What a client of the pure cluster got.
#[derive(Clone, PartialEq, Debug)]
pub enum Out {
    Response(u64, Bytes),
    /// The package of a push.
    Push(Vec<u8>),
    Kick(String),
    Rejected(String),
}

pub struct PureCluster {
    pub router: Router,
    servers: BTreeMap<ServerId, Box<dyn Server>>,
    queue: VecDeque<Step>,
    pub inboxes: BTreeMap<SessionKey, Vec<Out>>,
    pub now: Time,
    /// Envelopes for which this says true are lost on their way.
    pub lost: Loss,
    next_session: u32,
}

/// Whether an envelope to a server is lost.
pub type Loss = Box<dyn Fn(&ServerId, &Envelope) -> bool>;

enum Step {
    Route(Envelope),
    Deliver(ServerId, Delivery),
}

impl PureCluster {
    pub fn new(cluster: Cluster) -> Self {
        let plan = cluster.plan().unwrap();
        let servers = plan.servers.into_iter().map(|server| (server.spec.id.clone(), (server.make)()));
        let mut pure = Self {
            router: plan.router,
            servers: servers.collect(),
            queue: VecDeque::new(),
            inboxes: BTreeMap::new(),
            now: Time::START,
            lost: Box::new(|_, _| false),
            next_session: 0,
        };
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            for id in pure.servers.keys().cloned().collect::<Vec<_>>() {
                pure.queue.push_back(Step::Deliver(id, delivery.clone()));
            }
        }
        pure.settle();
        pure
    }

    pub fn open(&mut self, server: &str) -> SessionKey {
        self.next_session += 1;
        let session = SessionId::new(self.next_session, self.next_session);
        let key = SessionKey { frontend: server.into(), session };
        self.inboxes.insert(key.clone(), Vec::new());
        self.deliver(server, Delivery::Opened { session, peer: None });
        key
    }

    pub fn message(&mut self, key: &SessionKey, bytes: &[u8]) {
        let message = Delivery::Message { session: key.session, bytes: Bytes::copy_from_slice(bytes) };
        self.deliver(key.frontend.as_str(), message);
    }

    pub fn close(&mut self, key: &SessionKey) {
        self.deliver(key.frontend.as_str(), Delivery::Closed { session: key.session });
    }

    /// Puts a delivery at the end of the queue.
    pub fn deliver(&mut self, server: &str, delivery: Delivery) {
        self.queue.push_back(Step::Deliver(server.into(), delivery));
    }

    /// Works the queue off.
    pub fn settle(&mut self) {
        while let Some(step) = self.queue.pop_front() {
            match step {
                Step::Route(envelope) => {
                    let mut out = Vec::new();
                    self.router.route(self.now, envelope, &mut out);
                    for routed in out {
                        if !(self.lost)(&routed.to, &routed.envelope) {
                            let delivery = Delivery::Envelope(routed.envelope);
                            self.queue.push_back(Step::Deliver(routed.to, delivery));
                        }
                    }
                }
                Step::Deliver(id, delivery) => {
                    let mut out = Outbox::default();
                    let server = self.servers.get_mut(&id).unwrap();
                    server.deliver(self.now, delivery, &mut out);
                    for effect in out.effects {
                        self.carry_out(&id, effect);
                    }
                }
            }
        }
    }

    /// Lets time pass: every server that waits for it gets its tick.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        for (id, server) in &self.servers {
            if server.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                self.queue.push_back(Step::Deliver(id.clone(), Delivery::Tick));
            }
        }
        self.settle();
    }

    pub fn snapshots(&self) -> Vec<ServerSnapshot> {
        self.servers.values().map(|server| server.snapshot()).collect()
    }

    fn carry_out(&mut self, server: &ServerId, effect: Effect) {
        let mut give = |session: SessionId, out: Out| {
            let key = SessionKey { frontend: server.clone(), session };
            if let Some(inbox) = self.inboxes.get_mut(&key) {
                inbox.push(out);
            }
        };
        match effect {
            Effect::Send(envelope) => self.queue.push_back(Step::Route(envelope)),
            Effect::Respond { session, request, body } => give(session, Out::Response(request, body)),
            Effect::Push { sessions, frame } => {
                for session in sessions.as_slice() {
                    give(*session, Out::Push(frame.package().to_vec()));
                }
            }
            Effect::Broadcast { frame } => {
                let keys: Vec<SessionKey> =
                    self.inboxes.keys().filter(|key| key.frontend == *server).cloned().collect();
                for key in keys {
                    self.inboxes.get_mut(&key).unwrap().push(Out::Push(frame.package().to_vec()));
                }
            }
            Effect::Done { .. } => {}
            Effect::Kick { session, reason } => give(session, Out::Kick(reason.into())),
            Effect::Reject { session, error } => give(session, Out::Rejected(error)),
        }
    }
}
