//! Servers come and go while clients chat: rooms move with their members, and members receive
//! nothing about it.

use std::time::{Duration, Instant};

use crate::support::client::{Client, Transport};
use crate::support::pure::PureCluster;
use crate::support::watch::{Held, WatchedRoom, account, connectors};
use crate::support::world::{PureWorld, World};
use crate::support::{PATIENCE, patient, tutorial, wait_until};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::ids::ServerId;
use pomelo_sim::live::{ControlError, RunningCluster, ServerState};
use serde_json::{Value, json};

const SEND: &str = "chat.chatHandler.send";

/// Enough rooms that every server of a few holds some.
const ROOMS: usize = 12;

fn like(cluster: &RunningCluster, other: &str, id: &str) -> ServerSpec {
    let (spec, _) = cluster.servers().find(|(spec, _)| spec.id.as_str() == other).unwrap();
    ServerSpec { id: id.into(), client_port: spec.client_port.map(|_| 0), ..spec }
}

fn state(cluster: &RunningCluster, id: &str) -> ServerState {
    cluster.list().unwrap().into_iter().find(|server| server.id.as_str() == id).unwrap().state
}

/// What the laws of the audit say, once nothing is on its way.
fn assert_sound(cluster: &RunningCluster) {
    assert_eq!(cluster.audit_for(PATIENCE).unwrap(), []);
}

/// Rooms that are watched, on two connectors or more, while something is done.
fn watched(cluster: &RunningCluster) -> Vec<WatchedRoom> {
    (0..ROOMS).map(|room| WatchedRoom::start(cluster, &format!("room{room}"))).collect()
}

/// Each room has talked on, and nobody heard a word that was not chat.
fn assert_undisturbed(rooms: &[WatchedRoom]) {
    rooms.iter().for_each(WatchedRoom::assert_works);
}

#[test]
fn chat_servers_come_and_go_while_rooms_talk() {
    come_and_go(1);
}

#[test]
fn chat_servers_come_and_go_on_three_threads() {
    come_and_go(3);
}

fn come_and_go(threads: usize) {
    let cluster = tutorial().options(Options { threads, ..patient() }).start().unwrap();
    let rooms = watched(&cluster);
    let moved = |cluster: &RunningCluster| cluster.view().unwrap().router.rooms_moved;

    cluster.add(like(&cluster, "chat-server-1", "chat-server-4")).unwrap();
    assert_undisturbed(&rooms);
    let after_add = moved(&cluster);
    assert!(after_add > 0, "some of {ROOMS} rooms belong to the new server");
    assert!(account(&cluster, "chat-server-4").channels > 0);

    cluster.stop_server("chat-server-2").unwrap();
    assert_eq!(state(&cluster, "chat-server-2"), ServerState::Stopped);
    assert_undisturbed(&rooms);
    cluster.restart("chat-server-2").unwrap();
    assert_undisturbed(&rooms);
    for id in ["chat-server-1", "chat-server-2", "chat-server-3", "chat-server-4"] {
        cluster.restart(id).unwrap();
        assert_undisturbed(&rooms);
    }
    for id in ["chat-server-1", "chat-server-3", "chat-server-4"] {
        cluster.remove(id).unwrap();
        assert_undisturbed(&rooms);
    }
    assert!(moved(&cluster) > after_add);
    assert_eq!(account(&cluster, "chat-server-2").channels, ROOMS);
    assert_sound(&cluster);
    let rounds: u64 = rooms.into_iter().map(WatchedRoom::finish).sum();
    assert!(rounds > 0);
    Held::wait_nothing(&cluster);
}

#[test]
fn a_room_that_moves_keeps_its_order_and_its_private_messages() {
    let world = &mut PureWorld::new(tutorial());
    let members = [("a", 1), ("b", 2), ("c", 3), ("d", 1), ("e", 2)];
    let players: Vec<_> = members
        .iter()
        .map(|(name, n)| world.enter(&format!("connector-server-{n}"), name, "room1"))
        .collect();
    players.iter().for_each(|player| drop(world.pushes(*player)));
    let holder = |world: &mut PureWorld| -> Vec<ServerId> {
        let snapshots = world.snapshots();
        snapshots.into_iter().filter(|server| server.channels > 0).map(|server| server.id).collect()
    };
    let before = holder(world);
    assert_eq!(before.len(), 1);
    world.cluster.stop(before[0].as_str());
    world.cluster.settle();
    let after = holder(world);
    assert!(after.len() == 1 && after != before, "{before:?} to {after:?}");
    assert!(!world.cluster.is_up(before[0].as_str()), "it has ended");
    for player in &players {
        assert_eq!(world.pushes(*player), [], "nobody is told");
    }
    // Grouped by connector, as before the move.
    let last = world.open("connector-server-3");
    let enter = json!({"username": "f", "rid": "room1"});
    let answer = world.request(last, "connector.entryHandler.enter", enter);
    assert_eq!(answer, json!({"users": ["a", "d", "b", "e", "c", "f"]}));
    assert_eq!(world.send(players[0], "psst", "e"), json!({}));
    assert_eq!(world.pushes(players[4]).last().unwrap().1["msg"], "psst");
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn traffic_of_a_room_that_moves_waits_and_the_rest_goes_on() {
    let world = &mut PureWorld::new(tutorial());
    // room1 and lobby live on chat-server-3, room2 on chat-server-1 (see the guide on strategies).
    let [mover, stayer] = ["room1", "room2"].map(|rid| world.enter("connector-server-1", "alice", rid));
    world.cluster.pause("chat-server-3");
    let spec = ServerSpec { id: "chat-server-4".into(), ..crate::support::spec(1, 1).servers[1].clone() };
    world.cluster.start(&ServerSpec { frontend: false, ..spec });
    world.cluster.settle();
    // chat-server-3 has not said that it is done, so what is for its rooms waits; room2 stays where
    // it is.
    assert_eq!(world.send(stayer, "still here", "*"), json!({}));
    let waiting = world.ask(mover, SEND, &json!({"content": "wait for me", "target": "*"}));
    world.cluster.settle();
    assert_eq!(world.answer(mover, waiting), None);
    world.cluster.resume("chat-server-3");
    world.cluster.settle();
    assert_eq!(world.answer(mover, waiting), Some(json!({})));
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn without_rebalancing_rooms_break_as_pomelo_s_do() {
    let options = Options { rebalance: false, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let enter = |room: usize| {
        let address = connectors(&cluster)[room % 3];
        Client::enter(address, Transport::Tcp, "alice", &format!("room{room}"))
    };
    let mut clients: Vec<Client> = (0..ROOMS).map(enter).collect();
    cluster.add(like(&cluster, "chat-server-1", "chat-server-4")).unwrap();
    let mut answers =
        clients.iter_mut().map(|client| client.request(SEND, json!({"content": "x", "target": "*"})));
    let broken = answers.by_ref().filter(|answer| answer["code"] == 500).count();
    // Three of four keys move from three servers to four; nobody takes their members along.
    assert!((5..ROOMS).contains(&broken), "{broken} of {ROOMS} rooms broke");
    assert_eq!(cluster.view().unwrap().router.rooms_moved, 0);
    // They are healed by what heals them in Pomelo: everybody enters anew.
    clients.into_iter().for_each(Client::close);
    Held::wait_nothing(&cluster);
    let answer = enter(0).request(SEND, json!({"content": "x", "target": "*"}));
    assert_eq!(answer, json!({}));
}

fn query(cluster: &RunningCluster, uid: &str) -> Value {
    let mut gate = Client::open(cluster.address("gate-server-1").unwrap(), Transport::Tcp);
    gate.request("gate.gateHandler.queryEntry", json!({"uid": uid}))
}

#[test]
fn a_removed_connector_is_not_named_and_tells_its_clients_why() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let [first, second, third] = connectors(&cluster).try_into().unwrap();
    let mut witness = Client::enter(first, Transport::WebSocket, "witness", "room");
    let mut leavers: Vec<Client> = [Transport::Tcp, Transport::WebSocket]
        .map(|transport| Client::enter(second, transport, &format!("{transport:?}"), "room"))
        .into();
    assert_eq!(witness.pushes().len(), 2);
    cluster.remove("connector-server-2").unwrap();
    for leaver in &mut leavers {
        leaver.assert_closed_by_stop("server removed");
    }
    let told: Vec<String> = (0..2).map(|_| witness.push().1["user"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["Tcp", "WebSocket"], "each has left, once");
    for user in 0..50 {
        let port = query(&cluster, &format!("user{user}"))["port"].as_u64().unwrap();
        assert!([first, third].iter().any(|address| u64::from(address.port()) == port), "{port}");
    }
    assert!(std::net::TcpStream::connect(second).is_err(), "its port is closed");
    // Their names are free again, and a new connector is named as soon as it is there.
    Client::enter(third, Transport::Tcp, "Tcp", "room").close();
    cluster.add(like(&cluster, "connector-server-1", "connector-server-9")).unwrap();
    let added = u64::from(cluster.address("connector-server-9").unwrap().port());
    assert!((0..50).any(|user| query(&cluster, &format!("user{user}"))["port"] == added));
    assert_sound(&cluster);
}

#[test]
fn a_stopped_connector_comes_back_on_its_port() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let address = connectors(&cluster)[0];
    for _ in 0..3 {
        let mut client = Client::enter(address, Transport::WebSocket, "alice", "room");
        cluster.restart("connector-server-1").unwrap();
        client.assert_closed_by_stop("server restarts");
        assert_eq!(cluster.address("connector-server-1"), Some(address));
    }
    let status =
        cluster.list().unwrap().into_iter().find(|server| server.id.as_str() == "connector-server-1");
    assert_eq!(status.unwrap().restarts, 3);
    Client::enter(address, Transport::Tcp, "alice", "room");
}

#[test]
fn a_stop_that_cannot_wait_for_an_answer_gives_one() {
    let options = Options { stop_timeout: Duration::from_millis(200), ..patient() };
    let stop_one = |cluster: RunningCluster| {
        cluster.stop_server("connector-server-1").unwrap();
        assert_sound(&cluster);
    };
    let stop_all = |cluster: RunningCluster| cluster.stop();
    for stop in [stop_one as fn(RunningCluster), stop_all] {
        let cluster = tutorial().options(options.clone()).start().unwrap();
        let address = connectors(&cluster)[0];
        let mut alice = Client::enter(address, Transport::Tcp, "alice", "room");
        let mut bob = Client::open(address, Transport::WebSocket);
        let cut = json!({"from": "connector", "to": "chat", "cut": true});
        cluster.add_link_rule(serde_json::from_value(cut).unwrap()).unwrap();
        let sent: Vec<u64> =
            (0..3).map(|_| alice.send(SEND, json!({"content": "lost", "target": "*"}))).collect();
        // The second waits behind the first, and calls too.
        let entered: Vec<u64> = (0..2)
            .map(|_| bob.send("connector.entryHandler.enter", json!({"username": "bob", "rid": "room"})))
            .collect();
        wait_until("all are under way", || {
            let door = account(&cluster, "connector-server-1");
            door.calls_pending == 4
        });
        stop(cluster);
        for (client, requests) in [(&mut alice, sent), (&mut bob, entered)] {
            for request in requests {
                assert_eq!(client.response(request)["code"], 504);
            }
            client.assert_closed_by_stop("server stopped");
        }
    }
}

#[test]
fn a_stop_on_a_cut_link_does_not_wait_as_long_as_requests_may() {
    let options = Options { request_timeout: Duration::from_secs(600), ..patient() };
    let cluster = crate::support::cluster(1, 2).options(options).start().unwrap();
    let mut alice = Client::enter(connectors(&cluster)[0], Transport::Tcp, "alice", "room");
    let cut = json!({"from": "chat", "to": "connector", "cut": true});
    cluster.add_link_rule(serde_json::from_value(cut).unwrap()).unwrap();
    let sent = alice.send(SEND, json!({"content": "late", "target": "*"}));
    let home = cluster
        .list()
        .unwrap()
        .into_iter()
        .find(|server| server.figure(|account| account.channels) == 1)
        .unwrap()
        .id;
    wait_until("the chat server has it", || account(&cluster, home.as_str()).counters.invocations > 1);
    let begun = Instant::now();
    cluster.stop_server(home.as_str()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    cluster.heal(None).unwrap();
    assert_eq!(alice.push().1["msg"], "late");
    alice.response(sent);
    assert_eq!(alice.request(SEND, json!({"content": "on", "target": "*"})), json!({}));
    assert_eq!(alice.pushes().len(), 1, "nothing came twice");
    assert_sound(&cluster);
}

#[test]
fn the_last_chat_server_takes_its_rooms_along_and_brings_them_back() {
    let cluster = crate::support::cluster(2, 1).options(patient()).start().unwrap();
    let [first, second] = connectors(&cluster).try_into().unwrap();
    let mut alice = Client::enter(first, Transport::Tcp, "alice", "room");
    let mut bob = Client::enter(second, Transport::WebSocket, "bob", "room");
    let mut eve = Client::enter(second, Transport::WebSocket, "eve", "room");
    for stop in [RunningCluster::stop_server, RunningCluster::kill] {
        alice.pushes();
        bob.pushes();
        stop(&cluster, "chat-server-1").unwrap();
        let answer = alice.request(SEND, json!({"content": "anybody?", "target": "*"}));
        assert_eq!((&answer["code"], &answer["message"]), (&json!(500), &json!("no chat server is left")));
        // A room that waits for a server breaks no law.
        assert_sound(&cluster);
        cluster.restart("chat-server-1").unwrap();
        assert_eq!(alice.request(SEND, json!({"content": "back", "target": "*"})), json!({}));
        assert_eq!(bob.push().1["msg"], "back");
    }
    // One who leaves meanwhile has left when it is back, and may have come back too.
    cluster.kill("chat-server-1").unwrap();
    eve.pushes();
    eve.close();
    wait_until("the connector has noticed", || account(&cluster, "connector-server-2").sessions == 1);
    cluster.restart("chat-server-1").unwrap();
    let heard: Vec<(String, Value)> = bob.pushes();
    assert_eq!(heard, [("onLeave".to_owned(), json!({"route": "onLeave", "user": "eve"}))]);
    Client::enter(first, Transport::Tcp, "eve", "room");
    assert_sound(&cluster);
}

#[test]
fn a_reload_adds_and_removes_the_difference() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let rooms = watched(&cluster);
    let spec = |connectors, chats| -> ClusterSpec { crate::support::spec(connectors, chats) };
    let done = cluster.reload(&spec(4, 5)).unwrap();
    let ids = |ids: &[&str]| -> Vec<ServerId> { ids.iter().map(ServerId::from).collect() };
    assert_eq!(done.added, ids(&["connector-server-4", "chat-server-4", "chat-server-5"]));
    assert_eq!((done.removed, done.replaced), (vec![], vec![]));
    assert_undisturbed(&rooms);
    let mut smaller = spec(4, 2);
    smaller.servers.iter_mut().find(|server| server.id.as_str() == "chat-server-1").unwrap().port =
        Some(7000);
    let done = cluster.reload(&smaller).unwrap();
    assert_eq!(done.removed, ids(&["chat-server-3", "chat-server-4", "chat-server-5"]));
    assert_eq!(done.replaced, ids(&["chat-server-1"]));
    assert_undisturbed(&rooms);
    assert_eq!(cluster.reload(&smaller).unwrap(), Default::default(), "nothing is left to do");
    assert_sound(&cluster);
}

/// The ids of a type, as the cluster has them and as a file does.
fn of_type<'a>(servers: impl IntoIterator<Item = &'a ServerSpec>, server_type: &str) -> Vec<String> {
    let of_type = servers.into_iter().filter(|server| server.server_type.as_str() == server_type);
    of_type.map(|server| server.id.to_string()).collect()
}

#[test]
fn after_a_reload_the_lists_are_in_the_order_of_the_file() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let rooms = watched(&cluster);
    let listed = || {
        let chat = cluster.view().unwrap().types.into_iter().find(|of| of.server_type.as_str() == "chat");
        chat.unwrap().listed.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let assert_as = |spec: &ClusterSpec| {
        let servers: Vec<ServerSpec> = cluster.servers().map(|(server, _)| server).collect();
        assert_eq!(of_type(&servers, "chat"), of_type(&spec.servers, "chat"));
        assert_eq!(listed(), of_type(&spec.servers, "chat"));
        assert_undisturbed(&rooms);
    };
    // The first is described in another way, and stays the first.
    let mut spec = crate::support::spec(3, 3);
    let chat = |spec: &ClusterSpec, id: &str| {
        spec.servers.iter().position(|server| server.id.as_str() == id).unwrap()
    };
    let first = chat(&spec, "chat-server-1");
    spec.servers[first].port = Some(7000);
    let done = cluster.reload(&spec).unwrap();
    assert_eq!((done.replaced, done.reordered), (vec!["chat-server-1".into()], vec![]));
    assert_as(&spec);
    // Another order, and nothing else: rooms go where the file's order sends them.
    let moved = cluster.view().unwrap().router.rooms_moved;
    spec.servers.swap(first, first + 2);
    let done = cluster.reload(&spec).unwrap();
    assert_eq!(done.reordered, ["chat".into()]);
    assert_eq!((done.added, done.removed, done.replaced), (vec![], vec![], vec![]));
    assert_as(&spec);
    assert!(cluster.view().unwrap().router.rooms_moved > moved);
    // One more at the head, one that is down and changed, and nobody else is said to have moved.
    cluster.kill("chat-server-2").unwrap();
    let mut more = spec.servers[first].clone();
    more.id = "chat-server-0".into();
    spec.servers.insert(first, more);
    let second = chat(&spec, "chat-server-2");
    spec.servers[second].port = Some(7001);
    let done = cluster.reload(&spec).unwrap();
    assert_eq!((done.added, done.replaced), (vec!["chat-server-0".into()], vec!["chat-server-2".into()]));
    assert_eq!(done.reordered, []);
    assert_as(&spec);
    assert_eq!(cluster.reload(&spec).unwrap(), Default::default());
    assert_sound(&cluster);
}

#[test]
fn frontends_that_change_ports_with_each_other_are_replaced() {
    let cluster = tutorial().start().unwrap();
    let mut spec = cluster.spec().clone();
    let ports: Vec<Option<u16>> = spec.servers.iter().map(|server| server.client_port).collect();
    let at = |id: &str| spec.servers.iter().position(|server| server.id.as_str() == id).unwrap();
    let (one, two) = (at("connector-server-1"), at("connector-server-2"));
    (spec.servers[one].client_port, spec.servers[two].client_port) = (ports[two], ports[one]);
    assert_eq!(cluster.reload(&spec).unwrap().replaced.len(), 2);
    assert_eq!(cluster.address("connector-server-1").map(|at| at.port()), ports[two]);
    assert_eq!(cluster.address("connector-server-2").map(|at| at.port()), ports[one]);
}

#[test]
fn add_starts_what_is_down_again_with_new_fields_in_its_old_place() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let rooms = watched(&cluster);
    let ids = || cluster.servers().map(|(server, _)| server.id).collect::<Vec<_>>();
    let configured = ids();
    for down in [RunningCluster::stop_server, RunningCluster::kill] {
        let before = account(&cluster, "chat-server-2").channels;
        down(&cluster, "chat-server-2").unwrap();
        let again = ServerSpec { port: Some(7000), ..like(&cluster, "chat-server-2", "chat-server-2") };
        cluster.add(again.clone()).unwrap();
        assert_eq!((state(&cluster, "chat-server-2"), ids()), (ServerState::Running, configured.clone()));
        let runs = cluster.servers().find(|(spec, _)| spec.id.as_str() == "chat-server-2").unwrap().0;
        assert_eq!(runs, again);
        assert_undisturbed(&rooms);
        wait_until("its rooms are back", || account(&cluster, "chat-server-2").channels == before);
    }
    rooms.into_iter().for_each(|room| assert!(room.finish() > 0));
    // A connector on another port.
    let old = cluster.address("connector-server-1").unwrap();
    cluster.kill("connector-server-1").unwrap();
    cluster.add(like(&cluster, "connector-server-1", "connector-server-1")).unwrap();
    let new = cluster.address("connector-server-1").unwrap();
    assert_ne!(new, old);
    Client::enter(new, Transport::Tcp, "again", "room").close();
    // One that cannot start stays as it was.
    cluster.stop_server("connector-server-1").unwrap();
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Some(foreign.local_addr().unwrap().port());
    let wrong =
        ServerSpec { client_port: taken, ..like(&cluster, "connector-server-1", "connector-server-1") };
    assert!(cluster.add(wrong).is_err());
    assert_eq!(state(&cluster, "connector-server-1"), ServerState::Stopped);
    cluster.restart("connector-server-1").unwrap();
    assert_eq!(cluster.address("connector-server-1"), Some(new));
    // Of another type it is another server.
    cluster.stop_server("chat-server-1").unwrap();
    let other = ServerSpec { id: "chat-server-1".into(), ..like(&cluster, "connector-server-2", "x") };
    cluster.add(other).unwrap();
    assert_eq!(ids().last().unwrap().as_str(), "chat-server-1");
    assert_sound(&cluster);
}

#[test]
fn a_reload_that_cannot_be_done_changes_nothing() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let rooms = watched(&cluster);
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = foreign.local_addr().unwrap().port();
    let changed = |id: &str, change: fn(&mut ServerSpec, u16)| -> ClusterSpec {
        let mut spec = crate::support::spec(3, 4);
        change(spec.servers.iter_mut().find(|server| server.id.as_str() == id).unwrap(), taken);
        spec
    };
    let unserved = changed("chat-server-1", |server, _| server.server_type = "chatt".into());
    let in_use = changed("connector-server-1", |server, port| server.client_port = Some(port));
    let nowhere = changed("connector-server-1", |server, _| {
        (server.host, server.client_port) = ("192.0.2.1".to_owned(), Some(1));
    });
    for (spec, why) in [(unserved, "chatt"), (in_use, "cannot listen on"), (nowhere, "cannot listen on")] {
        let before: Vec<_> = cluster.servers().collect();
        let refused = cluster.reload(&spec).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        assert_eq!(cluster.servers().collect::<Vec<_>>(), before, "{refused}");
    }
    assert_undisturbed(&rooms);
    assert_sound(&cluster);
}

#[test]
fn the_list_says_how_everybody_is() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let _client = Client::enter(connectors(&cluster)[0], Transport::Tcp, "alice", "room1");
    cluster.stop_server("chat-server-2").unwrap();
    cluster.pause("chat-server-1").unwrap();
    cluster.kill("connector-server-3").unwrap();
    let list = cluster.list().unwrap();
    let ids: Vec<&str> = list.iter().map(|server| server.id.as_str()).collect();
    let configured: Vec<&str> = cluster.spec().servers.iter().map(|server| server.id.as_str()).collect();
    assert_eq!(ids, configured, "in the order of the configuration");
    let of = |id: &str| list.iter().find(|server| server.id.as_str() == id).unwrap();
    assert_eq!(of("chat-server-1").state, ServerState::Paused);
    assert_eq!(of("chat-server-2").state, ServerState::Stopped);
    assert_eq!(of("connector-server-3").state, ServerState::Killed);
    assert_eq!(of("connector-server-3").clients, None);
    assert_eq!(of("connector-server-3").uptime_seconds, 0.0);
    assert_eq!(
        (of("connector-server-1").figure(|account| account.sessions), of("connector-server-1").state),
        (1, ServerState::Running)
    );
    assert!(of("connector-server-1").clients.is_some() && of("connector-server-1").uptime_seconds > 0.0);
    assert_eq!(list.iter().map(|server| server.figure(|account| account.channels)).sum::<usize>(), 1);
    wait_until("messages of the last second are counted", || {
        cluster.list().unwrap().iter().any(|server| server.messages_per_second > 0)
    });
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let cluster = tutorial().options(patient()).start().unwrap();
    let text = |refused: Result<(), ControlError>| refused.unwrap_err().to_string();
    let unknown = text(cluster.stop_server("chat-sever-1"));
    assert!(unknown.starts_with("no server chat-sever-1: expected one of connector-server-1,"), "{unknown}");
    assert!(unknown.ends_with("did you mean \"chat-server-1\"?"), "{unknown}");
    let again = cluster.add(like(&cluster, "chat-server-1", "chat-server-1"));
    assert_eq!(text(again), "there is a server chat-server-1 already; it is running");
    let untyped = ServerSpec { server_type: "area".into(), ..like(&cluster, "chat-server-1", "area-1") };
    let untyped = text(cluster.add(untyped));
    assert!(untyped.contains("area") && untyped.contains("chat"), "{untyped}");
    let port = cluster.address("connector-server-1").unwrap().port();
    let taken =
        ServerSpec { client_port: Some(port), ..like(&cluster, "connector-server-1", "connector-server-9") };
    assert_eq!(
        text(cluster.add(taken)),
        format!("connector-server-9: connector-server-1 has the client port {port} already")
    );
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = foreign.local_addr().unwrap().port();
    let taken =
        ServerSpec { client_port: Some(port), ..like(&cluster, "connector-server-1", "connector-server-9") };
    let taken = text(cluster.add(taken));
    assert!(taken.contains("cannot listen on") && taken.contains(&port.to_string()), "{taken}");
    assert_eq!(
        text(cluster.resume("chat-server-1")),
        "chat-server-1 is running: only a paused server can be resumed"
    );
    cluster.kill("chat-server-1").unwrap();
    assert_eq!(text(cluster.kill("chat-server-1")), "chat-server-1 is killed: it is not up");
    assert_eq!(text(cluster.pause("chat-server-1")), "chat-server-1 is killed: it is not up");
    assert_eq!(cluster.list().unwrap().len(), 7, "nothing was added");
    assert_sound(&cluster);
}

#[test]
fn a_server_that_comes_back_takes_its_old_place_and_its_rooms() {
    let spec = crate::support::spec(1, 3);
    let mut cluster = PureCluster::new(Cluster::from_spec(spec.clone()));
    let keys: Vec<String> = (0..100).map(|n| format!("room{n}")).collect();
    let owners = |cluster: &mut PureCluster| -> Vec<ServerId> {
        keys.iter().map(|key| cluster.router.owner(&"chat".into(), key).unwrap()).collect()
    };
    let before = owners(&mut cluster);
    let at = |id: &str| spec.servers.iter().find(|server| server.id.as_str() == id).unwrap();
    for id in ["chat-server-1", "chat-server-2", "chat-server-3"] {
        cluster.kill(id);
        cluster.settle();
        assert_ne!(owners(&mut cluster), before);
        cluster.start(at(id));
        cluster.settle();
        assert_eq!(owners(&mut cluster), before, "{id} is back");
    }
    // One that was struck off is new when it comes: at the end, as Pomelo's servers are.
    cluster.kill("chat-server-1");
    cluster.router.remove_from_order(&"chat-server-1".into());
    cluster.start(at("chat-server-1"));
    cluster.settle();
    assert_ne!(owners(&mut cluster), before);
}
