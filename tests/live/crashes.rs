//! Servers that vanish, hang or panic: the answers, the messages to members, and the state
//! afterwards.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::client::{BOTH, Client, Transport};
use crate::support::fragile::{FragileChat, PANIC_ROUTE, keep_panics_on_purpose_quiet};
use crate::support::watch::{Held, WatchedRoom, account, accounts, connectors};
use crate::support::world::{LiveWorld, Player, PureWorld, World};
use crate::support::{PATIENCE, patient, tutorial, wait_until};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::ServerSpec;
use pomelo_sim::live::{RunningCluster, ServerState};
use pomelo_sim::servers::ServerSnapshot;
use serde_json::{Value, json};

const SEND: &str = "chat.chatHandler.send";

/// Short enough to wait for, and much longer than an answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(2);

fn hasty(cluster: Cluster) -> Cluster {
    cluster.options(Options { request_timeout: DEADLINE, ..patient() })
}

fn hello() -> Value {
    json!({"content": "hello", "target": "*"})
}

/// Which chat server holds rooms.
fn holder(cluster: &RunningCluster) -> String {
    accounts(cluster).into_iter().find(|account| account.channels > 0).expect("no room").id.to_string()
}

fn assert_sound(cluster: &RunningCluster) {
    assert_eq!(cluster.audit_for(PATIENCE).unwrap(), []);
}

#[test]
fn rooms_of_a_killed_chat_server_live_on_and_come_back() {
    for transport in BOTH {
        let cluster = tutorial().options(patient()).start().unwrap();
        let [first, second, _]: [SocketAddr; 3] = connectors(&cluster).try_into().unwrap();
        let mut alice = Client::enter(first, transport, "alice", "room");
        let mut bob = Client::enter(second, transport, "bob", "room");
        alice.pushes();
        let home = holder(&cluster);
        let mut homes = vec![home.clone()];
        // Until none but one is left, and back to all.
        for _ in 0..2 {
            cluster.kill(&holder(&cluster)).unwrap();
            assert_eq!(alice.request(SEND, hello()), json!({}), "its members are in the room still");
            assert_eq!(
                bob.pushes(),
                [("onChat".to_owned(), json!({"msg": "hello", "from": "alice", "target": "*"}))]
            );
            homes.push(holder(&cluster));
        }
        let killed = cluster.list().unwrap().into_iter().filter(|server| server.state == ServerState::Killed);
        for server in killed.map(|server| server.id.to_string()).collect::<Vec<_>>() {
            cluster.restart(&server).unwrap();
        }
        assert_eq!(bob.request(SEND, hello()), json!({}));
        assert_eq!(alice.pushes().len(), 3, "all that was said, and nobody left or came: {homes:?}");
        assert_sound(&cluster);
    }
}

#[test]
fn what_was_under_way_to_a_killed_server_is_answered_by_its_deadline() {
    let cluster = hasty(tutorial()).start().unwrap();
    let mut alice = Client::enter(connectors(&cluster)[0], Transport::Tcp, "alice", "room");
    // It hangs first, so that requests are under way when it vanishes; then they go where the room
    // goes.
    let home = holder(&cluster);
    cluster.pause(&home).unwrap();
    let asked: Vec<u64> = (0..20).map(|_| alice.send(SEND, hello())).collect();
    wait_until("all are under way", || account(&cluster, "connector-server-1").calls_pending == asked.len());
    cluster.kill(&home).unwrap();
    let answers: Vec<Value> = asked.iter().map(|id| alice.response(*id)).collect();
    let accepted = answers.iter().filter(|answer| **answer == json!({})).count();
    assert!(answers.iter().all(|answer| *answer == json!({}) || answer["code"] == 500), "{answers:?}");
    assert_eq!(alice.pushes().len(), accepted, "what was acknowledged came, and nothing else");
    assert_sound(&cluster);
}

#[test]
fn a_server_that_hangs_costs_its_rooms_a_timeout_and_does_nothing_late() {
    let cluster = hasty(tutorial()).start().unwrap();
    let rooms: Vec<WatchedRoom> = ["room2", "room7"].map(|rid| WatchedRoom::start(&cluster, rid)).into();
    let mut alice = Client::enter(connectors(&cluster)[0], Transport::WebSocket, "alice", "room1");
    // room1 lives on chat-server-3, the others do not.
    cluster.pause("chat-server-3").unwrap();
    let answer = alice.request(SEND, hello());
    assert_eq!(
        answer,
        json!({"code": 504, "message": "chat.chatHandler.send: no answer in time (--request-timeout)"})
    );
    rooms.iter().for_each(WatchedRoom::assert_works);
    cluster.resume("chat-server-3").unwrap();
    assert_eq!(alice.request(SEND, hello()), json!({}));
    let heard: Vec<_> = alice.pushes();
    assert_eq!(heard.len(), 1, "what was answered with an error is not done afterwards: {heard:?}");
    assert_eq!(account(&cluster, "chat-server-3").counters.expired, 1);
    assert_sound(&cluster);
}

#[test]
fn a_connector_that_hangs_goes_on_where_it_was() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let [first, second, _]: [SocketAddr; 3] = connectors(&cluster).try_into().unwrap();
    let mut alice = Client::enter(first, Transport::Tcp, "alice", "room");
    let mut bob = Client::enter(second, Transport::Tcp, "bob", "room");
    alice.pushes();
    cluster.pause("connector-server-1").unwrap();
    let late = alice.send(SEND, json!({"content": "late", "target": "*"}));
    for number in 0..100 {
        assert_eq!(bob.request(SEND, json!({"content": number, "target": "*"})), json!({}));
    }
    // It accepts connections as soon as it is resumed.
    let waiting = std::thread::spawn(move || Client::enter(first, Transport::WebSocket, "eve", "room"));
    cluster.resume("connector-server-1").unwrap();
    assert_eq!(alice.response(late), json!({}));
    waiting.join().unwrap();
    let heard: Vec<Value> = alice.pushes().into_iter().map(|(_, body)| body["msg"].clone()).collect();
    let numbers: Vec<Value> = heard.iter().filter(|said| said.is_number()).cloned().collect();
    assert_eq!(numbers, (0..100).map(|number| json!(number)).collect::<Vec<_>>(), "in order, each once");
    assert_sound(&cluster);
}

#[test]
fn the_sessions_of_a_killed_connector_leave_once() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let [first, second, _]: [SocketAddr; 3] = connectors(&cluster).try_into().unwrap();
    let mut witness = Client::enter(first, Transport::Tcp, "witness", "room");
    let mut lost: Vec<Client> =
        (0..10).map(|n| Client::enter(second, BOTH[n % 2], &format!("lost{n}"), "room")).collect();
    witness.pushes();
    cluster.kill("connector-server-2").unwrap();
    for client in &mut lost {
        assert_eq!(client.closed().0, None, "a crash says nothing");
    }
    let mut left: Vec<String> =
        (0..10).map(|_| witness.push()).map(|(_, body)| body["user"].to_string()).collect();
    left.sort();
    assert_eq!(left, (0..10).map(|n| format!("\"lost{n}\"")).collect::<Vec<_>>());
    // Their names are free, on another connector and on the one that has come back.
    cluster.restart("connector-server-2").unwrap();
    let again: Vec<Client> = (0..10)
        .map(|n| Client::enter([first, second][n % 2], Transport::Tcp, &format!("lost{n}"), "room"))
        .collect();
    let heard = witness.pushes();
    assert!(heard.iter().all(|(route, _)| route == "onAdd") && heard.len() == 10, "{heard:?}");
    again.into_iter().for_each(Client::close);
    witness.close();
    Held::wait_nothing(&cluster);
}

#[test]
fn a_session_number_is_not_used_again_by_the_server_s_next_life() {
    let world = &mut PureWorld::new(tutorial());
    let old = world.enter("connector-server-1", "alice", "room");
    let spec = crate::support::spec(3, 3)
        .servers
        .into_iter()
        .find(|spec| spec.id.as_str() == "connector-server-1")
        .unwrap();
    world.cluster.kill("connector-server-1");
    world.cluster.settle();
    world.cluster.start(&spec);
    world.cluster.settle();
    let new = world.enter("connector-server-1", "alice", "room");
    assert_ne!(old, new);
    assert_eq!(world.send(new, "hello", "*"), json!({}));
    assert_eq!(world.cluster.audit(), []);

    let cluster = tutorial().options(patient()).start().unwrap();
    let address = connectors(&cluster)[0];
    for life in 0..3 {
        let _client = Client::enter(address, Transport::Tcp, "alice", "room");
        // Numbers go on: the first session of each life is one more than the last of the life
        // before.
        assert_eq!(account(&cluster, "connector-server-1").sessions, 1, "life {life}");
        cluster.kill("connector-server-1").unwrap();
        cluster.restart("connector-server-1").unwrap();
    }
}

#[test]
fn a_server_that_was_killed_comes_back_by_itself_if_so_configured() {
    let mut spec = crate::support::spec(1, 2);
    for server in spec.servers.iter_mut().filter(|server| server.server_type.as_str() != "gate") {
        server.extra.insert("auto-restart".to_owned(), json!("true"));
    }
    let cluster = Cluster::from_spec(spec).options(patient()).start().unwrap();
    for id in ["chat-server-1", "connector-server-1", "chat-server-1"] {
        cluster.kill(id).unwrap();
        let state =
            || cluster.list().unwrap().into_iter().find(|server| server.id.as_str() == id).unwrap().state;
        assert_eq!(state(), ServerState::Killed);
        wait_until("it is back", || state() == ServerState::Running);
    }
    // One that was stopped, or killed without it, stays down.
    cluster.stop_server("chat-server-2").unwrap();
    cluster.kill("gate-server-1").unwrap();
    cluster.kill("chat-server-1").unwrap();
    wait_until("chat-server-1 is back", || holder_state(&cluster, "chat-server-1") == ServerState::Running);
    assert_eq!(holder_state(&cluster, "chat-server-2"), ServerState::Stopped);
    assert_eq!(holder_state(&cluster, "gate-server-1"), ServerState::Killed);
}

fn holder_state(cluster: &RunningCluster, id: &str) -> ServerState {
    cluster.list().unwrap().into_iter().find(|server| server.id.as_str() == id).unwrap().state
}

fn chats(world: &mut dyn World) -> Vec<ServerSnapshot> {
    world.snapshots().into_iter().filter(|server| server.server_type.as_str() == "chat").collect()
}

#[test]
fn a_panic_fails_its_request_and_restarts_its_server_with_its_rooms() {
    keep_panics_on_purpose_quiet();
    let cluster = || tutorial().server_type::<FragileChat>();
    let mut worlds: Vec<Box<dyn World>> = vec![Box::new(PureWorld::new(cluster()))];
    worlds.extend(BOTH.map(|transport| {
        Box::new(LiveWorld::new(cluster().options(patient()), transport)) as Box<dyn World>
    }));
    for world in &mut worlds {
        let players: Vec<Player> = (0..6)
            .map(|n| world.enter(&format!("connector-server-{}", n % 3 + 1), &format!("u{n}"), "room"))
            .collect();
        players.iter().for_each(|player| drop(world.pushes(*player)));
        let answers =
            world.requests(players[0], &[(PANIC_ROUTE, json!({})), (SEND, hello()), (SEND, hello())]);
        let failed = json!({"code": 500, "message": "the handler failed: its server's log says where"});
        // The second waits until the server has its rooms again, and meets a new state: the old one
        // would panic.
        assert_eq!(answers, [failed, json!({}), json!({})]);
        for player in &players {
            let heard = world.pushes(*player);
            assert_eq!(heard.len(), 2, "nothing of what panicked, nobody left or came: {heard:?}");
        }
        let restarts: u64 = chats(world.as_mut()).iter().map(|server| server.counters.restarts).sum();
        assert_eq!(restarts, 1);
        let members: usize = chats(world.as_mut()).iter().map(|server| server.members).sum();
        assert_eq!(members, 6);
    }
}

#[test]
fn a_panic_of_a_connector_costs_no_session() {
    keep_panics_on_purpose_quiet();
    let world = &mut PureWorld::new(crate::support::areas::areas());
    let [one, other] = ["one", "other"]
        .map(|uid| crate::support::areas::bound(world, crate::support::areas::DOOR, uid, "a"));
    std::panic::set_hook(Box::new(|_| {}));
    let answer = world.request(one, "door.door.panic", json!({}));
    drop(std::panic::take_hook());
    assert_eq!(answer["code"], 500);
    for player in [one, other] {
        assert_eq!(world.request(player, "area.area.where", json!({})), json!({"area": "area-2"}));
        assert_eq!(world.request(player, "door.door.settings", json!({}))["aid"], "a");
    }
    let door = world
        .snapshots()
        .into_iter()
        .find(|server| server.id.as_str() == crate::support::areas::DOOR)
        .unwrap();
    assert_eq!((door.counters.restarts, door.bound), (1, 2));
}

#[test]
fn repeated_panics_back_off() {
    keep_panics_on_purpose_quiet();
    let world = &mut PureWorld::new(tutorial().server_type::<FragileChat>());
    let player = world.enter("connector-server-1", "alice", "room");
    let mut waits = Vec::new();
    for _ in 0..7 {
        let asked = world.ask(player, PANIC_ROUTE, &json!({}));
        let after = world.ask(player, SEND, &hello());
        world.cluster.settle();
        assert_eq!(world.answer(player, asked).unwrap()["code"], 500, "answered at once");
        let mut waited = 0;
        // Messages meanwhile are answered when it is up, or at their deadline.
        let answer = loop {
            if let Some(answer) = world.answer(player, after) {
                break answer;
            }
            world.cluster.advance(Duration::from_millis(50));
            waited += 50;
        };
        assert_eq!(answer, json!({}));
        waits.push(waited);
        world.pushes(player);
    }
    assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 2000]);
    // After a calm time the next one is the first again.
    world.cluster.advance(Duration::from_secs(11));
    assert_eq!(world.request(player, PANIC_ROUTE, json!({}))["code"], 500);
    assert_eq!(world.request(player, SEND, hello()), json!({}));
    let restarting = world.snapshots().iter().any(|server| server.is_restarting);
    assert!(!restarting);
}

#[test]
fn while_a_server_backs_off_it_says_so_and_others_go_on() {
    keep_panics_on_purpose_quiet();
    let cluster = tutorial().server_type::<FragileChat>().options(patient()).start().unwrap();
    let room = WatchedRoom::start(&cluster, "room2");
    let mut client = Client::enter(connectors(&cluster)[0], Transport::Tcp, "alice", "room1");
    for _ in 0..4 {
        assert_eq!(client.request(PANIC_ROUTE, json!({}))["code"], 500);
    }
    assert_eq!(holder_state(&cluster, "chat-server-3"), ServerState::Restarting);
    room.assert_works();
    assert_eq!(client.request(SEND, hello()), json!({}));
    assert_eq!(holder_state(&cluster, "chat-server-3"), ServerState::Running);
    let status =
        cluster.list().unwrap().into_iter().find(|server| server.id.as_str() == "chat-server-3").unwrap();
    assert_eq!((status.restarts, status.figure(|account| account.channels)), (4, 1));
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_kills() {
    kills(1);
}

#[test]
fn nor_on_three_threads() {
    kills(3);
}

/// A chat server is killed and brought back over and over while a room talks in a way that takes
/// errors.
fn kills(threads: usize) {
    let options = Options { request_timeout: DEADLINE, threads, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let addresses = connectors(&cluster);
    let mut members: Vec<Client> =
        (0..6).map(|n| Client::enter(addresses[n % 3], BOTH[n % 2], &format!("m{n}"), "room1")).collect();
    members.iter_mut().for_each(|member| drop(member.pushes()));
    let spec: Vec<ServerSpec> = cluster.servers().map(|(spec, _)| spec).collect();
    assert_eq!(spec.len(), 7);
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for round in 0..120u64 {
        let sender = (round % 6) as usize;
        let asked: Vec<u64> = (0..4)
            .map(|n| members[sender].send(SEND, json!({"content": round * 4 + n, "target": "*"})))
            .collect();
        match round % 8 {
            1 => cluster.kill(&holder(&cluster)).unwrap(),
            5 => {
                let killed =
                    cluster.list().unwrap().into_iter().find(|server| server.state == ServerState::Killed);
                cluster.restart(killed.unwrap().id.as_str()).unwrap();
            }
            _ => {}
        }
        for (n, id) in asked.into_iter().enumerate() {
            match members[sender].response(id) {
                answer if answer == json!({}) => acknowledged.push(round * 4 + n as u64),
                answer if answer["code"] == 500 || answer["code"] == 504 => refused += 1,
                answer => panic!("{answer}"),
            }
        }
    }
    for member in &mut members {
        let heard: Vec<u64> =
            member.pushes().into_iter().map(|(_, body)| body["msg"].as_u64().unwrap()).collect();
        let of_acknowledged: Vec<u64> = heard.iter().copied().filter(|n| acknowledged.contains(n)).collect();
        assert_eq!(of_acknowledged, acknowledged, "each once, in order");
        let mut once = heard.clone();
        once.dedup();
        assert_eq!(once, heard, "nothing twice");
    }
    assert_eq!(acknowledged.len() + refused, 480);
    assert!(acknowledged.len() > 300, "most of it works: {}", acknowledged.len());
    assert_sound(&cluster);
}
