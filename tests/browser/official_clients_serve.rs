//! Pomelo's own clients against the real binary, from its banner to its shutdown.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::node::{self, Played};
use crate::support::official::{Clients, KINDS, Kind};
use crate::support::rooms::{chat_publicly_and_privately, login_on_three_connectors};
use serde_json::json;

node::tests!(
    a_stop_closes_connections_and_tells_websockets_why,
    a_stop_that_kicks_tells_clients_why_and_exits_with_0,
);

fn a_stop_closes_connections_and_tells_websockets_why() -> Played {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("servers.json"), crate::support::servers_json(3, 3)).unwrap();
    let mut server = Serving::start(directory.path(), "close");
    let mut clients = Clients::of(server.gate)?;
    let users = login_on_three_connectors(&mut clients, KINDS, "lobby");
    users.iter().for_each(|user| drop(clients.heard(user)));
    server.terminate();
    for (user, kind) in users.iter().zip(KINDS) {
        let websocket = json!({ "code": 1001, "reason": "server stopped" });
        let expected = if kind == Kind::Tcp { json!({}) } else { websocket };
        assert_eq!(clients.next_heard(user, "close"), expected, "{user} by {kind:?}");
        assert_eq!(clients.arrived(user), [], "{user} by {kind:?} is not kicked, and hears nobody leave");
    }
    assert_eq!(server.ended().code(), Some(0));
    Ok(())
}

fn a_stop_that_kicks_tells_clients_why_and_exits_with_0() -> Played {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("servers.json"), crate::support::servers_json(3, 3)).unwrap();
    let dictionary =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tutorial-protobuf/dictionary.json");
    fs::copy(dictionary, directory.path().join("dictionary.json")).unwrap();
    let mut server = Serving::start(directory.path(), "kick");
    let mut clients = Clients::of(server.gate)?;
    let users = login_on_three_connectors(&mut clients, KINDS, "lobby");
    chat_publicly_and_privately(&mut clients, &users);

    server.terminate();
    for (user, kind) in users.iter().zip(KINDS) {
        // 1000 is a normal end; a TCP connection ends without a number.
        let expected = if kind == Kind::Tcp { json!({}) } else { json!({ "code": 1000 }) };
        assert_eq!(clients.next_heard(user, "close"), expected, "{user} by {kind:?}");
        let mut heard = clients.arrived(user);
        let (what, kicked) = heard.pop().unwrap_or_default();
        let reason = kicked["reason"].as_str().unwrap_or_default();
        assert!(
            what == "kick" && reason.contains("stop"),
            "the last that {user} by {kind:?} heard: {what} {kicked}"
        );
        assert_eq!(kicked, json!({ "reason": reason }));
        assert!(heard.is_empty(), "nobody hears the others leave: {user} by {kind:?} heard {heard:?}");
    }
    assert_eq!(server.ended().code(), Some(0));
    Ok(())
}

/// The running binary, killed on drop.
struct Serving {
    process: Child,
    gate: SocketAddr,
}

impl Serving {
    fn start(config: &Path, on_stop: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        command
            .args(["serve", "--console", "off", "--on-stop", on_stop, "--config"])
            .arg(config)
            .env("XDG_RUNTIME_DIR", config)
            .env_remove("NODE_ENV")
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        // Keep reading to the end: the binary must not get a closed pipe.
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        // From here on a panic ends the process.
        let mut serving = Self { process, gate: SocketAddr::from(([0; 4], 0)) };
        let mut banner = String::new();
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let line =
                lines.recv_timeout(left).unwrap_or_else(|_| panic!("no gate in the banner:\n{banner}"));
            if let ["gate-server-1", "gate", address] = *line.split_whitespace().collect::<Vec<_>>() {
                serving.gate = address.parse().unwrap();
                return serving;
            }
            banner = banner + &line + "\n";
        }
    }

    fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it still runs {PATIENCE:?} after SIGTERM");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
