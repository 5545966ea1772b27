//! Turns raw entries into checked servers: first each field, then the rules between servers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value};

use super::addresses::{Addresses, Owner};
use super::error::{ConfigError, Spot};
use super::faults::Faults;
use super::master;
use super::node::Node;
use super::raw::{MAX_SERVERS, RawServer, hyphenated, is_name, is_printable};
use super::spec::{MasterSpec, ServerSpec};
use crate::ids::{ServerId, ServerType};

/// The fields of a server that have a meaning here. `serverType` is ignored: the key of the list
/// decides.
pub(super) const KNOWN_FIELDS: &[&str] = &[
    "id",
    "serverType",
    "host",
    "port",
    "frontend",
    "clientPort",
    "clientHost",
    "max-connections",
    "weight",
];

/// The rule of [`is_type`], for error messages.
pub(super) const WHAT_TYPE_IS: &str = "a name without dots, spaces or control characters";

/// The host of a server that does not name one.
pub(super) const LOOPBACK: &str = "127.0.0.1";

/// A dot would end the type in `type.handler.method`.
pub(super) fn is_type(text: &str) -> bool {
    is_name(text) && !text.contains('.')
}

/// A checked server, with the data for the checks between servers.
pub(super) struct Checked<'a> {
    pub(super) spec: ServerSpec,
    raw: RawServer<'a>,
    /// Why it has no id yet; its spec's id is empty then.
    nameless: Option<ConfigError>,
}

impl<'a> Checked<'a> {
    /// The source of its id: the field, or the entry with `clusterCount`.
    pub(super) fn id_node(&self) -> &Node<'a> {
        let field = self.raw.get("id").filter(|_| self.raw.cluster_id.is_none());
        field.map_or(&self.raw.node, |field| &field.node)
    }

    /// The place of a field, or of the server if it has no such field.
    fn spot(&self, key: &str) -> Spot {
        self.raw.get(key).map_or(&self.raw.node, |field| &field.node).spot()
    }

    /// The addresses that it names.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (u16, Owner)> {
        let ports =
            [("port", self.spec.port, false), ("clientPort", self.spec.client_port, self.spec.frontend)];
        ports.into_iter().filter_map(|(key, port, listens)| {
            Some((port.filter(|_| self.raw.get(key).is_some())?, Owner { spot: self.spot(key), listens }))
        })
    }
}

/// The servers of an environment, its master, and the places of the ports that are listened on.
pub(super) struct Checks {
    pub(super) servers: Vec<ServerSpec>,
    pub(super) master: Option<MasterSpec>,
    pub(super) places: HashMap<ServerId, Spot>,
}

/// Checks all servers of an environment, and the master's entry if there is one.
pub(super) fn cluster(
    servers: &Node<'_>,
    master: Option<Node<'_>>,
    faults: &mut Faults,
) -> Result<Checks, ConfigError> {
    let mut all: Vec<Checked<'_>> = Vec::new();
    let mut by_id: HashMap<ServerId, usize> = HashMap::new();
    for list in servers.object("an object of server types, each with an array of servers")? {
        let server_type = list.key.as_str();
        if !is_printable(server_type) {
            let met = format!("server type {server_type:?}");
            return Err(list.value.invalid_as(met, "a name without control characters"));
        }
        let mut next_in_cluster = 0;
        for raw in entries(&list.value, server_type, faults)? {
            let at = raw.node.clone();
            for raw in raw.expand(server_type, &mut next_in_cluster, faults)? {
                if all.len() == MAX_SERVERS {
                    return Err(ConfigError::TooManyServers { most: MAX_SERVERS, at: at.spot() });
                }
                let server = server(raw, server_type, faults)?;
                if server.nameless.is_some() {
                    all.push(server);
                    continue;
                }
                match by_id.entry(server.spec.id.clone()) {
                    Entry::Vacant(entry) => {
                        entry.insert(all.len());
                        all.push(server);
                    }
                    Entry::Occupied(first) => {
                        let first = &mut all[*first.get()];
                        let id = server.spec.id.to_string();
                        let (before, after) = (first.id_node().spot(), server.id_node().spot());
                        let error = ConfigError::DuplicateId { id: id.clone(), first: before, second: after };
                        faults.forgive(&id, error, "the last one is served, as in Pomelo")?;
                        *first = server;
                    }
                }
            }
        }
    }
    if all.is_empty() {
        return Err(ConfigError::NoServers { at: servers.spot() });
    }
    name(&mut all, &by_id, faults)?;
    let master = master.map(|node| master::read(node, faults)).transpose()?.flatten();
    check_addresses(&all, faults)?;
    let clients = all.iter().filter(|server| server.spec.frontend);
    let mut places: HashMap<ServerId, Spot> =
        clients.map(|server| (server.spec.id.clone(), server.spot("clientPort"))).collect();
    let master = master.map(|(spec, spot)| {
        places.entry(spec.id.clone()).or_insert(spot);
        spec
    });
    let servers = all.into_iter().map(|server| server.spec).collect();
    Ok(Checks { servers, master, places })
}

/// The entries of a type's list. Pomelo reads the length, so a value without one has no servers.
fn entries<'a>(
    list: &Node<'a>,
    server_type: &str,
    faults: &mut Faults,
) -> Result<Vec<RawServer<'a>>, ConfigError> {
    const A_SERVER: &str = "a server, an object with \"id\" and \"host\"";
    let elements = match list.array("an array of servers") {
        Ok(elements) => elements,
        Err(error) if list.is_null() => return Err(error),
        Err(error) => {
            faults.forgive(server_type, error, "so there is no server of this type")?;
            return Ok(Vec::new());
        }
    };
    let mut entries = Vec::with_capacity(elements.len());
    for element in elements {
        match RawServer::new(element.clone(), A_SERVER) {
            Ok(raw) => entries.push(raw),
            Err(error) if element.is_null() || element.is_object() => return Err(error),
            Err(error) => faults.forgive(server_type, error, "passed over")?,
        }
    }
    Ok(entries)
}

/// Assigns ids to servers that have none.
fn name(
    all: &mut [Checked<'_>],
    by_id: &HashMap<ServerId, usize>,
    faults: &mut Faults,
) -> Result<(), ConfigError> {
    let mut next: HashMap<String, usize> = HashMap::new();
    for server in all {
        let Some(error) = server.nameless.take() else { continue };
        let stem = hyphenated(server.spec.server_type.as_str());
        let number = next.entry(stem.clone()).or_insert(1);
        let id = loop {
            let id = ServerId::from(format!("{stem}-server-{number}"));
            *number += 1;
            if !by_id.contains_key(&id) {
                break id;
            }
        };
        faults.forgive(id.as_str(), error, "it is called so here")?;
        server.spec.id = id;
    }
    Ok(())
}

/// Reports two servers with one port. Whether two client ports clash depends on how they are served
/// and is checked then; any other pair is a problem only for Pomelo.
fn check_addresses(all: &[Checked<'_>], faults: &mut Faults) -> Result<(), ConfigError> {
    let mut taken = Addresses::default();
    for server in all {
        for (port, owner) in server.addresses() {
            match taken.take(&server.spec.host, port, owner) {
                Err(clash) if !clash.is_real => {
                    let so =
                        "Pomelo could start only one of them; here nothing listens on ports between servers";
                    faults.forgive(server.spec.id.as_str(), clash.error, so)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// One checked server.
pub(super) fn server<'a>(
    raw: RawServer<'a>,
    server_type: &str,
    faults: &mut Faults,
) -> Result<Checked<'a>, ConfigError> {
    let (id, nameless) = match &raw.cluster_id {
        Some(id) => (id.clone(), None),
        None => match id(&raw, faults)? {
            Ok(id) => (id, None),
            Err(error) => (String::new(), Some(error)),
        },
    };
    let path = raw.node.spot().path;
    let about = if id.is_empty() { &*path } else { &*id };
    let host = match raw.required("host", "the address of the server") {
        Ok(field) => faults.host(field, about)?,
        Err(error) => {
            faults.forgive(about, error, "127.0.0.1 is taken")?;
            None
        }
    };
    let port = faults.port(&raw, "port", about)?;
    let as_in_pomelo = "taken as false, as in Pomelo";
    let frontend = raw.get("frontend").map_or(Ok(false), |field| field.flag());
    let frontend = faults.or(frontend, about, as_in_pomelo, false)?;
    let mut client_port = faults.port(&raw, "clientPort", about)?;
    if frontend && client_port.is_none() {
        let why = "the port that clients connect to (the server has \"frontend\": true)";
        let old = raw.get("wsPort").and_then(|field| field.port().ok());
        let so = old.map_or("any that is free is taken".to_owned(), |port| {
            format!("wsPort {port} of Pomelo's first versions is taken")
        });
        // A field that is present but invalid has been reported already.
        if let Err(error) = raw.required("clientPort", why) {
            faults.forgive(about, error, &so)?;
        }
        client_port = Some(old.unwrap_or(0));
    }
    let client_host = raw.get("clientHost").map(|field| faults.host(field, about)).transpose()?.flatten();
    let max_connections = raw.get("max-connections").map_or(Ok(0), |field| {
        let most = field.number().and_then(|most| usize::try_from(most).ok());
        most.ok_or_else(|| field.invalid("a number of connections, 0 for no bound"))
    });
    let max_connections = faults.or(max_connections, about, "no bound is taken", 0)?;
    let weight = raw.get("weight").map_or(Ok(1.0), |field| field.weight());
    let weight = faults.or(weight, about, "a weight of 1 is taken", 1.0)?;
    let known = |key: &str| KNOWN_FIELDS.contains(&key);
    let extra: Map<String, Value> = raw
        .fields
        .iter()
        .filter(|field| !known(&field.key))
        .map(|field| (field.key.clone(), field.value.clone()))
        .collect();
    let spec = ServerSpec {
        id: ServerId::from(id),
        server_type: ServerType::from(server_type),
        host: host.unwrap_or_else(|| LOOPBACK.to_owned()),
        port,
        frontend,
        client_port,
        client_host,
        max_connections: Some(max_connections).filter(|most| *most > 0),
        weight,
        extra,
    };
    Ok(Checked { spec, raw, nameless })
}

/// The id of an entry, or the error that it has none.
pub(super) fn id(
    raw: &RawServer<'_>,
    faults: &mut Faults,
) -> Result<Result<String, ConfigError>, ConfigError> {
    const AN_ID: &str = "an id";
    let missing = raw.required("id", "the name of the server, unique in the cluster").and_then(|field| {
        let error = match field.name(AN_ID) {
            Ok(id) => return Ok(Ok(id)),
            Err(error) => error,
        };
        let Some(rough) = field.rough_name(AN_ID)? else { return Ok(Err(error)) };
        let id = hyphenated(&rough);
        faults.forgive(&id, error, &format!("called {id} here"))?;
        Ok(Ok(id))
    });
    match missing {
        Err(error @ ConfigError::Missing { .. }) if faults.are_forgiven() => Ok(Err(error)),
        Ok(Err(error)) if !faults.are_forgiven() => Err(error),
        other => other,
    }
}
