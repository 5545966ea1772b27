//! The commands that talk to a running cluster, as a terminal meets them: what they order, print and exit with.
//!
//! The cluster is a stand-in behind a real admin port; `cli_admin_serve` has the real one.

use std::fs;
use std::process::{Command, Output};

use crate::support::admin::AdminWorld;
use pomelo_sim::live::ServerState;
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command.env_remove("NODE_ENV").env_remove("RUST_LOG").args(arguments).output().unwrap()
}

/// A command to the world's cluster: exit code, stdout, stderr.
fn command(world: &AdminWorld, arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = world.file.path().to_str().unwrap();
    let output = run(&[arguments, &["--admin-file", file]].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What it prints when all is well and nothing is to be warned of.
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
    assert_eq!(
        [lines[0], lines[1], lines[4]],
        [
            "ID                  TYPE       PORT  CLIENTS         STATE    UPTIME  SESSIONS  ROOMS  MSG/S",
            "connector-server-1  connector  -     127.0.0.1:3050  running  1m01s   2         1      40",
            "chat-server-1       chat       0     -               killed   -       2         1      40",
        ]
    );
    assert_eq!(lines.len(), 8);
    let report = json_of(&world, &["list"]);
    assert_eq!(report["servers"][3]["state"], "killed");
    assert_eq!(report["servers"][0]["uptimeSeconds"], 61.5);
}

#[test]
fn an_audit_says_what_does_not_hold_and_exits_with_one() {
    let world = AdminWorld::start();
    assert_eq!(printed(&world, &["audit"]), "all holds\n");
    assert_eq!(json_of(&world, &["audit"]), json!({"violations": []}));
    // The stand-in has a fault for each server that was killed.
    printed(&world, &["kill", "chat-server-1", "chat-server-2"]);
    let (code, stdout, stderr) = command(&world, &["audit"]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    let faults = [1, 2].map(|n| format!("  uid-bound-once: alice*room is on chat-server-{n}\n"));
    assert_eq!(stdout, format!("2 faults:\n{}", faults.concat()));
    let (code, stdout, _) = command(&world, &["audit", "--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["violations"][0]["law"]), (Some(1), &json!("uid-bound-once")));
}

#[test]
fn add_takes_the_fields_of_pomelo() {
    let world = AdminWorld::start();
    let one = ["add", "id=chat-server-4", "serverType=chat", "host=127.0.0.1", "port=6053"];
    assert_eq!(printed(&world, &one), "added chat-server-4\n");
    assert_eq!(world.fake.server("chat-server-4").unwrap().port, Some(6053));
    let several = ["add", "serverType=chat", "host=127.0.0.1", "port=6390++", "clusterCount=2"];
    let ids = ["cluster-server-chat-0", "cluster-server-chat-1"];
    assert_eq!(json_of(&world, &several), json!({"added": ids, "warnings": []}));
    assert_eq!(world.fake.server(ids[1]).unwrap().port, Some(6391));

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
        assert_eq!(world.fake.state("chat-server-2"), state, "{verb}");
    }
    assert_eq!(json_of(&world, &["kill", "chat-server-3"]), json!({"done": ["chat-server-3"]}));
    let error = refused(&world, &["stop", "connector-server-1", "chat-server-3", "connector-server-2"]);
    assert_eq!(error, "chat-server-3 is killed: expected another state; done before: connector-server-1");
    assert_eq!(world.fake.state("connector-server-2"), Some(ServerState::Running));
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
    // Another configuration is another cluster's, also where the file says which is meant.
    let other = TempDir::new().unwrap();
    let other_config = other.path().join("servers.json");
    fs::write(&other_config, crate::support::servers_json(3, 4)).unwrap();
    for flags in [["--config", other_config.to_str().unwrap()], ["--env", "production"]] {
        let error = refused(&world, &[&["reload"], &flags[..]].concat());
        assert!(error.contains("is of the cluster of /") && error.contains(flags[1]), "{error}");
    }
    assert_eq!(world.fake.state("connector-server-3"), None);
    world.write("servers.json", "{");
    let error = refused(&world, &["reload"]);
    assert!(error.starts_with("not JSON: "), "{error}");
    // Orders need no configuration that is right.
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
        json!({"names": ["rule-2"], "warnings": []})
    );
    assert_eq!(
        printed(&world, &["links"]),
        "NAME    FROM       TO             BOTH  LATENCY     LOSS  CUT\n\
         slow    connector  chat-server-1  yes   20ms..50ms  0.01  -\n\
         rule-2  *          chat-server-2  -     -           -     yes\n"
    );
    let (code, _, stderr) = command(&world, &["link", "to=chat-sever-2", "cut=true"]);
    let warning = "warning: to: no server has the id or the type \"chat-sever-2\" now\n";
    assert_eq!((code, stderr.as_str()), (Some(0), warning));
    // What links prints, link takes.
    let file = world.write("links.json", &printed(&world, &["links", "--json"]));
    assert_eq!(printed(&world, &["heal", "slow", "rule-2"]), "healed slow\nhealed rule-2\n");
    assert!(refused(&world, &["heal", "slow"]).starts_with("no rule \"slow\": expected one of rule-3"));
    assert_eq!(printed(&world, &["heal"]), "healed rule-3\n");
    assert_eq!(printed(&world, &["heal"]), "no rules to take away\n");
    let file = file.to_str().unwrap();
    let (code, stdout, _) = command(&world, &["link", "--file", file]);
    assert_eq!((code, stdout.as_str()), (Some(0), "added rule slow\nadded rule rule-2\nadded rule rule-3\n"));
}

#[test]
fn rules_that_are_wrong_are_refused_before_anything_is_done() {
    let world = AdminWorld::start();
    for (words, expected) in [
        (&["slow"][..], "link: \"slow\": expected KEY=VALUE, such as latency=20ms"),
        (&["latncy=2ms"], "link: unknown field of a rule \"latncy\": expected name, from, to, both,"),
        (&["latency=2"], "link: latency: expected a latency such as 20ms"),
        (&["loss=a"], "link: loss: expected a share from 0 to 1, got \"a\""),
        (&["loss=2"], "link: loss: expected a share from 0 to 1, got 2"),
        (&["cut=yes"], "link: cut: expected true or false, got \"yes\""),
        (&["from=chat"], "link: a rule that does nothing: expected latency, loss or cut"),
        (&["cut=true", "cut=true"], "link: cut is given twice"),
        (&["cut=true", "name=a b"], "link: name: expected a name of at most 128 bytes"),
    ] {
        let error = refused(&world, &[&["link"], words].concat());
        assert!(error.starts_with(expected), "{error}");
    }
    for (text, expected) in [
        (r#"{"rules":[{"cut":true},{"los":1}]}"#, "rules[1]: unknown field of a rule \"los\""),
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

#[test]
fn rooms_and_users_are_tables() {
    let world = AdminWorld::start();
    assert_eq!(
        printed(&world, &["rooms"]),
        "ROOM   SERVER         MEMBERS  MESSAGES  MSG/S  KEY\n\
         lobby  chat-server-1  12       40        3      lobby\n\
         大厅   chat-server-1  2        900       0      大厅\n"
    );
    let busiest = printed(&world, &["rooms", "--sort", "messages", "--limit", "1"]);
    assert!(
        busiest.lines().nth(1).unwrap().starts_with("大厅 ") && busiest.ends_with("1 of 2 rooms\n"),
        "{busiest}"
    );
    assert_eq!(json_of(&world, &["rooms", "厅"])["total"], 1);
    assert_eq!(
        printed(&world, &["rooms", "--members", "lobby"]),
        "lobby on chat-server-1: 12 members\n\
         UID          FRONTEND            SESSION\n\
         alice*lobby  connector-server-1  7\n\
         1 of 12 members\n"
    );
    assert_eq!(refused(&world, &["rooms", "--members", "nowhere"]), "nobody is in a room \"nowhere\"");
    assert_eq!(
        printed(&world, &["users", "bob"]),
        "UID        FRONTEND            SESSION  ROOMS\n\
         bob*lobby  connector-server-1  7        lobby (chat-server-1)\n"
    );
    for wrong in
        [&["rooms", "--sort", "size"][..], &["rooms", "--limit", "0"], &["rooms", "a", "--members", "b"]]
    {
        assert_eq!(command(&world, wrong).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_kick_says_from_where_and_is_an_event() {
    let world = AdminWorld::start();
    let kick = ["kick", "alice*lobby", "--reason", "sp\u{7}am"];
    assert_eq!(printed(&world, &kick), "kicked alice*lobby from connector-server-1\n");
    assert_eq!(refused(&world, &["kick", "nobody"]), "nobody is logged in as \"nobody\"");
    let events = printed(&world, &["events"]);
    // Nothing that clients or operators wrote reaches the terminal as it is.
    assert!(events.ends_with("  kick        connector-server-1: alice*lobby: sp\\u{7}am\n"), "{events}");
    assert_eq!(printed(&world, &["events", "--since", "2"]), "");
    assert_eq!(json_of(&world, &["events"])["next"], 2);
}

#[test]
fn events_are_followed_until_nobody_reads() {
    let world = AdminWorld::start();
    let file = world.file.path().to_str().unwrap();
    let mut follow = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"))
        .args(["events", "--follow", "--json", "--admin-file", file])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(follow.stdout.take().unwrap()));
    for number in 1..=2 {
        printed(&world, &["kick", "alice*lobby"]);
        let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(event["seq"], number);
    }
    drop(lines);
    // It finds out at the next event.
    printed(&world, &["kick", "alice*lobby"]);
    assert!(follow.wait().unwrap().success());
}

#[test]
fn top_without_a_terminal_is_one_table_after_the_other() {
    let world = AdminWorld::start();
    printed(&world, &["kick", "alice*lobby"]);
    printed(&world, &["pause", "chat-server-2"]);
    let pages = printed(&world, &["top", "--count", "2", "--every", "0.1"]);
    assert!(!pages.contains('\u{1b}'), "no codes for a terminal: {pages}");
    let lines: Vec<&str> = pages.lines().collect();
    assert!(lines[0].starts_with("pomelo-sim 0.1.0  development  servers.json  up 1m02s"), "{pages}");
    assert!(lines[1].starts_with("servers 6 of 7  users 2  rooms 7  msg/s 0  deliveries/s 0"), "{pages}");
    assert_eq!(lines[3], "TYPE       STRATEGY   LISTED  LOAD PEAK/MEAN  JAIN   MSG/S PEAK/MEAN  JAIN");
    assert_eq!(lines[4], "connector  ring(100)  3       1.00            1.000  -                -");
    assert!(lines[8].starts_with("SERVER              STATE    LOAD  ROOMS  MSG/S"), "{pages}");
    assert!(lines.contains(&lines[13]) && lines[13].starts_with("chat-server-2       paused   2"), "{pages}");
    assert!(
        lines[17].ends_with("kick        connector-server-1: alice*lobby: kicked by an operator"),
        "{pages}"
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("pomelo-sim ")).count(), 2, "{pages}");

    let json = printed(&world, &["top", "--count", "1", "--every", "0.1", "--json"]);
    assert_eq!(json.lines().count(), 1);
    let picture: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&picture["totals"]["running"], &picture["servers"][0]["load"]), (&json!(6), &json!(2)));
    let hottest = printed(&world, &["top", "--count", "1", "--every", "0.1", "--sort", "configured"]);
    assert!(hottest.lines().nth(9).unwrap().starts_with("connector-server-1 "), "{hottest}");
    for wrong in [["top", "--every", "0"], ["top", "--count", "0"], ["top", "--sort", "cpu"]] {
        assert_eq!(command(&world, &wrong).0, Some(2), "{wrong:?}");
    }
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
            "chat       pomelo-crc  3        -",
            "connector  pomelo-crc  3        -",
            "gate       pomelo-crc  1        -",
        ]
    );
    assert!(lines.iter().any(|line| line.starts_with("two-choices") && line.contains("chooses")), "{shown}");
    let known = json_of(&world, &["strategy"])["strategies"].clone();
    let of = |name: &str| known.as_array().unwrap().iter().find(|of| of["name"] == name).unwrap().clone();
    assert_eq!(of("directory")["parameter"], "strategy");
    assert_eq!((&of("ring")["parameter"]["max"], &of("jump")["parameter"]), (&json!(10_000.0), &Value::Null));
    assert_eq!((&of("ring")["weighted"], &of("random")["sticky"]), (&json!(true), &json!(false)));

    let preview = ["strategy", "chat=rendezvous", "--preview"];
    assert!(printed(&world, &preview).starts_with("would change chat from pomelo-crc to rendezvous\n"));
    assert_eq!(json_of(&world, &preview)["applied"], false);
    assert_eq!(json_of(&world, &["strategy"])["types"][0]["strategy"], "pomelo-crc");
    let done = printed(&world, &["strategy", "chat=rendezvous"]);
    assert!(done.starts_with("changed chat from pomelo-crc to rendezvous\n"), "{done}");
    assert!(
        done.contains("SERVER         LOAD BEFORE  LOAD AFTER\nchat-server-1  0            0\n"),
        "{done}"
    );
    assert_eq!(json_of(&world, &["strategy"])["types"][0]["strategy"], "rendezvous");
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
    let explain = ["explain", "--uid", "alice", "--rid", "lobby", "--live"];
    let text = printed(&world, &explain);
    let first = "alice asks the gate (gate-server-1) for a connector. alice is logged in at connector-server-2, session \
                 7; lobby has nobody in it.\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("WITH chat-server-4"), "{text}");
    let answer = json_of(&world, &explain);
    assert_eq!((&answer["chat"]["key"], &answer["room"]), (&json!("lobby"), &Value::Null));
    assert_eq!(answer["chat"]["server"], "chat-server-3");
}
