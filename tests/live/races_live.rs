//! Orders of events that once broke the live cluster, each named after the fault.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::client::{Client, Transport};
use crate::support::watch::account;
use crate::support::{PATIENCE, cluster, patient};
use pomelo_sim::config::ServerSpec;
use pomelo_sim::ids::Uid;
use pomelo_sim::live::ServerState;
use pomelo_sim::servers::{Chat, Cx, Registry, ServerLogic};
use serde_json::json;

const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";

fn spec(cluster: &pomelo_sim::live::RunningCluster, id: &str) -> ServerSpec {
    cluster.servers().find(|(spec, _)| spec.id.as_str() == id).unwrap().0
}

#[test]
fn a_server_that_is_removed_and_added_takes_no_answers_of_its_predecessor() {
    let cluster = cluster(2, 1).options(patient()).start().unwrap();
    let id = "connector-server-1";
    let mut old = Client::enter(cluster.address(id).unwrap(), Transport::WebSocket, "old", "room");
    // What the old one asks is answered when another one of the name is there.
    cluster.pause("chat-server-1").unwrap();
    for n in 0..8 {
        old.send(SEND, json!({"content": n, "target": "*"}));
    }
    crate::support::wait_until("the calls are under way", || account(&cluster, id).calls_pending == 8);
    let spec = spec(&cluster, id);
    cluster.remove(id).unwrap();
    cluster.add(spec).unwrap();
    let address = cluster.address(id).unwrap();
    let mut clients: Vec<(Client, u64)> = (0..4)
        .map(|n| {
            let mut client = Client::open(address, Transport::WebSocket);
            let entering = client.send(ENTER, json!({"username": format!("new{n}"), "rid": "room"}));
            (client, entering)
        })
        .collect();
    crate::support::wait_until("the calls are under way", || account(&cluster, id).calls_pending == 4);
    cluster.resume("chat-server-1").unwrap();
    for (client, entering) in &mut clients {
        let answer = client.response(*entering);
        assert!(answer["users"].is_array(), "{answer}");
    }
    assert_eq!(cluster.audit_for(PATIENCE).unwrap(), []);
}

static FAILS: AtomicBool = AtomicBool::new(false);

/// The tutorial's chat, that cannot be made while it is told to fail.
struct Moody(Chat);

impl ServerLogic for Moody {
    const NAME: &'static str = Chat::NAME;

    fn create(server: &ServerSpec) -> Self {
        assert!(!FAILS.load(Ordering::SeqCst), "{}", crate::support::fragile::PANIC_WORDS);
        Self(Chat::create(server))
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|moody| &mut moody.0);
    }

    fn member_gone(&mut self, cx: &mut Cx<'_>, channel: &str, uid: &Uid) {
        self.0.member_gone(cx, channel, uid);
    }
}

#[test]
fn a_server_that_cannot_be_made_does_not_join() {
    crate::support::fragile::keep_panics_on_purpose_quiet();
    let described = || cluster(1, 2).server_type::<Moody>();
    let cluster = described().options(patient()).start().unwrap();
    let address = cluster.address("connector-server-1").unwrap();
    let mut alice = Client::enter(address, Transport::WebSocket, "alice", "room");
    FAILS.store(true, Ordering::SeqCst);
    let restarted = ["chat-server-1", "chat-server-2"].map(|id| cluster.restart(id).is_err());
    assert_eq!(restarted, [true, true]);
    let states: Vec<ServerState> = cluster.list().unwrap().into_iter().map(|server| server.state).collect();
    assert_eq!(states[1..3], [ServerState::Stopped, ServerState::Stopped], "{states:?}");
    assert_eq!(alice.request(SEND, json!({"content": 1, "target": "*"}))["code"], 500);
    let error = described().start().err().unwrap().to_string();
    assert_eq!(error, "chat-server-1: its code panicked when it was made; the log says where");
    FAILS.store(false, Ordering::SeqCst);
    cluster.restart("chat-server-1").unwrap();
    assert_eq!(alice.request(SEND, json!({"content": 2, "target": "*"})), json!({}));
    assert_eq!(cluster.audit_for(PATIENCE).unwrap(), []);
}

#[test]
fn a_server_that_is_stopped_has_not_come_up_again() {
    let cluster = cluster(1, 2).options(patient()).start().unwrap();
    let restarts = || {
        let list = cluster.list().unwrap();
        list.into_iter().find(|server| server.id.as_str() == "chat-server-2").unwrap().restarts
    };
    cluster.stop_server("chat-server-2").unwrap();
    assert_eq!(restarts(), 0);
    cluster.restart("chat-server-2").unwrap();
    assert_eq!(restarts(), 1);
    cluster.kill("chat-server-2").unwrap();
    assert_eq!(restarts(), 1);
}
