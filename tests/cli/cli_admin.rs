//! The commands for a running cluster: their effects, output and exit codes.
//!
//! The cluster is in this process, behind a real admin port; `cli_admin_serve` tests the serving
//! binary.

use std::fs;
use std::process::{Command, Output};

use crate::support::admin::AdminWorld;
use crate::support::client::Client;
use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::AppError;
use pomelo_sim::live::ServerState;
use pomelo_sim::servers::{Chat, Cx, Registry, ServerLogic};
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command.env_remove("NODE_ENV").env_remove("RUST_LOG").args(arguments).output().unwrap()
}

/// Runs a command against the world's cluster: exit code, stdout, stderr.
fn command(world: &AdminWorld, arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = world.file.path().to_str().unwrap();
    let output = run(&[arguments, &["--admin-file", file]].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The output of a command that succeeds without warnings.
fn printed(world: &AdminWorld, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = command(world, arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    stdout
}

fn json_of(world: &AdminWorld, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(world, &[arguments, &["--json"]].concat())).unwrap()
}

/// The one line of a refusal.
fn refused(world: &AdminWorld, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = command(world, arguments);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
    let line = stderr.strip_prefix("error: ").and_then(|line| line.strip_suffix('\n'));
    let line = line.unwrap_or_else(|| panic!("{arguments:?}: {stderr}"));
    assert!(!line.contains('\n'), "one line: {stderr}");
    line.to_owned()
}

#[test]
fn list_is_a_table_and_json() {
    let world = AdminWorld::start();
    printed(&world, &["kill", "chat-server-1"]);
    let table = printed(&world, &["list"]);
    let lines: Vec<&str> = table.lines().collect();
    let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
    let header = words(0);
    assert_eq!(header, ["ID", "TYPE", "PORT", "CLIENTS", "STATE", "UPTIME", "SESSIONS", "ROOMS", "MSG/S"]);
    let address = world.cluster().address("connector-server-1").unwrap().to_string();
    assert_eq!(words(1)[..5], ["connector-server-1", "connector", "-", &address, "running"]);
    assert!(words(1)[5].ends_with('s'), "{table}");
    assert_eq!(words(4), ["chat-server-1", "chat", "0", "-", "killed", "-", "0", "0", "0"]);
    assert_eq!(lines.len(), 8);
    for (at, _) in header.iter().map(|word| (lines[0].find(word).unwrap(), word)).skip(1) {
        assert!(
            lines.iter().all(|line| line[at - 2..].starts_with("  ") && !line[at..].starts_with(' ')),
            "{table}"
        );
    }
    let report = json_of(&world, &["list"]);
    assert_eq!(
        (&report["servers"][3]["state"], &report["servers"][3]["uptimeSeconds"]),
        (&json!("killed"), &json!(0.0))
    );
    assert!(report["servers"][0]["uptimeSeconds"].as_f64().unwrap() > 0.0);
}

/// A chat that can violate an invariant: a session has a room, but is not a member.
struct ForgetfulChat(Chat);

impl ServerLogic for ForgetfulChat {
    const NAME: &'static str = Chat::NAME;

    fn create(server: &ServerSpec) -> Self {
        Self(Chat::create(server))
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|forgetful| &mut forgetful.0).handler("chatHandler.forget", Self::forget);
    }
}

impl ForgetfulChat {
    fn forget(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Value, AppError> {
        let (uid, session) = (cx.uid()?.clone(), cx.session().unwrap().key.clone());
        let room = cx.get_str("rid").unwrap().to_owned();
        Ok(json!({ "forgot": cx.channel(&room).leave(&uid, &session) }))
    }
}

#[test]
fn an_audit_says_what_does_not_hold_and_exits_with_one() {
    let world = AdminWorld::of(|cluster| cluster.server_type::<ForgetfulChat>());
    assert_eq!(printed(&world, &["audit"]), "all holds\n");
    assert_eq!(json_of(&world, &["audit"]), json!({"violations": []}));
    let mut people = ["alice", "bob"].map(|name| world.enter(name, "lobby"));
    for client in &mut people {
        assert_eq!(client.request("chat.chatHandler.forget", json!({})), json!({"forgot": true}));
    }
    let (code, stdout, stderr) = command(&world, &["audit"]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "2 faults:"), "{stdout}");
    assert!(lines[1..].iter().all(|line| line.starts_with("  sessions-are-members: ")), "{stdout}");
    let (code, stdout, _) = command(&world, &["audit", "--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["violations"][0]["law"]), (Some(1), &json!("sessions-are-members")));
}

#[test]
fn add_takes_the_fields_of_pomelo() {
    let world = AdminWorld::start();
    let one = ["add", "id=chat-server-4", "serverType=chat", "host=127.0.0.1", "port=6053"];
    assert_eq!(printed(&world, &one), "added chat-server-4\n");
    assert_eq!(world.server("chat-server-4").unwrap().port, Some(6053));
    let several = ["add", "serverType=chat", "host=127.0.0.1", "port=6390++", "clusterCount=2"];
    let ids = ["cluster-server-chat-0", "cluster-server-chat-1"];
    assert_eq!(json_of(&world, &several), json!({"added": ids, "warnings": []}));
    assert_eq!(world.server(ids[1]).unwrap().port, Some(6391));

    let slip = ["add", "id=chat-server-5", "serverType=chat", "host=127.0.0.1", "prot=6054"];
    let (code, stdout, stderr) = command(&world, &slip);
    assert_eq!((code, stdout.as_str()), (Some(0), "added chat-server-5\n"));
    assert_eq!(stderr, "warning: chat-server-5: unknown field \"prot\": did you mean \"port\"?\n");

    assert!(
        refused(&world, &one).starts_with("duplicate id \"chat-server-4\": add.id at the command line, ")
    );
    let port = ["add", "id=x", "serverType=chat", "host=127.0.0.1", "clientPort=7e4"];
    assert!(
        refused(&world, &port).starts_with("add.clientPort: invalid value: string \"7e4\", expected a port")
    );
    assert!(refused(&world, &["add", "chat"]).starts_with("add: \"chat\": expected KEY=VALUE"));
}

#[test]
fn servers_are_stopped_one_after_the_other() {
    let world = AdminWorld::start();
    for (verb, past, state) in [
        ("pause", "paused", Some(ServerState::Paused)),
        ("resume", "resumed", Some(ServerState::Running)),
        ("kill", "killed", Some(ServerState::Killed)),
        ("restart", "restarted", Some(ServerState::Running)),
        ("stop", "stopped", Some(ServerState::Stopped)),
        ("remove", "removed", None),
    ] {
        let text = printed(&world, &[verb, "chat-server-1", "chat-server-2"]);
        assert_eq!(text, format!("{past} chat-server-1\n{past} chat-server-2\n"));
        assert_eq!(world.state("chat-server-2"), state, "{verb}");
    }
    assert_eq!(json_of(&world, &["kill", "chat-server-3"]), json!({"done": ["chat-server-3"]}));
    let error = refused(&world, &["stop", "connector-server-1", "chat-server-3", "connector-server-2"]);
    assert_eq!(error, "chat-server-3 is killed: it is not up; done before: connector-server-1");
    assert_eq!(world.state("connector-server-2"), Some(ServerState::Running));
    let error = refused(&world, &["kill", "connector-sever-2"]);
    assert!(error.ends_with("did you mean \"connector-server-2\"?"), "{error}");
}

#[test]
fn reload_is_of_the_cluster_s_own_configuration() {
    let world = AdminWorld::start();
    let config = world.write("servers.json", &crate::support::servers_json(2, 4));
    let config = config.to_str().unwrap();
    let text = printed(&world, &["reload", "--config", config]);
    assert_eq!(text, "added chat-server-4\nremoved connector-server-3\n");
    assert_eq!(printed(&world, &["reload"]), "nothing to change\n");
    // A different configuration belongs to a different cluster, even if the admin file is named.
    let other = TempDir::new().unwrap();
    let other_config = other.path().join("servers.json");
    fs::write(&other_config, crate::support::servers_json(3, 4)).unwrap();
    for flags in [["--config", other_config.to_str().unwrap()], ["--env", "production"]] {
        let error = refused(&world, &[&["reload"], &flags[..]].concat());
        assert!(error.contains("belongs to the cluster of /") && error.contains(flags[1]), "{error}");
    }
    assert_eq!(world.state("connector-server-3"), None);
    world.write("servers.json", "{");
    let error = refused(&world, &["reload"]);
    assert!(error.starts_with("not JSON: "), "{error}");
    // Orders work even if the configuration is invalid.
    assert_eq!(printed(&world, &["kill", "chat-server-1", "--config", config]), "killed chat-server-1\n");
    let answer = json!({"added": ["connector-server-3"], "removed": [], "replaced": [], "reordered": []});
    world.write("servers.json", &crate::support::servers_json(3, 4));
    assert_eq!(json_of(&world, &["reload"]), answer);
}

#[test]
fn links_are_ruled_and_healed() {
    let world = AdminWorld::start();
    assert_eq!(printed(&world, &["links"]), "no rules: everything arrives at once\n");
    let slow =
        ["from=connector", "to=chat-server-1", "both=true", "latency=20ms..50ms", "loss=0.01", "name=slow"];
    assert_eq!(printed(&world, &[&["link"], &slow[..]].concat()), "added rule slow\n");
    assert_eq!(
        json_of(&world, &["link", "to=chat-server-2", "cut=true"]),
        json!({"names": ["rule-1"], "warnings": []})
    );
    assert_eq!(
        printed(&world, &["links"]),
        "NAME    FROM       TO             BOTH  LATENCY     LOSS  CUT\n\
         slow    connector  chat-server-1  yes   20ms..50ms  0.01  -\n\
         rule-1  *          chat-server-2  -     -           -     yes\n"
    );
    let (code, _, stderr) = command(&world, &["link", "to=chat-sever-2", "cut=true"]);
    let warning = "warning: to: no server has the id or the type \"chat-sever-2\" now\n";
    assert_eq!((code, stderr.as_str()), (Some(0), warning));
    // `link` accepts the output of `links`.
    let file = world.write("links.json", &printed(&world, &["links", "--json"]));
    assert_eq!(printed(&world, &["heal", "slow", "rule-1"]), "healed slow\nhealed rule-1\n");
    assert!(refused(&world, &["heal", "slow"]).starts_with("no rule \"slow\": expected one of rule-2"));
    assert_eq!(printed(&world, &["heal"]), "healed rule-2\n");
    assert_eq!(printed(&world, &["heal"]), "no rules to remove\n");
    let file = file.to_str().unwrap();
    let (code, stdout, _) = command(&world, &["link", "--file", file]);
    assert_eq!((code, stdout.as_str()), (Some(0), "added rule slow\nadded rule rule-1\nadded rule rule-2\n"));
}

#[test]
fn rules_that_are_wrong_are_refused_before_anything_is_done() {
    let world = AdminWorld::start();
    for (words, expected) in [
        (&["slow"][..], "link: \"slow\": expected KEY=VALUE, such as latency=20ms"),
        (&["latncy=2ms"], "link: unknown field \"latncy\": expected name, from, to, both,"),
        (&["latency=2"], "link: latency: expected a latency such as 20ms"),
        (&["loss=a"], "link: loss: expected a share from 0 to 1, got \"a\""),
        (&["loss=2"], "link: loss: expected a share from 0 to 1, got 2"),
        (&["cut=yes"], "link: cut: expected true or false, got \"yes\""),
        (&["from=chat"], "link: expected a rule with latency, loss or cut, got one without effect"),
        (&["cut=true", "cut=true"], "link: cut is given twice"),
        (&["cut=true", "name=a b"], "link: name: expected a name of at most 128 bytes"),
    ] {
        let error = refused(&world, &[&["link"], words].concat());
        assert!(error.starts_with(expected), "{error}");
    }
    for (text, expected) in [
        (r#"{"rules":[{"cut":true},{"los":1}]}"#, "rules[1]: unknown field \"los\""),
        (r#"{"rules":{}}"#, "expected {\"rules\":[{"),
        (r#"{"rule":[]}"#, "unknown field `rule`"),
        ("", "EOF"),
    ] {
        let file = world.write("links.json", text);
        let error = refused(&world, &["link", "--file", file.to_str().unwrap()]);
        assert!(error.starts_with(file.to_str().unwrap()) && error.contains(expected), "{error}");
    }
    assert!(refused(&world, &["link", "--file", "/no/such/file"]).contains("cannot be read"));
    assert_eq!(printed(&world, &["links"]), "no rules: everything arrives at once\n");
}

#[test]
fn where_no_cluster_is_found_the_error_says_how_to_find_it() {
    let directory = TempDir::new().unwrap();
    let error = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        command.args(arguments).env_remove("NODE_ENV").env("XDG_RUNTIME_DIR", directory.path());
        let output = command.current_dir(directory.path()).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for flags in [&["list"][..], &["stop", "--config", "nowhere"], &["list", "--port-offset", "7"]] {
        assert_eq!(
            error(flags),
            concat!("error: no cluster runs: ", env!("CARGO_BIN_EXE_pomelo-sim"), " serve starts one\n"),
            "{flags:?}"
        );
    }
    let missing = directory.path().join("admin.json");
    let no_file = error(&["kill", "x", "--admin-file", missing.to_str().unwrap()]);
    assert!(no_file.contains("no cluster runs with") && no_file.contains("pomelo-sim serve"), "{no_file}");
}

/// The words of a line.
fn words(text: &str, line: usize) -> Vec<&str> {
    text.lines().nth(line).unwrap().split_whitespace().collect()
}

#[test]
fn rooms_and_users_are_tables() {
    let world = AdminWorld::start();
    let mut people: Vec<_> = [("alice", "lobby"), ("bob", "lobby"), ("carol", "大厅")]
        .map(|(name, rid)| world.enter(name, rid))
        .into();
    for _ in 0..9 {
        people[2].request("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    }
    let rooms = printed(&world, &["rooms"]);
    assert_eq!(words(&rooms, 0), ["ROOM", "SERVER", "MEMBERS", "MESSAGES", "MSG/S", "KEY"]);
    let (lobby, hall) = (words(&rooms, 1), words(&rooms, 2));
    assert_eq!((&lobby[..3], lobby[5]), (&["lobby", "chat-server-3", "2"][..], "lobby"));
    assert_eq!((hall[0], hall[2], hall[5]), ("大厅", "1", "大厅"));
    assert_eq!((rooms.lines().count(), hall[3].parse::<u64>().unwrap() >= 9), (3, true));
    // Width as displayed by a terminal.
    assert!(rooms.lines().nth(2).unwrap().starts_with("大厅   chat-server-"), "{rooms}");
    let busiest = printed(&world, &["rooms", "--sort", "messages", "--limit", "1"]);
    assert!(
        busiest.lines().nth(1).unwrap().starts_with("大厅 ") && busiest.ends_with("1 of 2 rooms\n"),
        "{busiest}"
    );
    assert_eq!(json_of(&world, &["rooms", "厅"])["total"], 1);
    let members = printed(&world, &["rooms", "--members", "lobby"]);
    assert!(
        members.starts_with("lobby on chat-server-3: 2 members\nUID          FRONTEND            SESSION\n"),
        "{members}"
    );
    assert_eq!(words(&members, 2)[..2], ["alice*lobby", "connector-server-1"]);
    let session = json_of(&world, &["rooms", "--members", "lobby"])["members"][0]["session"].to_string();
    assert_eq!(words(&members, 2)[2], session);
    assert_eq!(refused(&world, &["rooms", "--members", "nowhere"]), "nobody is in a room \"nowhere\"");
    let users = printed(&world, &["users", "bob"]);
    assert!(
        users.starts_with("UID        FRONTEND            SESSION  ROOMS\nbob*lobby  connector-server-1  "),
        "{users}"
    );
    assert!(users.ends_with("  lobby (chat-server-3)\n") && users.lines().count() == 2, "{users}");
    for wrong in
        [&["rooms", "--sort", "size"][..], &["rooms", "--limit", "0"], &["rooms", "a", "--members", "b"]]
    {
        assert_eq!(command(&world, wrong).0, Some(2), "{wrong:?}");
    }
    people.into_iter().for_each(Client::close);
}

#[test]
fn a_kick_says_from_where_and_is_an_event() {
    let world = AdminWorld::start();
    let mut alice = world.enter("alice", "lobby");
    let next = json_of(&world, &["events"])["next"].as_u64().unwrap();
    let kick = ["kick", "alice*lobby", "--reason", "sp\u{7}am"];
    assert_eq!(printed(&world, &kick), "kicked alice*lobby from connector-server-1\n");
    assert_eq!(alice.closed().0.as_deref(), Some("sp\u{7}am"));
    assert_eq!(refused(&world, &["kick", "nobody"]), "nobody is logged in as \"nobody\"");
    let events = printed(&world, &["events"]);
    // Text from clients or operators never reaches the terminal unescaped.
    assert!(events.ends_with("  kick        connector-server-1: alice*lobby: sp\\u{7}am\n"), "{events}");
    let after = (next + 1).to_string();
    assert_eq!(printed(&world, &["events", "--since", &after]), "");
    assert_eq!(json_of(&world, &["events"])["next"], next + 1);
}

#[test]
fn events_are_followed_until_nobody_reads() {
    let world = AdminWorld::start();
    let file = world.file.path().to_str().unwrap();
    let next = json_of(&world, &["events"])["next"].as_u64().unwrap();
    let mut follow = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"))
        .args(["events", "--follow", "--json", "--since", &next.to_string(), "--admin-file", file])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(follow.stdout.take().unwrap()));
    for (number, verb) in [(next, "pause"), (next + 1, "resume")] {
        printed(&world, &[verb, "chat-server-1"]);
        let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(event["seq"], number);
    }
    drop(lines);
    // It finds out at the next event.
    printed(&world, &["pause", "chat-server-1"]);
    assert!(follow.wait().unwrap().success());
}

#[test]
fn top_without_a_terminal_is_one_table_after_the_other() {
    let world = AdminWorld::start();
    let mut alice = world.enter("alice", "lobby");
    let bob = world.enter("bob", "lobby");
    printed(&world, &["kick", "alice*lobby"]);
    alice.closed();
    printed(&world, &["pause", "chat-server-2"]);
    let top = ["top", "--count", "2", "--every", "0.1", "--sort", "configured"];
    let pages = printed(&world, &top);
    assert!(!pages.contains('\u{1b}'), "no codes for a terminal: {pages}");
    let lines: Vec<&str> = pages.lines().collect();
    assert!(
        lines[0].starts_with("pomelo-sim 0.1.0  development  /") && lines[0].contains("servers.json  up "),
        "{pages}"
    );
    assert!(lines[1].starts_with("servers 6 of 7  users 1  rooms 1  msg/s "), "{pages}");
    assert_eq!(lines[3], "TYPE       STRATEGY    LISTED  LOAD PEAK/MEAN  JAIN   MSG/S PEAK/MEAN  JAIN");
    assert!(lines[4].starts_with("connector  pomelo-crc  3       3.00            0.333  "), "{pages}");
    assert!(lines[8].starts_with("SERVER              STATE    LOAD  ROOMS  MSG/S"), "{pages}");
    assert!(lines[9].starts_with("connector-server-1  running  1     0"), "{pages}");
    assert!(lines[13].starts_with("chat-server-2       paused   0"), "{pages}");
    let kick = "kick        connector-server-1: alice*lobby: kicked by an operator";
    assert!(lines[17..20].iter().any(|line| line.ends_with(kick)), "{pages}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("pomelo-sim ")).count(), 2, "{pages}");

    let json = printed(&world, &["top", "--count", "1", "--every", "0.1", "--json"]);
    assert_eq!(json.lines().count(), 1);
    let picture: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&picture["totals"]["running"], &picture["servers"][0]["load"]), (&json!(6), &json!(1)));
    let fullest = printed(&world, &["top", "--count", "1", "--every", "0.1", "--sort", "load"]);
    assert!(fullest.lines().nth(9).unwrap().starts_with("connector-server-1 "), "{fullest}");
    for wrong in [["top", "--every", "0"], ["top", "--count", "0"], ["top", "--sort", "cpu"]] {
        assert_eq!(command(&world, &wrong).0, Some(2), "{wrong:?}");
    }
    bob.close();
}

#[test]
fn strategy_shows_previews_and_changes() {
    let world = AdminWorld::start();
    let shown = printed(&world, &["strategy"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "TYPE       STRATEGY    SERVERS  CHANGING",
            "connector  pomelo-crc  3        -",
            "chat       pomelo-crc  3        -",
            "gate       pomelo-crc  1        -",
        ]
    );
    assert!(lines.iter().any(|line| line.starts_with("two-choices") && line.contains("  -  ")), "{shown}");
    let known = json_of(&world, &["strategy"])["strategies"].clone();
    let of = |name: &str| known.as_array().unwrap().iter().find(|of| of["name"] == name).unwrap().clone();
    assert_eq!(of("directory")["parameter"], "strategy");
    assert_eq!((&of("ring")["parameter"]["max"], &of("jump")["parameter"]), (&json!(10_000.0), &Value::Null));
    assert_eq!((&of("ring")["weighted"], &of("random")["sticky"]), (&json!(true), &json!(false)));

    let preview = ["strategy", "chat=rendezvous", "--preview"];
    assert!(printed(&world, &preview).starts_with("would change chat from pomelo-crc to rendezvous\n"));
    assert_eq!(json_of(&world, &preview)["applied"], false);
    assert_eq!(json_of(&world, &["strategy"])["types"][1]["strategy"], "pomelo-crc");
    let done = printed(&world, &["strategy", "chat=rendezvous"]);
    assert!(done.starts_with("changed chat from pomelo-crc to rendezvous\n"), "{done}");
    assert!(
        done.contains("SERVER         LOAD BEFORE  LOAD AFTER\nchat-server-1  0            0\n"),
        "{done}"
    );
    assert_eq!(json_of(&world, &["strategy"])["types"][1]["strategy"], "rendezvous");
    let (code, _, stderr) = command(&world, &["strategy", "connector=two-choices"]);
    assert_eq!(code, Some(0));
    assert!(stderr.starts_with("warning: two-choices chooses anew at each login"), "{stderr}");
    let refusal = refused(&world, &["strategy", "chat=two-choices"]);
    assert!(refusal.contains("write directory(two-choices)"), "{refusal}");
    assert!(refused(&world, &["strategy", "chta=jump"]).contains("did you mean \"chat\"?"));
}

#[test]
fn explain_asks_the_running_cluster() {
    let world = AdminWorld::start();
    let alice = world.enter("alice", "lobby");
    let explain = ["explain", "--uid", "alice", "--rid", "lobby", "--live"];
    let session = json_of(&world, &["users"])["users"][0]["session"].clone();
    let text = printed(&world, &explain);
    let first = format!(
        "alice asks the gate (gate-server-1) for a connector. alice is logged in at connector-server-1, session \
         {session}; lobby is on chat-server-3, with 1 in it.\n"
    );
    assert!(text.starts_with(&first), "{text}");
    assert!(text.contains("WITH chat-server-4"), "{text}");
    let answer = json_of(&world, &explain);
    assert_eq!((&answer["chat"]["key"], &answer["room"]["members"]), (&json!("lobby"), &json!(1)));
    assert_eq!(answer["chat"]["server"], "chat-server-3");
    alice.close();
    let nobody = printed(&world, &["explain", "--uid", "eve", "--rid", "attic", "--live"]);
    assert!(nobody.contains("eve is not logged in to attic; attic has nobody in it."), "{nobody}");
}
