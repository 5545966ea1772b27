//! A process with few file descriptors, all of which silent clients want.

use std::process::{Command, Stdio};

use crate::support::client::{Client, Transport};
use crate::support::raw::Raw;
use crate::support::served::{Serve, World};
use pomelo_sim::descriptors;
use serde_json::json;

/// The hard limit of the process. The soft limit is lower: `serve` raises it.
const LIMIT: usize = 700;

#[test]
fn silent_clients_leave_descriptors_for_logins_and_orders() {
    assert!(descriptors::raise().unwrap() > 4 * LIMIT as u64, "this test needs some itself (ulimit -Hn)");
    let (mut world, _taken) = World::new();
    let serve = world.command(&["serve", "--admin", "0", "--console", "off", "--heartbeat", "0"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -Sn 64 && ulimit -Hn {LIMIT} && exec \"$0\" \"$@\"")]);
    limited.arg(serve.get_program()).args(serve.get_args()).stdin(Stdio::null());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    world.serve = Some(Serve::start(limited));
    let [gate, connector] = ["gate-server-1", "connector-server-1"].map(|id| world.address(id));
    let mut silent: Vec<Raw> = Vec::new();
    for (round, address) in [gate, connector, gate].into_iter().enumerate() {
        silent.extend((0..LIMIT).map(|_| Raw::connect(address)));
        let mut at_gate = Client::open(gate, Transport::WebSocket);
        let answer = at_gate.request("gate.gateHandler.queryEntry", json!({ "uid": "alice" }));
        assert_eq!(answer["code"], 200, "{answer}");
        let mut alice = Client::enter(connector, Transport::Tcp, &format!("alice-{round}"), "lobby");
        let said = alice.request("chat.chatHandler.send", json!({"content": "hi", "target": "*"}));
        assert_eq!(said, json!({}));
        assert_eq!(world.state("gate-server-1"), "running");
    }
    drop(silent);
}
