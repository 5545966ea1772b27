//! `pomelo-sim check` and `pomelo-sim dispatch`: output and exit codes.

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

/// The output, and the reason why the configuration cannot be served.
fn cannot(arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2));
    (text(&output.stdout), text(&output.stderr))
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
    let (shown, errors) = cannot(&["check", "--config", path]);
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
"
    );
    assert_eq!(
        errors,
        "error: c: 192.0.2.7 is not an address of this machine; --here serves everything on 127.0.0.1, --bind 0.0.0.0 \
         on all addresses of this machine\n"
    );
    let here = stdout(&["check", "--here", "--config", path]);
    let (_, after_title) = here.split_once("\n\n").unwrap();
    assert_eq!(
        after_title,
        "\
ID                     TYPE       ADDRESS         CLIENTS ARE TOLD
g                      gate       127.0.0.1:any   127.0.0.1:3014
c                      connector  127.0.0.1       127.0.0.1:any
cluster-server-chat-0  chat       127.0.0.1:6050  -

also: dictionary of 1 push route; protobuf of 2 routes from the server, 0 from clients

warning: c: --here: on 127.0.0.1 instead of chat.example, and clients are told so
"
    );
}

#[test]
fn check_refuses_a_type_that_no_code_serves() {
    let directory = tempfile::TempDir::new().unwrap();
    let servers = r#"{"gate": [{"id": "g", "host": "h", "clientPort": 1, "frontend": true}], "chta": [{"id": "c", "host": "h"}]}"#;
    let file = directory.path().join("servers.json");
    fs::write(&file, servers).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let (shown, error) = cannot(&[&["check"], &config[..]].concat());
    assert!(shown.contains("\nc   chta  h        -\n"), "{shown}");
    assert!(error.starts_with("error: no code serves the server type \"chta\" (c in "), "{error}");
    assert!(error.contains("--without chta leaves it out; did you mean \"chat\"?\n"), "{error}");
    // The host is reported separately.
    assert!(error.contains("\nerror: g: \"h\" has no address here; --here serves"), "{error}");
    let shown = stdout(&[&["check", "--here", "--without", "chta"], &config[..]].concat());
    assert!(!shown.contains("chta"), "{shown}");
    let json = run(&[&["check", "--json"], &config[..]].concat());
    let report: Value = serde_json::from_str(&text(&json.stdout)).unwrap();
    assert_eq!(report["errors"].as_array().unwrap().len(), 2);
    let serve = refused(&[&["serve"], &config[..]].concat());
    assert!(serve.starts_with("error: no code serves the server type \"chta\""), "{serve}");
}

#[test]
fn check_knows_which_client_ports_clash_under_which_flags() {
    let directory = tempfile::TempDir::new().unwrap();
    let connector =
        |id: &str, host: &str| json!({"id": id, "host": host, "clientPort": 3050, "frontend": true});
    let servers =
        json!({"connector": [connector("a", "127.0.0.1"), connector("b", "127.0.0.2")], "chat": []});
    fs::write(directory.path().join("servers.json"), servers.to_string()).unwrap();
    let config = ["--config", directory.path().to_str().unwrap()];
    let check = |flags: &[&str]| run(&[&["check"], flags, &config[..]].concat());
    assert!(check(&[]).status.success() || cfg!(not(target_os = "linux")));
    let bound = check(&["--bind", "0.0.0.0"]);
    assert_eq!(bound.status.code(), Some(2));
    assert!(
        text(&bound.stderr)
            .starts_with("error: address 0.0.0.0:3050 is used twice: connector[1].clientPort at ")
    );
    let here = check(&["--here"]);
    assert!(here.status.success());
    assert!(
        text(&here.stdout).contains("warning: b: --here: clientPort 3050 is a's; it opens 3051 instead\n")
    );
    let both = check(&["--here", "--bind", "0.0.0.0"]);
    assert!(text(&both.stderr).contains("cannot be used with"), "{}", text(&both.stderr));
}

#[test]
fn check_warns_when_the_gate_names_a_host_that_bound_ports_do_not_have() {
    let directory = tempfile::TempDir::new().unwrap();
    let connector = |id: &str, host: &str| json!({"id": id, "host": host, "clientPort": 0, "frontend": true});
    let servers = json!({
        "connector": [connector("a", "192.0.2.7"), connector("b", "no-host.invalid"), connector("c", "localhost")],
        "chat": []
    });
    fs::write(directory.path().join("servers.json"), servers.to_string()).unwrap();
    let config = ["--config", directory.path().to_str().unwrap()];
    let shown = stdout(&[&["check", "--bind", "0.0.0.0"], &config[..]].concat());
    for (id, host) in [("a", "192.0.2.7"), ("b", "no-host.invalid")] {
        let warning = format!(
            "warning: {id}: the gate tells clients to connect to {host}, but the port opens on 0.0.0.0, which {host} does \
             not lead to; set \"clientHost\" to the address that clients can reach\n"
        );
        assert!(shown.contains(&warning), "{shown}");
    }
    assert!(!shown.contains("warning: c: the gate tells clients to connect to localhost, but"), "{shown}");
}

#[test]
fn without_a_configuration_the_tutorial_is_there() {
    let elsewhere = tempfile::TempDir::new().unwrap();
    let stdout = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        let output =
            command.args(arguments).current_dir(elsewhere.path()).env_remove("NODE_ENV").output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(
        stdout(&["check"]).starts_with("built-in tutorial, environment development: 7 servers of 3 types\n")
    );
    assert!(stdout(&["dispatch", "chat", "a"]).contains("chat-server-2"));
    assert!(
        stdout(&["explain", "--uid", "a", "--rid", "b"])
            .starts_with("a asks the gate (gate-server-1) for a connector")
    );
    // A file for another environment is still a configuration.
    fs::create_dir_all(elsewhere.path().join("config/production")).unwrap();
    fs::write(elsewhere.path().join("config/production/servers.json"), r#"{"chat": [{"id": "c"}]}"#).unwrap();
    assert!(
        stdout(&["check", "--env", "production"])
            .starts_with("config/production/servers.json, environment production: 1 server ")
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    let output =
        command.args(["check", "--env", "development"]).current_dir(elsewhere.path()).output().unwrap();
    assert!(
        text(&output.stderr).starts_with("error: no servers.json: looked for "),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn explain_says_that_there_is_no_gate() {
    let directory = tempfile::TempDir::new().unwrap();
    let servers =
        json!({"connector": [{"id": "co", "clientPort": 0, "frontend": true}], "chat": [{"id": "ch"}]});
    fs::write(directory.path().join("servers.json"), servers.to_string()).unwrap();
    let shown =
        stdout(&["explain", "--uid", "a", "--rid", "b", "--config", directory.path().to_str().unwrap()]);
    let start = "There is no gate: a knows a connector, where a gate would name the one below, connects there, and enters b";
    assert!(shown.starts_with(start), "{shown}");
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
    let hint = concat!("write ", env!("CARGO_BIN_EXE_pomelo-sim"), " serve --bind ...\n");
    assert!(error.starts_with(&format!("error: --bind comes before the command: {hint}")), "{error}");
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
    let nobody = check::report(&Cluster::from_spec(spec.clone()), false);
    assert!(
        nobody.errors[0].starts_with("no code serves the server type \"area\" (a1, a2 in "),
        "{nobody:?}"
    );
    let spec = spec.here();
    let cluster = || Cluster::from_spec(spec.clone()).server_type::<Area>().route("area", by_session("aid"));
    let warning = "a1: with \"frontend\": true it serves only the clients that connect to it: what clients of other \
                   servers, such as connectors, send to area is refused; take \"frontend\" away";
    let warnings: Vec<String> = cluster().warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.contains(&warning.to_owned()), "{warnings:?}");
    let shown = check::report(&cluster(), false);
    assert!(shown.text.contains(&format!("\nwarning: {warning}\n")) && shown.errors.is_empty(), "{shown:?}");
    let shown: Value = serde_json::from_str(&check::report(&cluster(), true).text).unwrap();
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

    let checked = stdout(&[&["check", "--here"], &config[..]].concat());
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
