//! A cluster with a real admin port and a real admin file.

use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use pomelo_sim::admin::{AdminFile, Credentials, Identity, Token};
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, Ports, ServerSpec};
use pomelo_sim::console::Door;
use pomelo_sim::live::ServerState;
use tempfile::TempDir;

use super::client::{Client, Transport};
use super::console::ConsoleWorld;

/// The tutorial's cluster, its admin port, and a directory with its configuration and the file.
pub struct AdminWorld {
    pub port: ConsoleWorld,
    pub file: AdminFile,
    pub directory: TempDir,
}

impl Deref for AdminWorld {
    type Target = ConsoleWorld;

    fn deref(&self) -> &ConsoleWorld {
        &self.port
    }
}

impl DerefMut for AdminWorld {
    fn deref_mut(&mut self) -> &mut ConsoleWorld {
        &mut self.port
    }
}

impl AdminWorld {
    pub fn start() -> Self {
        Self::of(|cluster| cluster)
    }

    /// The same with a customised cluster, such as other server types.
    pub fn of(change: fn(Cluster) -> Cluster) -> Self {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("servers.json");
        fs::write(&config, super::servers_json(3, 3)).unwrap();
        let spec = ClusterSpec::load(&config, "development").unwrap();
        let port = ConsoleWorld::at(change(Cluster::from_spec(spec)), Door::admin);
        let identity = Identity::new(&config, "development", Ports::default());
        let path = private_directory(&directory, "run").join("admin.json");
        let file = AdminFile::create(&path, &credentials(identity, port.address, &port.token)).unwrap();
        Self { port, file, directory }
    }

    pub fn state(&self, id: &str) -> Option<ServerState> {
        let servers = self.cluster().list().unwrap();
        servers.into_iter().find(|server| server.id.as_str() == id).map(|server| server.state)
    }

    pub fn server(&self, id: &str) -> Option<ServerSpec> {
        self.cluster().servers().map(|(server, _)| server).find(|server| server.id.as_str() == id)
    }

    /// Logs a user in at the first connector.
    pub fn enter(&self, name: &str, rid: &str) -> Client {
        let connector = self.cluster().address("connector-server-1").unwrap();
        Client::enter(connector, Transport::Tcp, name, rid)
    }

    /// Writes a file next to the admin file's directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// The admin file's contents for a cluster of this process.
pub fn credentials(identity: Identity, address: SocketAddr, token: &Token) -> Credentials {
    let (token, pid) = (token.clone(), std::process::id());
    Credentials { identity, address, token, pid, gate: None, console: None }
}

/// A directory that only its user can access.
pub fn private_directory(parent: &TempDir, name: &str) -> PathBuf {
    let path = parent.path().join(name);
    DirBuilder::new().mode(0o700).create(&path).unwrap();
    path
}
