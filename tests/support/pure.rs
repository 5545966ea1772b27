//! The [`World`] for tests: servers by id, and an inbox for each client.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use bytes::Bytes;
use pomelo_sim::audit::Violation;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::ServerSpec;
use pomelo_sim::ids::{ServerId, SessionId, SessionKey};
use pomelo_sim::router::LinkRule;
use pomelo_sim::servers::{Delivery, Effect, Server};
use pomelo_sim::supervisor::{ServerState, Verb};
use pomelo_sim::trace::Watch;
use pomelo_sim::world::{Policy, ToClient, World};

/// Something that a client of the pure cluster received.
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
    world: World,
    pub inboxes: BTreeMap<SessionKey, Vec<Out>>,
    next_session: u32,
}

impl Deref for PureCluster {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for PureCluster {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl PureCluster {
    pub fn new(cluster: Cluster) -> Self {
        Self::with_policy(cluster, Policy::InOrder)
    }

    pub fn with_policy(cluster: Cluster, policy: Policy) -> Self {
        let world = World::new(cluster.plan().unwrap(), policy);
        let mut pure = Self { world, inboxes: BTreeMap::new(), next_session: 0 };
        pure.settle();
        pure
    }

    fn station(&self, id: &str) -> u16 {
        self.stations.find(id).unwrap_or_else(|| panic!("there was never a server {id}"))
    }

    /// The servers that are up, in order.
    pub fn ids(&self) -> Vec<ServerId> {
        let mut ids: Vec<ServerId> = self.snapshots().into_iter().map(|server| server.id).collect();
        ids.sort();
        ids
    }

    pub fn is_up(&self, id: &str) -> bool {
        self.stations.find(id).is_some_and(|station| self.stations.at(station).is_up())
    }

    pub fn state_of(&self, id: &str) -> Option<ServerState> {
        self.stations.find(id).and_then(|station| self.state(station))
    }

    /// Connects a client to a frontend, which accepts it.
    pub fn open(&mut self, server: &str) -> SessionKey {
        self.next_session += 1;
        let session = SessionId::new(self.next_session, self.next_session);
        let key = SessionKey { frontend: server.into(), session };
        self.inboxes.insert(key.clone(), Vec::new());
        let (now, station) = (self.now, self.station(server));
        assert!(self.world.open(now, station, session), "{server} takes no client");
        key
    }

    pub fn message(&mut self, key: &SessionKey, bytes: &[u8]) {
        let (now, station) = (self.now, self.station(key.frontend.as_str()));
        self.world.message(now, station, key.session, Bytes::copy_from_slice(bytes));
    }

    pub fn close(&mut self, key: &SessionKey) {
        let (now, station) = (self.now, self.station(key.frontend.as_str()));
        self.world.close(now, station, key.session);
    }

    /// Appends a delivery to a server's mailbox; does nothing if the server is not up.
    pub fn deliver(&mut self, server: &str, delivery: Delivery) {
        let station = self.station(server);
        self.world.deliver(station, delivery);
    }

    /// Starts a server, also one that existed before.
    pub fn start(&mut self, spec: &ServerSpec) {
        let now = self.now;
        assert!(self.world.start(now, spec), "{} is up", spec.id);
    }

    /// Gives the order if the server's state allows it, and returns whether it did.
    pub fn order_server(&mut self, verb: Verb, id: &str) -> bool {
        let (now, station) = (self.now, self.station(id));
        let done = self.world.change(now, verb, station).is_ok();
        self.read();
        done
    }

    /// Kills a server, with the contents of its mailbox.
    pub fn kill(&mut self, id: &str) {
        assert!(self.order_server(Verb::Kill, id), "{id} is not up");
    }

    /// Stops a server gracefully; it ends when it has nothing left to do.
    pub fn stop(&mut self, id: &str) {
        assert!(self.order_server(Verb::Stop, id), "{id} is not up");
    }

    pub fn pause(&mut self, id: &str) {
        assert!(self.order_server(Verb::Pause, id), "{id} is not running");
    }

    pub fn resume(&mut self, id: &str) {
        assert!(self.order_server(Verb::Resume, id), "{id} is not paused");
    }

    /// Stalls a server, or lets it run again: see [`World::stall`].
    pub fn stall(&mut self, id: &str, is_stalled: bool) {
        let station = self.station(id);
        self.world.stall(station, is_stalled);
    }

    pub fn install(&mut self, rule: LinkRule) {
        let now = self.now;
        self.world.install(now, rule);
    }

    pub fn heal(&mut self) {
        let now = self.now;
        self.world.heal(now, None).unwrap();
    }

    /// Enables tracing; the cluster's time 0 is 0 ms.
    pub fn watch(&mut self) -> Watch {
        let watch = Watch::new(0.0);
        self.set_watch(watch.clone());
        watch
    }

    /// Changes the strategy of a type.
    pub fn steer(&mut self, server_type: &str, strategy: &str) {
        let strategy = strategy.parse().unwrap();
        self.order(|router, now, out| router.set_strategy(now, &server_type.into(), strategy, out)).unwrap();
    }

    /// Reorders the lists of servers.
    pub fn arrange(&mut self, order: &[ServerId]) {
        self.order(|router, now, out| router.arrange(now, order, out));
    }

    /// Runs everything that can be done now.
    pub fn settle(&mut self) {
        while self.turn() {}
    }

    /// One step of a server, the router or the supervisor. False if there is nothing to do.
    pub fn turn(&mut self) -> bool {
        let went_on = self.world.turn();
        self.read();
        went_on
    }

    /// Advances the time in one step, and runs everything that results.
    pub fn advance(&mut self, by: Duration) {
        self.pass(by);
        self.settle();
    }

    /// Whether the client is still connected.
    pub fn is_connected(&self, key: &SessionKey) -> bool {
        let gone = |out: &Out| matches!(out, Out::Kick(_) | Out::Lost | Out::Rejected(_));
        self.is_up(key.frontend.as_str()) && !self.inboxes[key].iter().any(gone)
    }

    /// The connected clients of a frontend.
    pub fn clients_of(&self, id: &str) -> Vec<SessionKey> {
        let keys = self.inboxes.keys().filter(|key| key.frontend.as_str() == id);
        keys.filter(|key| self.is_connected(key)).cloned().collect()
    }

    /// A running server, for inspection.
    pub fn server(&self, id: &str) -> &dyn Server {
        self.world.server(self.station(id)).expect("it is up")
    }

    pub fn audit(&mut self) -> Vec<Violation> {
        self.world.audit().into_iter().collect()
    }

    /// Delivers servers' output to the clients.
    fn read(&mut self) {
        for (station, said) in self.world.outgoing().collect::<Vec<_>>() {
            let frontend = self.stations.at(station).spec.id.clone();
            match said {
                ToClient::Effect(Effect::Respond { session, request, body }) => {
                    self.give(&frontend, session, Out::Response(request, body));
                }
                ToClient::Effect(Effect::Push { sessions, frame }) => {
                    let package = || Out::Push(frame.package().to_vec());
                    sessions.as_slice().iter().for_each(|session| self.give(&frontend, *session, package()));
                }
                ToClient::Effect(Effect::Broadcast { frame }) => {
                    let package = || Out::Push(frame.package().to_vec());
                    self.each_of(&frontend, |inbox| inbox.push(package()));
                }
                ToClient::Effect(Effect::Kick { session, reason }) => {
                    self.give(&frontend, session, Out::Kick(reason.into()))
                }
                ToClient::Effect(Effect::Reject { session, error }) => {
                    self.give(&frontend, session, Out::Rejected(error))
                }
                ToClient::Shut { reason } => {
                    for key in self.clients_of(frontend.as_str()) {
                        self.give(&frontend, key.session, Out::Kick(reason.to_owned()));
                        self.close(&key);
                    }
                }
                ToClient::Effect(_) => {}
                ToClient::Gone => self.each_of(&frontend, |inbox| {
                    if !matches!(inbox.last(), Some(Out::Kick(_) | Out::Lost)) {
                        inbox.push(Out::Lost);
                    }
                }),
            }
        }
    }

    fn give(&mut self, frontend: &ServerId, session: SessionId, out: Out) {
        let key = SessionKey { frontend: frontend.clone(), session };
        if let Some(inbox) = self.inboxes.get_mut(&key) {
            inbox.push(out);
        }
    }

    fn each_of(&mut self, frontend: &ServerId, change: impl Fn(&mut Vec<Out>)) {
        let of = self.inboxes.iter_mut().filter(|(key, _)| key.frontend == *frontend);
        of.for_each(|(_, inbox)| change(inbox));
    }
}
