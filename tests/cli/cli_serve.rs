//! `pomelo-sim serve`: each flag's effect on clients and the banner, and how it ends.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::comeback::{Cut, Guest};
use crate::support::raw::{HANDSHAKE, HELLO, Raw};
use crate::support::{PATIENCE, servers_json};
use pomelo_sim::wire::PackageType;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The tutorial's servers, on free ports.
fn tutorial() -> TempDir {
    configured(&servers_json(3, 3))
}

fn configured(servers: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("servers.json"), servers).unwrap();
    directory
}

fn path(directory: &TempDir) -> &str {
    directory.path().to_str().unwrap()
}

fn command(directory: &TempDir, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    // All tests would share the default port.
    let console: &[&str] = if flags.contains(&"--console") { &[] } else { &["--console", "off"] };
    command.args(["serve", "--config", path(directory)]).args(console).args(flags).stdin(Stdio::null());
    command.env("XDG_RUNTIME_DIR", directory.path());
    command.env_remove("NODE_ENV").env_remove("RUST_LOG").stderr(Stdio::piped());
    command
}

/// The running binary, killed on drop.
struct Serving {
    process: Running,
    banner: String,
    stderr: Option<JoinHandle<String>>,
    _lines: Receiver<String>,
}

/// A process that is killed at the end of its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn ended(&mut self, patience: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < patience, "it still runs after {patience:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Serving {
    fn start(directory: &TempDir, flags: &[&str]) -> Self {
        Self::of(&mut command(directory, flags))
    }

    fn of(command: &mut Command) -> Self {
        let mut process = Running(command.stdout(Stdio::piped()).spawn().unwrap());
        let output = BufReader::new(process.0.stdout.take().unwrap());
        let mut errors = process.0.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        let (sender, lines) = channel();
        // Keep reading to the end: the binary must not get a closed pipe.
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        let mut banner = String::new();
        let began = Instant::now();
        while !banner.contains("Ctrl-C") {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("no banner, only:\n{banner}"));
            banner += &(line + "\n");
        }
        Self { process, banner, stderr: Some(stderr), _lines: lines }
    }

    /// A server's address from the banner.
    fn address(&self, server: &str) -> SocketAddr {
        let mut rows = self.banner.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|row| row.first() == Some(&server)).unwrap();
        row[2].parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.process.0.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Stops it, and returns its stderr.
    fn stop(mut self) -> String {
        self.signal("-TERM");
        assert_eq!(self.process.ended(PATIENCE).code(), Some(0));
        self.stderr.take().unwrap().join().unwrap()
    }

    /// Answers to a handshake.
    fn handshake(&self, server: &str, transport: Transport) -> Value {
        let mut client = Client::connect(self.address(server), transport);
        client.package(PackageType::Handshake, br#"{"sys":{"type":"test","version":"0.0.1"}}"#);
        match client.next(PATIENCE) {
            Some(Got::Handshake(answer)) => answer,
            other => panic!("expected a handshake, got {other:?}"),
        }
    }
}

/// Expects a failed start with exit code 2, and returns its stderr.
fn refused(directory: &TempDir, flags: &[&str]) -> String {
    let mut process = Running(command(directory, flags).stdout(Stdio::null()).spawn().unwrap());
    assert_eq!(process.ended(PATIENCE).code(), Some(2));
    let mut text = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The server that `dispatch` prints for a key.
fn dispatched(directory: &TempDir, server_type: &str, key: &str, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command.args(["dispatch", server_type, key, "--json", "--config", path(directory)]).args(flags);
    let output = command.env_remove("NODE_ENV").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["keys"][0]["server"].as_str().unwrap().to_owned()
}

#[test]
fn serves_without_a_word_more_than_the_banner() {
    let directory = tutorial();
    let server = Serving::start(&directory, &[]);
    assert!(server.banner.contains(": 7 servers of "), "{}", server.banner);
    assert!(!server.banner.contains("threads") && !server.banner.contains("eartbeat"), "{}", server.banner);
    assert!(
        server.banner.contains("Rooms go to chat servers by pomelo-crc, users to connectors by pomelo-crc.")
    );
    let gate = server.address("gate-server-1");
    assert!(server.banner.contains(&format!("at the gate, {gate}\n")), "{}", server.banner);
    assert_eq!(server.handshake("connector-server-1", Transport::Tcp)["sys"]["heartbeat"], 3);
    assert_eq!(server.stop(), "", "on 127.0.0.1 nobody comes from elsewhere");
}

#[test]
fn strategy_chooses_where_the_gate_sends_users() {
    let directory = tutorial();
    let crc32_mod = ["--strategy", "crc32-mod"];
    let names = (0..).map(|n| format!("user{n}"));
    let differs = |name: &String| {
        dispatched(&directory, "connector", name, &[])
            != dispatched(&directory, "connector", name, &crc32_mod)
    };
    let name = names.take(50).find(differs).unwrap();
    for (flags, told, users, rooms) in [
        (&[][..], &[][..], "pomelo-crc", "pomelo-crc"),
        (&["--strategy", "connector=crc32-mod"], &crc32_mod, "crc32-mod", "pomelo-crc"),
        (&["--strategy", "chat=crc32-mod"], &[], "pomelo-crc", "crc32-mod"),
        (&["--strategy", "chat=ring(9)", "connector=crc32-mod"], &crc32_mod, "crc32-mod", "ring(9)"),
        (&["--strategy", "chat=jump", "--strategy", "connector=crc32-mod"], &crc32_mod, "crc32-mod", "jump"),
    ] {
        let server = Serving::start(&directory, flags);
        let expected = format!("Rooms go to chat servers by {rooms}, users to connectors by {users}.");
        assert!(server.banner.contains(&expected), "{}", server.banner);
        let mut client = Client::open(server.address("gate-server-1"), Transport::Tcp);
        let connector = server.address(&dispatched(&directory, "connector", &name, told));
        assert_eq!(
            client.request("gate.gateHandler.queryEntry", json!({ "uid": name })),
            json!({"code": 200, "host": "127.0.0.1", "port": connector.port()}),
            "{name} with {flags:?}"
        );
        client.close();
        server.stop();
    }
    let error = refused(&directory, &["--strategy", "chat=two-choices"]);
    assert_eq!(
        error,
        "error: strategy two-choices of chat: each pick is a new choice, but rooms on a backend must be found again; \
         write directory(two-choices)\n"
    );
    let error = refused(&directory, &["--strategy", "chta=crc32-mod"]);
    assert_eq!(
        error,
        "error: --strategy chta=crc32-mod: no server type chta, expected one of chat, connector, gate\n"
    );
}

#[test]
fn heartbeat_is_in_the_handshake_and_the_banner() {
    let directory = tutorial();
    for (seconds, expected, said) in [
        ("7", json!(7), "A heartbeat every 7 s."),
        ("0", Value::Null, "No heartbeats."),
        ("86400", json!(86400), ""),
    ] {
        let server = Serving::start(&directory, &["--heartbeat", seconds]);
        assert!(server.banner.contains(said), "{}", server.banner);
        for transport in BOTH {
            assert_eq!(server.handshake("connector-server-1", transport)["sys"]["heartbeat"], expected);
            assert_eq!(server.handshake("gate-server-1", transport)["sys"].get("heartbeat"), None);
        }
        server.stop();
    }
}

#[test]
fn threads_share_the_servers() {
    let server = Serving::start(&tutorial(), &["--threads", "2"]);
    assert!(server.banner.lines().next().unwrap().contains(" on 2 threads, up in "), "{}", server.banner);
    let mut users: Vec<Client> = (1..=3)
        .map(|n| {
            let connector = server.address(&format!("connector-server-{n}"));
            Client::enter(connector, Transport::Tcp, &format!("user{n}"), "lobby")
        })
        .collect();
    let hello = json!({"content": "hello", "target": "*"});
    users[2].request("chat.chatHandler.send", hello);
    for user in &mut users[..2] {
        let said = std::iter::repeat_with(|| user.push()).find(|(route, _)| route == "onChat").unwrap();
        assert_eq!(said.1["from"], "user3");
    }
    users.into_iter().for_each(Client::close);
    server.stop();
}

#[test]
fn bind_takes_the_place_of_hosts() {
    // 192.0.2.0/24 is for documentation: no machine has such an address.
    let directory = configured(&servers_json(2, 1).replace("127.0.0.1", "192.0.2.7"));
    let error = refused(&directory, &[]);
    let start = "error: connector-server-1, connector-server-2, gate-server-1: 192.0.2.7 is not an address of this machine; ";
    assert!(error.starts_with(start) && error.contains("--bind"), "{error}");
    let server = Serving::start(&directory, &["--bind", "127.0.0.1"]);
    for name in ["gate-server-1", "connector-server-1", "connector-server-2"] {
        let address = server.address(name);
        assert!(address.ip().is_loopback(), "{address}");
        Client::open(address, Transport::WebSocket);
    }
    assert_eq!(
        server.stop(),
        "warning: connector-server-1, connector-server-2: the gate tells clients to connect to 192.0.2.7, but the port \
         opens on 127.0.0.1; set \"clientHost\" to the address that clients can reach\n"
    );
}

#[test]
fn open_to_other_machines_it_warns_in_the_words_of_check() {
    let directory = tutorial();
    let check = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"))
        .args(["check", "--config", path(&directory)])
        .env_remove("NODE_ENV")
        .output()
        .unwrap();
    let check = String::from_utf8(check.stdout).unwrap();
    let told = check.lines().find(|line| line.contains("the gate tells clients to connect to 127.0.0.1"));
    let server = Serving::start(&directory, &["--bind", "0.0.0.0"]);
    assert_eq!(server.stop(), format!("{}\n", told.unwrap()));

    let open_connectors = servers_json(1, 1).replacen("127.0.0.1", "0.0.0.0", 1);
    let server = Serving::start(&configured(&open_connectors), &[]);
    let warned = server.stop();
    assert!(
        warned.contains("warning: connector-server-1: the gate tells clients to connect to 0.0.0.0"),
        "{warned}"
    );
    assert!(warned.contains("warning: gate-server-1: listens on 127.0.0.1"), "{warned}");
}

#[test]
fn silent_connections_are_closed_after_the_handshake_timeout() {
    let server = Serving::start(&tutorial(), &["--handshake-timeout", "0.3"]);
    let begun = Instant::now();
    let mut silent = Raw::connect(server.address("connector-server-1"));
    // The acknowledgement has the same timeout again.
    let mut unacknowledged = Client::connect(server.address("gate-server-1"), Transport::Tcp);
    unacknowledged.raw(HANDSHAKE);
    assert_eq!(silent.end(), b"");
    unacknowledged.closed();
    // Without the flag after 10 s.
    assert!((Duration::from_millis(300)..Duration::from_secs(10)).contains(&begun.elapsed()));
    drop((silent, unacknowledged));
    server.stop();
}

#[test]
fn idle_connections_are_closed_after_the_idle_timeout() {
    let flags = ["--idle-timeout", "2", "--request-timeout", "3", "--handshake-timeout", "86400"];
    let server = Serving::start(&tutorial(), &flags);
    let begun = Instant::now();
    let mut idle = Client::open(server.address("gate-server-1"), Transport::Tcp);
    idle.closed();
    // Without the flag the wait would fail.
    assert!(begun.elapsed() >= Duration::from_secs(2));
    idle.close();
    server.stop();
}

#[test]
fn packages_are_as_long_as_package_max_and_no_longer() {
    let server = Serving::start(&tutorial(), &["--package-max", "80"]);
    let handshake = |bytes: usize| {
        let mut client = Client::connect(server.address("gate-server-1"), Transport::Tcp);
        let body = r#"{"sys":{"type":"test","version":"0.0.1"}}"#;
        client.package(PackageType::Handshake, format!("{body:bytes$}").as_bytes());
        client.next(PATIENCE).unwrap()
    };
    assert!(matches!(handshake(80), Got::Handshake(_)));
    assert_eq!(handshake(81), Got::Closed(None));
    server.stop();
}

#[test]
fn a_session_may_send_as_many_messages_as_the_rate_limit() {
    let server = Serving::start(&tutorial(), &["--rate-limit", "5"]);
    let mut client = Client::open(server.address("connector-server-1"), Transport::WebSocket);
    let asked: Vec<u64> = (0..50).map(|_| client.send("nobody.knows.this", json!({}))).collect();
    let busy = asked.into_iter().filter(|id| client.response(*id)["code"] == 503).count();
    // Five at once; on a slow machine a few more may pass.
    assert!((1..=45).contains(&busy), "{busy} of 50 refused");
    client.close();
    server.stop();
}

#[test]
fn addresses_have_their_places_and_the_blacklisted_have_none() {
    let server = Serving::start(&tutorial(), &["--per-address", "1", "--blacklist", "127.0.0.9"]);
    let address = server.address("connector-server-1");
    let mut first = Client::open(address, Transport::Tcp);
    assert_eq!(Client::connect(address, Transport::WebSocket).closed(), (None, Some(1000)));
    assert_eq!(first.request("nobody.knows.this", json!({}))["code"], 500);
    first.close();
    server.stop();
    let server = Serving::start(&tutorial(), &["--blacklist", "127.0.0.1"]);
    assert_eq!(Raw::connect(server.address("gate-server-1")).end(), b"");
    server.stop();
}

#[test]
fn the_later_of_two_logins_may_win() {
    let server = Serving::start(&tutorial(), &["--on-duplicate", "kick"]);
    let enter = |n: usize| {
        let address = server.address(&format!("connector-server-{n}"));
        Client::enter(address, BOTH[n - 1], "alice", "lobby")
    };
    let (mut first, second) = (enter(1), enter(2));
    assert_eq!(first.closed().0.as_deref(), Some("logged in elsewhere"));
    [first, second].into_iter().for_each(Client::close);
    server.stop();
}

#[test]
fn a_session_waits_for_its_client_as_long_as_resume_says() {
    let server = Serving::start(&tutorial(), &[]);
    assert!(server.handshake("connector-server-1", Transport::Tcp).get("user").is_none(), "off by default");
    server.stop();

    let server = Serving::start(&tutorial(), &["--resume", "0.5"]);
    let address = server.address("connector-server-1");
    let mut watcher =
        Client::enter(server.address("connector-server-2"), Transport::WebSocket, "watcher", "lobby");
    let mut guest = Guest::enter(address, Transport::Tcp, "guest", "lobby");
    assert_eq!(guest.say("here", "*"), json!({}));
    let mut guest = guest.cut(Cut::Silence).back(address, Transport::WebSocket);
    assert_eq!(guest.say("still here", "*"), json!({}));
    let begun = Instant::now();
    drop(guest);
    for route in ["onAdd", "onChat", "onChat", "onLeave"] {
        assert_eq!(watcher.push().0, route);
    }
    assert!(begun.elapsed() >= Duration::from_millis(500));
    server.stop();
}

#[test]
fn a_limit_that_ends_a_connection_is_logged_with_its_flag() {
    let directory = configured(&servers_json(1, 1));
    // One server per limit: otherwise a slow machine could hit one before another.
    for (flags, server, transport, said, detail) in [
        (
            ["--package-max", "64"],
            "gate-server-1",
            Transport::Tcp,
            &[1, 0, 0, 65][..],
            "expected a body of at most 64 bytes (--package-max), got 65 declared",
        ),
        (
            ["--handshake-timeout", "0.3"],
            "gate-server-1",
            Transport::Tcp,
            b"",
            "no handshake for 300ms (--handshake-timeout)",
        ),
        (
            ["--idle-timeout", "0.3"],
            "gate-server-1",
            Transport::Tcp,
            HELLO,
            "no byte for 300ms (--idle-timeout)",
        ),
        (
            ["--heartbeat", "1"],
            "connector-server-1",
            Transport::WebSocket,
            HELLO,
            "no heartbeat for 2s (twice --heartbeat)",
        ),
        (["--blacklist", "127.0.0.1"], "gate-server-1", Transport::Tcp, b"", "reason=--blacklist"),
    ] {
        let serving = Serving::of(command(&directory, &flags).env("RUST_LOG", "debug"));
        let mut raw = match transport {
            Transport::Tcp => Raw::connect(serving.address(server)),
            Transport::WebSocket => Raw::upgraded(serving.address(server)),
        };
        raw.packages(transport, said);
        raw.end();
        let log = serving.stop();
        assert!(log.contains(detail), "{detail}:\n{log}");
    }
    let flags = ["--per-address", "1", "--heartbeat", "0"];
    let serving = Serving::of(command(&directory, &flags).env("RUST_LOG", "debug"));
    let address = serving.address("connector-server-1");
    let first = Client::open(address, Transport::WebSocket);
    let mut second = Raw::connect(address);
    second.send(HELLO);
    second.end();
    first.close();
    let log = serving.stop();
    assert!(log.contains("reason=--per-address"), "{log}");
}

#[test]
fn both_signals_stop_it_with_0() {
    let directory = tutorial();
    for signal in ["-INT", "-TERM"] {
        let mut server = Serving::start(&directory, &[]);
        let mut client =
            Client::enter(server.address("connector-server-2"), Transport::WebSocket, "alice", "lobby");
        server.signal(signal);
        client.assert_closed_by_stop("server stopped");
        client.close();
        assert_eq!(server.process.ended(PATIENCE).code(), Some(0), "{signal}");
    }
}

/// A production configuration: hosts of other machines, no gate, a type that no code serves.
fn production() -> TempDir {
    configured(
        r#"{"connector": [{"id": "c1", "host": "192.0.2.7", "clientPort": 0, "frontend": true, "clientHost": "c.example"}],
            "chat": [{"id": "ch", "host": "192.0.2.8", "port": 6050}], "area": [{"id": "a", "host": "192.0.2.8"}]}"#,
    )
}

#[test]
fn any_production_file_is_served_here() {
    let directory = production();
    let error = refused(&directory, &["--here"]);
    assert!(error.contains("--without area leaves it out"), "{error}");
    let error = refused(&directory, &["--without", "area"]);
    assert!(
        error.starts_with("error: c1: 192.0.2.7 is not an address of this machine; --here serves everything"),
        "{error}"
    );

    let server = Serving::start(&directory, &["--here", "--without", "area"]);
    let connector = server.address("c1");
    assert!(
        server.banner.contains(&format!("at a connector, {connector}: there is no gate\n")),
        "{}",
        server.banner
    );
    assert!(
        server.banner.contains(&format!("pomelo-sim robots --connector {connector} ")),
        "{}",
        server.banner
    );
    let mut client = Client::open(connector, Transport::WebSocket);
    let entered =
        client.request("connector.entryHandler.enter", json!({"username": "alice", "rid": "lobby"}));
    assert_eq!(entered, json!({"users": ["alice"]}));
    client.close();
    let warnings = server.stop();
    for warning in [
        "warning: c1: --here: on 127.0.0.1 instead of c.example, and clients are told so\n",
        "warning: gate: no server of this type takes clients: ",
    ] {
        assert!(warnings.contains(warning), "{warnings}");
    }
}

#[test]
fn the_address_that_the_gate_names_is_warned_of_when_the_port_opens_elsewhere() {
    let directory = configured(
        r#"{"gate": [{"id": "g", "host": "192.0.2.7", "clientPort": 0, "frontend": true}],
            "connector": [{"id": "c", "host": "192.0.2.7", "clientPort": 0, "frontend": true}], "chat": [{"id": "ch"}]}"#,
    );
    let warnings = Serving::start(&directory, &["--bind", "0.0.0.0"]).stop();
    let warning = "warning: c: the gate tells clients to connect to 192.0.2.7, but the port opens on 0.0.0.0";
    assert!(warnings.contains(warning), "{warnings}");
}

#[test]
fn a_reload_changes_what_it_reads_as_serve_did() {
    let directory = production();
    let file = directory.path().join("admin.json");
    let admin = ["--admin-file", file.to_str().unwrap()];
    let server =
        Serving::start(&directory, &[&["--here", "--without", "area", "--admin", "0"], &admin[..]].concat());
    let reload = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        command.args(["reload", "--config", path(&directory)]).args(admin).env_remove("NODE_ENV");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(reload(), "nothing to change\n");
    let servers = fs::read_to_string(directory.path().join("servers.json")).unwrap();
    let more =
        servers.replace("[{\"id\": \"ch\"", "[{\"id\": \"ch2\", \"host\": \"192.0.2.9\"}, {\"id\": \"ch\"");
    fs::write(directory.path().join("servers.json"), more).unwrap();
    assert_eq!(reload(), "added ch2\n");
    server.stop();
}

#[test]
fn a_stop_kicks_when_it_is_told_to() {
    let server = Serving::start(&tutorial(), &["--on-stop", "kick"]);
    let mut client = Client::open(server.address("connector-server-2"), Transport::WebSocket);
    server.signal("-TERM");
    assert_eq!(client.closed(), (Some("server stopped".to_owned()), Some(1000)));
    client.close();
}

#[test]
fn one_error_names_all_ports_that_are_taken() {
    let taken = [(); 4].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let ports = taken.each_ref().map(|listener| listener.local_addr().unwrap().port());
    let mut servers = servers_json(2, 1);
    for port in &ports[..2] {
        servers = servers.replacen(r#""clientPort":0"#, &format!(r#""clientPort":{port}"#), 1);
    }
    let directory = configured(&servers);
    let wanted = |owners: &[(u16, &str)]| {
        let each = owners.iter().map(|(port, owner)| format!("127.0.0.1:{port} ({owner})"));
        format!("error: ports are taken: {}; another program has them", each.collect::<Vec<_>>().join(", "))
    };
    let clients = [(ports[0], "connector-server-1"), (ports[1], "connector-server-2")];
    let error = refused(&directory, &[]);
    assert!(error.starts_with(&wanted(&clients)), "{error}");
    assert!(error.contains("--port-offset 100") && error.contains("--ports any"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let (admin, console) = (ports[2].to_string(), ports[3].to_string());
    let error = refused(&directory, &["--admin", &admin, "--console", &console]);
    let all = [clients[0], clients[1], (ports[2], "admin port"), (ports[3], "console")];
    assert!(error.starts_with(&wanted(&all)), "{error}");
    Serving::start(&directory, &["--ports", "any"]).stop();
}

#[test]
fn a_terminal_that_closes_stops_it_with_clients_told_unless_it_was_started_by_nohup() {
    let directory = tutorial();
    let mut server = Serving::start(&directory, &[]);
    let connector = server.address("connector-server-2");
    let mut client = Client::enter(connector, Transport::WebSocket, "alice", "lobby");
    server.signal("-HUP");
    client.assert_closed_by_stop("server stopped");
    client.close();
    assert_eq!(server.process.ended(PATIENCE).code(), Some(0));
    if fs::metadata("/proc/self/status").is_err() {
        return;
    }
    let flags: Vec<_> = command(&directory, &[]).get_args().map(ToOwned::to_owned).collect();
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_pomelo-sim")]).args(flags);
    ignoring.env("XDG_RUNTIME_DIR", directory.path()).env_remove("NODE_ENV").env_remove("RUST_LOG");
    let server = Serving::of(ignoring.stdin(Stdio::null()).stderr(Stdio::piped()));
    server.signal("-HUP");
    Client::enter(server.address("connector-server-2"), Transport::WebSocket, "alice", "lobby").close();
    server.stop();
}

#[test]
fn a_banner_that_cannot_be_written_stops_it() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else { return };
    let directory = tutorial();
    let mut process = Running(command(&directory, &[]).stdout(full).spawn().unwrap());
    assert_eq!(process.ended(PATIENCE).code(), Some(2));
    let mut error = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert!(error.starts_with("error: stdout: "), "{error}");
}
