//! Stderr that nobody reads: the cluster serves all the same, and ends when told to.

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
