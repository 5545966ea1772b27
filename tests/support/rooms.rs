//! Actions of users in a room of the chat tutorial, and the pushes that each must receive.

use std::net::SocketAddr;

use serde_json::json;

use super::official::{Clients, Kind, on_chat, presence};

/// Users on three different connectors in one room, with all pushes read.
pub fn login_on_three_connectors(clients: &mut Clients, kinds: [Kind; 3], room: &str) -> [String; 3] {
    let mut users: Vec<(String, SocketAddr)> = Vec::new();
    clients.create("asks the gate", Kind::Nodejs, json!({}));
    for name in (0..).map(|number| format!("user{number}")) {
        let address = clients.query_entry("asks the gate", &name);
        if users.iter().all(|(_, taken)| *taken != address) {
            users.push((name, address));
        }
        if users.len() == kinds.len() {
            break;
        }
    }
    for (place, ((name, _), kind)) in users.iter().zip(kinds).enumerate() {
        let present: Vec<&String> = users[..=place].iter().map(|(name, _)| name).collect();
        assert_eq!(clients.login(kind, name, room), json!({ "users": present }));
        for present in &present[..place] {
            assert_eq!(clients.heard(present), [presence("onAdd", name)], "at {present}");
        }
        assert_eq!(clients.heard(name), [], "at {name}, who came last");
    }
    let names: Vec<String> = users.into_iter().map(|(name, _)| name).collect();
    names.try_into().unwrap()
}

/// A message to all reaches everyone, the sender included; a private message reaches only its
/// target.
pub fn chat_publicly_and_privately(clients: &mut Clients, users: &[String; 3]) {
    for from in users {
        clients.say(from, "to all", "*");
        for user in users {
            assert_eq!(clients.heard(user), [on_chat("to all", from, "*")], "{from} to all, at {user}");
        }
        for target in users {
            clients.say(from, "to one", target);
            for user in users {
                let expected = (user == target).then(|| on_chat("to one", from, target));
                assert_eq!(clients.heard(user), Vec::from_iter(expected), "{from} to {target}, at {user}");
            }
        }
    }
}
