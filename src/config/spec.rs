//! The checked configuration: what the rest of the program knows of a cluster.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::ConfigError;
use super::node::Document;
use super::raw::environment;
use super::{check, files};
use crate::ids::{ServerId, ServerType};
use crate::nearest::nearest;

/// A cluster, as its configuration describes it: at most [`MAX_SERVERS`](super::MAX_SERVERS) servers. No two servers
/// share an id or an address, each frontend has a client port, and there is a gate.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// The environment that was asked for, such as `development`.
    pub env: String,
    /// The `servers.json` that was read.
    pub source: PathBuf,
    /// All servers: types in the order of the file, servers of a type in the order of the file, `clusterCount` written
    /// out. This is the order of a type's dispatch list.
    pub servers: Vec<ServerSpec>,
    /// From `master.json`, when there is one.
    pub master: Option<MasterSpec>,
    /// The push routes of `dictionary.json`, when there is one.
    pub dictionary: Option<Vec<String>>,
    /// `serverProtos.json` and `clientProtos.json`, when there is one of them.
    pub protos: Option<ProtoFiles>,
}

/// One server. Serializes with the names of `servers.json`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerSpec {
    /// Unique in the cluster.
    pub id: ServerId,
    /// The key of the list that it stands in.
    pub server_type: ServerType,
    /// Where it listens: a name or an address.
    pub host: String,
    /// Pomelo's port between servers. Nothing listens on it here; it is checked and shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// The port for clients, 0 for any that is free. Always there on a frontend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_port: Option<u16>,
    /// What the gate hands out in place of `host`, when set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_host: Option<String>,
    /// Most clients at a time, when bounded. Pomelo takes 0 as unbounded, and so does this.
    #[serde(rename = "max-connections", skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// Its share beside the others of its type, for dispatch strategies that heed it; 1 when it has none. Not Pomelo's.
    #[serde(skip_serializing_if = "is_usual")]
    pub weight: f64,
    /// Every field that has no meaning here, as it stands in the file (`++` counted up). `clusterCount` is among them.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The master of `master.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MasterSpec {
    /// Its id, different from that of every server.
    pub id: ServerId,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Pomelo's protobuf definitions, in the order of the files: the version that clients compare is a hash over them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProtoFiles {
    /// Server to client: `serverProtos.json`, an object; empty when there is no such file.
    pub server: Value,
    /// Client to server: `clientProtos.json`, an object; empty when there is no such file.
    pub client: Value,
}

impl ClusterSpec {
    /// Reads a configuration. `path` is a directory that holds `servers.json` or `<env>/servers.json`, or a
    /// `servers.json` itself; its neighbours (`master.json`, `dictionary.json`, `serverProtos.json`,
    /// `clientProtos.json`) are looked for in the same two places. As in Pomelo a file's `env` key is taken if there
    /// is one, else the whole file.
    ///
    /// # Errors
    /// The first thing that is wrong: see [`ConfigError`].
    pub fn load(path: &Path, env: &str) -> Result<Self, ConfigError> {
        files::load(path, env)
    }

    /// The `servers.json` that [`load`](Self::load) reads, without a look into it. Where there is none, the first place in which
    /// it may be.
    pub fn source_of(path: &Path, env: &str) -> PathBuf {
        files::source_of(path, env)
    }

    /// As [`load`](Self::load), from the text of a `servers.json` that is in no file; `source` is what errors call it.
    ///
    /// # Errors
    /// The first thing that is wrong: see [`ConfigError`].
    pub fn from_json(text: &str, env: &str, source: &Path) -> Result<Self, ConfigError> {
        let document = Document::new(source, text);
        let (servers, master) = check::cluster(&environment(document.root()?, env)?, None)?;
        let (env, source) = (env.to_owned(), source.to_path_buf());
        Ok(Self { env, source, servers, master, dictionary: None, protos: None })
    }

    /// Holds the configuration against the server types that code serves.
    ///
    /// # Errors
    /// A server has another type; the error names it, and the types that are served.
    pub fn check_types(&self, served: &[&str]) -> Result<(), ConfigError> {
        let Some(unserved) = self.server_types().find(|known| !served.contains(&known.as_str())) else {
            return Ok(());
        };
        Err(ConfigError::UnservedType {
            server_type: unserved.to_string(),
            servers: some_ids(self.of_type(unserved.as_str())),
            file: self.source.clone(),
            served: served.iter().map(ToString::to_string).collect(),
            nearest: nearest(unserved.as_str(), served.iter().copied()).map(str::to_owned),
        })
    }

    /// The distinct server types, in the order of the file. A type whose list is empty is not among them.
    pub fn server_types(&self) -> impl Iterator<Item = &ServerType> {
        let mut seen = HashSet::new();
        self.servers.iter().map(|server| &server.server_type).filter(move |known| seen.insert(*known))
    }

    /// The servers of a type, in the order of its dispatch list.
    pub fn of_type(&self, server_type: &str) -> impl Iterator<Item = &ServerSpec> {
        self.servers.iter().filter(move |server| server.server_type.as_str() == server_type)
    }
}

impl ConfigError {
    /// A server whose type has no code.
    pub(crate) fn unserved(server: &ServerSpec, served: &[&str]) -> Self {
        ConfigError::UnservedType {
            server_type: server.server_type.to_string(),
            servers: server.id.to_string(),
            file: PathBuf::from("the new server"),
            served: served.iter().map(ToString::to_string).collect(),
            nearest: nearest(server.server_type.as_str(), served.iter().copied()).map(str::to_owned),
        }
    }
}

impl ServerSpec {
    /// The host that clients are told: `clientHost` if set, else `host`.
    pub fn advertised_host(&self) -> &str {
        self.client_host.as_deref().unwrap_or(&self.host)
    }
}

fn is_usual(weight: &f64) -> bool {
    *weight == 1.0
}

/// The ids of some servers, in words: not all of thousands.
pub(super) fn some_ids<'a>(servers: impl IntoIterator<Item = &'a ServerSpec>) -> String {
    const SHOWN: usize = 3;
    let ids: Vec<&str> = servers.into_iter().map(|server| server.id.as_str()).collect();
    match ids.len() {
        0..=SHOWN => ids.join(", "),
        all => format!("{} and {} more", ids[..SHOWN].join(", "), all - SHOWN),
    }
}
