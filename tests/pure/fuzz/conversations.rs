//! Arbitrary messages of one client to the pure cluster, while others must not be disturbed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use bolero::check;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, ProtoFiles};
use pomelo_sim::ids::SessionKey;
use pomelo_sim::wire::{
    BODY_BYTES_LIMIT, Dictionary, Message, MessageError, MessageKind, PackageDecoder, PackageType, Protos,
    WireRoute,
};
use serde_json::{Value, json};

use super::input::{hold, seeds};
use crate::support::pure::{Out, PureCluster};
use crate::support::servers_json;

/// A room that no recording names, so that nobody enters it by chance.
const ROOM: &str = "the room of those who watch";

#[test]
fn conversations() {
    let mut seeds = seeds("conversations");
    seeds.extend(recorded());
    check!(name = "conversations").for_each(|input| hold(&seeds, input, conversation_law));
}

/// What each client of the recordings sent, on all of its connections.
fn recorded() -> Vec<Vec<u8>> {
    let scenarios: Vec<Value> = serde_json::from_str(include_str!("../../data/transcripts.json")).unwrap();
    let sent = |scenario: &Value| {
        let steps = scenario["steps"].as_array().unwrap().iter().filter(|step| step[2] == "send");
        steps.flat_map(|step| unhex(step[3].as_str().unwrap())).collect::<Vec<u8>>()
    };
    let mut recorded: Vec<Vec<u8>> = scenarios.iter().map(sent).collect();
    recorded.retain(|bytes| (1..20_000).contains(&bytes.len()));
    assert!(recorded.len() > 100);
    recorded
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The two kinds of cluster, and what those who watch get in each when nobody disturbs them.
static SCENES: LazyLock<[Scene; 2]> = LazyLock::new(|| [Scene::new(false), Scene::new(true)]);

struct Scene {
    spec: ClusterSpec,
    dictionary: Option<Dictionary>,
    protos: Option<Protos>,
    undisturbed: [Vec<Out>; 2],
}

impl Scene {
    fn new(is_compressed: bool) -> Self {
        let mut spec =
            ClusterSpec::from_json(&servers_json(2, 2), "development", Path::new("servers.json")).unwrap();
        let (mut dictionary, mut protos) = (None, None);
        if is_compressed {
            let json = |text| serde_json::from_str::<Value>(text).unwrap();
            let server = json(include_str!("../../data/tutorial-protobuf/serverProtos.json"));
            let client = json(include_str!("../../data/tutorial-protobuf/clientProtos.json"));
            let routes: Vec<String> =
                serde_json::from_str(include_str!("../../data/tutorial-protobuf/dictionary.json")).unwrap();
            let handlers =
                ["gate.gateHandler.queryEntry", "chat.chatHandler.send", "connector.entryHandler.enter"];
            dictionary = Some(Dictionary::new(handlers.map(str::to_owned), routes.clone()));
            protos = Some(Protos::from_json(&server, &client).unwrap());
            spec.dictionary = Some(routes);
            spec.protos = Some(ProtoFiles { server, client });
        }
        let mut scene = Self { spec, dictionary, protos, undisturbed: Default::default() };
        scene.undisturbed = Stage::new(&scene).end();
        assert!(scene.undisturbed.iter().all(|inbox| inbox.len() > 3), "{:?}", scene.undisturbed);
        scene
    }

    /// A request, its body by protobuf if this cluster's clients write it so.
    fn request(&self, id: u64, route: &str, body: &Value) -> Vec<u8> {
        let body = match &self.protos {
            Some(protos) => protos.encode_client(route, body).unwrap(),
            None => body.to_string().into_bytes(),
        };
        let (kind, mut bytes) = (MessageKind::Request { id }, Vec::new());
        Message { kind, route: Some(route.into()), body: &body }.encode(&mut bytes).unwrap();
        bytes
    }
}

/// A cluster with two who talk in a room.
struct Stage<'a> {
    scene: &'a Scene,
    cluster: PureCluster,
    watchers: [SessionKey; 2],
    said: u64,
}

impl<'a> Stage<'a> {
    fn new(scene: &'a Scene) -> Self {
        let mut cluster = PureCluster::new(Cluster::from_spec(scene.spec.clone()));
        let watchers = ["connector-server-1", "connector-server-2"].map(|server| cluster.open(server));
        let mut stage = Self { scene, cluster, watchers, said: 0 };
        for (place, name) in ["bob", "carol"].into_iter().enumerate() {
            let body = json!({"username": name, "rid": ROOM});
            let enter = scene.request(1, "connector.entryHandler.enter", &body);
            stage.cluster.message(&stage.watchers[place], &enter);
            stage.cluster.settle();
        }
        stage.talk();
        stage
    }

    /// Both say something, and nothing else is going on when it is done.
    fn talk(&mut self) {
        for watcher in &self.watchers {
            self.said += 1;
            let body =
                json!({"content": self.said.to_string(), "target": "*", "rid": ROOM, "from": "nobody"});
            let send = self.scene.request(1 + self.said, "chat.chatHandler.send", &body);
            self.cluster.message(watcher, &send);
        }
        self.cluster.settle();
    }

    /// Both talk again: all that they got from the beginning on.
    fn end(mut self) -> [Vec<Out>; 2] {
        self.talk();
        self.watchers.each_ref().map(|watcher| self.cluster.inboxes.remove(watcher).unwrap())
    }
}

/// A client's messages are answered once each, those who watch get what they would have got without
/// them, and when the client has left, nothing of it is left.
fn conversation_law(bytes: &[u8]) {
    let choice = bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    let scene = &SCENES[usize::from(choice & 1)];
    let mut stage = Stage::new(scene);
    let server = if choice & 2 == 0 { "connector-server-1" } else { "gate-server-1" };
    let stranger = stage.cluster.open(server);
    let mut expected: BTreeMap<u64, usize> = BTreeMap::new();
    let mut is_rejected = false;
    for message in messages(bytes) {
        stage.cluster.message(&stranger, &message);
        if choice & 4 == 0 {
            stage.cluster.settle();
        }
        match Message::decode(&message) {
            _ if is_rejected => {}
            Ok(message) => {
                if let Some(id) = wants_answer(scene, &message) {
                    *expected.entry(id).or_default() += 1;
                }
            }
            Err(MessageError::UnknownType(_)) => {}
            Err(_) => is_rejected = true,
        }
    }
    stage.cluster.settle();
    stage.cluster.advance(Duration::from_secs(10));
    answers_law(&stage.cluster.inboxes[&stranger], &expected, is_rejected, scene.protos.is_some());

    stage.cluster.close(&stranger);
    stage.cluster.settle();
    let snapshots = stage.cluster.snapshots();
    let sum =
        |count: fn(&pomelo_sim::servers::ServerSnapshot) -> usize| snapshots.iter().map(count).sum::<usize>();
    let left = [
        sum(|s| s.sessions),
        sum(|s| s.bound),
        sum(|s| s.members),
        sum(|s| s.channels),
        sum(|s| s.calls_pending),
    ];
    assert_eq!(left, [2, 2, 2, 1, 0], "sessions, bound, members, channels, calls");
    assert_eq!(stage.cluster.router.uids().len(), 2);
    assert!(snapshots.iter().all(|server| server.counters.panics == 0), "a handler panicked");
    assert_eq!(stage.end(), scene.undisturbed);
}

/// The messages in a stream of packages.
fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = PackageDecoder::new(BODY_BYTES_LIMIT);
    let mut messages = Vec::new();
    while let Ok(Some(package)) = decoder.next(&mut bytes) {
        if package.kind == PackageType::Data {
            messages.push(package.body.to_vec());
        }
    }
    messages
}

/// The id of a message that must be answered. A code that names no handler is dropped, as Pomelo
/// does.
fn wants_answer(scene: &Scene, message: &Message<'_>) -> Option<u64> {
    let MessageKind::Request { id: id @ 1.. } = message.kind else { return None };
    match message.route.as_ref()? {
        WireRoute::Name(_) => Some(id),
        WireRoute::Code(code) => {
            let route = scene.dictionary.as_ref()?.route(*code)?;
            route.contains('.').then_some(id)
        }
    }
}

/// A body as others read it. Half a pair of surrogates, which is text in JavaScript, passes as it
/// came.
fn readable(body: &[u8]) -> Value {
    let text = std::str::from_utf8(body).unwrap().replace("\\ud", "\\u0").replace("\\uD", "\\u0");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn answers_law(inbox: &[Out], expected: &BTreeMap<u64, usize>, is_rejected: bool, is_compressed: bool) {
    let mut answers: BTreeMap<u64, usize> = BTreeMap::new();
    let mut rejections = 0;
    for out in inbox {
        match out {
            Out::Response(id, body) => {
                *answers.entry(*id).or_default() += 1;
                assert!(readable(body).is_object());
            }
            Out::Push(package) => {
                let (packages, rest) = (messages(package), package.len());
                let message = Message::decode(&packages[0]).unwrap();
                assert_eq!((packages.len(), message.kind), (1, MessageKind::Push), "{rest} bytes");
                if !is_compressed {
                    assert!(readable(message.body).is_object());
                }
            }
            Out::Lost => panic!("no server vanishes here"),
            Out::Rejected(why) => {
                rejections += 1;
                super::laws::assert_printable(why);
            }
            Out::Kick(reason) => panic!("kicked: {reason}"),
        }
    }
    assert_eq!(rejections, usize::from(is_rejected));
    // A rejected client leaves before all its requests are answered.
    let is_answered = |id: &u64| answers.get(id).copied().unwrap_or_default() == expected[id];
    assert!(is_rejected || expected.keys().all(is_answered), "{answers:?} for {expected:?}");
    assert!(
        answers.iter().all(|(id, count)| expected.get(id).is_some_and(|asked| count <= asked)),
        "{answers:?}"
    );
}
