//! Queries of a running cluster while it changes.

use crate::support::client::{Client, Transport};
use crate::support::fragile::{FragileChat, PANIC_ROUTE};
use crate::support::watch::{account, accounts, connectors};
use crate::support::{cluster, patient, wait_until};
use pomelo_sim::live::{EventKind, RoomQuery, RoomSort, RunningCluster, ServerState};
use pomelo_sim::router::LinkRule;
use serde_json::json;

fn state(cluster: &RunningCluster, id: &str) -> ServerState {
    cluster.list().unwrap().into_iter().find(|server| server.id.as_str() == id).unwrap().state
}

/// A stop waits for messages in flight on a cut link. Queries, and the order that heals the link,
/// do not wait for the stop.
#[test]
fn a_stop_that_waits_delays_nobody_who_looks() {
    let cluster = cluster(1, 2).options(patient()).start().unwrap();
    let mut alice = Client::enter(connectors(&cluster)[0], Transport::Tcp, "alice", "room");
    let rooms = accounts(&cluster).into_iter().find(|account| account.channels > 0).unwrap();
    let id = rooms.id.to_string();
    let cut: LinkRule = serde_json::from_value(json!({"name": "cut", "from": id, "cut": true})).unwrap();
    cluster.add_link_rule(cut).unwrap();
    let asked = alice.send("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    let room_is_told = || account(&cluster, &id).counters.pushes > rooms.counters.pushes;
    wait_until("the push is on the link", room_is_told);
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| cluster.stop_server(&id).unwrap());
        wait_until("the stop is seen", || state(&cluster, &id) == ServerState::Stopping);
        let view = cluster.view().unwrap();
        let seen = view.servers.iter().find(|server| server.id.as_str() == id).unwrap();
        assert_eq!((seen.state, view.rules.len()), (ServerState::Stopping, 1));
        assert!(seen.account.is_some());
        cluster.heal(Some("cut")).unwrap();
        stop.join().unwrap();
    });
    assert_eq!(state(&cluster, &id), ServerState::Stopped);
    // Had the heal waited for the stop, it would stand behind it.
    let events = cluster.timeline().since(0).events;
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    let place = |kind| kinds.iter().position(|one| *one == kind).unwrap();
    assert!(place(EventKind::Link) < place(EventKind::Healed), "{kinds:?}");
    assert!(place(EventKind::Healed) < place(EventKind::Stopped), "{kinds:?}");
    assert_eq!(alice.response(asked), json!({}));
}

fn find(search: &str, sort: RoomSort, limit: usize) -> RoomQuery {
    RoomQuery { search: search.to_owned(), sort, limit }
}

#[test]
fn rooms_and_users_are_found_where_they_are() {
    let cluster = cluster(2, 2).options(patient()).start().unwrap();
    let at = connectors(&cluster);
    let names =
        [("alice", "lobby"), ("bob", "lobby"), ("carol", "lobby"), ("dave", "大厅"), ("erin", "game")];
    let mut clients: Vec<Client> = names
        .iter()
        .enumerate()
        .map(|(n, (name, rid))| Client::enter(at[n % 2], Transport::WebSocket, name, rid))
        .collect();
    for _ in 0..3 {
        clients[4].request("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    }
    let rooms = cluster.rooms(find("", RoomSort::Members, 2)).unwrap();
    assert_eq!((rooms.rooms.len(), rooms.total), (2, 3));
    let first = &rooms.rooms[0];
    assert_eq!((first.room.as_str(), first.key.as_deref(), first.members), ("lobby", Some("lobby"), 3));
    let busiest = cluster.rooms(find("", RoomSort::Messages, 1)).unwrap().rooms.remove(0);
    // Erin was alone when she came: nobody was told.
    assert_eq!((busiest.room.as_str(), busiest.messages >= 3), ("game", true));
    let names: Vec<String> =
        cluster.rooms(find("", RoomSort::Name, 9)).unwrap().rooms.into_iter().map(|room| room.room).collect();
    assert_eq!(names, ["game", "lobby", "大厅"]);
    assert_eq!(cluster.rooms(find("厅", RoomSort::Name, 9)).unwrap().total, 1);

    let room = cluster.room("lobby").unwrap();
    let uids: Vec<&str> = room.members.iter().map(|member| member.uid.as_str()).collect();
    assert_eq!((uids, room.total), (vec!["alice*lobby", "carol*lobby", "bob*lobby"], 3));
    assert_eq!((&room.server, room.key.as_deref()), (&first.server, Some("lobby")));
    assert_eq!(room.members[2].frontend.as_str(), "connector-server-2");
    assert_eq!(cluster.room("nowhere").unwrap_err().to_string(), "nobody is in a room \"nowhere\"");

    let users = cluster.users("", 2).unwrap();
    let uids: Vec<&str> = users.users.iter().map(|user| user.uid.as_str()).collect();
    assert_eq!((uids, users.total), (vec!["alice*lobby", "bob*lobby"], 5));
    assert_eq!((&*users.users[0].rooms[0].room, &users.users[0].rooms[0].server), ("lobby", &room.server));
    assert_eq!(users.users[0].session, room.members[0].session);
    assert_eq!(cluster.users("*game", 50).unwrap().users.len(), 1);
}

#[test]
fn a_kicked_user_is_told_why_and_the_others_that_he_is_gone() {
    let cluster = cluster(2, 1).options(patient()).start().unwrap();
    let at = connectors(&cluster);
    let mut alice = Client::enter(at[0], Transport::Tcp, "alice", "lobby");
    let mut bob = Client::enter(at[1], Transport::WebSocket, "bob", "lobby");
    assert_eq!(alice.push().0, "onAdd");
    assert_eq!(cluster.kick("bob*lobby", "spam").unwrap().as_str(), "connector-server-2");
    assert_eq!(bob.closed().0.as_deref(), Some("spam"));
    assert_eq!(alice.push().0, "onLeave");
    wait_until("the uid is free", || cluster.users("bob", 1).unwrap().total == 0);
    let again = cluster.kick("bob*lobby", "spam").unwrap_err();
    assert_eq!(again.to_string(), "nobody is logged in as \"bob*lobby\"");
    drop(Client::enter(at[0], Transport::Tcp, "bob", "lobby"));
    let kicks = cluster.timeline().since(0).events.into_iter().filter(|event| event.kind == EventKind::Kick);
    let texts: Vec<(String, String)> =
        kicks.map(|event| (event.server.unwrap().to_string(), event.text)).collect();
    assert_eq!(texts, [("connector-server-2".to_owned(), "bob*lobby: spam".to_owned())]);
}

#[test]
fn the_timeline_tells_what_was_done_and_what_came_of_it() {
    let cluster = cluster(1, 3).server_type::<FragileChat>().options(patient()).start().unwrap();
    let at = connectors(&cluster)[0];
    let mut clients: Vec<Client> =
        (0..12).map(|n| Client::enter(at, Transport::Tcp, "alice", &format!("room{n}"))).collect();
    cluster.stop_server("chat-server-3").unwrap();
    cluster.restart("chat-server-3").unwrap();
    cluster.pause("chat-server-1").unwrap();
    cluster.resume("chat-server-1").unwrap();
    cluster.kill("chat-server-2").unwrap();
    let mut four = cluster.servers().find(|(spec, _)| spec.id.as_str() == "chat-server-1").unwrap().0;
    four.id = "chat-server-4".into();
    cluster.add(four).unwrap();
    cluster.remove("chat-server-4").unwrap();
    let answer = clients[0].request(PANIC_ROUTE, json!({}));
    assert_eq!(answer["code"], 500);
    let events = || cluster.timeline().since(0).events;
    let has = |kind| move |event: &pomelo_sim::live::TimelineEvent| event.kind == kind;
    wait_until("the panic and the moves are noticed", || {
        events().iter().any(has(EventKind::Panicked)) && events().iter().any(has(EventKind::Moved))
    });
    // These are told as they are done; the others when they are noticed.
    let told =
        events().into_iter().filter(|event| !matches!(event.kind, EventKind::Moved | EventKind::Panicked));
    let told: Vec<(EventKind, String)> = told
        .map(|event| (event.kind, event.server.map(|server| server.to_string()).unwrap_or_default()))
        .collect();
    use EventKind::{Added, Killed, Paused, Removed, Restarted, Resumed, Started, Stopped};
    let expected = [
        (Started, ""),
        (Stopped, "chat-server-3"),
        (Restarted, "chat-server-3"),
        (Paused, "chat-server-1"),
        (Resumed, "chat-server-1"),
        (Killed, "chat-server-2"),
        (Added, "chat-server-4"),
        (Removed, "chat-server-4"),
    ];
    assert_eq!(told, expected.map(|(kind, server)| (kind, server.to_owned())));
    let moved = events().into_iter().find(has(EventKind::Moved)).unwrap();
    assert!(moved.text.ends_with(" have another chat server"), "{}", moved.text);
}
