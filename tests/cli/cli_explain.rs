//! `pomelo-sim explain`: output and exit codes.

use std::fs;
use std::process::{Command, Output};

use pomelo_sim::strategies::{ALL, Kind};
use serde_json::{Value, json};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command.arg("explain").args(arguments).env_remove("NODE_ENV").output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

const ALICE: [&str; 4] = ["--uid", "alice", "--rid", "room1"];

#[test]
fn it_says_where_a_login_goes_and_why() {
    assert_eq!(
        stdout(&[&ALICE[..], &["--strategy", "pomelo-crc"]].concat()),
        "\
alice asks the gate (gate-server-1) for a connector, connects there, and enters room1 on a chat server.

The connector, by the uid alice:

STRATEGY    SERVER              WITH connector-server-4  WITHOUT connector-server-3  WITHOUT IT            WHY
pomelo-crc  connector-server-3  connector-server-4 *     connector-server-2 *        connector-server-2 *  signed crc 663665735, abs mod 3 = 2

It moves (*) with connector-server-4 under 1 of 1, without connector-server-3 under 1.

The chat server, by the rid room1:

STRATEGY    SERVER         WITH chat-server-4  WITHOUT chat-server-3  WITHOUT IT       WHY
pomelo-crc  chat-server-3  chat-server-3       chat-server-1 *        chat-server-1 *  signed crc -462210518, abs mod 3 = 2

It moves (*) with chat-server-4 under 0 of 1, without chat-server-3 under 1.
"
    );
}

#[test]
fn every_strategy_that_finds_a_key_again_is_shown() {
    let text = stdout(&ALICE);
    let shown: Value = serde_json::from_str(&stdout(&[&ALICE[..], &["--json"]].concat())).unwrap();
    assert_eq!(shown["gates"], json!(["gate-server-1"]));
    for part in ["connector", "chat"] {
        let fates = shown[part]["strategies"].as_array().unwrap();
        let names: Vec<&str> = fates.iter().map(|fate| fate["strategy"].as_str().unwrap()).collect();
        let sticky = ALL.iter().filter(|entry| entry.kind == Kind::Sticky);
        assert_eq!(names, sticky.map(|entry| entry.spec().to_string()).collect::<Vec<_>>());
        for fate in fates {
            let name = fate["strategy"].as_str().unwrap();
            let why = fate["why"].as_str().unwrap();
            assert!(
                !why.is_empty() && text.lines().any(|line| line.starts_with(name) && line.ends_with(why)),
                "{name}"
            );
            // It is one of the list, and another one when that is gone.
            let servers = shown[part]["servers"].as_array().unwrap();
            assert!(servers.contains(&fate["server"]), "{fate}");
            assert!(servers.contains(&fate["withoutIt"]) && fate["withoutIt"] != fate["server"], "{fate}");
            assert_ne!(fate["withoutLast"], *servers.last().unwrap());
        }
    }
}

#[test]
fn a_choice_is_shown_as_one_and_has_not_moved() {
    let text = stdout(&[&ALICE[..], &["--strategy", "two-choices", "directory(random)"]].concat());
    let row = text.lines().find(|line| line.starts_with("two-choices")).unwrap();
    assert!(row.ends_with("each pick is a new choice") && !row.contains('*'), "{row}");
    assert!(text.contains("It moves (*) with connector-server-4 under 0 of 1"), "{text}");
}

#[test]
fn it_refuses_what_it_does_not_know() {
    assert!(refused(&["--uid", "alice"]).contains("--rid"));
    assert!(refused(&[&ALICE[..], &["--strategy", "roulette"]].concat()).contains("unknown strategy"));
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("servers.json");
    fs::write(&file, r#"{"gate": [{"id": "g", "host": "h", "clientPort": 1, "frontend": true}]}"#).unwrap();
    let error = refused(&[&ALICE[..], &["--config", file.to_str().unwrap()]].concat());
    assert!(error.starts_with("error: no server of type \"connector\" in "), "{error}");
}
