//! No client can act as another, receive the messages of another room, or send to it, whatever its
//! messages contain.

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::raw::{ACK, Raw, data, package, request};
use crate::support::watch::{Held, closed, connectors, port, wait_closed};
use crate::support::world::{LiveWorld, Player, PureWorld, World};
use crate::support::{PATIENCE, patient, tutorial};
use pomelo_sim::wire::{Message, MessageKind, WireRoute};
use serde_json::{Value, json};

const CONNECTORS: [&str; 2] = ["connector-server-1", "connector-server-2"];
const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";

/// Two in the lobby on two connectors, and one in a room of her own on the first of them.
struct Scene<'a> {
    world: &'a mut dyn World,
    alice: Player,
    bob: Player,
    eve: Player,
    held: Vec<(usize, usize)>,
}

impl<'a> Scene<'a> {
    fn new(world: &'a mut dyn World) -> Self {
        let alice = world.enter(CONNECTORS[0], "alice", "lobby");
        let bob = world.enter(CONNECTORS[1], "bob", "lobby");
        let eve = world.enter(CONNECTORS[0], "eve", "den");
        for player in [alice, bob, eve] {
            world.pushes(player);
        }
        let held = held(world);
        Self { world, alice, bob, eve, held }
    }

    /// Nobody in the lobby has heard anything, nobody has come or gone, and it works; Eve hears
    /// nothing of it.
    fn is_undisturbed(&mut self, after: &str) {
        let Self { alice, bob, eve, .. } = *self;
        assert_eq!(self.world.pushes(alice), [], "alice, after {after}");
        assert_eq!(self.world.pushes(bob), [], "bob, after {after}");
        assert_eq!(held(self.world), self.held, "sessions and members, after {after}");
        self.world.pushes(eve);
        assert_eq!(self.world.send(alice, "hello", "*"), json!({}), "after {after}");
        let hello = || ("onChat".to_owned(), json!({"msg": "hello", "from": "alice", "target": "*"}));
        assert_eq!(
            (self.world.pushes(alice), self.world.pushes(bob)),
            (vec![hello()], vec![hello()]),
            "after {after}"
        );
        assert_eq!(self.world.pushes(eve), [], "eve, after {after}");
    }
}

/// What each server holds of sessions that are bound, and of members.
fn held(world: &mut dyn World) -> Vec<(usize, usize)> {
    world.snapshots().iter().map(|server| (server.bound, server.members)).collect()
}

fn in_every_world(play: fn(&mut dyn World)) {
    play(&mut PureWorld::new(tutorial()));
    for transport in BOTH {
        play(&mut LiveWorld::new(tutorial().options(patient()), transport));
    }
}

/// Fields that name somebody else, in every way that servers name somebody.
fn forged() -> Value {
    json!({
        "from": "alice", "username": "alice", "user": {"uid": "alice*lobby"}, "uid": "alice*lobby", "rid": "lobby", "sid": 1,
        "session": {"id": 1, "uid": "alice*lobby", "frontendId": CONNECTORS[0], "settings": {"rid": "lobby"},
            "key": {"frontend": CONNECTORS[0], "session": 1}},
        "frontendId": CONNECTORS[0], "serverId": "chat-server-1", "__proto__": {"rid": "lobby"}, "constructor": {"rid": "lobby"},
        "__session__": {"uid": "alice*lobby"}, "settings": {"rid": "lobby"},
    })
}

#[test]
fn fields_of_a_message_make_nobody_another() {
    in_every_world(|world| {
        let mut scene = Scene::new(world);
        let eve = scene.eve;
        let mut body = forged();
        body["content"] = json!("x");
        body["target"] = json!("*");
        assert_eq!(scene.world.request(eve, SEND, body.clone()), json!({}));
        let own = ("onChat".to_owned(), json!({"msg": "x", "from": "eve", "target": "*"}));
        assert_eq!(scene.world.pushes(eve), [own]);
        scene.is_undisturbed("a message with forged fields");
        scene.world.notify(eve, SEND, body.clone());
        scene.is_undisturbed("a notify with forged fields");

        for target in [
            json!("alice"),
            json!("bob"),
            json!("alice*lobby"),
            json!("*lobby"),
            json!("eve*den\u{0}alice*lobby"),
            json!(["alice"]),
            json!({"uid": "alice*lobby", "sid": CONNECTORS[0]}),
            json!({"*": 1}),
            json!(null),
            json!(true),
            json!(0),
        ] {
            body["target"] = target.clone();
            let answer = scene.world.request(eve, SEND, body.clone());
            assert_eq!(answer["code"], 500, "{target}: {answer}");
            scene.is_undisturbed(&format!("a message to {target}"));
        }
    });
}

#[test]
fn nobody_enters_as_another() {
    in_every_world(|world| {
        let mut scene = Scene::new(world);
        let stranger = scene.world.open(CONNECTORS[1]);
        let mut names = vec![(json!("alice"), json!("lobby")), (json!("bob"), json!("lobby"))];
        for odd in [
            json!("alice*lobby"),
            json!("alice\u{0}"),
            json!(["alice"]),
            json!({"toString": "alice"}),
            json!(null),
            json!("*"),
        ] {
            names.push((odd.clone(), json!("lobby")));
            names.push((json!("alice"), odd));
        }
        for (username, rid) in names {
            for player in [scene.eve, stranger] {
                let mut body = forged();
                (body["username"], body["rid"]) = (username.clone(), rid.clone());
                let answer = scene.world.request(player, ENTER, body);
                assert_eq!(answer["code"], 500, "{username}, {rid}: {answer}");
            }
            scene.is_undisturbed(&format!("a login as {username} in {rid}"));
        }
        // A refused client has no identity, and an entered one keeps hers.
        let answer = scene.world.send(stranger, "x", "*");
        assert_eq!(answer["code"], 500, "{answer}");
        assert_eq!(scene.world.send(scene.eve, "x", "*"), json!({}));
        assert_eq!(scene.world.pushes(scene.eve)[0].1["from"], "eve");
        scene.world.leave(stranger);
        scene.is_undisturbed("a stranger who leaves");
    });
}

#[test]
fn what_servers_say_to_each_other_no_client_can_say() {
    in_every_world(|world| {
        let mut scene = Scene::new(world);
        let on_gate = scene.world.open("gate-server-1");
        let routes = [
            "chat.chatRemote.kick",
            "chat.chatRemote.add",
            "connector.entryRemote.kick",
            "gate.gateRemote.x",
            "chat.chatremote.kick",
            "chat..chatRemote.kick",
            "chat.chatRemote.kick.",
            "chat. chatRemote.kick",
            "chatRemote.kick",
            "chat.kick",
            "router.uids.unbind",
            "sys.sessionRemote.kickByUid",
            "sys.channelRemote.pushMessage",
            "connector.sessionRemote.bind",
            "admin.kick",
            "chat-server-1.chatRemote.kick",
            "*.chatRemote.kick",
        ];
        let mut body = forged();
        body["session"] = json!({"frontend": CONNECTORS[0], "session": 1});
        for route in routes {
            for player in [scene.eve, on_gate] {
                let answer = scene.world.request(player, route, body.clone());
                assert_eq!(answer["code"], 500, "{route}: {answer}");
            }
            scene.is_undisturbed(route);
        }
        // A frontend's handlers are for its own clients, and a backend's for those who have
        // entered.
        for (player, route) in [(on_gate, ENTER), (on_gate, SEND), (scene.eve, "gate.gateHandler.queryEntry")]
        {
            let mut body = body.clone();
            (body["username"], body["content"], body["target"]) = (json!("mallory"), json!("x"), json!("*"));
            let answer = scene.world.request(player, route, body);
            assert_eq!(answer["code"], 500, "{route}: {answer}");
            scene.is_undisturbed(route);
        }
    });
}

/// A server waits for other servers' answers by number; a client that answers in their place is not
/// heard.
#[test]
fn a_client_s_response_answers_no_server() {
    let world = &mut PureWorld::new(tutorial());
    let eve = world.open(CONNECTORS[0]);
    let key = world.cluster.inboxes.keys().next().unwrap().clone();
    for id in 0..300_u64 {
        let mut bytes = Vec::new();
        let kind = MessageKind::Response { id };
        let body = br#"{"users":["forged"],"code":200}"#;
        Message { kind, route: None, body }.encode(&mut bytes).unwrap();
        world.cluster.message(&key, &bytes);
    }
    // Hers are under way when the login that waits for its room begins.
    let asked = world.ask(eve, ENTER, &json!({"username": "eve", "rid": "den"}));
    world.cluster.settle();
    assert_eq!(world.answer(eve, asked), Some(json!({"users": ["eve"]})));
    let ignored: u64 = world.snapshots().iter().map(|server| server.counters.ignored).sum();
    assert_eq!(ignored, 300);
}

#[test]
fn a_handshake_makes_nobody_another() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let address = connectors(&cluster)[0];
    let mut alice = Client::enter(address, Transport::WebSocket, "alice", "lobby");
    let hello = json!({
        "sys": {"type": "js-websocket", "version": "0.0.1", "session": 1, "uid": "alice*lobby", "heartbeat": 1e9, "resume": "1"},
        "user": {"uid": "alice*lobby", "rid": "lobby", "username": "alice", "sid": 1, "frontendId": CONNECTORS[0]},
        "resume": {"session": 1, "token": "00000000000000000000000000000000"}, "session": 1, "token": "", "code": 200,
    });
    let hello = hello.to_string();
    for transport in BOTH {
        let mut client = Client::connect(address, transport);
        client.raw(&[&package(1, hello.len(), hello.as_bytes())[..], ACK].concat());
        let answer = client.next(PATIENCE);
        assert_eq!(
            answer,
            Some(Got::Handshake(json!({"code": 200, "sys": {"heartbeat": 600}}))),
            "as anybody's"
        );
        let answer = client.request(SEND, json!({"content": "x", "target": "*"}));
        assert_eq!(answer["code"], 500, "who has not entered is nobody: {answer}");
        assert_eq!(client.request(ENTER, json!({"username": "alice", "rid": "lobby"}))["code"], 500);
        client.close();
    }
    assert_eq!(alice.pushes(), []);
    alice.close();
    Held::wait_nothing(&cluster);
}

/// A kick is a server's to say; from a client it ends that client.
#[test]
fn a_client_s_kick_kicks_nobody_else() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let address = connectors(&cluster)[0];
    let mut alice = Client::enter(address, Transport::Tcp, "alice", "lobby");
    for transport in BOTH {
        let mut eve = Raw::open(address, transport);
        let kick = br#"{"uid":"alice*lobby","session":1,"reason":"x"}"#;
        eve.packages(transport, &package(5, kick.len(), kick));
        eve.end();
    }
    wait_closed(&cluster, CONNECTORS[0], pomelo_sim::ports::CloseReason::BadPackage, 2);
    assert_eq!(alice.pushes(), []);
    assert_eq!(closed(&cluster, CONNECTORS[0], pomelo_sim::ports::CloseReason::Kicked), 0);
    assert_eq!(port(&cluster, CONNECTORS[0]).connections, 1);
    // Routes by code where there is no dictionary lead nowhere, and none is answered for another's
    // request.
    let mut eve = Raw::open(address, Transport::Tcp);
    for code in 0..100_u16 {
        let mut bytes = Vec::new();
        let message = Message {
            kind: MessageKind::Request { id: 1 },
            route: Some(WireRoute::Code(code)),
            body: br#"{"username":"alice","rid":"lobby"}"#,
        };
        message.encode(&mut bytes).unwrap();
        eve.send(&data(&bytes));
    }
    eve.send(&request(9, "nobody.knows.this", "{}"));
    assert_eq!(eve.until(b"\x04\x09{\"code\":500").len(), 4, "the first that is answered");
    assert_eq!(alice.pushes(), []);
    alice.close();
}
