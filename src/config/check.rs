//! From raw entries to checked servers: one field after the other, then what must hold between servers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::node::Node;
use super::raw::{MAX_SERVERS, RawServer, is_name};
use super::spec::{MasterSpec, ServerSpec};
use crate::ids::{ServerId, ServerType};

/// The fields of a server that have a meaning here; `serverType` is the key of its list, whatever the field says.
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

/// What [`is_type`] asks for.
pub(super) const WHAT_TYPE_IS: &str = "a name without dots, spaces or control characters";

/// A dot would end the type in `type.handler.method`.
pub(super) fn is_type(text: &str) -> bool {
    is_name(text) && !text.contains('.')
}

/// Checks all servers of an environment, and the master's entry if there is one.
pub(super) fn cluster(
    servers: &Node<'_>,
    master: Option<Node<'_>>,
) -> Result<(Vec<ServerSpec>, Option<MasterSpec>), ConfigError> {
    let mut taken = Taken::default();
    let mut specs: Vec<ServerSpec> = Vec::new();
    for list in servers.object("an object of server types, each with an array of servers")? {
        let server_type = list.key.as_str();
        if !is_type(server_type) {
            let met = format!("server type {server_type:?}");
            return Err(list.value.invalid_as(met, WHAT_TYPE_IS));
        }
        let mut next_in_cluster = 0;
        for entry in list.value.array("an array of servers")? {
            let raw = RawServer::new(entry.clone(), "a server, an object with \"id\" and \"host\"")?;
            for raw in raw.expand(server_type, &mut next_in_cluster)? {
                if specs.len() == MAX_SERVERS {
                    return Err(ConfigError::TooManyServers { most: MAX_SERVERS, at: entry.spot() });
                }
                specs.push(server(&raw, server_type, &mut taken)?);
            }
        }
    }
    let mut gates = specs.iter().filter(|server| server.server_type.as_str() == "gate").peekable();
    if gates.peek().is_none() {
        return Err(ConfigError::NoGate { problem: "no server of type \"gate\"", at: servers.spot() });
    }
    if !gates.any(|gate| gate.frontend) {
        let problem = "no server of type \"gate\" has \"frontend\": true";
        return Err(ConfigError::NoGate { problem, at: servers.spot() });
    }
    let master = master.map(|master| self::master(master, &mut taken)).transpose()?;
    Ok((specs, master))
}

/// One checked server; what it takes is taken from here on.
pub(super) fn server<'a>(
    raw: &RawServer<'a>,
    server_type: &str,
    taken: &mut Taken<'a>,
) -> Result<ServerSpec, ConfigError> {
    let id = match &raw.cluster_id {
        Some(id) => {
            taken.id(id, &raw.node)?;
            id.clone()
        }
        None => id(raw, taken)?,
    };
    let host = raw.required("host", "the address of the server")?.name("a host")?;
    let port = raw.get("port").map(|field| field.port()).transpose()?;
    let frontend = raw.get("frontend").map_or(Ok(false), |field| field.flag())?;
    let client_port = if frontend {
        let why = "the port that clients connect to (the server has \"frontend\": true)";
        Some(raw.required("clientPort", why)?.port()?)
    } else {
        raw.get("clientPort").map(|field| field.port()).transpose()?
    };
    let client_host = raw.get("clientHost").map(|field| field.name("a host")).transpose()?;
    let max_connections = match raw.get("max-connections") {
        None => None,
        Some(field) => {
            let most = field.number().and_then(|most| usize::try_from(most).ok());
            let most = most.ok_or_else(|| field.invalid("a number of connections, 0 for no bound"))?;
            Some(most).filter(|most| *most > 0)
        }
    };
    let weight = raw.get("weight").map_or(Ok(1.0), |field| field.weight())?;
    for (key, port) in [("port", port), ("clientPort", client_port)] {
        if let (Some(field), Some(port)) = (raw.get(key), port) {
            taken.address(&host, port, &field.node)?;
        }
    }
    let known = |key: &str| KNOWN_FIELDS.contains(&key);
    let extra: Map<String, Value> = raw
        .fields
        .iter()
        .filter(|field| !known(&field.key))
        .map(|field| (field.key.clone(), field.value.clone()))
        .collect();
    let (id, server_type) = (ServerId::from(id), ServerType::from(server_type));
    Ok(ServerSpec {
        id,
        server_type,
        host,
        port,
        frontend,
        client_port,
        client_host,
        max_connections,
        weight,
        extra,
    })
}

fn master<'a>(node: Node<'a>, taken: &mut Taken<'a>) -> Result<MasterSpec, ConfigError> {
    let raw = RawServer::new(node, "the master, an object with \"id\", \"host\" and \"port\"")?;
    let id = ServerId::from(id(&raw, taken)?);
    let host = raw.required("host", "the address of the master")?.name("a host")?;
    let field = raw.required("port", "the port of the master")?;
    let port = field.port()?;
    taken.address(&host, port, &field.node)?;
    Ok(MasterSpec { id, host, port })
}

fn id<'a>(raw: &RawServer<'a>, taken: &mut Taken<'a>) -> Result<String, ConfigError> {
    let field = raw.required("id", "the name of the server, unique in the cluster")?;
    let id = field.name("an id")?;
    taken.id(&id, &field.node)?;
    Ok(id)
}

/// Which ids and addresses have an owner, and where it says so.
#[derive(Default)]
pub(super) struct Taken<'a> {
    ids: HashMap<String, Node<'a>>,
    addresses: HashMap<(Host, u16), Node<'a>>,
    /// The first host of each kind on each port: what a wildcard would also take.
    kinds: HashMap<(Kind, u16), Node<'a>>,
}

/// A host as a listener sees it: two spellings of one address are one.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Host {
    Address(IpAddr),
    Name(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    V4,
    V6,
    Name,
}

impl Host {
    fn new(host: &str) -> Self {
        let lower = host.to_ascii_lowercase();
        if lower == "localhost" {
            return Self::Address(Ipv4Addr::LOCALHOST.into());
        }
        lower.parse::<IpAddr>().map_or(Self::Name(lower), |address| Self::Address(address.to_canonical()))
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Address(IpAddr::V4(_)) => Kind::V4,
            Self::Address(IpAddr::V6(_)) => Kind::V6,
            Self::Name(_) => Kind::Name,
        }
    }
}

/// Addresses that stand for all of the machine's.
const WILDCARDS: [(IpAddr, &str, &[Kind]); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), "0.0.0.0", &[Kind::V4, Kind::Name]),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), "::", &[Kind::V4, Kind::V6, Kind::Name]),
];

impl<'a> Taken<'a> {
    pub(super) fn id(&mut self, id: &str, node: &Node<'a>) -> Result<(), ConfigError> {
        match self.ids.entry(id.to_owned()) {
            Entry::Occupied(first) => {
                let (first, second) = (first.get().spot(), node.spot());
                Err(ConfigError::DuplicateId { id: id.to_owned(), first, second })
            }
            Entry::Vacant(entry) => {
                entry.insert(node.clone());
                Ok(())
            }
        }
    }

    /// Port 0 is any free port, so it is never taken.
    pub(super) fn address(&mut self, name: &str, port: u16, node: &Node<'a>) -> Result<(), ConfigError> {
        if port == 0 {
            return Ok(());
        }
        let host = Host::new(name);
        if let Some((wildcard, first)) = self.owner(&host, port) {
            let bare_v6 = name.contains(':') && !name.starts_with('[');
            let address = if bare_v6 { format!("[{name}]:{port}") } else { format!("{name}:{port}") };
            let (address, first, second) = (address.into(), first.spot(), node.spot());
            return Err(ConfigError::DuplicateAddress { address, wildcard, first, second });
        }
        self.kinds.entry((host.kind(), port)).or_insert_with(|| node.clone());
        self.addresses.insert((host, port), node.clone());
        Ok(())
    }

    /// Who has this address already, and the wildcard by which.
    fn owner(&self, host: &Host, port: u16) -> Option<(Option<&'static str>, &Node<'a>)> {
        if let Some(same) = self.addresses.get(&(host.clone(), port)) {
            return Some((None, same));
        }
        WILDCARDS.into_iter().find_map(|(address, name, kinds)| {
            let wildcard = Host::Address(address);
            let first = if *host == wildcard {
                kinds.iter().find_map(|kind| self.kinds.get(&(*kind, port)))
            } else if kinds.contains(&host.kind()) {
                self.addresses.get(&(wildcard, port))
            } else {
                None
            };
            first.map(|first| (Some(name), first))
        })
    }
}
