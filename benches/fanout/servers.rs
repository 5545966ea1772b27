//! The servers, each a separate process that is killed when dropped.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pomelo_sim::robots::process::Processes;
use tempfile::TempDir;

use crate::bare::Writes;
use crate::speech::{Bare, Nats, Pomelo, Speech};

const CONNECTORS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(10);

/// The compared servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One write per frame and member.
    Each,
    /// One write per member for all frames that arrived together.
    Coalesced,
    /// pomelo-sim: a gate, three connectors, three chat servers.
    Ours,
    /// nats-server.
    Nats,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Each => "raw, a write per frame",
            Kind::Coalesced => "raw, coalesced",
            Kind::Ours => "pomelo-sim",
            Kind::Nats => "nats-server",
        }
    }

    pub fn speech(self) -> &'static dyn Speech {
        match self {
            Kind::Each | Kind::Coalesced => &Bare,
            Kind::Ours => &Pomelo,
            Kind::Nats => &Nats,
        }
    }
}

/// A running server.
pub struct Server {
    pub kind: Kind,
    pub doors: Vec<SocketAddr>,
    pub cpu: Processes,
    process: Child,
    _directory: Option<TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts a server, and waits until clients can connect. `flags` are for pomelo-sim.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(kind: Kind, flags: &[String]) -> io::Result<Self> {
        match kind {
            Kind::Each => Self::bare(kind, Writes::Each),
            Kind::Coalesced => Self::bare(kind, Writes::Coalesced),
            Kind::Ours => Self::ours(flags),
            Kind::Nats => Self::nats(),
        }
    }

    fn bare(kind: Kind, writes: Writes) -> io::Result<Self> {
        let argument = format!("--bare={writes:?}");
        let mut process =
            Command::new(std::env::current_exe()?).arg(argument).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let door = line.trim().parse().map_err(|_| io::Error::other("the bare server did not start"))?;
        Self::of(kind, vec![door], process, None)
    }

    fn ours(flags: &[String]) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let doors: Vec<SocketAddr> = free_ports(CONNECTORS)?;
        let connectors = doors.iter().enumerate().map(|(n, door)| {
            let port = door.port();
            serde_json::json!({"id": format!("connector-server-{n}"), "host": "127.0.0.1", "clientPort": port, "frontend": true})
        });
        let chats =
            (0..3).map(|n| serde_json::json!({"id": format!("chat-server-{n}"), "host": "127.0.0.1"}));
        let gate = serde_json::json!({"id": "gate-server-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true});
        let servers = serde_json::json!({
            "connector": connectors.collect::<Vec<_>>(), "chat": chats.collect::<Vec<_>>(), "gate": [gate],
        });
        fs::write(directory.path().join("servers.json"), servers.to_string())?;
        let process = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"))
            .args(["serve", "--admin", "off", "--console", "off", "--heartbeat", "0", "--config"])
            .arg(directory.path())
            .args(flags)
            .env_remove("NODE_ENV")
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self::of(Kind::Ours, doors, process, Some(directory))?;
        server.wait()?;
        Ok(server)
    }

    fn nats() -> io::Result<Self> {
        let doors = free_ports(1)?;
        let port = doors[0].port().to_string();
        let process = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self::of(Kind::Nats, doors, process, None)?;
        server.wait()?;
        Ok(server)
    }

    fn of(
        kind: Kind,
        doors: Vec<SocketAddr>,
        process: Child,
        directory: Option<TempDir>,
    ) -> io::Result<Self> {
        let cpu = Processes::new(vec![process.id()])?;
        Ok(Self { kind, doors, cpu, process, _directory: directory })
    }

    fn wait(&self) -> io::Result<()> {
        let began = Instant::now();
        for door in &self.doors {
            while TcpStream::connect(door).is_err() {
                if began.elapsed() > PATIENCE {
                    return Err(io::Error::other(format!("{} did not open {door}", self.kind.name())));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

/// Ports that are free at the moment.
fn free_ports(count: usize) -> io::Result<Vec<SocketAddr>> {
    let taken: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    taken.iter().map(TcpListener::local_addr).collect()
}
