//! Finding and reading the files of a configuration.

use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::check;
use super::error::ConfigError;
use super::node::{Document, Node, place};
use super::raw::{env_or_whole, environment, is_name};
use super::spec::{ClusterSpec, ProtoFiles};

/// Far above any configuration; a wrong path (a log, a device) must not fill the memory.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// [`ClusterSpec::load`].
pub(super) fn load(path: &Path, env: &str) -> Result<ClusterSpec, ConfigError> {
    let (directory, found) = if path.is_dir() {
        (path, find(path, "servers.json", env)?)
    } else {
        (path.parent().unwrap_or(path), read(path)?.map(|text| (path.to_path_buf(), text)))
    };
    let Some((source, servers)) = found else {
        if path.is_dir() {
            return Err(ConfigError::NotFound { tried: places(path, "servers.json", env).into() });
        }
        return Err(ConfigError::NoSuchPath { path: path.to_path_buf() });
    };
    let master = find(directory, "master.json", env)?;

    let servers = Document::new(&source, &servers);
    let servers = environment(servers.root()?, env)?;
    let master = master.as_ref().map(|(file, text)| Document::new(file, text));
    let master = match &master {
        Some(document) => Some(environment(document.root()?, env)?),
        None => None,
    };
    let (servers, master) = check::cluster(&servers, master)?;

    let dictionary = parsed(directory, "dictionary.json", env, dictionary)?;
    let server = parsed(directory, "serverProtos.json", env, protos)?;
    let client = parsed(directory, "clientProtos.json", env, protos)?;
    let none = || Value::Object(Map::new());
    let protos = (server.is_some() || client.is_some())
        .then(|| ProtoFiles { server: server.unwrap_or_else(none), client: client.unwrap_or_else(none) });
    Ok(ClusterSpec { env: env.to_owned(), source, servers, master, dictionary, protos })
}

/// [`ClusterSpec::source_of`].
pub(super) fn source_of(path: &Path, env: &str) -> PathBuf {
    if !path.is_dir() {
        return path.to_path_buf();
    }
    let places = places(path, "servers.json", env);
    places.iter().find(|file| file.exists()).unwrap_or(&places[0]).clone()
}

/// What an optional neighbour says for this environment.
fn parsed<T>(
    directory: &Path,
    name: &str,
    env: &str,
    read: fn(Node<'_>) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    let Some((file, text)) = find(directory, name, env)? else { return Ok(None) };
    let document = Document::new(&file, &text);
    env_or_whole(document.root()?, env).and_then(read).map(Some)
}

/// Push routes: their codes follow from their places in the list, so one that stands twice would have two.
fn dictionary(node: Node<'_>) -> Result<Vec<String>, ConfigError> {
    let mut routes: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for element in node.array("an array of push routes")? {
        match element.value()? {
            Value::String(route) if is_name(&route) && seen.insert(route.clone()) => routes.push(route),
            _ => return Err(element.invalid("a push route such as \"onChat\", each once")),
        }
    }
    Ok(routes)
}

fn protos(node: Node<'_>) -> Result<Value, ConfigError> {
    // Through `object`, which refuses a route that stands twice.
    let mut routes = Map::new();
    for member in node.object("an object of routes, each with its protobuf fields")? {
        if !member.value.is_object() {
            return Err(member.value.invalid("an object of protobuf fields"));
        }
        routes.insert(member.key, member.value.value()?);
    }
    Ok(Value::Object(routes))
}

/// As in Pomelo: `<directory>/<name>` if it exists, else `<directory>/<env>/<name>`.
fn places(directory: &Path, name: &str, env: &str) -> [PathBuf; 2] {
    [directory.join(name), directory.join(env).join(name)]
}

fn find(directory: &Path, name: &str, env: &str) -> Result<Option<(PathBuf, String)>, ConfigError> {
    for file in places(directory, name, env) {
        if let Some(text) = read(&file)? {
            return Ok(Some((file, text)));
        }
    }
    Ok(None)
}

/// The text of a file; `None` when there is none.
fn read(file: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |reason| ConfigError::Unreadable { file: file.to_path_buf(), reason };
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    open.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge { file: file.to_path_buf(), most_bytes: MAX_FILE_BYTES });
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ConfigError::NotText { at: place(Arc::from(file), before) }
    })
}
