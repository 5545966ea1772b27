//! Stderr: a reader that stops reading stops nothing, and names cannot forge fields.

use std::process::Stdio;

use crate::support::client::{Client, Transport};
use crate::support::raw::Raw;
use crate::support::served::{Serve, World};

/// More lines than a pipe and the queue of lines hold.
const BAD_PACKAGES: usize = 3000;

#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let (world, _taken) = World::new();
    let mut command = world.command(&["serve", "--admin", "0", "--console", "off", "--heartbeat", "0"]);
    command.stderr(Stdio::piped());
    let mut serve = Serve::start(command);
    let frontend = world.address("connector-server-1");
    for _ in 0..BAD_PACKAGES {
        // A first byte that no package begins with.
        let mut stranger = Raw::connect(frontend);
        stranger.send(&[0x7f, 0, 0, 0]);
        stranger.end();
    }
    let mut client = Client::enter(frontend, Transport::WebSocket, "alice", "lobby");
    let answer = client.request("chat.chatHandler.send", serde_json::json!({"content": "hi", "target": "*"}));
    assert_eq!(answer, serde_json::json!({}));
    serve.terminate();
    assert_eq!(serve.ended().code(), Some(0));
}

#[test]
fn a_name_forges_no_field_of_a_log_line() {
    let (world, _taken) = World::new();
    let mut command = world.command(&["serve", "--admin", "0", "--console", "off"]);
    let log = tempfile::NamedTempFile::new().unwrap();
    command.env("RUST_LOG", "pomelo_sim=debug").stderr(log.reopen().unwrap());
    let mut serve = Serve::start(command);
    let frontend = world.address("connector-server-1");
    let mut eve = Client::enter(frontend, Transport::Tcp, "eve uid=root", "lobby");
    assert_eq!(eve.request("chat.chatHandler.nothing", serde_json::json!({}))["code"], 500);
    let _bob = Client::enter(frontend, Transport::Tcp, "bob", "lobby");
    serve.terminate();
    assert_eq!(serve.ended().code(), Some(0));
    let lines = std::fs::read_to_string(log.path()).unwrap();
    for (line, uid) in [
        ("session bound", r#" uid="eve uid=root*lobby""#),
        ("request refused", r#" uid="eve uid=root*lobby" route="#),
        ("session bound", " uid=bob*lobby"),
    ] {
        assert!(lines.lines().any(|text| text.contains(line) && text.contains(uid)), "{line}{uid}: {lines}");
    }
    assert!(!lines.contains(" uid=eve"), "{lines}");
}
