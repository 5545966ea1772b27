//! Pomelo's own clients from npm in the chat tutorial's rooms: by WebSocket and by raw TCP, against
//! a real cluster.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::node::{self, Played};
use crate::support::official::{Clients, KINDS, Kind, on_chat, presence};
use crate::support::patient;
use crate::support::rooms::{chat_publicly_and_privately, login_on_three_connectors};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::ProtoFiles;
use pomelo_sim::live::RunningCluster;
use serde_json::{Value, json};

node::tests!(
    three_users_on_three_connectors_chat_in_one_room,
    websocket_and_tcp_clients_chat_in_one_room,
    others_hear_once_that_a_user_leaves_and_it_may_come_back_at_once,
    a_name_in_use_is_refused_on_every_connector_and_its_user_stays,
    idle_clients_that_send_heartbeats_stay_and_a_silent_one_goes,
    six_hundred_quick_messages_arrive_in_order_and_once_at_everyone,
    names_rooms_and_messages_may_be_in_any_script,
    an_emoji_from_the_browser_client_arrives,
    an_unknown_route_is_answered_with_the_known_ones,
    a_dictionary_shortens_routes_for_clients_that_know_it_or_not,
    protobuf_carries_messages_and_pushes,
    the_browser_client_comes_back_to_a_connector_that_restarts,
);

fn three_users_on_three_connectors_chat_in_one_room() -> Played {
    let cluster = crate::support::tutorial().options(patient()).start().unwrap();
    for kind in KINDS {
        let mut clients = Clients::of(gate(&cluster))?;
        let users = login_on_three_connectors(&mut clients, [kind; 3], "lobby");
        chat_publicly_and_privately(&mut clients, &users);
    }
    Ok(())
}

fn websocket_and_tcp_clients_chat_in_one_room() -> Played {
    let cluster = crate::support::tutorial().options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    let users = login_on_three_connectors(&mut clients, KINDS, "lobby");
    chat_publicly_and_privately(&mut clients, &users);
    Ok(())
}

fn others_hear_once_that_a_user_leaves_and_it_may_come_back_at_once() -> Played {
    let cluster = crate::support::tutorial().options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    let [alice, bob, carol] = &login_on_three_connectors(&mut clients, KINDS, "lobby");
    for leaver in [alice, bob, carol] {
        let stayers: Vec<&String> = [alice, bob, carol].into_iter().filter(|user| *user != leaver).collect();
        clients.close(leaver);
        let users = clients.login_again(leaver, "lobby");
        assert_eq!(sorted(&users["users"]), sorted(&json!([alice, bob, carol])), "{leaver} is back");
        for stayer in stayers {
            let expected = [presence("onLeave", leaver), presence("onAdd", leaver)];
            assert_eq!(clients.heard(stayer), expected, "at {stayer}");
        }
        assert_eq!(clients.heard(leaver), [], "at {leaver}, who came back");
    }
    Ok(())
}

fn a_name_in_use_is_refused_on_every_connector_and_its_user_stays() -> Played {
    let cluster = crate::support::tutorial().options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    for kind in KINDS {
        let room = format!("{kind:?}");
        clients.create("first", kind, json!({}));
        clients.open("first", connector(&cluster, 1));
        assert_eq!(clients.enter("first", "first", &room), json!({ "users": ["first"] }));
        for place in [1, 2, 3] {
            let second = format!("second by {kind:?} on connector {place}");
            clients.create(&second, kind, json!({}));
            clients.open(&second, connector(&cluster, place));
            let refused = clients.enter(&second, "first", &room);
            assert_eq!(
                (&refused["code"], &refused["error"]),
                (&json!(500), &json!(true)),
                "{second}: {refused}"
            );
            let message = refused["message"].as_str().unwrap_or_default();
            assert!(!message.is_empty(), "{second}: {refused}");

            // The first user is not affected, and keeps its name when the second leaves.
            clients.say("first", "still here", "*");
            assert_eq!(clients.heard("first"), [on_chat("still here", "first", "*")], "{second}");
            assert_eq!(clients.arrived(&second), [], "{second}");
            let other = clients.enter(&second, "other", &room);
            assert_eq!(sorted(&other["users"]), ["first", "other"], "{second} under another name");
            clients.close(&second);
            assert_eq!(clients.next_heard("first", "onAdd"), presence("onAdd", "other").1);
            assert_eq!(clients.next_heard("first", "onLeave"), presence("onLeave", "other").1);
            assert_eq!(clients.heard("first"), [], "{second} has left");
        }
        clients.close("first");
    }
    Ok(())
}

fn idle_clients_that_send_heartbeats_stay_and_a_silent_one_goes() -> Played {
    /// Longer than three intervals of the tutorial's 3 s, and than the 6 s after which silence ends
    /// a connection.
    const IDLE: Duration = Duration::from_secs(11);
    let cluster =
        crate::support::tutorial().options(Options { heartbeat: None, ..patient() }).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    let users = login_on_three_connectors(&mut clients, KINDS, "lobby");
    clients.create("silent", Kind::Tcp, json!({ "beats": false }));
    clients.login_again("silent", "lobby");
    let began = Instant::now();
    for user in &users {
        assert_eq!(clients.heard(user), [presence("onAdd", "silent")], "at {user}");
    }

    clients.next_heard("silent", "close");
    let lasted = began.elapsed();
    assert!(lasted.as_secs() >= 5, "the silent client was closed after {lasted:?}, expected 6 s");
    assert_eq!(clients.arrived("silent"), [], "at the silent client, which is not kicked");
    std::thread::sleep(IDLE.saturating_sub(began.elapsed()));

    for user in &users {
        assert_eq!(clients.heard(user), [presence("onLeave", "silent")], "at {user}");
    }
    chat_publicly_and_privately(&mut clients, &users);
    Ok(())
}

fn six_hundred_quick_messages_arrive_in_order_and_once_at_everyone() -> Played {
    // All servers on one thread, and each on a separate one.
    for threads in [1, 7] {
        let cluster = crate::support::tutorial().options(Options { threads, ..patient() }).start().unwrap();
        let mut clients = Clients::of(gate(&cluster))?;
        let users = login_on_three_connectors(&mut clients, KINDS, "lobby");
        flood(&mut clients, &users);
    }
    Ok(())
}

fn names_rooms_and_messages_may_be_in_any_script() -> Played {
    let cluster = crate::support::tutorial().options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    // The browser client has a custom UTF-8 decoder that reads only up to U+FFFF.
    let rooms = [
        ("测试间", "你好，世界 é ", KINDS),
        ("😀房", "😀👩‍👩‍👧\u{2028}\"\\\n", [Kind::Nodejs, Kind::Tcp, Kind::Tcp]),
    ];
    for (room, content, kinds) in rooms {
        let users = [format!("测试 {room}"), format!("Ünï {room}"), format!("мир {room}")];
        for (user, kind) in users.iter().zip(kinds) {
            clients.login(kind, user, room);
        }
        for user in &users {
            clients.heard(user);
        }
        for from in &users {
            clients.say(from, content, "*");
            for user in &users {
                assert_eq!(clients.heard(user), [on_chat(content, from, "*")], "at {user}");
                clients.say(from, content, user);
                assert_eq!(clients.heard(user), [on_chat(content, from, user)], "to {user} alone");
            }
        }
    }
    Ok(())
}

fn an_emoji_from_the_browser_client_arrives() -> Played {
    let cluster = crate::support::tutorial().options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    clients.login(Kind::Browser, "browser", "lobby");
    clients.login(Kind::Nodejs, "node", "lobby");
    // It encodes each surrogate of the emoji in three bytes, which is not valid UTF-8.
    clients.say("browser", "a😀b", "node");
    assert_eq!(clients.heard("node"), [on_chat("a😀b", "browser", "node")]);
    Ok(())
}

fn an_unknown_route_is_answered_with_the_known_ones() -> Played {
    let cluster = crate::support::tutorial().options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    for kind in KINDS {
        let user = format!("{kind:?}");
        clients.login(kind, &user, "lobby");
        for (route, known) in [
            ("chat.chatHandler.sned", "chat.chatHandler.send"),
            ("connector.entryHandler.entry", "connector.entryHandler.enter"),
            ("caht.chatHandler.send", "chat"),
        ] {
            let answer = clients.request(&user, route, json!({}));
            let message = answer["message"].as_str().unwrap_or_default();
            assert_eq!(answer["code"], 500, "{user}: {answer}");
            let handler = known.split_once('.').map_or(known, |(_, handler)| handler);
            assert!(message.contains(route) && message.contains(handler), "{user}: {answer}");
        }
        clients.say(&user, "and the connection works on", "*");
        clients.close(&user);
    }
    Ok(())
}

fn a_dictionary_shortens_routes_for_clients_that_know_it_or_not() -> Played {
    let mut spec = crate::support::spec(3, 3);
    spec.dictionary = Some(dictionary());
    let cluster = Cluster::from_spec(spec).options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    clients.create("looks", Kind::Tcp, json!({}));
    let sys = clients.open("looks", gate(&cluster));
    assert_eq!((&sys["useDict"], &sys["dict"]["onChat"]), (&json!(true), &json!(4)), "{sys}");

    // The browser client and ours send codes; the Node.js client sends names, and receives codes.
    let users = login_on_three_connectors(&mut clients, KINDS, "lobby");
    chat_publicly_and_privately(&mut clients, &users);
    Ok(())
}

fn protobuf_carries_messages_and_pushes() -> Played {
    for dictionary in [None, Some(dictionary())] {
        let mut spec = crate::support::spec(3, 3);
        spec.dictionary = dictionary;
        spec.protos = Some(protos());
        let cluster = Cluster::from_spec(spec).options(patient()).start().unwrap();
        let mut clients = Clients::of(gate(&cluster))?;
        clients.create("looks", Kind::Tcp, json!({}));
        let sys = clients.open("looks", gate(&cluster));
        assert_eq!((&sys["useProto"], sys["protos"].is_object()), (&json!(true), true), "{sys}");

        let users = ["alice", "bob", "测试"].map(str::to_owned);
        for (user, kind) in users.iter().zip(KINDS) {
            clients.login(kind, user, "lobby");
        }
        // The definitions have no field for the route that the tutorial repeats in these bodies.
        let add = |user: &str| ("onAdd".to_owned(), json!({ "user": user }));
        assert_eq!(clients.heard(&users[0]), [add(&users[1]), add(&users[2])]);
        assert_eq!(clients.heard(&users[1]), [add(&users[2])]);
        assert_eq!(clients.heard(&users[2]), []);
        chat_publicly_and_privately(&mut clients, &users);
        clients.close(&users[2]);
        for stayer in &users[..2] {
            assert_eq!(clients.next_heard(stayer, "onLeave"), json!({ "user": users[2] }), "at {stayer}");
        }
    }
    Ok(())
}

/// The client's own reconnection, which the server must not break: it opens another connection
/// after a close.
fn the_browser_client_comes_back_to_a_connector_that_restarts() -> Played {
    let cluster = crate::support::cluster(1, 1).options(patient()).start().unwrap();
    let mut clients = Clients::of(gate(&cluster))?;
    clients.create("back", Kind::Browser, json!({ "reconnect": true }));
    clients.open("back", connector(&cluster, 1));
    assert_eq!(clients.enter("back", "back", "lobby"), json!({ "users": ["back"] }));
    cluster.restart("connector-server-1").unwrap();
    let closed = clients.next_heard("back", "close");
    assert_eq!(closed, json!({ "code": 1001, "reason": "server restarts" }));
    clients.next_heard("back", "reconnect");
    assert_eq!(clients.enter("back", "back", "lobby"), json!({ "users": ["back"] }));
    clients.say("back", "here I am", "*");
    Ok(())
}

fn flood(clients: &mut Clients, users: &[String; 3]) {
    const EACH: usize = 200;
    let mut begun = Vec::new();
    for number in 0..EACH {
        for user in users {
            begun.push(clients.begin_say(user, &number.to_string(), "*"));
        }
    }
    for begun in begun {
        assert_eq!(clients.wait(begun), json!({}));
    }
    let heard = users.each_ref().map(|user| clients.heard(user));
    for (user, heard) in users.iter().zip(&heard) {
        for from in users {
            let theirs: Vec<_> = heard.iter().filter(|(_, body)| body["from"] == **from).cloned().collect();
            let sent: Vec<_> = (0..EACH).map(|number| on_chat(&number.to_string(), from, "*")).collect();
            assert_eq!(theirs, sent, "what {user} heard from {from}");
        }
        assert_eq!(heard.len(), users.len() * EACH, "at {user}");
    }
    // All members see the order of the room's chat server.
    assert!(heard.iter().all(|one| *one == heard[0]), "users heard the messages in different orders");
}

fn sorted(names: &Value) -> Vec<String> {
    let names = names.as_array().unwrap_or_else(|| panic!("expected names, got {names}"));
    let mut names: Vec<String> = names.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn gate(cluster: &RunningCluster) -> SocketAddr {
    cluster.address("gate-server-1").unwrap()
}

fn connector(cluster: &RunningCluster, number: usize) -> SocketAddr {
    cluster.address(&format!("connector-server-{number}")).unwrap()
}

fn dictionary() -> Vec<String> {
    serde_json::from_value(data("dictionary.json")).unwrap()
}

fn protos() -> ProtoFiles {
    ProtoFiles { server: data("serverProtos.json"), client: data("clientProtos.json") }
}

fn data(name: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tutorial-protobuf");
    serde_json::from_slice(&fs::read(directory.join(name)).unwrap()).unwrap()
}
