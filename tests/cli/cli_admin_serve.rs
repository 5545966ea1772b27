//! Commands that change a real cluster: the ports of `serve`, and the effects on its servers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use crate::support::client::{Client, Transport};
use crate::support::console::read_reply;
use crate::support::served::World;
use crate::support::{PATIENCE, wait_until};
use serde_json::{Value, json};

#[test]
fn the_banner_says_where_the_port_is_and_the_file_goes_with_the_cluster() {
    let world = World::served(&[]);
    let path = world.file();
    let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let address = file["address"].as_str().unwrap();
    let line = format!("Admin port {address}, its token in {}.\n", path.display());
    assert!(world.banner().contains(&line), "{}", world.banner());
    let program = env!("CARGO_BIN_EXE_pomelo-sim");
    let advice = format!("  {program} list --config {} ", world.directory.path().display());
    assert!(world.banner().contains(&advice), "{}", world.banner());
    assert!(!world.banner().contains(file["token"].as_str().unwrap()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(file["pid"], world.serve.as_ref().unwrap().process.id());
    assert!(address.parse::<SocketAddr>().unwrap().ip().is_loopback());
    let _directory = world.end();
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn stop_ends_the_cluster_and_waits_for_it() {
    for flags in [&[][..], &["--json"]] {
        let mut world = World::served(&[]);
        let text = world.printed(&[&["stop"], flags].concat());
        assert!(text.contains("stopped"), "{text}");
        // At once: the next serve must find every port free.
        assert!(world.files().is_empty());
        assert_eq!(world.serve.as_mut().unwrap().ended().code(), Some(0));
        assert_eq!(
            world.refused(&["stop"]),
            concat!("error: no cluster runs: ", env!("CARGO_BIN_EXE_pomelo-sim"), " serve starts one\n")
        );
    }
}

#[test]
fn clients_are_told_why_when_stop_ends_the_cluster() {
    let world = World::served(&[]);
    let gate = world.banner().lines().find_map(|line| line.split_once("at the gate, ")).unwrap().1.to_owned();
    let mut client = Client::open(gate.parse().unwrap(), Transport::WebSocket);
    world.printed(&["stop"]);
    client.assert_closed_by_stop("server stopped");
    client.close();
}

#[test]
fn another_program_at_the_port_of_master_json_is_a_warning() {
    let (mut world, taken) = World::new();
    let port = taken.local_addr().unwrap().port();
    world.serve(&[]);
    let warned = fs::read_to_string(world.directory.path().join("stderr")).unwrap();
    let expected =
        format!("warning: admin port: cannot listen on 127.0.0.1:{port}, the port of master.json (");
    assert!(warned.starts_with(&expected) && warned.lines().count() == 1, "{warned}");
    assert_eq!(world.state("chat-server-1"), "running");
    world.printed(&["stop"]);
    let error = world.refused(&["serve", "--admin", &port.to_string()]);
    assert!(
        error.starts_with(&format!("error: ports are taken: 127.0.0.1:{port} (admin port); ")),
        "{error}"
    );
    world.serve(&["--admin", "off"]);
    assert!(!world.banner().contains("Admin port") && !world.banner().contains("pomelo-sim list"));
    assert!(world.files().is_empty());
    world.end();
}

#[test]
fn without_master_json_any_port_opens() {
    let (mut world, _taken) = World::new();
    fs::remove_file(world.directory.path().join("master.json")).unwrap();
    world.serve(&[]);
    assert_eq!(world.state("chat-server-1"), "running");
    world.printed(&["stop"]);
    let file = world.directory.path().join("admin.json");
    let file = file.to_str().unwrap();
    let error = world.refused(&["serve", "--admin-file", file, "--admin", "off"]);
    assert!(error.contains("--admin-file cannot be used with it"), "{error}");
    world.serve(&["--admin-file", file]);
    assert!(world.banner().contains(&format!("its token in {file}.")), "{}", world.banner());
    assert!(world.banner().contains(&format!("pomelo-sim list --admin-file {file}")), "{}", world.banner());
    // Only by that.
    assert_eq!(
        world.refused(&["list"]),
        concat!("error: no cluster runs: ", env!("CARGO_BIN_EXE_pomelo-sim"), " serve starts one\n")
    );
    let id = world.serve.as_ref().unwrap().process.id();
    let error = world.refused(&["serve", "--admin-file", file]);
    assert!(error.contains(&format!("process {id} runs a cluster with this file")), "{error}");
    world.printed(&["stop", "--admin-file", file]);
}

#[test]
fn no_directory_is_made_for_an_admin_file() {
    let (world, _taken) = World::new();
    let error = world.refused(&["serve", "--console", "off", "--admin-file", "no-such-place/admin.json"]);
    assert!(error.contains("no-such-place") && error.contains("it must exist"), "{error}");
    assert!(!std::path::Path::new("no-such-place").exists());
}

#[test]
fn a_file_that_is_no_admin_file_is_not_replaced() {
    let (mut world, _taken) = World::new();
    let notes = world.directory.path().join("notes.txt");
    let file = notes.to_str().unwrap();
    fs::write(&notes, "what I must not forget").unwrap();
    for (mode, problem) in [(0o600, "no admin file"), (0o644, "open to others (mode 644)")] {
        fs::set_permissions(&notes, fs::Permissions::from_mode(mode)).unwrap();
        let error = world.refused(&["serve", "--admin", "0", "--admin-file", file]);
        assert!(error.contains(problem) && error.contains("it is not replaced"), "{error}");
        assert_eq!(fs::read_to_string(&notes).unwrap(), "what I must not forget");
    }
    // An existing empty directory, as from mktemp.
    fs::write(&notes, "").unwrap();
    world.serve(&["--admin", "0", "--admin-file", file]);
    world.printed(&["stop", "--admin-file", file]);
}

#[test]
fn a_cluster_that_was_killed_leaves_a_file_that_is_seen_to_be_stale() {
    let mut world = World::served(&[]);
    let left = world.file();
    let serve = world.serve.as_mut().unwrap();
    serve.process.kill().unwrap();
    serve.ended();
    assert!(left.exists());
    assert_eq!(
        world.refused(&["list"]),
        concat!("error: no cluster runs: ", env!("CARGO_BIN_EXE_pomelo-sim"), " serve starts one\n")
    );
    assert!(!left.exists());
    world.serve(&["--admin", "0"]);
    world.printed(&["stop"]);
}

#[test]
fn a_directory_that_others_can_write_stops_serve() {
    let (world, _taken) = World::new();
    let open = world.directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o775)).unwrap();
    let file = open.join("admin.json");
    let error = world.refused(&["serve", "--admin", "0", "--admin-file", file.to_str().unwrap()]);
    assert!(error.contains("others can write there (mode 775)"), "{error}");
}

#[test]
fn strangers_are_logged_without_what_they_said() {
    let world = World::served(&[]);
    let file: Value = serde_json::from_str(&fs::read_to_string(world.file()).unwrap()).unwrap();
    let address: SocketAddr = file["address"].as_str().unwrap().parse().unwrap();
    let right = file["token"].as_str().unwrap();
    let wrong = format!("{right}0");
    let send = |bytes: String| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        read_reply(&answer)
    };
    let order = format!(
        "POST /api/v1/cluster/stop?{wrong} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {wrong}\r\n\r\n"
    );
    assert_eq!(send(order).code(), "unauthorized");
    assert_eq!(send(json!({"token": wrong, "command": "stop"}).to_string() + "\n\r\n\r\n").status, 400);
    let directory = world.end();
    let log = fs::read_to_string(directory.path().join("stderr")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("WARN") && lines[0].ends_with("reason=token"), "{log}");
    assert!(lines[1].contains("WARN") && lines[1].ends_with("reason=\"not HTTP\""), "{log}");
    assert!(!log.contains(right) && !log.contains("stop"), "{log}");
}

#[test]
fn list_shows_every_server_that_runs() {
    let world = World::served(&[]);
    let table = world.printed(&["list"]);
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["ID", "TYPE", "PORT", "CLIENTS", "STATE", "UPTIME", "SESSIONS", "ROOMS", "MSG/S"]);
    assert_eq!(lines.clone().count(), 7);
    assert!(lines.all(|line| line.contains(" running ")), "{table}");
    let mut client = Client::enter(world.address("connector-server-1"), Transport::Tcp, "alice", "lobby");
    assert_eq!(world.listed("connector-server-1").unwrap()["sessions"], 1);
    client.request("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    client.close();
    world.end();
}

#[test]
fn servers_are_added_and_removed_while_clients_chat() {
    let world = World::served(&[]);
    let mut client = Client::enter(world.address("connector-server-1"), Transport::Tcp, "alice", "lobby");
    let add = [
        "add",
        "id=connector-server-4",
        "serverType=connector",
        "host=127.0.0.1",
        "clientPort=0",
        "frontend=true",
    ];
    assert_eq!(world.printed(&add), "added connector-server-4\n");
    let mut other = Client::enter(world.address("connector-server-4"), Transport::WebSocket, "bob", "lobby");
    let several = ["add", "serverType=chat", "host=127.0.0.1", "port=0", "clusterCount=2"];
    assert_eq!(world.printed(&several), "added cluster-server-chat-0\nadded cluster-server-chat-1\n");
    assert_eq!(world.state("cluster-server-chat-1"), "running");
    let error = world.refused(&add);
    assert!(error.contains("duplicate id \"connector-server-4\""), "{error}");
    world.printed(&["kill", "cluster-server-chat-1"]);
    let again = ["add", "id=cluster-server-chat-1", "serverType=chat", "host=127.0.0.1", "port=7123"];
    assert_eq!(world.printed(&again), "added cluster-server-chat-1\n");
    let started = world.listed("cluster-server-chat-1").unwrap();
    assert_eq!((&started["state"], &started["port"]), (&json!("running"), &json!(7123)));
    other.request("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    let said = std::iter::repeat_with(|| client.push()).find(|(route, _)| route == "onChat").unwrap();
    assert_eq!(said.1["from"], "bob");
    assert_eq!(world.printed(&["remove", "connector-server-4"]), "removed connector-server-4\n");
    other.closed();
    other.close();
    assert_eq!(world.listed("connector-server-4"), None);
    client.close();
    world.end();
}

#[test]
fn servers_are_stopped_killed_paused_and_brought_back() {
    let world = World::served(&[]);
    for (verb, server, state) in [
        ("stop", "chat-server-1", "stopped"),
        ("restart", "chat-server-1", "running"),
        ("kill", "chat-server-1", "killed"),
        ("restart", "chat-server-1", "running"),
        ("pause", "chat-server-2", "paused"),
        ("resume", "chat-server-2", "running"),
        ("kill", "connector-server-3", "killed"),
        ("restart", "connector-server-3", "running"),
    ] {
        world.printed(&[verb, server]);
        assert_eq!(world.state(server), state, "{verb} {server}");
    }
    TcpStream::connect(world.address("connector-server-3")).unwrap();
    let error = world.refused(&["resume", "chat-server-1"]);
    assert!(error.starts_with("error: chat-server-1 is running: "), "{error}");
    let error = world.refused(&["kill", "chat-server-1", "chat-server-9", "chat-server-2"]);
    assert!(
        error.starts_with("error: no server chat-server-9") && error.contains("done before: chat-server-1")
    );
    assert_eq!(
        (world.state("chat-server-1"), world.state("chat-server-2")),
        ("killed".into(), "running".into())
    );
    world.end();
}

#[test]
fn reload_makes_the_cluster_what_the_file_says() {
    let world = World::served(&[]);
    let write = |text: &str| fs::write(world.directory.path().join("servers.json"), text).unwrap();
    assert_eq!(world.printed(&["reload"]), "nothing to change\n");
    write(&crate::support::servers_json(2, 4));
    assert_eq!(world.printed(&["reload"]), "added chat-server-4\nremoved connector-server-3\n");
    assert_eq!(world.state("chat-server-4"), "running");
    assert_eq!(world.listed("connector-server-3"), None);
    let mut file: Value = serde_json::from_str(&crate::support::servers_json(2, 4)).unwrap();
    file["chat"].as_array_mut().unwrap().swap(0, 2);
    write(&file.to_string());
    assert_eq!(world.printed(&["reload"]), "reordered chat\n");
    let list: Value = serde_json::from_str(&world.printed(&["list", "--json"])).unwrap();
    let chats = list["servers"].as_array().unwrap().iter().filter(|server| server["serverType"] == "chat");
    let chats: Vec<&str> = chats.map(|server| server["id"].as_str().unwrap()).collect();
    assert_eq!(chats, ["chat-server-3", "chat-server-2", "chat-server-1", "chat-server-4"]);
    write("{");
    assert!(world.refused(&["reload"]).starts_with("error: not JSON: "));
    // Other commands do not need it.
    world.printed(&["kill", "chat-server-1"]);
    world.end();
}

#[test]
fn links_of_the_command_line_are_rules_like_others() {
    let (mut world, _taken) = World::new();
    let rules = world.directory.path().join("links.json");
    fs::write(
        &rules,
        r#"{"rules":[{"name":"slow","from":"connector","to":"chat","latency":"1ms","both":true}]}"#,
    )
    .unwrap();
    world.serve(&["--admin", "0", "--links", rules.to_str().unwrap(), "--seed", "7", "--rebalance", "off"]);
    let listed = world.printed(&["links"]);
    assert!(listed.lines().nth(1).unwrap().starts_with("slow  connector  chat  yes"), "{listed}");
    assert_eq!(
        world.printed(&["link", "to=chat-server-1", "latency=1ms..2ms", "name=far"]),
        "added rule far\n"
    );
    let mut client = Client::enter(world.address("connector-server-1"), Transport::Tcp, "alice", "lobby");
    client.request("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    client.close();
    assert_eq!(world.printed(&["heal"]), "healed slow\nhealed far\n");
    world.end();
}

#[test]
fn rules_that_are_wrong_stop_serve() {
    let (world, _taken) = World::new();
    let rules = world.directory.path().join("links.json");
    fs::write(&rules, r#"{"rules":[{"latency":"1"}]}"#).unwrap();
    let error = world.refused(&["serve", "--admin", "off", "--links", rules.to_str().unwrap()]);
    assert!(error.contains("links.json: rules[0]: latency: expected a latency"), "{error}");
}

#[test]
fn an_idle_connection_does_not_keep_the_cluster_from_ending() {
    let world = World::served(&[]);
    let file: Value = serde_json::from_str(&fs::read_to_string(world.file()).unwrap()).unwrap();
    let mut idle = TcpStream::connect(file["address"].as_str().unwrap()).unwrap();
    world.end();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    wait_until("it is closed", || !matches!(idle.read(&mut [0]), Ok(1)));
}

#[test]
fn what_is_over_the_calls_that_a_server_may_wait_for_is_answered_with_503() {
    let world = World::served(&["--calls-max", "3", "--request-timeout", "3"]);
    let mut client = Client::enter(world.address("connector-server-1"), Transport::Tcp, "alice", "room1");
    // The server of room1 hangs, so that requests are in flight.
    world.printed(&["pause", "chat-server-3"]);
    let body = json!({"content": "x", "target": "*"});
    let asked: Vec<u64> = (0..8).map(|_| client.send("chat.chatHandler.send", body.clone())).collect();
    let codes: Vec<u64> = asked.into_iter().map(|id| client.response(id)["code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [504, 504, 504, 503, 503, 503, 503, 503]);
    world.printed(&["resume", "chat-server-3"]);
    assert_eq!(client.request("chat.chatHandler.send", body), json!({}));
    assert_eq!(world.printed(&["audit"]), "all holds\n");
    client.close();
    world.end();
}

#[test]
fn a_client_that_does_not_read_is_kicked_at_the_bound() {
    let world = World::served(&["--outbound-max", "1024", "--heartbeat", "0"]);
    let address = world.address("connector-server-1");
    let mut sender = Client::enter(address, Transport::Tcp, "sender", "room");
    let lazy = Client::enter(address, Transport::Tcp, "lazy", "room");
    let long = json!({"content": "x".repeat(60_000), "target": "*"});
    // What the system takes for it is some megabytes; then nothing more may wait.
    let left = (0..2_000).any(|_| {
        assert_eq!(sender.request("chat.chatHandler.send", long.clone()), json!({}));
        sender.pushes().iter().any(|(route, _)| route == "onLeave")
    });
    assert!(left, "it was kicked");
    sender.close();
    lazy.close();
    world.end();
}
