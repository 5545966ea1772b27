//! The checked configuration, as the rest of the program sees it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::{ConfigError, Spot, Unserved};
use super::files;
use super::warning::Warning;
use crate::ids::{ServerId, ServerType};
use crate::nearest::nearest;

/// A cluster, as its configuration describes it: at most [`MAX_SERVERS`](super::MAX_SERVERS)
/// servers. No two servers share an id, and each frontend has a client port.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// The requested environment, such as `development`.
    pub env: String,
    /// The `servers.json` that was read.
    pub source: PathBuf,
    /// All servers: types in the order of the file, servers of a type in the order of the file,
    /// `clusterCount` written out. This is the order of a type's dispatch list.
    pub servers: Vec<ServerSpec>,
    /// From `master.json`, if it exists.
    pub master: Option<MasterSpec>,
    /// The push routes of `dictionary.json`, if it exists.
    pub dictionary: Option<Vec<String>>,
    /// `serverProtos.json` and `clientProtos.json`, if either exists.
    pub protos: Option<ProtoFiles>,
    /// Errors in the files that Pomelo tolerates, and the values used instead. Part of
    /// [`warnings`](Self::warnings).
    #[serde(skip)]
    pub notes: Vec<Warning>,
    /// The places in the files of the ports that are listened on.
    #[serde(skip)]
    pub places: HashMap<ServerId, Spot>,
}

/// One server. Serializes with the names of `servers.json`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerSpec {
    /// Unique in the cluster.
    pub id: ServerId,
    /// The key of its list.
    pub server_type: ServerType,
    /// Where it listens: a name or an address.
    pub host: String,
    /// Pomelo's port between servers. Nothing listens on it here; it is checked and shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// The port for clients, 0 for any that is free. Always set on a frontend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_port: Option<u16>,
    /// The host that the gate hands out instead of `host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_host: Option<String>,
    /// Most clients at a time. 0 means unbounded, as in Pomelo.
    #[serde(rename = "max-connections", skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// Its share relative to the others of its type, for dispatch strategies that use weights; 1 by
    /// default. An extension to Pomelo.
    #[serde(skip_serializing_if = "is_usual")]
    pub weight: f64,
    /// Fields without a meaning here, as in the file (`++` counted up). `clusterCount` is among
    /// them.
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

/// Pomelo's protobuf definitions, in the order of the files: the version that clients compare is a
/// hash over them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProtoFiles {
    /// Server to client: `serverProtos.json`, an object; empty when there is no such file.
    pub server: Value,
    /// Client to server: `clientProtos.json`, an object; empty when there is no such file.
    pub client: Value,
}

impl ClusterSpec {
    /// Reads a configuration. `path` is a `servers.json`, or a directory that holds `servers.json`
    /// or `<env>/servers.json`, itself or in its `config` or `game-server/config`, where Pomelo's
    /// projects have it. Its neighbours (`master.json`, `dictionary.json`, `serverProtos.json`,
    /// `clientProtos.json`) are looked for in the same two places. As in Pomelo a file's `env` key
    /// is taken if there is one, else the whole file. [`TUTORIAL`](super::TUTORIAL) is a path too.
    ///
    /// Whatever Pomelo works with is taken: see [`notes`](Self::notes).
    ///
    /// # Errors
    /// The first thing that is wrong: see [`ConfigError`].
    pub fn load(path: &Path, env: &str) -> Result<Self, ConfigError> {
        files::load(path, env)
    }

    /// The `servers.json` that [`load`](Self::load) reads, without a look into it. Where there is
    /// none, the first place in which it may be.
    pub fn source_of(path: &Path, env: &str) -> PathBuf {
        files::source_of(path, env)
    }

    /// The path that is read when none is given: the directory `config` or, where it has no
    /// `servers.json` of any environment, [the tutorial's](super::TUTORIAL).
    pub fn default_path() -> &'static Path {
        files::default_path()
    }

    /// As [`load`](Self::load), from the text of a `servers.json` that is in no file; `source` is
    /// what errors call it.
    ///
    /// # Errors
    /// The first thing that is wrong: see [`ConfigError`].
    pub fn from_json(text: &str, env: &str, source: &Path) -> Result<Self, ConfigError> {
        files::from_json(text, env, source)
    }

    /// Whether it is the configuration that comes with the program.
    pub fn is_tutorial(&self) -> bool {
        self.source == Path::new(files::TUTORIAL)
    }

    /// Holds the configuration against the server types that code serves.
    ///
    /// # Errors
    /// Servers have other types; the error names them, and the types that are served.
    pub fn check_types(&self, served: &[&str]) -> Result<(), ConfigError> {
        let unserved = self.server_types().filter(|known| !served.contains(&known.as_str()));
        let types: Vec<Unserved> =
            unserved.map(|known| Unserved::new(known, self.of_type(known.as_str()), served)).collect();
        if types.is_empty() {
            return Ok(());
        }
        let served = served.iter().map(ToString::to_string).collect();
        Err(ConfigError::UnservedTypes { types, file: self.source.clone(), served })
    }

    /// The distinct server types, in the order of the file. A type whose list is empty is not among
    /// them.
    pub fn server_types(&self) -> impl Iterator<Item = &ServerType> {
        let mut seen = HashSet::new();
        self.servers.iter().map(|server| &server.server_type).filter(move |known| seen.insert(*known))
    }

    /// The servers of a type, in the order of its dispatch list.
    pub fn of_type(&self, server_type: &str) -> impl Iterator<Item = &ServerSpec> {
        self.servers.iter().filter(move |server| server.server_type.as_str() == server_type)
    }
}

impl Unserved {
    fn new<'a>(
        server_type: &ServerType,
        servers: impl IntoIterator<Item = &'a ServerSpec>,
        served: &[&str],
    ) -> Self {
        let nearest = nearest(server_type.as_str(), served.iter().copied()).map(str::to_owned);
        Self { server_type: server_type.to_string(), servers: some_ids(servers), nearest }
    }
}

impl ConfigError {
    /// A server whose type has no code.
    pub(crate) fn unserved(server: &ServerSpec, served: &[&str]) -> Self {
        let unserved = Unserved::new(&server.server_type, [server], served);
        ConfigError::UnservedType { unserved, served: served.iter().map(ToString::to_string).collect() }
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
pub(crate) fn some_ids<'a>(servers: impl IntoIterator<Item = &'a ServerSpec>) -> String {
    const SHOWN: usize = 3;
    let ids: Vec<&str> = servers.into_iter().map(|server| server.id.as_str()).collect();
    match ids.len() {
        0..=SHOWN => ids.join(", "),
        all => format!("{} and {} more", ids[..SHOWN].join(", "), all - SHOWN),
    }
}
