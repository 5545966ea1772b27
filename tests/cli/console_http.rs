//! The guide's page on the HTTP API: its commands run as they stand.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::client::{Client, Transport};
use crate::support::served::World;

const PAGE: &str = include_str!("../../src/console/http.md");

/// Whether there are the programs that the commands need; without them that is said, and in CI it
/// is a failure.
fn can_run() -> bool {
    let missing = |program: &&'static str| {
        let version =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_err()
    };
    let Some(program) = ["bash", "curl", "sed", "head"].into_iter().find(missing) else { return true };
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "the page's commands must run when CI=true: there is no {program}");
    let _ =
        writeln!(std::io::stderr(), "\n*** SKIPPED, the page's commands do not run: there is no {program}\n");
    false
}

#[test]
fn the_commands_run_as_they_stand() {
    if !can_run() {
        return;
    }
    let world = World::served(&["--console", "0"]);
    let mut bob = Client::enter(world.address("connector-server-1"), Transport::Tcp, "bob", "lobby");
    let script = PAGE.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-eu", "-c", script]).env("XDG_RUNTIME_DIR", world.directory.path());
    // A proxy of this machine's user has no business here.
    let output = shell.env("no_proxy", "*").output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    for answer in [
        "ok\n",
        r#""added":["chat-server-4"]"#,
        r#"{"done":["chat-server-2"]}"#,
        r#""applied":false"#,
        r#""applied":true"#,
        r#""uid":"alice""#,
        r#"{"healed":["slow"]}"#,
        "event: picture",
        r#"{"violations":[]}"#,
    ] {
        assert!(stdout.contains(answer), "{answer} in\n{stdout}\n{stderr}");
    }
    assert_eq!(
        bob.request("chat.chatHandler.send", serde_json::json!({"content": "a", "target": "*"})),
        serde_json::json!({})
    );
    bob.close();
    world.end();
}
