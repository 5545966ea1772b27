//! Finding and reading the files of a configuration.

use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::check::{self, Checks};
use super::error::ConfigError;
use super::faults::Faults;
use super::marks::place;
use super::node::{Document, Node};
use super::protos;
use super::raw::{env_or_whole, environment, is_name};
use super::spec::{ClusterSpec, ProtoFiles};
use super::warning::{Bites, Warning};

/// The path of the built-in configuration: the seven servers of Pomelo's chat tutorial.
pub const TUTORIAL: &str = "built-in tutorial";

/// The default directory.
const DEFAULT: &str = "config";

/// Where Pomelo's projects keep it, from the project's root and from the game server's.
const PROJECTS: [&str; 2] = ["config", "game-server/config"];

/// Far above any configuration; a wrong path (a log, a device) must not fill the memory.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// A file's path as given, and its text.
type Text = (PathBuf, String);

/// The texts of a configuration.
struct Texts {
    servers: Text,
    master: Option<Text>,
    dictionary: Option<Text>,
    server_protos: Option<Text>,
    client_protos: Option<Text>,
    crons: Option<PathBuf>,
}

/// [`ClusterSpec::load`].
pub(super) fn load(path: &Path, env: &str) -> Result<ClusterSpec, ConfigError> {
    if path == Path::new(TUTORIAL) {
        return tutorial(env);
    }
    let (directory, servers) = if path.is_dir() {
        find_servers(path, env)?
    } else {
        let text = read(path)?.ok_or_else(|| ConfigError::NoSuchPath { path: path.to_path_buf() })?;
        (path.parent().unwrap_or(path).to_path_buf(), (path.to_path_buf(), text))
    };
    let neighbour = |name| find(&directory, name, env);
    let texts = Texts {
        servers,
        master: neighbour("master.json")?,
        dictionary: neighbour("dictionary.json")?,
        server_protos: neighbour("serverProtos.json")?,
        client_protos: neighbour("clientProtos.json")?,
        crons: places(&directory, "crons.json", env).into_iter().find(|file| file.is_file()),
    };
    parse(&texts, env)
}

/// [`ClusterSpec::default_path`].
pub(super) fn default_path() -> &'static Path {
    let directory = Path::new(DEFAULT);
    let inner = || std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let holds = |directory: PathBuf| directory.join("servers.json").exists();
    if holds(directory.to_path_buf()) || inner().any(holds) { directory } else { Path::new(TUTORIAL) }
}

fn tutorial(env: &str) -> Result<ClusterSpec, ConfigError> {
    let master =
        ("master.json of the built-in tutorial".into(), include_str!("../../config/master.json").into());
    let servers = (TUTORIAL.into(), include_str!("../../config/servers.json").into());
    parse(&Texts { master: Some(master), ..Texts::with_servers(servers) }, env)
}

/// [`ClusterSpec::from_json`].
pub(super) fn from_json(text: &str, env: &str, source: &Path) -> Result<ClusterSpec, ConfigError> {
    parse(&Texts::with_servers((source.to_path_buf(), text.to_owned())), env)
}

impl Texts {
    fn with_servers(servers: Text) -> Self {
        let (master, dictionary, server_protos, client_protos, crons) = (None, None, None, None, None);
        Self { servers, master, dictionary, server_protos, client_protos, crons }
    }
}

fn parse(texts: &Texts, env: &str) -> Result<ClusterSpec, ConfigError> {
    let faults = &mut Faults::forgiving();
    let (source, text) = &texts.servers;
    let file = Document::new(source, text);
    let environment = environment(file.root()?, env)?;
    let master_file = texts.master.as_ref().map(|(file, text)| Document::new(file, text));
    let master = match &master_file {
        Some(file) => Some(env_or_whole(file.root()?, env)?),
        None => None,
    };
    let Checks { servers, master, places } = check::cluster(&environment, master, faults)?;
    report_doubles(&file, faults)?;
    master_file.iter().try_for_each(|file| report_doubles(file, faults))?;

    let dictionary = neighbour(&texts.dictionary, env, faults, dictionary)?.flatten();
    // Pomelo's template ships `{}` for each: without a definition bodies are JSON, and clients need
    // no protobuf.
    let server = neighbour(&texts.server_protos, env, faults, protos::read)?.unwrap_or_default();
    let client = neighbour(&texts.client_protos, env, faults, protos::read)?.unwrap_or_default();
    let protos = (!server.is_empty() || !client.is_empty())
        .then(|| ProtoFiles { server: Value::Object(server), client: Value::Object(client) });
    let mut notes = std::mem::replace(faults, Faults::refusing()).into_warnings();
    notes.extend(texts.crons.as_ref().map(|file| Warning {
        about: file.display().to_string(),
        message: "pomelo-sim does not run its jobs".to_owned(),
        bites: Bites::Always,
    }));
    let source = source.clone();
    Ok(ClusterSpec { env: env.to_owned(), source, servers, master, dictionary, protos, notes, places })
}

/// Reports duplicate keys.
fn report_doubles(file: &Document<'_>, faults: &mut Faults) -> Result<(), ConfigError> {
    let about = file.name();
    file.doubles()
        .into_iter()
        .try_for_each(|error| faults.forgive(&about, error, "the last one counts, as in Pomelo"))
}

/// [`ClusterSpec::source_of`].
pub(super) fn source_of(path: &Path, env: &str) -> PathBuf {
    if !path.is_dir() {
        return path.to_path_buf();
    }
    let places = directories(path).into_iter().flat_map(|directory| places(&directory, "servers.json", env));
    let places: Vec<PathBuf> = places.collect();
    places.iter().find(|file| file.exists()).unwrap_or(&places[0]).clone()
}

/// Reads an optional neighbour file for this environment.
fn neighbour<T>(
    text: &Option<Text>,
    env: &str,
    faults: &mut Faults,
    read: fn(Node<'_>, &str, &mut Faults) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    let Some((file, text)) = text else { return Ok(None) };
    let document = Document::new(file, text);
    let read = read(env_or_whole(document.root()?, env)?, &document.name(), faults)?;
    report_doubles(&document, faults)?;
    Ok(Some(read))
}

/// Push routes. Their codes follow from their positions in the list, so every element gets one.
/// Pomelo reads the list's length, and an object has none. `{}`, which Pomelo's template ships,
/// means no dictionary.
fn dictionary(node: Node<'_>, about: &str, faults: &mut Faults) -> Result<Option<Vec<String>>, ConfigError> {
    let elements = match node.array("an array of push routes") {
        Ok(elements) => elements,
        Err(_) if node.is_object() && node.object("an object")?.is_empty() => return Ok(None),
        Err(error) => {
            let so = "no route is taken from it, as in Pomelo, and routes are not compressed";
            return faults.forgive(about, error, so).map(|()| None);
        }
    };
    let mut routes: Vec<String> = Vec::with_capacity(elements.len());
    let mut seen = HashSet::new();
    for element in elements {
        let (route, is_text) = match element.value()? {
            Value::String(route) => (route, true),
            Value::Object(_) | Value::Array(_) => ("[object Object]".to_owned(), false),
            other => (other.to_string(), false),
        };
        if !(is_text && is_name(&route) && seen.insert(route.clone())) {
            let error = element.invalid("a push route such as \"onChat\", each once");
            faults.forgive(about, error, "it gets a code as it is, as in Pomelo")?;
        }
        routes.push(route);
    }
    Ok(Some(routes))
}

/// The directory that holds the `servers.json` of `path`, and that file.
fn find_servers(path: &Path, env: &str) -> Result<(PathBuf, Text), ConfigError> {
    let directories = directories(path);
    for directory in &directories {
        if let Some(found) = find(directory, "servers.json", env)? {
            return Ok((directory.clone(), found));
        }
    }
    let tried = directories.iter().flat_map(|directory| places(directory, "servers.json", env));
    Err(ConfigError::NotFound { tried: tried.collect() })
}

/// The directory itself, and the places in it where Pomelo's projects keep their configuration.
fn directories(path: &Path) -> Vec<PathBuf> {
    let inner = PROJECTS.map(|inner| path.join(inner)).into_iter().filter(|inner| inner.is_dir());
    std::iter::once(path.to_path_buf()).chain(inner).collect()
}

/// As in Pomelo: `<directory>/<name>` if it exists, else `<directory>/<env>/<name>`.
fn places(directory: &Path, name: &str, env: &str) -> [PathBuf; 2] {
    [directory.join(name), directory.join(env).join(name)]
}

fn find(directory: &Path, name: &str, env: &str) -> Result<Option<Text>, ConfigError> {
    for file in places(directory, name, env) {
        if let Some(text) = read(&file)? {
            return Ok(Some((file, text)));
        }
    }
    Ok(None)
}

/// The text of a file; `None` if it does not exist.
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
    String::from_utf8(bytes).map(Some).or_else(|error| {
        // For example a comment in another encoding: Node reads replacement characters there.
        let lossy = String::from_utf8_lossy(error.as_bytes()).into_owned();
        if serde_json::from_str::<IgnoredAny>(&lossy).is_ok() {
            return Ok(Some(lossy));
        }
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Err(ConfigError::NotText { at: place(Arc::from(file), before) })
    })
}
