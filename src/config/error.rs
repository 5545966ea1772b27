//! Errors of a configuration: each names the file, the place, the expected value and the actual
//! one.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::ports::Ports;
use crate::nearest::did_you_mean;
use crate::wire::ProtoError;

/// A place in a file, or a source without lines. Prints as `config/servers.json:5:48`, or `the
/// command line`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, as it was named to [`ClusterSpec::load`](super::ClusterSpec::load); or the name of
    /// another source.
    pub file: Arc<Path>,
    /// Where in the file.
    pub position: Option<Position>,
}

/// A character of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Line, from 1.
    pub line: NonZeroU32,
    /// Column in characters, from 1.
    pub column: NonZeroU32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.position.map_or(Ok(()), |Position { line, column }| write!(f, ":{line}:{column}"))
    }
}

/// A value of a file: its JSON path and where it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spot {
    /// Such as `development.connector[1].port`; empty for the whole file.
    pub path: Box<str>,
    /// Where the value starts.
    pub place: Place,
}

/// The first error of a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is in none of the places where it may be.
    #[error("no servers.json: looked for {}; {WHAT_CONFIG_IS}", list(tried, " and "))]
    NotFound {
        /// The files that were looked for.
        tried: Vec<PathBuf>,
    },
    /// The given path does not exist.
    #[error("no servers.json: {} does not exist; {WHAT_CONFIG_IS}", path.display())]
    NoSuchPath {
        /// What was given.
        path: PathBuf,
    },
    /// The file exists, but cannot be read.
    #[error("{}: cannot be read: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{}: larger than {most_bytes} bytes, the most that is read", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The bound, in bytes.
        most_bytes: u64,
    },
    /// The file is not UTF-8 text.
    #[error("not UTF-8 text at {at}")]
    NotText {
        /// Where the first wrong byte is.
        at: Place,
    },
    /// The file is not JSON.
    #[error("not JSON: {reason}, met {met}, at {at}")]
    NotJson {
        /// What the parser expected.
        reason: String,
        /// What stands there instead.
        met: String,
        /// Where.
        at: Place,
    },
    /// A key twice in one object: JSON readers, Pomelo's too, would silently drop the first.
    #[error("{}: the key occurs twice in one object, at {} and again at {again}", first.path, first.place)]
    DuplicateKey {
        /// The key's path, and its first place.
        first: Spot,
        /// Its second place.
        again: Place,
    },
    /// A value that its key does not allow.
    #[error("{}invalid value: {met}, expected {expected}, at {}", prefix(&at.path), at.place)]
    Invalid {
        /// What the file says.
        met: String,
        /// What it may say.
        expected: String,
        /// The value.
        at: Spot,
    },
    /// A field that must be there.
    #[error(
        "{}missing {field:?}, {why}, at {}{}",
        prefix(&at.path), at.place, did_you_mean_field(similar.as_deref())
    )]
    Missing {
        /// The field.
        field: &'static str,
        /// What it is for.
        why: &'static str,
        /// A field of the same object that may be a misspelling of it.
        similar: Option<String>,
        /// The object that lacks it.
        at: Spot,
    },
    /// Two servers with one id, or the master and a server.
    #[error("duplicate id {id:?}: {} at {}, first {} at {}", second.path, second.place, first.path, first.place)]
    DuplicateId {
        /// The id.
        id: String,
        /// Its first use.
        first: Spot,
        /// Its second use.
        second: Spot,
    },
    /// The same port of the same host is used twice.
    #[error(
        "address {address} is used twice: {} at {}, {}{}",
        second.path, second.place, first_use(first, second), covering(*wildcard)
    )]
    DuplicateAddress {
        /// `host:port`.
        address: Box<str>,
        /// `0.0.0.0` or `::`, if exactly one of the two is that.
        wildcard: Option<&'static str>,
        /// The field that has it first.
        first: Spot,
        /// The field that has it again.
        second: Spot,
    },
    /// A port shifted beyond 65535.
    #[error("{id}: port {port} with --port-offset is over 65535, the highest port ({ports})")]
    PortTooHigh {
        /// Whose.
        id: String,
        /// As configured.
        port: u16,
        /// The shift.
        ports: Ports,
    },
    /// More servers than one process is meant for.
    #[error("{}: more than {most} servers in all, at {}", at.path, at.place)]
    TooManyServers {
        /// The bound.
        most: usize,
        /// The entry that passes it.
        at: Spot,
    },
    /// The file has environments, but not the requested one.
    #[error("unknown environment {wanted:?}: {} has {}", file.display(), names(known))]
    UnknownEnvironment {
        /// The requested environment.
        wanted: String,
        /// Those that the file has.
        known: Vec<String>,
        /// The file.
        file: PathBuf,
    },
    /// The environment has no servers.
    #[error("{}no servers, at {}; expected server types such as {A_GATE}", prefix(&at.path), at.place)]
    NoServers {
        /// The servers of the environment.
        at: Spot,
    },
    /// A message definition that cannot be served.
    #[error("{error}, at {}", at.place)]
    Proto {
        /// What is wrong.
        error: ProtoError,
        /// The definition.
        at: Spot,
    },
    /// Server types that no code serves.
    #[error(
        "no code serves {}; types that are served: {}; --without {} leaves {} out{}",
        unserved(types, file), served.join(", "), shell_words(types), them(types),
        did_you_mean(types.iter().find_map(|unserved| unserved.nearest.as_deref()))
    )]
    UnservedTypes {
        /// The types.
        types: Vec<Unserved>,
        /// The file.
        file: PathBuf,
        /// The types that code serves.
        served: Vec<String>,
    },
    /// The type of a server to be added, which no code serves.
    #[error(
        "no code serves the server type {:?} ({}); types that are served: {}{}",
        unserved.server_type, unserved.servers, served.join(", "), did_you_mean(unserved.nearest.as_deref())
    )]
    UnservedType {
        /// The type.
        unserved: Unserved,
        /// The types that code serves.
        served: Vec<String>,
    },
}

/// A server type that no code serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unserved {
    /// Its name.
    pub server_type: String,
    /// Its servers, in words.
    pub servers: String,
    /// The served type that was probably meant.
    pub nearest: Option<String>,
}

fn unserved(types: &[Unserved], file: &Path) -> String {
    let file = file.display();
    match types {
        [only] => format!("the server type {:?} ({} in {file})", only.server_type, only.servers),
        _ => {
            let one = |unserved: &Unserved| format!("{:?} ({})", unserved.server_type, unserved.servers);
            format!("the server types {} in {file}", types.iter().map(one).collect::<Vec<_>>().join(", "))
        }
    }
}

fn them(types: &[Unserved]) -> &'static str {
    if types.len() == 1 { "it" } else { "them" }
}

/// The names of types, quoted for a shell.
fn shell_words(types: &[Unserved]) -> String {
    let quoted = |unserved: &Unserved| {
        let name = &unserved.server_type;
        let plain = name.chars().all(|c| c.is_alphanumeric() || "-_.@".contains(c));
        if plain { name.clone() } else { format!("'{}'", name.replace('\'', r"'\''")) }
    };
    types.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

const WHAT_CONFIG_IS: &str = "--config names the directory that holds it, or the file itself";

const A_GATE: &str = "\"gate\": [{\"id\": \"gate-server-1\", \"host\": \"127.0.0.1\", \"clientPort\": 3014, \"frontend\": true}]";

fn list(paths: &[PathBuf], separator: &str) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(separator)
}

/// Keys of a file, which may be any text, escaped into one line.
fn names(keys: &[String]) -> String {
    keys.iter().map(|key| key.escape_debug().to_string()).collect::<Vec<_>>().join(", ")
}

fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// Two uses at the same place can only be servers of one `clusterCount`.
fn first_use(first: &Spot, second: &Spot) -> String {
    if first == second {
        return "by servers of one clusterCount; write it as text with ++ at its end, to count up".to_owned();
    }
    format!("first {} at {}", first.path, first.place)
}

fn covering(wildcard: Option<&str>) -> String {
    wildcard.map(|host| format!("; {host} is every address of the machine")).unwrap_or_default()
}

fn did_you_mean_field(similar: Option<&str>) -> String {
    similar.map(|similar| format!("; is {similar:?} meant to be it?")).unwrap_or_default()
}
