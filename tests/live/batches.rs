//! Pushes to many sessions are written once for all. Every member receives its messages once and in
//! order, in any number of channels, on either transport, whatever comes in between.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::client::{BOTH, Client, Got};
use crate::support::{PATIENCE, patient};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::{SessionKey, Uid};
use pomelo_sim::live::RunningCluster;
use pomelo_sim::random::Random;
use pomelo_sim::servers::{Cx, Registry, ServerLogic};
use serde_json::{Value, json};

const CHANNELS: [&str; 3] = ["red", "green", "blue"];
const CLIENTS: usize = 12;
const ROUNDS: usize = 30;

/// A message in several that is so long that a few of them are more than a batch may hold.
const LONG: usize = 60_000;

struct Door;

/// Does what a client asks, in one go: so that everything meets between two flushes of the doors.
struct Hub {
    sessions: BTreeMap<String, SessionKey>,
}

impl ServerLogic for Door {
    const NAME: &'static str = "door";

    fn create(_: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("doorHandler.enter", |_: &mut Self, cx, message: Value| {
            let uid = Uid::from(message["name"].as_str().unwrap());
            cx.bind(uid).then(|_: &mut Self, _, bound: Result<(), AppError>| bound.map(|()| json!({})))
        });
    }
}

impl ServerLogic for Hub {
    const NAME: &'static str = "hub";

    fn create(_: &ServerSpec) -> Self {
        Self { sessions: BTreeMap::new() }
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("hubHandler.join", Self::join).handler("hubHandler.play", Self::play);
    }
}

impl Hub {
    fn join(&mut self, cx: &mut Cx<'_>, message: Value) -> Result<Value, AppError> {
        let name = message["name"].as_str().unwrap();
        let session = cx.session().unwrap().key.clone();
        for channel in message["channels"].as_array().unwrap() {
            cx.channel(channel.as_str().unwrap()).add(Uid::from(name), session.clone());
        }
        self.sessions.insert(name.to_owned(), session);
        Ok(json!({}))
    }

    fn play(&mut self, cx: &mut Cx<'_>, message: Value) -> Result<Value, AppError> {
        for step in message["steps"].as_array().unwrap() {
            let body =
                json!({"n": step["n"], "padding": "x".repeat(step["long"].as_u64().unwrap() as usize)});
            let to = step["to"].as_str().unwrap();
            match step["do"].as_str().unwrap() {
                "channel" => cx.channel(to).push("onStep", &body)?,
                "one" => cx.push_to_sessions([&self.sessions[to]], "onStep", &body)?,
                "all" => cx.broadcast("door", "onStep", &body)?,
                "leave" => {
                    let session = self.sessions[to].clone();
                    let channel = step["channel"].as_str().unwrap();
                    cx.channel(channel).leave(&Uid::from(to), &session);
                }
                _ => cx.kick(&self.sessions[to], "as asked"),
            }
        }
        Ok(json!({}))
    }
}

fn start(threads: usize) -> RunningCluster {
    let json = r#"{"gate":[{"id":"gate-1","host":"127.0.0.1","clientPort":0,"frontend":true}],
                   "connector":[{"id":"connector-1","host":"127.0.0.1","clientPort":0,"frontend":true}],
                   "chat":[{"id":"chat-1","host":"127.0.0.1","port":0}],
                   "door":[{"id":"door-1","host":"127.0.0.1","clientPort":0,"frontend":true},
                           {"id":"door-2","host":"127.0.0.1","clientPort":0,"frontend":true}],
                   "hub":[{"id":"hub-1","host":"127.0.0.1","port":0}]}"#;
    let spec = ClusterSpec::from_json(json, "development", Path::new("servers.json")).unwrap();
    let cluster = Cluster::from_spec(spec).server_type::<Door>().server_type::<Hub>();
    cluster.options(Options { threads, ..patient() }).start().unwrap()
}

/// A client, where it is, and what it must have heard.
struct Guest {
    name: String,
    client: Client,
    channels: Vec<&'static str>,
    expected: Vec<u64>,
    heard: Vec<u64>,
    is_kicked: bool,
}

impl Guest {
    /// Listens until everything has come that is expected; nothing else may.
    fn catch_up(&mut self, seed: u64) {
        while self.heard.len() < self.expected.len() {
            match self.client.next(PATIENCE) {
                Some(Got::Push(_, body)) => self.heard.push(body["n"].as_u64().unwrap()),
                Some(Got::Heartbeat) => {}
                other => {
                    let at = self.heard.iter().zip(&self.expected).position(|(heard, due)| heard != due);
                    let missing = self.expected.get(at.unwrap_or(self.heard.len()));
                    panic!("seed {seed}: {} expected push {missing:?}, got {other:?}", self.name)
                }
            }
        }
        assert_eq!(self.heard, self.expected, "seed {seed}: {}", self.name);
    }
}

fn play(seed: u64) {
    let mut random = Random::new(seed, "batches");
    let cluster = start(1 + random.index(2));
    let mut guests: Vec<Guest> = (0..CLIENTS)
        .map(|n| {
            let address = cluster.address(&format!("door-{}", n % 2 + 1)).unwrap();
            let mut client = Client::open(address, BOTH[n / 2 % 2]);
            let channels: Vec<_> = CHANNELS.into_iter().filter(|_| random.chance(0.6)).collect();
            let name = format!("guest{n}");
            assert_eq!(client.request("door.doorHandler.enter", json!({"name": name})), json!({}));
            let joined = client.request("hub.hubHandler.join", json!({"name": name, "channels": channels}));
            assert_eq!(joined, json!({}));
            Guest { name, client, channels, expected: Vec::new(), heard: Vec::new(), is_kicked: false }
        })
        .collect();
    let mut last = 0;
    for _ in 0..ROUNDS {
        let here: Vec<usize> = (0..CLIENTS).filter(|n| !guests[*n].is_kicked).collect();
        let asker = here[random.index(here.len())];
        let mut steps = Vec::new();
        for _ in 0..1 + random.index(40) {
            last += 1;
            let long = if random.chance(0.05) { LONG } else { random.index(100) };
            let (channel, to) = (CHANNELS[random.index(3)], here[random.index(here.len())]);
            let name = guests[to].name.clone();
            let (what, whom): (&str, &str) = match random.index(20) {
                0..14 => ("channel", channel),
                14..18 => ("one", &name),
                18 => ("all", ""),
                _ if random.chance(0.5) => {
                    guests[to].channels.retain(|other| *other != channel);
                    ("leave", &name)
                }
                _ if to != asker && here.len() > 6 => {
                    guests[to].is_kicked = true;
                    ("kick", &name)
                }
                _ => continue,
            };
            for guest in guests.iter_mut().filter(|guest| !guest.is_kicked) {
                let hears = match what {
                    "channel" => guest.channels.contains(&channel),
                    "one" => guest.name == name,
                    "all" => true,
                    _ => false,
                };
                guest.expected.extend(hears.then_some(last));
            }
            steps.push(json!({"do": what, "to": whom, "channel": channel, "n": last, "long": long}));
        }
        // The answer comes behind everything that the asker gets of it.
        let id = guests[asker].client.send("hub.hubHandler.play", json!({"steps": steps}));
        guests[asker].catch_up(seed);
        match guests[asker].client.next(PATIENCE) {
            Some(Got::Response(of, body)) => assert_eq!((of, body), (id, json!({})), "seed {seed}"),
            other => panic!("seed {seed}: expected the response, got {other:?}"),
        }
        for guest in &mut guests {
            guest.catch_up(seed);
        }
    }
    for guest in guests.iter_mut().filter(|guest| guest.is_kicked) {
        assert_eq!(guest.client.closed().0.as_deref(), Some("as asked"), "seed {seed}: {}", guest.name);
    }
    for guest in guests.iter_mut().filter(|guest| !guest.is_kicked) {
        assert_eq!(guest.client.pushes(), [], "seed {seed}: {} heard more", guest.name);
    }
    let servers = cluster.list().unwrap();
    let ports = servers.iter().filter_map(|server| server.port.as_ref());
    let (waiting, pushed) =
        ports.fold((0, 0), |(waiting, pushed), port| (waiting + port.waiting_bytes, pushed + port.pushed));
    assert_eq!(waiting, 0, "seed {seed}");
    assert!(pushed > 0, "seed {seed}");
}

#[test]
fn everybody_hears_what_is_for_it_once_and_in_order() {
    (1..=12).for_each(play);
}
