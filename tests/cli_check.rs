//! `pomelo-sim check` and `pomelo-sim dispatch`: what they print, and their exit codes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use pomelo_sim::cli::check;
use pomelo_sim::cli::dispatch::dispatch;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::ids::ServerId;
use pomelo_sim::router::by_session;
use pomelo_sim::servers::{Registry, ServerLogic};
use pomelo_sim::strategies::Candidate;
use serde_json::{Value, json};

fn candidate(id: impl AsRef<str>) -> Candidate {
    Candidate { id: ServerId::from(id), weight: 1.0 }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pomelo-sim")).args(arguments).env_remove("NODE_ENV").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
    text(&output.stderr)
}

#[test]
fn check_shows_the_tutorials_cluster() {
    assert_eq!(
        stdout(&["check"]),
        "\
config/servers.json, environment development: 7 servers of 3 types

ID                  TYPE       ADDRESS         CLIENTS ARE TOLD
connector-server-1  connector  127.0.0.1:4050  127.0.0.1:3050
connector-server-2  connector  127.0.0.1:4051  127.0.0.1:3051
connector-server-3  connector  127.0.0.1:4052  127.0.0.1:3052
chat-server-1       chat       127.0.0.1:6050  -
chat-server-2       chat       127.0.0.1:6051  -
chat-server-3       chat       127.0.0.1:6052  -
gate-server-1       gate       127.0.0.1       127.0.0.1:3014

also: master master-server-1 at 127.0.0.1:3005

warning: connector-server-1, connector-server-2, connector-server-3: the gate tells clients to connect to 127.0.0.1, \
which from another machine is that machine; set \"clientHost\" to the address that clients can reach
warning: gate-server-1: listens on 127.0.0.1, which only clients on this machine can reach
"
    );
}

#[test]
fn check_as_json_has_the_names_of_servers_json() {
    let report: Value = serde_json::from_str(&stdout(&["check", "--json", "--env", "production"])).unwrap();
    assert_eq!(report["env"], "production");
    assert_eq!(report["servers"].as_array().unwrap().len(), 7);
    assert_eq!(
        report["servers"][0],
        json!({"id": "connector-server-1", "serverType": "connector", "host": "127.0.0.1", "port": 4050,
               "frontend": true, "clientPort": 3050})
    );
    assert_eq!(report["master"], json!({"id": "master-server-1", "host": "127.0.0.1", "port": 3005}));
    assert_eq!(
        report["warnings"][1],
        json!({"about": "gate-server-1", "bites": "fromElsewhere",
               "message": "listens on 127.0.0.1, which only clients on this machine can reach"})
    );
    assert_eq!(report["warnings"].as_array().unwrap().len(), 2);
}

#[test]
fn check_refuses_with_one_line_and_exit_code_2() {
    assert_eq!(
        refused(&["check", "--env", "staging"]),
        "error: unknown environment \"staging\": config/servers.json has development, production\n"
    );
    assert_eq!(
        refused(&["check", "--config", "no-such-place"]),
        "error: no servers.json: no-such-place does not exist; --config names the directory that holds it, or the file \
         itself\n"
    );
}

#[test]
fn check_shows_neighbours_and_hints_at_bind() {
    let directory = tempfile::TempDir::new().unwrap();
    // 192.0.2.0/24 is for documentation: no machine has such an address.
    let servers = r#"{
        "gate": [{"id": "g", "host": "127.0.0.1", "port": 0, "clientPort": 3014, "frontend": true}],
        "connector": [{"id": "c", "host": "192.0.2.7", "clientPort": 0, "frontend": true, "clientHost": "chat.example"}],
        "chat": [{"host": "::1", "port": "6050++", "clusterCount": 1}]}"#;
    fs::write(directory.path().join("servers.json"), servers).unwrap();
    fs::write(directory.path().join("dictionary.json"), r#"["onChat"]"#).unwrap();
    fs::write(directory.path().join("serverProtos.json"), r#"{"onChat": {}, "onAdd": {}}"#).unwrap();
    let path = directory.path().to_str().unwrap();
    let shown = stdout(&["check", "--config", path]);
    let (_, after_title) = shown.split_once("\n\n").unwrap();
    assert_eq!(
        after_title,
        "\
ID                     TYPE       ADDRESS        CLIENTS ARE TOLD
g                      gate       127.0.0.1:any  127.0.0.1:3014
c                      connector  192.0.2.7      chat.example:any
cluster-server-chat-0  chat       [::1]:6050     -

also: dictionary of 1 push route; protobuf of 2 routes from the server, 0 from clients

warning: g: listens on 127.0.0.1, which only clients on this machine can reach
warning: 192.0.2.7: not an address of this machine, so serving here needs --bind
"
    );
}

#[test]
fn check_refuses_a_type_that_no_code_serves() {
    let directory = tempfile::TempDir::new().unwrap();
    let servers = r#"{"gate": [{"id": "g", "host": "h", "clientPort": 1, "frontend": true}], "chta": [{"id": "c", "host": "h"}]}"#;
    let file = directory.path().join("servers.json");
    fs::write(&file, servers).unwrap();
    let error = refused(&["check", "--config", file.to_str().unwrap()]);
    assert!(error.starts_with("error: no code serves the server type \"chta\" (c in "), "{error}");
    assert!(error.ends_with("did you mean \"chat\"?\n"), "{error}");
}

#[test]
fn dispatch_shows_where_keys_go_and_which_move() {
    assert_eq!(
        stdout(&["dispatch", "chat", "a", "alice", "room1", "lobby1", ""]),
        "\
3 servers of type chat, strategy pomelo-crc

KEY     SERVER         WITH chat-server-4  WITHOUT chat-server-3
a       chat-server-2  chat-server-2       chat-server-2
alice   chat-server-3  chat-server-4 *     chat-server-2 *
room1   chat-server-3  chat-server-3       chat-server-1 *
lobby1  chat-server-1  chat-server-4 *     chat-server-2 *
\"\"      chat-server-1  chat-server-1       chat-server-1

5 keys: 2 moves (*) with chat-server-4, 3 moves without chat-server-3
"
    );
}

#[test]
fn dispatch_counts_none_one_and_many() {
    let tail = |keys: &[&str]| {
        let shown = stdout(&[&["dispatch", "chat"], keys].concat());
        shown.lines().last().unwrap().to_owned()
    };
    assert_eq!(tail(&["a"]), "1 key: 0 moves (*) with chat-server-4, 0 moves without chat-server-3");
    assert_eq!(tail(&["a", "room1"]), "2 keys: 0 moves (*) with chat-server-4, 1 move without chat-server-3");
    assert_eq!(
        tail(&["alice", "lobby1"]),
        "2 keys: 2 moves (*) with chat-server-4, 2 moves without chat-server-3"
    );
}

#[test]
fn dispatch_aligns_keys_as_wide_as_a_terminal_shows_them() {
    let shown = stdout(&["dispatch", "chat", "房间", "🎉", "e\u{301}", "lobby1"]);
    let rows: Vec<&str> =
        shown.lines().skip(2).take(5).map(|row| row.split("chat").next().unwrap()).collect();
    assert_eq!(rows, ["KEY     SERVER         WITH ", "房间    ", "🎉      ", "e\u{301}       ", "lobby1  "]);
}

#[test]
fn config_and_env_stand_before_or_after_the_command() {
    let directory = tempfile::TempDir::new().unwrap();
    fs::copy("config/servers.json", directory.path().join("servers.json")).unwrap();
    let path = directory.path().to_str().unwrap();
    let after = stdout(&["check", "--config", path, "--env", "production"]);
    assert!(after.starts_with(&format!("{path}/servers.json, environment production: 7 servers")), "{after}");
    assert_eq!(stdout(&["--config", path, "--env", "production", "check"]), after);
    assert_eq!(stdout(&["--env", "production", "check", "--config", path]), after);
    assert_eq!(stdout(&["--env", "staging", "check", "--config", path, "--env", "production"]), after);
    let dispatched = stdout(&["--config", path, "dispatch", "chat", "a"]);
    assert_eq!(stdout(&["dispatch", "chat", "a", "--config", path]), dispatched);
    assert!(refused(&["--config", "nope", "dispatch", "chat", "a"]).contains("nope does not exist"));
    assert!(refused(&["--config", "nope", "serve"]).contains("nope does not exist"));
}

#[test]
fn flags_of_serve_are_not_lost_before_a_command() {
    let error = refused(&["--threads", "2", "check"]);
    assert!(
        error.starts_with("error: --threads is a flag of serve, and cannot be used with check\n"),
        "{error}"
    );
    let error = refused(&["--bind", "0.0.0.0", "serve"]);
    assert!(
        error.starts_with("error: --bind stands before the command: write pomelo-sim serve --bind ...\n"),
        "{error}"
    );
}

#[test]
fn the_environment_is_of_env_then_node_env_then_development() {
    let environment = |node_env: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        let output = command.args(arguments).env("NODE_ENV", node_env).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let shown = text(&output.stdout);
        shown.split_once("environment ").unwrap().1.split_once(':').unwrap().0.to_owned()
    };
    assert_eq!(environment("production", &["check"]), "production");
    assert_eq!(environment("", &["check"]), "development");
    assert_eq!(environment("development", &["check", "--env", "production"]), "production");
    assert_eq!(environment("development", &["--env", "production", "check"]), "production");
    assert_eq!(environment("production", &["check", "--env", "development"]), "development");
    assert!(stdout(&["check", "--env", "production"]).contains("environment production:"));
}

#[test]
fn check_serves_clusters_with_types_of_their_own() {
    let servers = r#"{
        "gate": [{"id": "g", "host": "0.0.0.0", "clientPort": 0, "frontend": true}],
        "area": [{"id": "a1", "host": "h", "clientPort": 0, "frontend": "true"}, {"id": "a2", "host": "h"}]}"#;
    let spec = ClusterSpec::from_json(servers, "development", Path::new("servers.json")).unwrap();
    assert!(check::report(Cluster::from_spec(spec.clone()), false).is_err(), "nobody serves areas");
    let cluster = || Cluster::from_spec(spec.clone()).server_type::<Area>().route("area", by_session("aid"));
    let warning = "a1: with \"frontend\": true it serves only the clients that connect to it: what clients of other \
                   servers, such as connectors, send to area is refused; take \"frontend\" away";
    let warnings: Vec<String> = cluster().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, [warning]);
    let shown = check::report(cluster(), false).unwrap();
    assert!(shown.ends_with(&format!("\n\nwarning: {warning}\n")), "{shown}");
    let shown: Value = serde_json::from_str(&check::report(cluster(), true).unwrap()).unwrap();
    assert_eq!(shown["servers"].as_array().unwrap().len(), 3);
}

struct Area;

impl ServerLogic for Area {
    const NAME: &'static str = "area";

    fn create(_: &ServerSpec) -> Self {
        Self
    }

    fn register(_: &mut Registry<Self>) {}
}

#[test]
fn dispatch_takes_made_up_servers_and_prints_json() {
    let shown = stdout(&["dispatch", "--servers", "1", "--json", "area", "k"]);
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap(),
        json!({
            "servers": ["area-server-1"],
            "sticky": true,
            "added": "area-server-2",
            "keys": [{"key": "k", "server": "area-server-1", "withOneMore": "area-server-2", "withOneFewer": null}],
            "movedWithOneMore": 1,
            "movedWithOneFewer": 1,
        })
    );
}

#[test]
fn dispatch_refuses_what_it_does_not_know() {
    assert_eq!(
        refused(&["dispatch", "chta", "a"]),
        "error: no server of type \"chta\" in config/servers.json; it has connector, chat, gate; did you mean \"chat\"?\n"
    );
    assert!(refused(&["dispatch", "chat", "a", "--strategy", "pomelo"]).contains("pomelo-crc, crc32-mod"));
    assert!(refused(&["dispatch", "chat", "a", "--servers", "0"]).contains("1..=10000"));
    assert!(refused(&["dispatch", "chat"]).contains("<KEY>"));
}

#[test]
fn dispatch_says_of_a_choice_that_it_is_one() {
    assert_eq!(
        stdout(&["dispatch", "connector", "alice", "--strategy", "round-robin"]),
        "\
3 servers of type connector, strategy round-robin

KEY    SERVER
alice  connector-server-1

Each pick is a new choice, here with all servers equally loaded: the same key may go elsewhere next time.
"
    );
    let shown = stdout(&["dispatch", "connector", "alice", "--strategy", "random", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["sticky"], &shown["movedWithOneMore"]), (&json!(false), &json!(0)));
}

#[test]
fn dispatch_heeds_weights() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("servers.json");
    let servers = r#"{"gate": [{"id": "g", "host": "h", "clientPort": 1, "frontend": true}],
        "chat": [{"id": "small", "host": "h", "weight": 0.001}, {"id": "large", "host": "h", "weight": "1000"}]}"#;
    fs::write(&file, servers).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let keys: Vec<String> = (0..50).map(|i| format!("room{i}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let command = ["dispatch", "chat", "--json", "--strategy", "weighted-rendezvous"];
    let shown: Value = serde_json::from_str(&stdout(&[&command, &config[..], &keys].concat())).unwrap();
    assert!(shown["keys"].as_array().unwrap().iter().all(|key| key["server"] == "large"), "{shown}");

    let checked = stdout(&[&["check"], &config[..]].concat());
    assert!(
        checked.contains("WEIGHT\n") && checked.contains(" 0.001\n") && checked.contains(" 1000\n"),
        "{checked}"
    );
    assert!(
        checked.contains(
            "warning: chat: weights have no effect under the strategy of this type: \
             serve --strategy chat=weighted-rendezvous heeds them\n"
        ),
        "{checked}"
    );
}

#[test]
fn dispatch_counts_moves_as_theory_says() {
    let servers: Vec<Candidate> = (1..=3).map(|i| candidate(format!("chat-server-{i}"))).collect();
    let keys: Vec<String> = (0..10_000).map(|i| format!("room{i}")).collect();
    let shown = dispatch(&"pomelo-crc".parse().unwrap(), &servers, &keys);
    let share = |moved: usize| moved as f64 / keys.len() as f64;
    assert!((share(shown.moved_with_one_more) - 0.75).abs() < 0.02, "1 - gcd(3, 4) / 4");
    assert!((share(shown.moved_with_one_fewer) - 0.6667).abs() < 0.02, "1 - gcd(3, 2) / 3");
}

#[test]
fn dispatch_adds_a_server_that_is_not_there_yet() {
    let added = |ids: &[&str]| {
        let servers: Vec<Candidate> = ids.iter().map(candidate).collect();
        dispatch(&"crc32-mod".parse().unwrap(), &servers, &[]).added.to_string()
    };
    assert_eq!(added(&["chat-server-2", "chat-server-1"]), "chat-server-3");
    assert_eq!(added(&["chat9"]), "chat10");
    assert_eq!(added(&["main"]), "main-1");
    assert_eq!(added(&[]), "server-1");
    assert_eq!(added(&["c18446744073709551615"]), "c18446744073709551615-next");
}
