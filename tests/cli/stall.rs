//! The process does not run for a while, because of a debugger, SIGSTOP or a laptop that slept. No
//! client that sent its heartbeats is closed for it.

use std::process::Command;
use std::time::Duration;

use crate::support::client::{BOTH, Client};
use crate::support::raw::HEARTBEAT;
use crate::support::served::World;
use serde_json::json;

/// Twice the heartbeat timeout, which is twice the heartbeat.
const STALL: Duration = Duration::from_secs(8);

#[test]
fn a_stall_closes_nobody_and_every_request_is_answered() {
    let world = World::served(&["--heartbeat", "2", "--request-timeout", "2"]);
    let address = world.address("connector-server-1");
    let mut clients: Vec<Client> =
        (0..20).map(|n| Client::enter(address, BOTH[n % 2], &format!("user-{n}"), "lobby")).collect();
    // Requests are on their way for long enough to be met by the stall.
    world.printed(&["link", "from=connector", "to=chat", "latency=500ms", "name=slow"]);
    let signal = |name: &str| {
        let id = world.serve.as_ref().unwrap().process.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    let ask =
        |client: &mut Client| client.send("chat.chatHandler.send", json!({"content": "hi", "target": "*"}));
    let before: Vec<u64> = clients.iter_mut().map(ask).collect();
    std::thread::sleep(Duration::from_millis(200));
    signal("-STOP");
    let meanwhile: Vec<u64> = clients.iter_mut().map(ask).collect();
    for _ in 0..8 {
        std::thread::sleep(STALL / 8);
        clients.iter_mut().for_each(|client| client.raw(HEARTBEAT));
    }
    signal("-CONT");
    for (client, asked) in clients.iter_mut().zip(before.into_iter().zip(meanwhile)) {
        assert_eq!((client.response(asked.0), client.response(asked.1)), (json!({}), json!({})));
        client.raw(HEARTBEAT);
    }
    world.printed(&["heal", "slow"]);
    // A silent client is closed as before.
    let mut silent = clients.pop().unwrap();
    while !matches!(silent.next(Duration::from_millis(100)), Some(crate::support::client::Got::Closed(_))) {
        clients.iter_mut().for_each(|client| client.raw(HEARTBEAT));
    }
    for client in &mut clients {
        let asked = ask(client);
        assert_eq!(client.response(asked), json!({}));
    }
}
