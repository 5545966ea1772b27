//! Several clusters on one machine: each is found by its configuration, commands reach the intended
//! cluster or none, and one flag shifts all ports.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::admin::credentials;
use crate::support::served::Serve;
use pomelo_sim::admin::{Aim, Credentials, Identity, Running, Token};
use pomelo_sim::config::{ClusterSpec, ConfigError, Ports};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A user's home with the configurations `a/config` and `b/config`, each with the usual
/// `master.json`.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(TempDir::new().unwrap());
        // Free while this listener lives; if another test takes it afterwards, that causes a
        // warning at most.
        let master = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        for name in ["a", "b"] {
            let config = home.config(name);
            fs::create_dir_all(&config).unwrap();
            let servers: Value = serde_json::from_str(&crate::support::servers_json(1, 1)).unwrap();
            let both = json!({"development": servers, "production": servers});
            fs::write(config.join("servers.json"), both.to_string()).unwrap();
            let master = json!({"id": "master-server-1", "host": "127.0.0.1", "port": master});
            fs::write(config.join("master.json"), master.to_string()).unwrap();
        }
        fs::create_dir(home.0.path().join("empty")).unwrap();
        home
    }

    fn config(&self, name: &str) -> PathBuf {
        self.0.path().join(name).join("config")
    }

    /// A command in the directory of this name.
    fn command(&self, directory: &str, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        command.args(words).current_dir(self.0.path().join(directory)).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.0.path()).env_remove("NODE_ENV").env_remove("RUST_LOG");
        command
    }

    fn serve(&self, directory: &str, flags: &[&str]) -> Serve {
        let mut command = self.command(directory, &[&["serve", "--console", "off"], flags].concat());
        command.stderr(Stdio::null());
        Serve::start(command)
    }

    fn run(&self, directory: &str, words: &[&str]) -> (Option<i32>, String) {
        let output = self.command(directory, words).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    fn printed(&self, directory: &str, words: &[&str]) -> String {
        let (code, text) = self.run(directory, words);
        assert_eq!(code, Some(0), "{words:?}: {text}");
        text
    }

    fn refused(&self, directory: &str, words: &[&str]) -> String {
        let (code, text) = self.run(directory, words);
        assert_eq!(code, Some(2), "{words:?}: {text}");
        text
    }
}

/// Has run all the time.
fn assert_runs(serve: &mut Serve) {
    assert!(serve.process.try_wait().unwrap().is_none());
}

#[test]
fn commands_reach_the_cluster_of_their_configuration_or_none() {
    let home = Home::new();
    let mut a = home.serve("a", &[]);
    let missed = home.refused("b", &["stop"]);
    assert!(
        missed.starts_with("error: no cluster of /") && missed.contains("b/config/servers.json"),
        "{missed}"
    );
    let pid = a.process.id();
    let where_ = format!("a/config/servers.json (development), process {pid}, gate 127.0.0.1:");
    assert!(missed.contains(&where_), "those that run are named: {missed}");
    assert_runs(&mut a);
    let mut b = home.serve("b", &[]);
    home.printed("b", &["kill", "chat-server-1"]);
    assert!(home.printed("a", &["list"]).lines().all(|line| !line.contains("killed")));
    let config = home.config("b");
    let config = config.to_str().unwrap();
    assert!(home.printed("a", &["list", "--config", config]).contains("killed"));
    // The same configuration by different paths.
    for other in ["../b/config", "../b/config/servers.json", "../b/../b/config/"] {
        assert!(home.printed("a", &["list", "--config", other]).contains("killed"), "{other}");
    }
    assert_eq!(home.printed("a", &["reload", "--config", config]), "nothing to change\n");
    for words in [&["reload", "--env", "production"][..], &["stop", "--config", "nowhere"]] {
        assert!(home.refused("a", words).contains("those that run:\n"), "{words:?}");
    }
    let several = home.refused("empty", &["stop"]);
    assert!(several.starts_with("error: several clusters run: name one; those that run:\n"), "{several}");
    // The flags named in the error reach each cluster.
    for line in several.lines().skip(1) {
        let (_, flags) = line.rsplit_once(": ").unwrap();
        let words: Vec<&str> = ["list"].into_iter().chain(flags.split(' ')).collect();
        home.printed("empty", &words);
    }
    home.printed("a", &["stop", "--config", config]);
    assert_eq!(b.ended().code(), Some(0));
    assert_runs(&mut a);
    // Where no configuration is meant, the only one that runs is; but not against what is said.
    assert!(
        home.refused("empty", &["stop", "--env", "production"])
            .contains("no cluster in environment production runs")
    );
    home.printed("empty", &["stop"]);
    assert_eq!(a.ended().code(), Some(0));
}

#[test]
fn a_second_cluster_of_one_configuration_is_refused_or_moved() {
    let home = Home::new();
    let first = home.serve("a", &[]);
    let error = home.refused("a", &["serve", "--console", "off"]);
    let pid = first.process.id();
    assert!(error.starts_with("error: this configuration runs already: /"), "{error}");
    assert!(
        error.contains(&format!("process {pid}, gate ")) && error.contains("--port-offset 100"),
        "{error}"
    );
    // A different environment is a different cluster.
    let production = home.serve("a", &["--env", "production"]);
    assert!(production.banner().contains("pomelo-sim list --env production  "), "{}", production.banner());
    let shifted = home.serve("a", &["--port-offset", "100"]);
    assert!(shifted.banner().contains("pomelo-sim list --port-offset 100 "), "{}", shifted.banner());
    let anywhere = [home.serve("a", &["--ports", "any"]), home.serve("a", &["--ports", "any"])];
    home.printed("a", &["kill", "chat-server-1", "--port-offset", "100"]);
    let advised = |serve: &Serve| {
        let line = serve.banner().lines().find(|line| line.contains("pomelo-sim list")).unwrap();
        let words = line.split("pomelo-sim ").nth(1).unwrap().split("  ").next().unwrap();
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        home.printed("a", &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert!(advised(&shifted).contains(" killed "));
    for other in [&first, &production, &anywhere[0], &anywhere[1]] {
        assert!(!advised(other).contains(" killed "));
        let gate = other.banner().lines().find_map(|line| line.split_once("at the gate, ")).unwrap().1;
        assert!(advised(other).contains(gate), "the advice of a banner is of its own cluster");
    }
    home.printed("a", &["stop"]);
    // The plain one is gone; of two with any ports none is taken, and the shifted one only when it
    // is named.
    assert!(home.refused("a", &["stop"]).contains("several clusters of /"));
    let [one, other] = anywhere;
    drop(other);
    home.printed("a", &["stop"]);
    drop(one);
    assert!(home.refused("a", &["stop"]).contains("--config /"));
    home.printed("a", &["stop", "--port-offset", "100"]);
}

#[test]
fn robots_load_the_cluster_that_is_meant() {
    let home = Home::new();
    let (_a, _b) = (home.serve("a", &[]), home.serve("b", &[]));
    let robots = [
        "robots",
        "--users",
        "2",
        "--rooms",
        "1",
        "--window",
        "1",
        "--duration",
        "1",
        "--warmup",
        "0",
        "--json",
    ];
    let gate_of = |directory: &str, flags: &[&str]| {
        let list: Value =
            serde_json::from_str(&home.printed(directory, &[&["list", "--json"], flags].concat())).unwrap();
        let servers = list["servers"].as_array().unwrap();
        servers.iter().find(|server| server["serverType"] == "gate").unwrap()["clients"].clone()
    };
    for flags in [&[][..], &["--config", "../b/config"]] {
        let report: Value = serde_json::from_str(&home.printed("a", &[&robots, flags].concat())).unwrap();
        assert_eq!(report["plan"]["gate"], gate_of("a", flags), "{flags:?}");
    }
    assert!(home.refused("empty", &robots).contains("several clusters run"));
    let both = ["robots", "--gate", "127.0.0.1:1", "--config", "config"];
    assert!(home.refused("a", &both).contains("--config cannot be used with robots --gate"));
    home.printed("b", &["kill", "gate-server-1"]);
    assert!(home.refused("b", &robots).contains("no gate is up in "));
    // Without a running cluster, the gate's address is taken from the configuration.
    home.printed("b", &["stop"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let servers = crate::support::servers_json(1, 1);
    let (head, gate) = servers.split_at(servers.find("gate-server-1").unwrap());
    let gate = gate.replacen(r#""clientPort":0"#, &format!(r#""clientPort":{port}"#), 1);
    fs::write(home.config("b").join("servers.json"), format!("{head}{gate}")).unwrap();
    let unheard = home.refused("b", &robots);
    assert!(unheard.contains(&format!("127.0.0.1:{port}")), "{unheard}");
}

#[test]
fn flags_that_would_be_ignored_are_refused() {
    let home = Home::new();
    for (words, expected) in [
        (&["experiment", "list", "--config", "x"][..], "--config cannot be used with experiment"),
        (&["--config", "x", "experiment", "list"], "--config cannot be used with experiment"),
        (&["experiment", "--env", "x", "schema"], "--env cannot be used with experiment"),
        (
            &["dispatch", "chat", "k", "--servers", "3", "--config", "x"],
            "--config cannot be used with dispatch",
        ),
        (&["explain", "--uid", "a", "--rid", "b", "--port-offset", "1"], "add --live"),
        (&["list", "--port-offset", "1", "--admin-file", "x"], "cannot be used with"),
        (&["serve", "--port-offset", "1", "--ports", "any"], "cannot be used with"),
    ] {
        let error = home.refused("a", words);
        assert!(error.contains(expected), "{words:?}: {error}");
    }
}

#[test]
fn ports_are_shifted_or_any() {
    let text = r#"{"gate": [{"id": "g", "host": "::", "port": 0, "clientPort": 3014, "frontend": true}],
        "chat": [{"id": "c", "host": "127.0.0.1", "port": 6050}, {"id": "d", "host": "127.0.0.1"}]}"#;
    let spec = ClusterSpec::from_json(text, "development", "servers.json".as_ref()).unwrap();
    let ports = |spec: ClusterSpec| -> Vec<(Option<u16>, Option<u16>)> {
        spec.servers.iter().map(|server| (server.port, server.client_port)).collect()
    };
    let moved = |to| spec.clone().with_ports(to).map(ports);
    assert_eq!(moved(Ports::default()).unwrap(), ports(spec.clone()));
    let shifted = [(Some(0), Some(3114)), (Some(6150), None), (None, None)];
    assert_eq!(moved(Ports::Offset(100)).unwrap(), shifted);
    assert_eq!(moved(Ports::Any).unwrap(), [(Some(0), Some(0)), (Some(0), None), (None, None)]);
    assert_eq!(moved(Ports::Offset(59_485)).unwrap()[1].0, Some(65_535));
    let error = moved(Ports::Offset(59_486)).unwrap_err();
    assert!(matches!(&error, ConfigError::PortTooHigh { id, port: 6050, .. } if id == "c"), "{error}");
}

/// A cluster that runs according to its file.
fn running(config: &str, env: &str, ports: Ports) -> Running {
    let identity = Identity::new(config.as_ref(), env, ports);
    let told = credentials(identity.clone(), "127.0.0.1:1".parse().unwrap(), &Token::random().unwrap());
    Running { path: identity.file_name(7).into(), credentials: told }
}

#[test]
fn an_aim_takes_what_fits_and_never_another() {
    let (a, b, any, shifted) = ("/no/a", "/no/b", Ports::Any, Ports::Offset(5));
    let all = [
        running(a, "development", Ports::default()),
        running(a, "development", shifted),
        running(b, "development", any),
        running(b, "production", Ports::default()),
    ];
    let chosen = |aim: Aim, of: &[usize]| {
        let chosen = aim.choose(of.iter().map(|at| all[*at].clone()).collect()).ok()?;
        all.iter().position(|running| *running == chosen)
    };
    let aim = |config: &str, env: &str| Aim::new(Some(config.as_ref()), Some(env), None);
    assert_eq!(chosen(aim(a, "development"), &[0, 1, 2, 3]), Some(0));
    assert_eq!(chosen(aim(a, "development"), &[1, 2, 3]), None, "a shifted one must be named");
    assert_eq!(chosen(aim(b, "development"), &[0, 1, 2, 3]), Some(2));
    assert_eq!(chosen(aim(b, "production"), &[0, 1, 2]), None);
    assert_eq!(chosen(Aim::new(Some(a.as_ref()), Some("development"), Some(shifted)), &[0, 1]), Some(1));
    assert_eq!(chosen(Aim::new(None, None, Some(shifted)), &[0, 1, 2]), Some(1));
    assert_eq!(chosen(Aim::default(), &[1]), Some(1), "the only one");
    assert_eq!(chosen(Aim::default(), &[0, 1]), None);
    assert_eq!(chosen(Aim::new(None, Some("production"), None), &[0, 3]), Some(3));
    let names: std::collections::BTreeSet<_> = all.iter().map(|running| &running.path).collect();
    assert_eq!(names.len(), 4, "each has a file of its own");
    assert_ne!(all[2].credentials.identity.file_name(8), all[2].credentials.identity.file_name(9));
}

#[test]
fn files_of_the_dead_are_cleaned_and_those_of_others_left() {
    let directory = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let write = |name: &str, told: &Credentials| {
        let path = directory.path().join(name);
        // The file of a killed process remains.
        std::mem::forget(pomelo_sim::admin::AdminFile::create(&path, told).unwrap());
        path
    };
    let told = Running::clone(&running("/no/a", "development", Ports::default())).credentials;
    let alive = write("alive.json", &Credentials { address: listener.local_addr().unwrap(), ..told.clone() });
    let dead = write("dead.json", &Credentials { address: closed, ..told.clone() });
    let gone =
        write("gone.json", &Credentials { address: listener.local_addr().unwrap(), pid: u32::MAX, ..told });
    let foreign = directory.path().join("foreign.json");
    fs::write(&foreign, "{}").unwrap();
    let found = Running::all_in(directory.path()).unwrap();
    assert!(found.iter().any(|running| running.path == alive));
    assert!(alive.exists() && foreign.exists() && !dead.exists());
    if fs::metadata("/proc/self").is_ok() {
        assert!(!gone.exists() && found.len() == 1);
    }
    assert_eq!(Running::all_in(&directory.path().join("none")).unwrap(), []);
}
