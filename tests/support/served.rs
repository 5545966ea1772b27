//! The serving binary in a private directory, and the commands that find it there.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;

/// A directory with the tutorial's servers on free ports, a `master.json`, and the binary that
/// serves it.
pub struct World {
    pub directory: TempDir,
    pub serve: Option<Serve>,
}

/// Killed at the end of its test.
pub struct Serve {
    pub process: Child,
    _lines: Receiver<String>,
    banner: String,
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Serve {
    /// Started, with its banner printed.
    pub fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        // Keep reading to the end: the binary must not get a closed pipe.
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        let mut serve = Serve { process, _lines: lines, banner: String::new() };
        while !serve.banner.contains("Ctrl-C") {
            let line = serve._lines.recv_timeout(PATIENCE);
            serve.banner += &(line.unwrap_or_else(|_| panic!("no banner: {}", serve.banner)) + "\n");
        }
        serve
    }

    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// Tells it to stop, as `kill` does.
    pub fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it still runs");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl World {
    /// Not served yet. The listener reserves the port while it lives.
    pub fn new() -> (Self, TcpListener) {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("servers.json"), super::servers_json(3, 3)).unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let master = json!({"id": "master-server-1", "host": "127.0.0.1", "port": port});
        fs::write(directory.path().join("master.json"), master.to_string()).unwrap();
        (Self { directory, serve: None }, taken)
    }

    /// Served with an admin port that is free.
    pub fn served(flags: &[&str]) -> Self {
        let (mut world, _taken) = Self::new();
        world.serve(&[&["--admin", "0"], flags].concat());
        world
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        command.args(arguments).arg("--config").arg(self.directory.path()).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.directory.path()).env_remove("NODE_ENV").env_remove("RUST_LOG");
        command
    }

    pub fn serve(&mut self, flags: &[&str]) {
        // All tests would share the default port.
        let console: &[&str] = if flags.contains(&"--console") { &[] } else { &["--console", "off"] };
        // A client that waits for another command sends no heartbeats, however long that takes.
        let heartbeat: &[&str] = if flags.contains(&"--heartbeat") { &[] } else { &["--heartbeat", "0"] };
        self.serve_at_default(&[console, heartbeat, flags].concat());
    }

    /// With only these flags: the console's port is then the shared default.
    pub fn serve_at_default(&mut self, flags: &[&str]) {
        let arguments = [&["serve"], flags].concat();
        let stderr = File::create(self.directory.path().join("stderr")).unwrap();
        let mut command = self.command(&arguments);
        command.stderr(stderr);
        self.serve = Some(Serve::start(command));
    }

    pub fn banner(&self) -> &str {
        &self.serve.as_ref().unwrap().banner
    }

    /// The admin file by which commands find it: the only one in the runtime directory.
    pub fn file(&self) -> PathBuf {
        let mut files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    /// The admin files of all clusters running here.
    pub fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.directory.path().join("pomelo-sim")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    pub fn printed(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A server in the output of `list`.
    pub fn listed(&self, id: &str) -> Option<Value> {
        let list: Value = serde_json::from_str(&self.printed(&["list", "--json"])).unwrap();
        list["servers"].as_array().unwrap().iter().find(|server| server["id"] == id).cloned()
    }

    pub fn state(&self, id: &str) -> String {
        self.listed(id).unwrap()["state"].as_str().unwrap().to_owned()
    }

    pub fn address(&self, id: &str) -> SocketAddr {
        self.listed(id).unwrap()["clients"].as_str().unwrap().parse().unwrap()
    }

    /// Stops it; its directory is kept.
    pub fn end(mut self) -> TempDir {
        let mut serve = self.serve.take().unwrap();
        serve.terminate();
        assert_eq!(serve.ended().code(), Some(0));
        self.directory
    }
}
