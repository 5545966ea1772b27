//! `servers.json` and its neighbours: a file that loads is a valid cluster; any other is refused
//! with its place.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::path::Path;

use bolero::check;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, ConfigError, MAX_SERVERS, Place};
use pomelo_sim::servers::ROLES;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::input::{hold, seeds};
use super::laws::{assert_printable, within};
use crate::support::servers_json as tutorial_servers;

/// What ten thousand servers take that `clusterCount` wrote out, and what is copied into them.
const COUNTED_BYTES_MAX: usize = 256 << 20;

#[test]
fn servers_json() {
    let seeds = seeds("servers_json");
    check!(name = "servers_json").for_each(|input| hold(&seeds, input, servers_law));
}

#[test]
fn neighbours() {
    let seeds = seeds("neighbours");
    let folder = Folder::new();
    check!(name = "neighbours").for_each(|input| hold(&seeds, input, |bytes| folder.law(bytes)));
}

fn servers_law(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let fixed = if text.contains("clusterCount") { COUNTED_BYTES_MAX } else { 64 * 1024 };
    let read = || ClusterSpec::from_json(&text, "development", Path::new("servers.json"));
    match within(text.len(), 512, fixed, read) {
        Ok(spec) => spec_law(&spec),
        Err(error) => error_law(&error, "servers.json", &text),
    }
}

/// One line that moves no cursor, and places that are in the file.
fn error_law(error: &ConfigError, file: &str, text: &str) {
    let said = error.to_string();
    assert_printable(&said);
    assert!(said.len() < 16 * text.len() + 1000, "{} bytes", said.len());
    let lines: Vec<&str> = text.split('\n').collect();
    for place in places(error).into_iter().filter(|place| place.file.ends_with(file)) {
        let position = place.position.expect("a file has lines");
        let line = usize::try_from(position.line.get()).unwrap();
        assert!((1..=lines.len()).contains(&line), "{said}");
        let columns = lines[line - 1].chars().count() + 1;
        assert!((1..=columns).contains(&usize::try_from(position.column.get()).unwrap()), "{said}");
        assert!(said.contains(&place.to_string()), "{said}");
    }
}

/// Where an error says that it is.
fn places(error: &ConfigError) -> Vec<&Place> {
    use ConfigError::{
        DuplicateAddress, DuplicateId, DuplicateKey, Invalid, Missing, NoServers, NotJson, NotText, Proto,
        TooManyServers, UnknownEnvironment,
    };
    match error {
        NotText { at } | NotJson { at, .. } => vec![at],
        DuplicateKey { first, again } => vec![&first.place, again],
        Invalid { at, .. }
        | Missing { at, .. }
        | NoServers { at }
        | Proto { at, .. }
        | TooManyServers { at, .. } => {
            vec![&at.place]
        }
        DuplicateId { first, second, .. } => vec![&first.place, &second.place],
        DuplicateAddress { first, second, .. } if first == second => vec![&second.place],
        DuplicateAddress { first, second, .. } => vec![&first.place, &second.place],
        // An environment that is missing from the whole file has no place in it.
        UnknownEnvironment { .. } => Vec::new(),
        other => panic!("{other:?} of a text that was read"),
    }
}

/// A cluster that loads is one; written as a `servers.json`, it loads as the same.
fn spec_law(spec: &ClusterSpec) {
    assert!((1..=MAX_SERVERS).contains(&spec.servers.len()));
    let ids: HashSet<_> = spec.servers.iter().map(|server| &server.id).collect();
    assert_eq!(ids.len(), spec.servers.len(), "an id twice");
    assert!(spec.servers.iter().all(|server| !server.frontend || server.client_port.is_some()));
    for warning in spec.warnings(&ROLES, &["chat"], None).iter().chain(&spec.warnings(
        &ROLES,
        &[],
        Some(Ipv4Addr::LOCALHOST.into()),
    )) {
        assert_printable(&warning.to_string());
    }
    if let Err(error) = spec.check_types(&["gate", "connector", "chat"]) {
        assert_printable(&error.to_string());
    }

    // Enough to know; thousands take their time.
    if spec.servers.len() > 200 {
        return;
    }
    let mut written: Map<String, Value> = Map::new();
    for server in &spec.servers {
        let mut fields = serde_json::to_value(server).unwrap();
        // It is written out already.
        fields.as_object_mut().unwrap().shift_remove("clusterCount");
        let servers = written.entry(server.server_type.as_str()).or_insert_with(|| json!([]));
        servers.as_array_mut().unwrap().push(fields);
    }
    let written = json!({ "development": written }).to_string();
    let again = ClusterSpec::from_json(&written, "development", Path::new("servers.json"))
        .unwrap_or_else(|error| panic!("{error} in {written}"));
    assert_eq!(again.servers.len(), spec.servers.len());
    for (again, server) in again.servers.iter().zip(&spec.servers) {
        let mut server = server.clone();
        server.extra.shift_remove("clusterCount");
        assert_eq!(serde_json::to_value(again).unwrap(), serde_json::to_value(&server).unwrap());
    }
}

/// A configuration that loads, but for one neighbour.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("servers.json"), tutorial_servers(1, 1)).unwrap();
        Self(folder)
    }

    /// The first byte says which neighbour, the rest is what is in it.
    fn law(&self, bytes: &[u8]) {
        const NAMES: [&str; 4] = ["master.json", "dictionary.json", "serverProtos.json", "clientProtos.json"];
        let Some((first, content)) = bytes.split_first() else { return };
        let name = NAMES[usize::from(*first) % NAMES.len()];
        let file = self.0.path().join(name);
        std::fs::write(&file, content).unwrap();
        let loaded = ClusterSpec::load(self.0.path(), "development");
        std::fs::remove_file(&file).unwrap();
        match loaded {
            Ok(spec) => Self::plan_law(spec),
            Err(error) => {
                assert!(error.to_string().contains(name), "{error}");
                // Bytes that are not text are refused where the text ends. Where they stand inside
                // a string they are read as replacement characters, and a later error counts those.
                let text = match std::str::from_utf8(content) {
                    Err(end) if matches!(error, ConfigError::NotText { .. }) => {
                        String::from_utf8_lossy(&content[..end.valid_up_to()])
                    }
                    _ => String::from_utf8_lossy(content),
                };
                error_law(&error, name, &text);
            }
        }
    }

    fn plan_law(spec: ClusterSpec) {
        spec_law(&spec);
        match Cluster::from_spec(spec).plan() {
            Ok(plan) => {
                // What clients are told can be told.
                for server in &plan.servers {
                    assert!(server.offer.answer(br#"{"sys":{}}"#).is_ok());
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}
