//! The cluster in virtual time, with the same interface as the others.

use std::collections::BTreeMap;

use bytes::Bytes;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::ids::SessionId;
use pomelo_sim::random::Streams;
use pomelo_sim::scenario::Costs;
use pomelo_sim::servers::{Effect, ServerSnapshot};
use pomelo_sim::time::Time;
use pomelo_sim::virtual_time::EventQueue;
use pomelo_sim::wire::{HEADER_BYTES, Message, MessageKind, WireRoute};
use pomelo_sim::world::{Load, Policy, Timed, ToClient, World as Machines, WorldEvent};
use serde_json::Value;

use super::world::{Player, World};

/// Something that a client received.
enum Got {
    Response(u64, Value),
    Push(String, Value),
    Kick(String),
}

pub struct VirtualWorld {
    machines: Machines,
    agenda: EventQueue<WorldEvent>,
    players: Vec<(u16, SessionId)>,
    inboxes: BTreeMap<SessionId, Vec<Got>>,
    last_request: u64,
}

impl VirtualWorld {
    /// A cluster whose deliveries have this cost, if any.
    pub fn new(cluster: Cluster, costs: Option<Costs>) -> Self {
        let load = Load {
            costs: costs.unwrap_or_default(),
            chance: Streams::new(1, 0, "costs"),
            queue_max: None,
            step_ns: 1_000_000_000,
        };
        let mut machines = Machines::new(cluster.plan().unwrap(), Policy::Costs(load, "chat".into()));
        if costs.is_some() {
            machines.work(Time::START);
        }
        Self {
            machines,
            agenda: EventQueue::default(),
            players: Vec::new(),
            inboxes: BTreeMap::new(),
            last_request: 0,
        }
    }

    fn put(&mut self, player: Player, kind: MessageKind, route: &str, body: &Value) {
        let body = body.to_string();
        let message = Message { kind, route: Some(WireRoute::Name(route.into())), body: body.as_bytes() };
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        let (station, session) = self.players[player.0];
        let now = self.agenda.now();
        assert!(self.machines.message(now, station, session, Bytes::from(bytes)));
    }

    /// Runs everything that results.
    fn settle(&mut self) {
        loop {
            let now = self.agenda.now();
            while self.machines.go_on(now) {}
            self.read();
            self.machines.stations.planned().for_each(|(at, event)| self.agenda.plan(at, event));
            let Some((now, event)) = self.agenda.pop() else { return };
            self.machines.take(now, event);
        }
    }

    fn read(&mut self) {
        for (station, said) in self.machines.outgoing() {
            let mut give = |session: SessionId, got: Got| self.inboxes.get_mut(&session).unwrap().push(got);
            let push = |package: &[u8]| {
                let message = Message::decode(&package[HEADER_BYTES..]).unwrap();
                let Some(WireRoute::Name(route)) = message.route else { panic!("no route: {message:?}") };
                Got::Push(route.into_owned(), serde_json::from_slice(message.body).unwrap())
            };
            match said {
                ToClient::Effect(Effect::Respond { session, request, body }) => {
                    give(session, Got::Response(request, serde_json::from_slice(&body).unwrap()));
                }
                ToClient::Effect(Effect::Push { sessions, frame }) => {
                    sessions.as_slice().iter().for_each(|session| give(*session, push(frame.package())));
                }
                ToClient::Effect(Effect::Broadcast { frame }) => {
                    let here = self.players.iter().filter(|(at, _)| *at == station);
                    here.for_each(|(_, session)| give(*session, push(frame.package())));
                }
                ToClient::Effect(Effect::Kick { session, reason }) => give(session, Got::Kick(reason.into())),
                ToClient::Effect(Effect::Reject { error, .. }) => panic!("rejected: {error}"),
                ToClient::Effect(_) | ToClient::Shut { .. } | ToClient::Gone => {}
            }
        }
    }

    fn inbox(&mut self, player: Player) -> &mut Vec<Got> {
        self.inboxes.get_mut(&self.players[player.0].1).unwrap()
    }
}

impl World for VirtualWorld {
    fn open(&mut self, server: &str) -> Player {
        let station = self.machines.stations.find(server).expect("no such server");
        let number = self.players.len() as u32;
        let session = SessionId::new(number + 1, number);
        self.inboxes.insert(session, Vec::new());
        self.players.push((station, session));
        let now = self.agenda.now();
        assert!(self.machines.open(now, station, session));
        self.settle();
        Player(number as usize)
    }

    fn request(&mut self, player: Player, route: &str, body: Value) -> Value {
        self.requests(player, &[(route, body)]).remove(0)
    }

    fn requests(&mut self, player: Player, requests: &[(&str, Value)]) -> Vec<Value> {
        let first = self.last_request + 1;
        for (route, body) in requests {
            self.last_request += 1;
            self.put(player, MessageKind::Request { id: self.last_request }, route, body);
        }
        self.settle();
        let last = self.last_request;
        let answer = |id: u64| {
            let inbox = self.inbox(player);
            let at = inbox.iter().position(|got| matches!(got, Got::Response(of, _) if *of == id));
            let Got::Response(_, body) = inbox.remove(at.expect("no response")) else { unreachable!() };
            body
        };
        (first..=last).map(answer).collect()
    }

    fn notify(&mut self, player: Player, route: &str, body: Value) {
        self.put(player, MessageKind::Notify, route, &body);
        self.settle();
    }

    fn pushes(&mut self, player: Player) -> Vec<(String, Value)> {
        let pushes = self.inbox(player).drain(..).map(|got| match got {
            Got::Push(route, body) => (route, body),
            Got::Response(request, body) => panic!("a response to {request}: {body}"),
            Got::Kick(reason) => panic!("kicked: {reason}"),
        });
        pushes.collect()
    }

    fn leave(&mut self, player: Player) {
        let (station, session) = self.players[player.0];
        let now = self.agenda.now();
        self.machines.close(now, station, session);
        self.settle();
    }

    fn kicked(&mut self, player: Player) -> String {
        let reason = self.inbox(player).iter().find_map(|got| match got {
            Got::Kick(reason) => Some(reason.clone()),
            _ => None,
        });
        reason.expect("not kicked")
    }

    fn snapshots(&mut self) -> Vec<ServerSnapshot> {
        self.machines.snapshots()
    }
}
