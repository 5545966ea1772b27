//! The README's section on the console: its commands run unchanged, and its table has every path.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::client::{Client, Transport};
use crate::support::served::World;
use clap::CommandFactory as _;
use pomelo_sim::console::OWN;
use pomelo_sim::orders::{ORDERS, Row, Takes};

const README: &str = include_str!("../../README.md");

/// The text of a section, up to the next of its level.
fn section(title: &str) -> &'static str {
    let text = README.split(&format!("\n### {title}\n")).nth(1).unwrap();
    text.split("\n### ").next().unwrap().split("\n## ").next().unwrap()
}

/// Whether the programs that the commands need are installed. If not, prints that; in CI it fails.
fn can_run() -> bool {
    let missing = |program: &&'static str| {
        let version =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_err()
    };
    let Some(program) = ["bash", "curl", "sed", "head"].into_iter().find(missing) else { return true };
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "the README's commands must run when CI=true: there is no {program}");
    let _ = writeln!(
        std::io::stderr(),
        "\n*** SKIPPED, the README's commands do not run: there is no {program}\n"
    );
    false
}

#[test]
fn the_commands_run_as_they_stand() {
    if !can_run() {
        return;
    }
    let world = World::served(&["--console", "0"]);
    let mut bob = Client::enter(world.address("connector-server-1"), Transport::Tcp, "bob", "lobby");
    let script = section("The HTTP API").split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-eu", "-c", script]).env("XDG_RUNTIME_DIR", world.directory.path());
    // Do not use a proxy configured on this machine.
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

/// A row of the README's table.
fn written(row: &Row) -> String {
    let path = row.path.strip_prefix("/api/v1").unwrap();
    let mut asked = format!("{} `{path}", row.method.name());
    let with = match row.takes {
        Takes::Query(names) => {
            asked += &format!("?{}=", names.join("=&"));
            String::new()
        }
        Takes::Body(names) => format!("; body: `{}`", names.join("`, `")),
        Takes::Fields | Takes::Nothing => String::new(),
    };
    let command = if row.command.is_empty() { String::new() } else { format!("`{}`", row.command) };
    format!("| {asked}` | {command} | {}{with} |", row.summary)
}

#[test]
fn the_table_is_that_of_the_api() {
    let expected: Vec<String> = ORDERS.iter().chain(OWN).map(written).collect();
    let rows = section("The HTTP API").lines().filter(|line| line.starts_with("| ")).skip(1);
    assert_eq!(
        rows.collect::<Vec<_>>().join("\n"),
        expected.join("\n"),
        "write the table as this test has it"
    );
}

#[test]
fn every_order_has_a_command_that_the_readme_names() {
    let line = pomelo_sim::cli::Cli::command();
    for row in ORDERS {
        let command = line.find_subcommand(row.command);
        assert!(command.is_some(), "{}: no command {:?}", row.name, row.command);
        let named = README.lines().filter(|line| line.starts_with("| `")).any(|line| {
            let cell = line.split('|').nth(1).unwrap();
            cell.split('`').skip(1).step_by(2).any(|text| text.split(' ').next() == Some(row.command))
        });
        assert!(named, "no table of the README has {}", row.command);
    }
}
