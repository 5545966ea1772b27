//! The cluster's router and servers without actix, sockets or real time: a mailbox each, worked off in the order of
//! sending, or in an order that a seed draws, as threads would.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use pomelo_sim::audit::{RouterView, Violation, audit};
use pomelo_sim::cluster::{Blueprint, Cluster};
use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::Envelope;
use pomelo_sim::ids::{ServerId, SessionId, SessionKey};
use pomelo_sim::random::Random;
use pomelo_sim::router::{LinkRule, Routed, Router};
use pomelo_sim::servers::{Delivery, Effect, Outbox, Server, ServerSnapshot};
use pomelo_sim::time::Time;
use pomelo_sim::trace::Watch;

/// What a client of the pure cluster got.
#[derive(Clone, PartialEq, Debug)]
pub enum Out {
    Response(u64, Bytes),
    /// The package of a push.
    Push(Vec<u8>),
    Kick(String),
    Rejected(String),
    /// The frontend vanished.
    Lost,
}

pub struct PureCluster {
    pub router: Router,
    blueprint: Blueprint,
    servers: BTreeMap<ServerId, Running>,
    /// How often each id was made.
    generations: BTreeMap<ServerId, u32>,
    /// Servers that end when nothing of theirs is under way.
    stopping: BTreeSet<ServerId>,
    /// What one delivery made a server send, in one piece: it is carried whole or, from the dead, not at all.
    router_mail: VecDeque<(u64, Vec<Envelope>)>,
    last_mail: u64,
    /// Draws whose turn it is; none: in the order of sending.
    turns: Option<Random>,
    pub inboxes: BTreeMap<SessionKey, Vec<Out>>,
    pub now: Time,
    /// Envelopes for which this says true are lost on their way.
    pub lost: Loss,
    next_session: u32,
    rooms_move: bool,
    /// What the servers' traces are written on.
    watch: Option<Watch>,
    /// Prints what happens, one line each.
    pub trace: bool,
}

struct Running {
    spec: ServerSpec,
    server: Box<dyn Server>,
    mail: VecDeque<(u64, Delivery)>,
    is_paused: bool,
}

/// Whether an envelope to a server is lost.
pub type Loss = Box<dyn Fn(&ServerId, &Envelope) -> bool>;

impl PureCluster {
    pub fn new(cluster: Cluster) -> Self {
        Self::with_turns(cluster, None)
    }

    /// A cluster whose servers and router get their turns as `turns` draws them.
    pub fn with_turns(cluster: Cluster, turns: Option<Random>) -> Self {
        let plan = cluster.plan().unwrap();
        let servers = plan.servers.into_iter().map(|planned| {
            let (spec, server) = (planned.spec.clone(), (planned.make)());
            (spec.id.clone(), Running { spec, server, mail: VecDeque::new(), is_paused: false })
        });
        let mut pure = Self {
            router: plan.router,
            blueprint: plan.blueprint,
            servers: servers.collect(),
            generations: BTreeMap::new(),
            stopping: BTreeSet::new(),
            router_mail: VecDeque::new(),
            last_mail: 0,
            turns,
            inboxes: BTreeMap::new(),
            now: Time::START,
            lost: Box::new(|_, _| false),
            next_session: 0,
            rooms_move: true,
            watch: None,
            trace: false,
        };
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            for id in pure.ids() {
                pure.deliver(id.as_str(), delivery.clone());
            }
        }
        pure.settle();
        pure
    }

    /// The audit expects rooms to stay where they are.
    pub fn rooms_stay(&mut self) {
        self.rooms_move = false;
    }

    /// The servers that are up, in order.
    pub fn ids(&self) -> Vec<ServerId> {
        self.servers.keys().cloned().collect()
    }

    pub fn is_up(&self, id: &str) -> bool {
        self.servers.contains_key(id)
    }

    pub fn is_paused(&self, id: &str) -> bool {
        self.servers.get(id).is_some_and(|server| server.is_paused)
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
        let (bytes, since) = (Bytes::copy_from_slice(bytes), self.now);
        let message = Delivery::Message { session: key.session, bytes, since };
        self.deliver(key.frontend.as_str(), message);
    }

    pub fn close(&mut self, key: &SessionKey) {
        self.deliver(key.frontend.as_str(), Delivery::Closed { session: key.session });
    }

    /// Puts a delivery at the end of a server's mailbox; nothing when the server is not up.
    pub fn deliver(&mut self, server: &str, delivery: Delivery) {
        self.last_mail += 1;
        if let Some(running) = self.servers.get_mut(server) {
            running.mail.push_back((self.last_mail, delivery));
        }
    }

    /// Starts a server, also one that was there before.
    pub fn start(&mut self, spec: &ServerSpec) {
        assert!(!self.servers.contains_key(&spec.id), "{} is up", spec.id);
        // A live server is only made anew when the router has heard its predecessor out, and not listened.
        self.router_mail.retain(|(_, batch)| batch[0].from != spec.id);
        let generation = self.generations.entry(spec.id.clone()).or_default();
        *generation += 1;
        let server = (self.blueprint.server(spec, *generation).unwrap().make)();
        self.router.admit(spec).unwrap();
        let running = Running { spec: spec.clone(), server, mail: VecDeque::new(), is_paused: false };
        self.servers.insert(spec.id.clone(), running);
        self.deliver(spec.id.as_str(), Delivery::Started);
        self.deliver(spec.id.as_str(), Delivery::AllStarted);
        self.order(|router, now, out| router.join(now, spec, out));
    }

    /// Lets a server vanish, with what is in its mailbox.
    pub fn kill(&mut self, id: &str) {
        let id = ServerId::from(id);
        self.servers.remove(&id).expect("it is up");
        self.stopping.remove(&id);
        for (key, inbox) in &mut self.inboxes {
            if key.frontend == id && !matches!(inbox.last(), Some(Out::Kick(_) | Out::Lost)) {
                inbox.push(Out::Lost);
            }
        }
        self.order(|router, now, out| router.forget(now, &id, out));
    }

    /// Stops a server in good order; it ends when it has nothing left.
    pub fn stop(&mut self, id: &str) {
        let id = ServerId::from(id);
        assert!(self.servers.contains_key(&id), "{id} is not up");
        self.resume(id.as_str());
        self.order(|router, now, out| router.retire(now, &id, out));
        let clients: Vec<SessionKey> =
            self.inboxes.keys().filter(|key| key.frontend == id).cloned().collect();
        for key in clients {
            if self.is_connected(&key) {
                self.inboxes.get_mut(&key).unwrap().push(Out::Kick("server stopped".into()));
                self.close(&key);
            }
        }
        self.stopping.insert(id);
    }

    pub fn pause(&mut self, id: &str) {
        self.router.pause(&id.into());
        self.servers.get_mut(id).unwrap().is_paused = true;
    }

    pub fn resume(&mut self, id: &str) {
        let running = self.servers.get_mut(id).unwrap();
        if std::mem::take(&mut running.is_paused) {
            running.mail.push_front((0, Delivery::Tick));
            self.order(|router, now, out| router.resume(now, &id.into(), out));
        }
    }

    /// Lets a server have no turn, or have turns again. Unlike [`pause`](Self::pause) the router knows nothing of it: so
    /// does a thread that is slow.
    pub fn stall(&mut self, id: &str, is_stalled: bool) {
        self.servers.get_mut(id).unwrap().is_paused = is_stalled;
    }

    pub fn install(&mut self, rule: LinkRule) {
        self.order(|router, now, out| router.install(now, rule, out));
    }

    pub fn heal(&mut self) {
        self.order(|router, now, out| router.heal(now, None, out).unwrap());
    }

    /// Traces can be watched from now on; what is done at the cluster's time 0 is done at 0.
    pub fn watch(&mut self) -> Watch {
        let watch = Watch::new(0.0);
        self.router.set_watch(watch.clone());
        self.watch.insert(watch).clone()
    }

    /// Gives a type another strategy.
    pub fn steer(&mut self, server_type: &str, strategy: &str) {
        let strategy = strategy.parse().unwrap();
        self.order(|router, now, out| router.set_strategy(now, &server_type.into(), strategy, out)).unwrap();
    }

    /// Puts the lists of servers in another order.
    pub fn arrange(&mut self, order: &[ServerId]) {
        self.order(|router, now, out| router.arrange(now, order, out));
    }

    /// Works everything off that can be done now.
    pub fn settle(&mut self) {
        while self.turn() {}
    }

    /// One delivery or one envelope. False when there is none.
    pub fn turn(&mut self) -> bool {
        let router_first = self.router_mail.front().map(|(number, _)| (*number, None));
        let server_first = self
            .servers
            .iter()
            .filter(|(_, running)| !running.is_paused)
            .filter_map(|(id, running)| Some((running.mail.front()?.0, Some(id.clone()))));
        let mut ready: Vec<(u64, Option<ServerId>)> = router_first.into_iter().chain(server_first).collect();
        if ready.is_empty() {
            return self.end_those_that_stop();
        }
        let whose = match &mut self.turns {
            Some(random) => ready.swap_remove(random.index(ready.len())).1,
            None => ready.into_iter().min().unwrap().1,
        };
        match whose {
            None => {
                let (_, batch) = self.router_mail.pop_front().unwrap();
                if self.trace {
                    batch.iter().for_each(|envelope| eprintln!("{:?} router <- {envelope:?}", self.now));
                }
                self.order(|router, now, out| {
                    batch.into_iter().for_each(|envelope| router.route(now, envelope, out))
                });
            }
            Some(id) => {
                let running = self.servers.get_mut(&id).unwrap();
                let (_, delivery) = running.mail.pop_front().unwrap();
                let mut out = self.watch.clone().map_or_else(Outbox::default, Outbox::watched);
                if self.trace {
                    eprintln!("{:?} {id} <- {delivery:?}", self.now);
                }
                running.server.deliver(self.now, delivery, &mut out);
                let mut sent = Vec::new();
                for effect in out.effects {
                    match effect {
                        Effect::Send(envelope) => sent.push(envelope),
                        effect => self.carry_out(&id, effect),
                    }
                }
                if !sent.is_empty() {
                    self.last_mail += 1;
                    self.router_mail.push_back((self.last_mail, sent));
                }
            }
        }
        true
    }

    /// Lets time pass, all at once: every server that waits for it gets its tick.
    pub fn advance(&mut self, by: Duration) {
        self.pass(by);
        self.settle();
    }

    /// The same, and what follows of it is left in the mailboxes.
    pub fn pass(&mut self, by: Duration) {
        self.now = self.now + by;
        if self.router.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.order(|router, now, out| router.tick(now, out));
        }
        let due: Vec<ServerId> = self
            .servers
            .iter()
            .filter(|(_, running)| {
                running.server.next_deadline().is_some_and(|deadline| deadline <= self.now)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.deliver(id.as_str(), Delivery::Tick);
        }
    }

    /// Whether the client is still connected.
    pub fn is_connected(&self, key: &SessionKey) -> bool {
        let gone = |out: &Out| matches!(out, Out::Kick(_) | Out::Lost | Out::Rejected(_));
        self.servers.contains_key(&key.frontend) && !self.inboxes[key].iter().any(gone)
    }

    /// A server that is up, to look at.
    pub fn server(&self, id: &str) -> &dyn Server {
        &*self.servers[&ServerId::from(id)].server
    }

    pub fn snapshots(&self) -> Vec<ServerSnapshot> {
        self.servers.values().map(|running| running.server.snapshot()).collect()
    }

    pub fn audit(&mut self) -> Vec<Violation> {
        let held = self
            .servers
            .iter()
            .map(|(id, running)| (id.clone(), (running.spec.server_type.clone(), running.server.holdings())));
        audit(&held.collect(), &RouterView::of(&mut self.router), self.rooms_move).into_iter().collect()
    }

    fn end_those_that_stop(&mut self) -> bool {
        let ended = self.stopping.iter().find(|id| {
            let server = self.servers[*id].server.snapshot();
            self.router.is_empty_handed(id) && server.calls_pending == 0 && server.sessions == 0
        });
        let Some(id) = ended.cloned() else { return false };
        self.kill(id.as_str());
        true
    }

    fn order<R>(&mut self, order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R) -> R {
        let mut out = Vec::new();
        let result = order(&mut self.router, self.now, &mut out);
        for Routed { to, envelope } in out {
            if !(self.lost)(&to, &envelope) {
                self.deliver(to.as_str(), Delivery::Envelope(envelope));
            }
        }
        result
    }

    fn carry_out(&mut self, server: &ServerId, effect: Effect) {
        let mut give = |session: SessionId, out: Out| {
            let key = SessionKey { frontend: server.clone(), session };
            if let Some(inbox) = self.inboxes.get_mut(&key) {
                inbox.push(out);
            }
        };
        match effect {
            Effect::Send(envelope) => panic!("for the router: {envelope:?}"),
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
