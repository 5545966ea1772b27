//! A cluster in separate processes: the original Pomelo of `benches/pomelo`, or ours, both with the
//! same configuration.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, node};

/// The implementation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// npm `pomelo`: a master, and a process for each server.
    Original,
    /// The same with `TCP_NODELAY` on all of its sockets, which it does not set by itself.
    OriginalNoDelay,
    /// `pomelo-sim serve`: one process.
    Ours,
}

/// `config/servers.json` and `config/master.json` of this repository with ports that were free, in
/// a folder that is a Pomelo application too.
pub struct Application {
    folder: TempDir,
    /// The gate's client port.
    pub gate: SocketAddr,
    /// Every port that the original opens for clients and other servers.
    ports: Vec<u16>,
    /// The ports that ours opens: it needs none between servers.
    client_ports: Vec<u16>,
}

impl Application {
    /// Writes the configuration without starting anything.
    pub fn new() -> Result<Self, String> {
        let folder = TempDir::new().map_err(text)?;
        let config = folder.path().join("config");
        fs::create_dir(&config).map_err(text)?;
        std::os::unix::fs::symlink(original_folder().join("app"), folder.path().join("app")).map_err(text)?;
        fs::copy(original_folder().join("config/log4js.json"), config.join("log4js.json")).map_err(text)?;
        let (mut servers, mut master) = (shipped("servers.json")?, shipped("master.json")?);
        let mut application = Self { folder, gate: address(0), ports: Vec::new(), client_ports: Vec::new() };
        let mut free = free_ports()?;
        let mut take = |port: &mut Value| -> Result<u16, String> {
            let taken = free.next().ok_or("no port is free")?;
            *port = json!(taken);
            Ok(taken)
        };
        for (server_type, list) in servers.as_object_mut().into_iter().flatten() {
            for server in list.as_array_mut().into_iter().flatten() {
                if let Some(port) = server.get_mut("port") {
                    application.ports.push(take(port)?);
                }
                if let Some(port) = server.get_mut("clientPort") {
                    let port = take(port)?;
                    application.ports.push(port);
                    application.client_ports.push(port);
                    if server_type == "gate" {
                        application.gate = address(port);
                    }
                }
            }
        }
        take(&mut master["port"])?;
        fs::write(config.join("servers.json"), json!({ "development": servers }).to_string())
            .map_err(text)?;
        fs::write(config.join("master.json"), json!({ "development": master }).to_string()).map_err(text)?;
        Ok(application)
    }

    /// Starts it and waits until clients can log in.
    pub fn start(&self, whose: Whose) -> Result<Processes, String> {
        let command = match whose {
            Whose::Original | Whose::OriginalNoDelay => {
                let mut command = original_command().map_err(|node::Missing(what)| what)?;
                command.arg("env=development").env("POMELO_BASE", self.folder.path());
                if whose == Whose::OriginalNoDelay {
                    command.env("POMELO_NODELAY", "1");
                }
                command
            }
            Whose::Ours => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
                command
                    .args(["serve", "--admin", "off", "--console", "off", "--config"])
                    .arg(self.folder.path().join("config"));
                command
            }
        };
        let mut processes = Processes::spawn(command, whose, self.folder.path())?;
        let ports = if whose == Whose::Ours { &self.client_ports } else { &self.ports };
        for port in ports {
            processes.wait_for(&format!("port {port}"), || TcpStream::connect(address(*port)).is_ok())?;
        }
        processes.start = processes.began.elapsed();
        processes.wait_until_ready()?;
        Ok(processes)
    }
}

/// Killed when this is dropped.
pub struct Processes {
    first: Child,
    whose: Whose,
    began: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
    /// From exec to the last open port.
    pub start: Duration,
    /// From exec until every server reports that all have started.
    pub ready: Duration,
    /// The processes that handle clients' messages.
    pub servers: Vec<u32>,
    /// The original's master, which handles no messages.
    pub master: Option<u32>,
}

impl Processes {
    fn spawn(mut command: Command, whose: Whose, folder: &Path) -> Result<Self, String> {
        let (stdout, stderr) = (folder.join("stdout"), folder.join("stderr"));
        let output = File::create(&stdout).map_err(text)?;
        let errors = File::create(&stderr).map_err(text)?;
        // The original ends when its standard input closes, even if this process is killed.
        command
            .env_remove("NODE_ENV")
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors);
        let began = Instant::now();
        let first = command.spawn().map_err(text)?;
        let (start, ready) = (Duration::ZERO, Duration::ZERO);
        Ok(Self { first, whose, began, stdout, stderr, start, ready, servers: Vec::new(), master: None })
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let said = if self.whose == Whose::Ours { "Ctrl-C" } else { "all servers started" };
        let stdout = self.stdout.clone();
        self.wait_for(said, || fs::read_to_string(&stdout).is_ok_and(|output| output.contains(said)))?;
        self.ready = self.began.elapsed();
        let id = self.first.id();
        match self.whose {
            Whose::Ours => self.servers = vec![id],
            Whose::Original | Whose::OriginalNoDelay => {
                self.master = Some(id);
                self.servers = children(id)?;
            }
        }
        Ok(())
    }

    fn wait_for(&mut self, what: &str, mut there: impl FnMut() -> bool) -> Result<(), String> {
        while !there() {
            if let Some(status) = self.first.try_wait().map_err(text)? {
                return Err(format!("{:?} ended with {status}: {}", self.whose, self.said()));
            }
            if self.began.elapsed() > PATIENCE {
                let said = self.said();
                return Err(format!("{:?}: waited {PATIENCE:?} in vain for {what}: {said}", self.whose));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Its output.
    fn said(&self) -> String {
        [&self.stdout, &self.stderr].map(|file| fs::read_to_string(file).unwrap_or_default()).concat()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if self.whose == Whose::Ours {
            let _ = self.first.kill();
        }
        drop(self.first.stdin.take());
        let _ = self.first.wait();
        let began = Instant::now();
        while self.servers.iter().any(|id| is_running(*id)) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Child processes of a process, on Linux.
fn children(id: u32) -> Result<Vec<u32>, String> {
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).map_err(text)?;
    Ok(list.split_whitespace().filter_map(|id| id.parse().ok()).collect())
}

fn is_running(id: u32) -> bool {
    fs::exists(format!("/proc/{id}")).unwrap_or(false)
}

/// The original, without its arguments.
pub fn original_command() -> Result<Command, node::Missing> {
    node::command_in(&original_folder(), "app.js")
}

fn original_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join("pomelo")
}

/// The development environment of a file in `config`.
fn shipped(name: &str) -> Result<Value, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    let file = fs::read(path).map_err(text)?;
    let mut file: Value = serde_json::from_slice(&file).map_err(text)?;
    Ok(file["development"].take())
}

/// Ports that were free just now, outside the range that the system assigns to clients: the servers
/// open them only a second later.
fn free_ports() -> Result<impl Iterator<Item = u16>, String> {
    let begin = 10_000 + (getrandom::u32().map_err(text)? % 20_000) as u16;
    Ok((begin..begin + 2000).filter(|port| TcpListener::bind(address(*port)).is_ok()))
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
