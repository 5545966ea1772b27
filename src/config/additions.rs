//! Servers for a running cluster: turns the arguments of `pomelo-sim add` into checked servers.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::addresses::{Addresses, Owner};
use super::check::{self, Checked, WHAT_TYPE_IS, is_type};
use super::error::ConfigError;
use super::faults::Faults;
use super::node::{Document, Node};
use super::raw::{MAX_SERVERS, RawServer, cluster_stem};
use super::spec::ServerSpec;
use crate::ids::{ServerId, ServerType};

/// The ids and addresses that a server of the running cluster occupies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Present {
    /// Its id.
    pub id: ServerId,
    /// Its type.
    pub server_type: ServerType,
    /// Its host.
    pub host: String,
    /// Pomelo's port between servers.
    pub port: Option<u16>,
    /// The port of its clients.
    pub client_port: Option<u16>,
    /// It was stopped or killed: a new server with its id replaces it.
    pub is_down: bool,
}

/// Fields that stay text even when they look like a number.
const TEXTS: &[&str] = &["id", "serverType", "host", "clientHost"];

/// `key=value` words as the fields of a server in `servers.json`: whole numbers and booleans are
/// converted, the rest is text.
///
/// # Errors
/// A word has another form, or a key is given twice; the error is the message.
pub fn pairs<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Map<String, Value>, String> {
    let mut fields = Map::new();
    for word in words {
        let (key, text) = word
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("{word:?}: expected KEY=VALUE, such as serverType=chat"))?;
        let value = match text {
            _ if TEXTS.contains(&key) => Value::from(text),
            "true" => Value::from(true),
            "false" => Value::from(false),
            // Not `007`, which would be written as 7.
            _ => text
                .parse::<i64>()
                .ok()
                .filter(|number| number.to_string() == text)
                .map_or_else(|| Value::from(text), Value::from),
        };
        if let Some(first) = fields.insert(key.to_owned(), value) {
            let first = first.as_str().map_or_else(|| first.to_string(), str::to_owned);
            return Err(format!("{key} is given twice, as {first:?} and as {text:?}"));
        }
    }
    Ok(fields)
}

/// Builds the servers that these fields describe, for a cluster with the servers of `present`. The
/// fields are those of a server in `servers.json`, with its `serverType`; `clusterCount` makes
/// several, numbered on from the existing cluster servers. A server that is down does not block its
/// id.
///
/// # Errors
/// The first error, as in a file: an invalid field, an id or an address in use, too many servers.
pub fn additions(fields: &Map<String, Value>, present: &[Present]) -> Result<Vec<ServerSpec>, ConfigError> {
    let id = fields.get("id").and_then(Value::as_str);
    let stays = |server: &&Present| !(server.is_down && Some(server.id.as_str()) == id);
    let present: &[Present] = &present.iter().filter(stays).cloned().collect::<Vec<_>>();
    let there = taken_of(present).to_string();
    let there = Document::without_lines("", "the running cluster", &there);
    let text = Value::Object(fields.clone()).to_string();
    let document = Document::without_lines("add", "the command line", &text);

    let mut taken = Taken::default();
    let owners: HashMap<String, _> =
        there.root()?.object("an object")?.into_iter().map(|member| (member.key, member.value)).collect();
    for server in present {
        let Some(node) = owners.get(server.id.as_str()) else { continue };
        let members = node.object("an object")?;
        let member = |key: &str| members.iter().find(|member| member.key == key).map(|member| &member.value);
        let ports = [("port", server.port), ("clientPort", server.client_port)];
        let owners = ports
            .into_iter()
            .filter_map(|(key, port)| Some((port?, Owner { spot: member(key)?.spot(), listens: true })));
        // Running servers may share addresses: that works, since they run.
        let _ = taken.take(server.id.as_str(), member("id").unwrap_or(node), &server.host, owners);
    }

    let root = document.root()?;
    let raw = RawServer::new(root.clone(), "the fields of a server")?;
    let field = raw.required("serverType", "the list of servers.json that it would stand in")?;
    let server_type = field.name("a server type")?;
    if !is_type(&server_type) {
        return Err(field.invalid(WHAT_TYPE_IS));
    }
    let mut next = next_in_cluster(&server_type, present);
    let faults = &mut Faults::refusing();
    let servers = raw.expand(&server_type, &mut next, faults)?;
    if present.len() + servers.len() > MAX_SERVERS {
        return Err(ConfigError::TooManyServers { most: MAX_SERVERS, at: root.spot() });
    }
    let server = |raw| {
        let server = check::server(raw, &server_type, faults)?;
        taken.add(&server)?;
        Ok(server.spec)
    };
    servers.into_iter().map(server).collect()
}

/// Ids and addresses in use.
#[derive(Default)]
struct Taken<'a> {
    ids: HashMap<String, Node<'a>>,
    addresses: Addresses,
}

impl<'a> Taken<'a> {
    fn take(
        &mut self,
        id: &str,
        node: &Node<'a>,
        host: &str,
        addresses: impl IntoIterator<Item = (u16, Owner)>,
    ) -> Result<(), ConfigError> {
        if let Some(first) = self.ids.insert(id.to_owned(), node.clone()) {
            let (first, second) = (first.spot(), node.spot());
            return Err(ConfigError::DuplicateId { id: id.to_owned(), first, second });
        }
        for (port, owner) in addresses {
            self.addresses.take(host, port, owner).map_err(|clash| clash.error)?;
        }
        Ok(())
    }

    fn add(&mut self, server: &Checked<'a>) -> Result<(), ConfigError> {
        self.take(server.spec.id.as_str(), server.id_node(), &server.spec.host, server.addresses())
    }
}

/// Ids and ports of servers, keyed by id, so that an error can name the owner.
fn taken_of(present: &[Present]) -> Value {
    let entry = |server: &Present| {
        let fields = json!({"id": server.id, "port": server.port, "clientPort": server.client_port});
        (server.id.to_string(), fields)
    };
    Value::Object(present.iter().map(entry).collect())
}

/// The next number for a server made by `clusterCount`.
fn next_in_cluster(server_type: &str, present: &[Present]) -> usize {
    let stem = cluster_stem(server_type);
    // Larger numbers were not assigned by counting.
    let number = |server: &Present| server.id.as_str().strip_prefix(&stem)?.parse::<u32>().ok();
    present.iter().filter_map(number).max().map_or(0, |last| last as usize + 1)
}
