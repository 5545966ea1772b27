//! Changes a configuration of many machines so that one machine can serve it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::check::LOOPBACK;
use super::spec::{ClusterSpec, ServerSpec, some_ids};
use super::warning::{Bites, Warning};

/// The last port that needs privileges.
const PRIVILEGED_MAX: u16 = 1023;

/// Added to a port that needs privileges: 80 becomes 8080.
const UNPRIVILEGED: u16 = 8000;

/// How a configuration is changed before it is served.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fit {
    /// Types whose servers are left out.
    pub without: Vec<String>,
    /// Whether all servers are on this machine's loopback address.
    pub here: bool,
}

impl ClusterSpec {
    /// Applies `fit`.
    pub fn fitted(self, fit: &Fit) -> Self {
        let spec = self.without(&fit.without);
        if fit.here { spec.here() } else { spec }
    }

    /// Removes the servers of some types. Warns of a type that does not exist.
    pub fn without(mut self, types: &[String]) -> Self {
        let warn = |about: &str, message: &str| {
            let (about, message) = (about.to_owned(), message.to_owned());
            Warning { about, message, bites: Bites::Always }
        };
        let absent = types.iter().filter(|name| self.of_type(name).next().is_none());
        let absent: Vec<Warning> =
            absent.map(|name| warn(name, "--without: no server has this type")).collect();
        let is_out = |name: &str| types.iter().any(|out| out == name);
        let out: HashSet<&str> = self
            .servers
            .iter()
            .filter(|server| is_out(server.server_type.as_str()))
            .map(|server| server.id.as_str())
            .collect();
        self.notes.retain(|note| !out.contains(note.about.as_str()) && !is_out(&note.about));
        self.servers.retain(|server| !is_out(server.server_type.as_str()));
        self.notes.extend(absent);
        if self.servers.is_empty() {
            let message = "no server is left: the cluster is empty until pomelo-sim add starts one";
            self.notes.push(warn("--without", message));
        }
        self
    }

    /// Moves all servers to the loopback address, so that any machine can serve them. Client ports
    /// that clash there, or need privileges, move to the next one free in the configuration. The
    /// gate hands out the new addresses.
    pub fn here(mut self) -> Self {
        self.tell_of_hosts();
        let mut ports = Ports::new(&self);
        for server in &mut self.servers {
            LOOPBACK.clone_into(&mut server.host);
            server.client_host = None;
            let Some(port) = server.client_port.filter(|port| server.frontend && *port != 0) else {
                continue;
            };
            let (here, owner) = ports.take(port, server);
            if here != port {
                let why = owner.map_or("needs privileges".to_owned(), |owner| format!("is {owner}'s"));
                self.notes.push(Warning {
                    about: server.id.to_string(),
                    message: format!("--here: clientPort {port} {why}; it opens {here} instead"),
                    bites: Bites::Always,
                });
                server.client_port = Some(here);
            }
        }
        if let Some(master) = &mut self.master {
            LOOPBACK.clone_into(&mut master.host);
        }
        self
    }

    /// Warns of the configured hosts that clients are no longer given.
    fn tell_of_hosts(&mut self) {
        let mut told: BTreeMap<&str, Vec<&ServerSpec>> = BTreeMap::new();
        let frontends = self.servers.iter().filter(|server| server.frontend);
        for server in frontends.filter(|server| server.advertised_host() != LOOPBACK) {
            told.entry(server.advertised_host()).or_default().push(server);
        }
        let notes = told.into_iter().map(|(host, servers)| Warning {
            about: some_ids(servers),
            message: format!("--here: on {LOOPBACK} instead of {host}, and clients are told so"),
            bites: Bites::Always,
        });
        let notes: Vec<Warning> = notes.collect();
        self.notes.extend(notes);
    }
}

/// The ports of the loopback address.
struct Ports {
    /// The id of what listens on each.
    taken: HashMap<u16, String>,
    /// Every port in the configuration.
    named: HashSet<u16>,
    /// Where the search for a replacement of each port begins.
    next: HashMap<u16, u16>,
}

impl Ports {
    fn new(spec: &ClusterSpec) -> Self {
        let of_servers = spec.servers.iter().flat_map(|server| [server.port, server.client_port]);
        let named = of_servers.flatten().chain(spec.master.iter().map(|master| master.port));
        let taken = spec.master.iter().map(|master| (master.port, master.id.to_string()));
        Self { named: named.collect(), taken: taken.collect(), next: HashMap::new() }
    }

    /// The port that a server gets instead of the configured one, and the id that owns that one.
    fn take(&mut self, wanted: u16, server: &ServerSpec) -> (u16, Option<String>) {
        let owner = self.taken.get(&wanted).cloned();
        let is_free = |port: u16| !self.named.contains(&port) && !self.taken.contains_key(&port);
        let port = match wanted {
            _ if owner.is_none() && wanted > PRIVILEGED_MAX => wanted,
            _ => {
                let unprivileged = if wanted > PRIVILEGED_MAX { wanted } else { wanted + UNPRIVILEGED };
                let first = *self.next.get(&wanted).unwrap_or(&unprivileged);
                // One of sixty thousand is always free: a cluster has at most ten thousand servers.
                let later = (first..=u16::MAX).chain(PRIVILEGED_MAX + 1..first).find(|port| is_free(*port));
                later.unwrap_or(0)
            }
        };
        self.next.insert(wanted, port.saturating_add(1));
        self.taken.insert(port, server.id.to_string());
        (port, owner)
    }
}
