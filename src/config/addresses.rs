//! Finds addresses that two listeners cannot share.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{ConfigError, Place, Spot};
use super::spec::ClusterSpec;

/// Addresses in use.
#[derive(Default)]
pub(super) struct Addresses {
    owners: HashMap<(Host, u16), Owner>,
    /// The first host of each kind on each port: a wildcard would conflict with it.
    kinds: HashMap<(Kind, u16), Owner>,
}

/// The field that defines an address.
#[derive(Clone)]
pub(super) struct Owner {
    /// Its place in the file.
    pub(super) spot: Spot,
    /// Whether this program listens there. It does not on Pomelo's ports between servers.
    pub(super) listens: bool,
}

/// An address that is already in use.
pub(super) struct Clash {
    /// The address as text.
    pub(super) error: ConfigError,
    /// Whether both listen.
    pub(super) is_real: bool,
}

/// A host in canonical form: two spellings of one address are equal.
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

/// Wildcard addresses, which stand for all of the machine's.
const WILDCARDS: [(IpAddr, &str, &[Kind]); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), "0.0.0.0", &[Kind::V4, Kind::Name]),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), "::", &[Kind::V4, Kind::V6, Kind::Name]),
];

impl Addresses {
    /// Port 0 is any free port, so it is never taken.
    pub(super) fn take(&mut self, name: &str, port: u16, owner: Owner) -> Result<(), Box<Clash>> {
        if port == 0 {
            return Ok(());
        }
        let host = Host::new(name);
        if let Some((wildcard, first)) = self.owner(&host, port) {
            let bare_v6 = name.contains(':') && !name.starts_with('[');
            let address = if bare_v6 { format!("[{name}]:{port}") } else { format!("{name}:{port}") };
            let is_real = first.listens && owner.listens;
            let (address, first, second) = (address.into(), first.spot.clone(), owner.spot);
            let error = ConfigError::DuplicateAddress { address, wildcard, first, second };
            return Err(Box::new(Clash { error, is_real }));
        }
        self.kinds.entry((host.kind(), port)).or_insert_with(|| owner.clone());
        self.owners.insert((host, port), owner);
        Ok(())
    }

    /// The field that already uses this address, and the wildcard that covers it.
    fn owner(&self, host: &Host, port: u16) -> Option<(Option<&'static str>, &Owner)> {
        if let Some(same) = self.owners.get(&(host.clone(), port)) {
            return Some((None, same));
        }
        WILDCARDS.into_iter().find_map(|(address, name, kinds)| {
            let wildcard = Host::Address(address);
            let first = if *host == wildcard {
                kinds.iter().find_map(|kind| self.kinds.get(&(*kind, port)))
            } else if kinds.contains(&host.kind()) {
                self.owners.get(&(wildcard, port))
            } else {
                None
            };
            first.map(|first| (Some(name), first))
        })
    }
}

impl ClusterSpec {
    /// Client ports that conflict with each other or with the master's; `bind` replaces every
    /// server's host. Each is a [`ConfigError::DuplicateAddress`].
    pub fn clashes(&self, bind: Option<IpAddr>) -> Vec<ConfigError> {
        let mut addresses = Addresses::default();
        let bind = bind.map(|bind| bind.to_string());
        let clients = self.servers.iter().filter(|server| server.frontend).filter_map(|server| {
            let host = bind.as_ref().unwrap_or(&server.host);
            Some((&server.id, "clientPort", host, server.client_port?))
        });
        let master = self.master.iter().map(|master| (&master.id, "port", &master.host, master.port));
        let taken = clients.chain(master).filter_map(|(id, field, host, port)| {
            let somewhere = || Spot {
                path: format!("{id}.{field}").into(),
                place: Place { file: self.source.as_path().into(), position: None },
            };
            let spot = self.places.get(id).cloned().unwrap_or_else(somewhere);
            addresses.take(host, port, Owner { spot, listens: true }).err().map(|clash| clash.error)
        });
        taken.collect()
    }
}
