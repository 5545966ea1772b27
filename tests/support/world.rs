//! One interface to the pure and the live cluster, so that one test covers both.

use pomelo_sim::cluster::Cluster;
use pomelo_sim::ids::SessionKey;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::servers::ServerSnapshot;
use pomelo_sim::wire::{HEADER_BYTES, Message, MessageKind, WireRoute};
use serde_json::{Value, json};

use super::client::{Client, Transport};
use super::pure::{Out, PureCluster};
use super::wait_until;
use super::watch::accounts;

/// A client of a [`World`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Player(pub(super) usize);

/// A cluster and its clients.
pub trait World {
    /// Connects a client to this frontend, with the handshake done.
    fn open(&mut self, server: &str) -> Player;
    /// Sends a request and returns its response.
    fn request(&mut self, player: Player, route: &str, body: Value) -> Value;
    /// Sends several requests at once, and returns their responses in the order of the requests.
    fn requests(&mut self, player: Player, requests: &[(&str, Value)]) -> Vec<Value>;
    /// Sends a notify, and waits until it has been handled.
    fn notify(&mut self, player: Player, route: &str, body: Value);
    /// The pushes since the last call.
    fn pushes(&mut self, player: Player) -> Vec<(String, Value)>;
    /// Disconnects the client, and waits until the cluster has noticed.
    fn leave(&mut self, player: Player);
    /// Waits for the client's kick, and returns its reason.
    fn kicked(&mut self, player: Player) -> String;
    /// A snapshot of every server.
    fn snapshots(&mut self) -> Vec<ServerSnapshot>;

    fn enter(&mut self, server: &str, name: &str, rid: &str) -> Player {
        let player = self.open(server);
        let answer =
            self.request(player, "connector.entryHandler.enter", json!({"username": name, "rid": rid}));
        assert!(answer["users"].is_array(), "{name} enters {rid}: {answer}");
        player
    }

    fn send(&mut self, player: Player, content: &str, target: &str) -> Value {
        self.request(player, "chat.chatHandler.send", json!({"content": content, "target": target}))
    }
}

pub struct PureWorld {
    pub cluster: PureCluster,
    players: Vec<SessionKey>,
    last_request: u64,
}

impl PureWorld {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster: PureCluster::new(cluster), players: Vec::new(), last_request: 0 }
    }

    /// The session of a player.
    pub fn key(&self, player: Player) -> SessionKey {
        self.players[player.0].clone()
    }

    /// Queues a request, and returns its id.
    pub fn ask(&mut self, player: Player, route: &str, body: &Value) -> u64 {
        self.last_request += 1;
        let kind = MessageKind::Request { id: self.last_request };
        self.put(player, kind, route, body);
        self.last_request
    }

    /// The response to a request, if it has arrived.
    pub fn answer(&mut self, player: Player, id: u64) -> Option<Value> {
        let inbox = self.inbox(player);
        let at = inbox.iter().position(|out| matches!(out, Out::Response(of, _) if *of == id))?;
        let Out::Response(_, body) = inbox.remove(at) else { unreachable!() };
        Some(serde_json::from_slice(&body).unwrap())
    }

    /// The routes of the pushes since the last call; responses are kept.
    pub fn pushes_only(&mut self, player: Player) -> Vec<String> {
        let (pushes, others) =
            std::mem::take(self.inbox(player)).into_iter().partition(|out| matches!(out, Out::Push(_)));
        let others: Vec<Out> = others;
        let pushes: Vec<Out> = pushes;
        *self.inbox(player) = pushes;
        let routes = self.pushes(player).into_iter().map(|(route, _)| route).collect();
        *self.inbox(player) = others;
        routes
    }

    fn put(&mut self, player: Player, kind: MessageKind, route: &str, body: &Value) {
        let body = body.to_string();
        let message = Message { kind, route: Some(WireRoute::Name(route.into())), body: body.as_bytes() };
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        let key = self.players[player.0].clone();
        self.cluster.message(&key, &bytes);
    }

    fn inbox(&mut self, player: Player) -> &mut Vec<Out> {
        self.cluster.inboxes.get_mut(&self.players[player.0]).unwrap()
    }
}

impl World for PureWorld {
    fn open(&mut self, server: &str) -> Player {
        let key = self.cluster.open(server);
        self.cluster.settle();
        self.players.push(key);
        Player(self.players.len() - 1)
    }

    fn request(&mut self, player: Player, route: &str, body: Value) -> Value {
        self.requests(player, &[(route, body)]).remove(0)
    }

    fn requests(&mut self, player: Player, requests: &[(&str, Value)]) -> Vec<Value> {
        let ids: Vec<u64> = requests.iter().map(|(route, body)| self.ask(player, route, body)).collect();
        self.cluster.settle();
        ids.into_iter().map(|id| self.answer(player, id).expect("no response")).collect()
    }

    fn notify(&mut self, player: Player, route: &str, body: Value) {
        self.put(player, MessageKind::Notify, route, &body);
        self.cluster.settle();
    }

    fn pushes(&mut self, player: Player) -> Vec<(String, Value)> {
        let pushes = self.inbox(player).drain(..).map(|out| match out {
            Out::Push(package) => {
                let message = Message::decode(&package[HEADER_BYTES..]).unwrap();
                let Some(WireRoute::Name(route)) = message.route else { panic!("no route: {message:?}") };
                (route.into_owned(), serde_json::from_slice(message.body).unwrap())
            }
            other => panic!("expected pushes, got {other:?}"),
        });
        pushes.collect()
    }

    fn leave(&mut self, player: Player) {
        let key = self.players[player.0].clone();
        self.cluster.close(&key);
        self.cluster.settle();
    }

    fn kicked(&mut self, player: Player) -> String {
        let kick = self.inbox(player).iter().find_map(|out| match out {
            Out::Kick(reason) => Some(reason.clone()),
            _ => None,
        });
        kick.expect("not kicked")
    }

    fn snapshots(&mut self) -> Vec<ServerSnapshot> {
        self.cluster.snapshots()
    }
}

pub struct LiveWorld {
    // Dropped first: a stopping cluster waits for its clients.
    players: Vec<Option<Client>>,
    transport: Transport,
    cluster: RunningCluster,
}

impl LiveWorld {
    pub fn new(cluster: Cluster, transport: Transport) -> Self {
        Self { players: Vec::new(), transport, cluster: cluster.start().unwrap() }
    }

    fn client(&mut self, player: Player) -> &mut Client {
        self.players[player.0].as_mut().expect("this client has left")
    }

    fn sessions(&self) -> usize {
        accounts(&self.cluster).iter().map(|account| account.sessions).sum()
    }
}

impl World for LiveWorld {
    fn open(&mut self, server: &str) -> Player {
        let address = self.cluster.address(server).expect("no such frontend");
        self.players.push(Some(Client::open(address, self.transport)));
        Player(self.players.len() - 1)
    }

    fn request(&mut self, player: Player, route: &str, body: Value) -> Value {
        self.client(player).request(route, body)
    }

    fn requests(&mut self, player: Player, requests: &[(&str, Value)]) -> Vec<Value> {
        let client = self.client(player);
        let ids: Vec<u64> = requests.iter().map(|(route, body)| client.send(route, body.clone())).collect();
        ids.into_iter().map(|id| client.response(id)).collect()
    }

    fn notify(&mut self, player: Player, route: &str, body: Value) {
        self.client(player).notify(route, body);
        // A request after it on the same path: when it is answered, the notify has been handled.
        let server_type = route.split('.').next().unwrap_or_default();
        self.client(player).request(&format!("{server_type}.chatHandler.send"), json!({}));
    }

    fn pushes(&mut self, player: Player) -> Vec<(String, Value)> {
        self.client(player).pushes()
    }

    fn leave(&mut self, player: Player) {
        let before = self.sessions();
        self.players[player.0].take().expect("this client has left").close();
        wait_until("the session is gone", || self.sessions() < before);
        // The room's server knows once the router has carried the connector's message.
        let idle = |world: &Self| world.cluster.view().unwrap().router;
        let mut last = idle(self);
        wait_until("the cluster is quiet", || {
            let now = idle(self);
            std::mem::replace(&mut last, now) == now
        });
    }

    fn kicked(&mut self, player: Player) -> String {
        self.client(player).closed().0.expect("closed without a kick")
    }

    fn snapshots(&mut self) -> Vec<ServerSnapshot> {
        accounts(&self.cluster)
    }
}
