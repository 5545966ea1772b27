//! The robots command against the real cluster, and against faulty servers.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::client::{Client, Transport};
use crate::support::liar::{self, Lie};
use crate::support::served::World;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

fn robots(gate: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command.args(["robots", "--gate", gate, "--arrivals", "1000", "--warmup", "0.1"]).args(flags);
    command.env_remove("NODE_ENV").env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn run(gate: &str, flags: &[&str]) -> Output {
    robots(gate, flags).output().unwrap()
}

/// A run in the background.
fn begin(gate: &str, flags: &[&str]) -> Child {
    let mut command = robots(gate, &[flags, &["--json"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The JSON of a run with this exit code and no other output.
fn report(gate: &str, code: i32, flags: &[&str]) -> Value {
    end(begin(gate, flags), code)
}

fn end(run: Child, code: i32) -> Value {
    let output = run.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*stderr), (Some(code), ""), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

fn gate(world: &World) -> String {
    world.address("gate-server-1").to_string()
}

fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {report:#}"))
}

#[test]
fn an_open_loop_over_both_transports() {
    let world = World::served(&[]);
    let pid = world.serve.as_ref().unwrap().process.id().to_string();
    let flags = ["--users", "20", "--rooms", "2", "--rate", "20", "--duration", "0.5", "--pid", &pid];
    let gate = gate(&world);
    let runs = ["ws", "tcp", "mix"].map(|transport| {
        let own = ["--transport", transport, "--prefix", transport];
        (transport, begin(&gate, &[&flags[..], &own].concat()))
    });
    for (transport, run) in runs {
        let report = end(run, 0);
        assert_eq!(report["plan"]["transport"], transport);
        assert_eq!(number(&report, "/logins/ok"), 20);
        // 20 senders, 20 a second, half a second: 200 were meant to be sent, and never by chance as
        // few or many as this.
        let messages = number(&report, "/latency_us/send/count");
        assert!((100..400).contains(&messages), "{report:#}");
        assert_eq!(number(&report, "/latency_us/deliver/count"), 10 * messages, "ten a room: {report:#}");
        assert_eq!(report["errors"], json!({}));
        assert!(number(&report, "/server/rss_before") > 1 << 20, "{report:#}");
    }
}

#[test]
fn a_closed_loop_keeps_the_window_full() {
    let world = World::served(&[]);
    let flags = ["--room-sizes", "6,3", "--senders", "2", "--window", "3", "--duration", "2"];
    let report = report(&gate(&world), 0, &flags);
    assert_eq!(report["plan"]["window"], 3);
    assert_eq!(report["plan"]["users"], 9);
    assert_eq!(number(&report, "/logins/ok"), 9);
    assert!(number(&report, "/sends/count") > 12, "more than the windows hold: {report:#}");
    assert_eq!(number(&report, "/lateness_us/count"), 0);
}

#[test]
fn robots_that_come_and_go_lose_nothing() {
    let world = World::served(&[]);
    let flags = ["--users", "30", "--rooms", "3", "--rate", "20", "--churn", "60", "--duration", "3"];
    let report = report(&gate(&world), 0, &flags);
    assert!(number(&report, "/returns") > 5, "{report:#}");
    assert_eq!(number(&report, "/logins/ok"), 30);
}

#[test]
fn a_dictionary_and_heartbeats_are_understood() {
    let (mut world, _taken) = World::new();
    std::fs::write(world.directory.path().join("dictionary.json"), r#"["onChat","onAdd"]"#).unwrap();
    world.serve(&["--admin", "0", "--heartbeat", "2"]);
    // Longer than the four seconds after which a silent client is closed.
    let report =
        report(&gate(&world), 0, &["--users", "4", "--rooms", "1", "--rate", "2", "--duration", "5"]);
    assert!(number(&report, "/deliveries/count") > 0, "{report:#}");
}

#[test]
fn the_json_has_these_fields() {
    let gate = liar::serve(Lie::None).to_string();
    let flags = ["--users", "3", "--rooms", "1", "--transport", "tcp", "--rate", "50", "--duration", "0.2"];
    let report = report(&gate, 0, &flags);
    let keys = |pointer: &str| -> Vec<String> {
        report.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    let summary = ["count", "p50", "p90", "p99", "p999", "max", "mean"];
    assert_eq!(
        keys(""),
        [
            "plan",
            "seconds",
            "logins",
            "sends",
            "sent",
            "deliveries",
            "others",
            "returns",
            "latency_us",
            "lateness_us",
            "errors",
            "integrity",
            "server"
        ]
    );
    assert_eq!(keys("/logins"), ["ok", "failed", "per_second"]);
    assert_eq!(keys("/sends"), ["count", "per_second"]);
    assert_eq!(keys("/latency_us"), ["gate", "enter", "send", "deliver"]);
    for latency in ["/latency_us/gate", "/latency_us/deliver", "/lateness_us"] {
        assert_eq!(keys(latency), summary);
    }
    assert_eq!(
        report["integrity"],
        json!({"lost": 0, "doubled": 0, "disordered": 0, "foreign": 0, "unanswered": 0, "examples": []})
    );
    assert_eq!(report["server"], Value::Null);
    for key in keys("/plan") {
        assert_eq!(key, key.to_lowercase(), "keys are as in a file of settings");
    }
}

#[test]
fn the_table_is_for_people() {
    let gate = liar::serve(Lie::Lose).to_string();
    let flags = ["--users", "3", "--rooms", "1", "--transport", "tcp", "--rate", "50", "--duration", "0.5"];
    let output = run(&gate, &[&flags[..], &["--timeout", "5"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("3 users in 1 room, 0.5 s measured\n\n"), "{text}");
    for line in
        ["logins      3", "sends       ", "deliveries  ", "MICROSECONDS  COUNT", "integrity: 1 lost\n"]
    {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
    assert!(text.contains("  lost: message "), "{text}");
}

/// How a fault is detected: the field of the report that differs from a clean run.
#[test]
fn lies_are_found_out() {
    let lies = [
        (Lie::Lose, "/integrity/lost"),
        (Lie::Double, "/integrity/doubled"),
        (Lie::Swap, "/integrity/disordered"),
        (Lie::Invent, "/integrity/foreign"),
        (Lie::Forget, "/integrity/unanswered"),
        (Lie::Refuse, "/errors/send: 500"),
        (Lie::Kick, "/errors/kicked: enough"),
    ];
    let flags = ["--users", "4", "--rooms", "1", "--transport", "tcp", "--rate", "30"];
    let flags = [&flags[..], &["--duration", "0.5", "--timeout", "5"]].concat();
    let runs = lies.map(|(lie, field)| (lie, field, begin(&liar::serve(lie).to_string(), &flags)));
    for (lie, field, run) in runs {
        let report = end(run, 1);
        assert_eq!(number(&report, field), 1, "{lie:?}: {report:#}");
        let integrity = report["integrity"].as_object().unwrap();
        let broken: u64 = integrity.values().filter_map(Value::as_u64).sum();
        assert_eq!(broken, u64::from(field.starts_with("/integrity")), "{lie:?}: {report:#}");
    }
}

#[test]
fn logins_that_fail_are_tried_again_and_counted() {
    let faults = [
        (Lie::Silent, "0.3", "gate: timeout"),
        (Lie::Shut, "5", "enter: 500"),
        (
            Lie::Protobuf,
            "5",
            "gate: expected protobuf definitions in the handshake, got only the flag that they are used",
        ),
    ];
    let runs = faults.map(|(lie, timeout, kind)| {
        let flags = ["--users", "2", "--transport", "tcp", "--duration", "0.1", "--timeout", timeout];
        (kind, begin(&liar::serve(lie).to_string(), &flags))
    });
    for (kind, run) in runs {
        let report = end(run, 1);
        assert_eq!(report["logins"]["failed"], 2, "{report:#}");
        assert_eq!(report["errors"][kind], 2, "{report:#}");
        assert_eq!(report["sent"], 0, "{report:#}");
    }
}

/// A run that tests nothing must report that, not success.
#[test]
fn nobody_in_and_nothing_sent_are_no_success() {
    let (shut, open) = (liar::serve(Lie::Shut).to_string(), liar::serve(Lie::None).to_string());
    let users = ["--users", "2", "--transport", "tcp", "--duration", "0.1"];
    for (gate, flags, code, verdict) in [
        (&shut, &[][..], 1, "integrity: nobody got in: enter: 500\n"),
        // One message in three hours each.
        (&open, &["--rate", "0.0001"], 1, "integrity: nothing was sent\n"),
        (&open, &["--senders", "0"], 0, "integrity: nothing was sent\n"),
    ] {
        let output = run(gate, &[&users[..], flags].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.ends_with(verdict), "{text}");
    }
}

#[test]
fn protobuf_and_a_dictionary_are_spoken() {
    let (mut world, _taken) = World::new();
    let directory = world.directory.path();
    let recorded = |name: &str| Path::new("tests/data/tutorial-protobuf").join(name);
    for name in ["clientProtos.json", "dictionary.json"] {
        std::fs::copy(recorded(name), directory.join(name)).unwrap();
    }
    let protos = std::fs::read_to_string(recorded("serverProtos.json")).unwrap();
    let mut protos: Value = serde_json::from_str(&protos).unwrap();
    protos["chat.chatHandler.send"] = json!({"optional uInt32 code": 1});
    protos["connector.entryHandler.enter"] =
        json!({"repeated string users": 1, "optional uInt32 code": 2, "optional string message": 3});
    protos["gate.gateHandler.queryEntry"] =
        json!({"required uInt32 code": 1, "optional string host": 2, "optional uInt32 port": 3});
    std::fs::write(directory.join("serverProtos.json"), protos.to_string()).unwrap();
    world.serve(&["--admin", "0"]);
    let flags = ["--users", "6", "--rooms", "2", "--rate", "20", "--duration", "0.5"];
    let report = report(&gate(&world), 0, &flags);
    let (sent, heard) = (number(&report, "/sent"), number(&report, "/latency_us/deliver/count"));
    assert!(sent > 10 && heard > 3 * 10, "{report:#}");

    // A refusal is reported as such.
    for server in 1..=3 {
        world.printed(&["remove", &format!("chat-server-{server}")]);
    }
    let report = end(begin(&gate(&world), &["--users", "2", "--duration", "0.1"]), 1);
    assert_eq!(report["errors"], json!({"enter: 500": 2}), "{report:#}");
}

#[test]
fn a_server_that_dies_is_survived() {
    let world = World::served(&[]);
    let run = begin(&gate(&world), &["--users", "6", "--rooms", "1", "--duration", "10"]);
    wait_until_in(&world, 6);
    let port: SocketAddr = gate(&world).parse().unwrap();
    drop(world);
    // Bound without listening, so that no other test's server gets the port and answers there.
    let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    held.set_reuse_address(true).unwrap();
    held.bind(&port.into()).unwrap();
    let report = end(run, 1);
    assert_eq!(report["errors"]["gate: connection refused"], 6, "{report:#}");
}

#[test]
fn what_cannot_be_is_refused() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{\n  \"users\": \"many\"\n}").unwrap();
    let path = file.path().to_str().unwrap();
    for (gate, flags, message) in [
        (&*nobody, vec![], format!("error: robots: no gate at {nobody}: Connection refused")),
        ("nowhere", vec![], "error: robots: no gate at nowhere: ".to_owned()),
        (&nobody, vec!["--users", "0"], "error: robots: users: expected 1 to 1000000, got 0".to_owned()),
        (&nobody, vec!["--rate", "nan"], "error: robots: rate: expected ".to_owned()),
        (
            &nobody,
            vec!["--window", "1", "--rate", "1"],
            "error: robots: window cannot be used with rate: ".to_owned(),
        ),
        (
            &nobody,
            vec!["--file", path],
            format!("error: robots: {path}:2:17: users: invalid type: string \"many\", expected usize"),
        ),
    ] {
        let output = run(gate, &flags);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{flags:?}");
        assert!(stderr.starts_with(&message), "{stderr}");
    }
    let process = run(&liar::serve(Lie::None).to_string(), &["--pid", "4194304999"]);
    assert_eq!(process.status.code(), Some(2));
}

#[test]
fn an_interrupt_ends_a_run_with_its_report() {
    // A listener that need not beat: a run that has sent nothing would be none.
    let world = World::served(&["--heartbeat", "0"]);
    let mut listener =
        Client::enter(world.address("connector-server-1"), Transport::Tcp, "me", "robot-room-0");
    let run = begin(&gate(&world), &["--users", "5", "--rooms", "1", "--duration", "3600"]);
    while listener.push().0 != "onChat" {}
    let id = run.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let report = end(run, 0);
    assert!(report["seconds"].as_f64().unwrap() < 3600.0, "{report:#}");
    assert_eq!(report["logins"]["failed"], 0);
}

/// Waits until the connectors have this many sessions.
fn wait_until_in(world: &World, users: u64) {
    let sessions = |id: &str| world.listed(id).unwrap()["sessions"].as_u64().unwrap();
    crate::support::wait_until("users are connected", || {
        (1..=3).map(|index| sessions(&format!("connector-server-{index}"))).sum::<u64>() == users
    });
}
