//! Warnings about valid but probably unintended configurations, printed by `pomelo-sim check`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use super::check::KNOWN_FIELDS;
use super::roles::Roles;
use super::spec::{ClusterSpec, ServerSpec, some_ids};
use crate::ids::ServerType;
use crate::nearest::nearest;

/// Pomelo's fields without a meaning here. They are kept among the unknown fields, but are not
/// misspelt.
const POMELO_FIELDS: &[&str] =
    &["args", "auto-restart", "restart-force", "cpu", "clusterCount", "env", "user", "pid", "wsPort"];

const NO_GATE: &str =
    "no server of this type takes clients: they connect to a connector directly, and need to know one";

const NOTHING_TO_HAND_OUT: &str = "without \"frontend\": true no port opens for clients: the gate has nothing to hand out \
                                   to the users whom it sends there";

/// A hint about a server or a type, and its consequence. Prints as `about: message`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Warning {
    /// Server ids or a server type.
    pub about: String,
    /// The consequence, and what to do about it.
    pub message: String,
    /// When the consequence occurs.
    pub bites: Bites,
}

/// When a [`Warning`]'s consequence occurs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Bites {
    /// Whenever the cluster runs.
    Always,
    /// When a client comes from another machine.
    FromElsewhere,
    /// When the client ports open, by failing: a cluster that is up is past it.
    AtStart,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.message)
    }
}

impl ClusterSpec {
    /// Hints about a configuration that works, but perhaps not as meant. `routed`: the server types
    /// that have a route; `bind`: the address of all client ports, when it is not each server's
    /// host. [`Cluster::warnings`](crate::cluster::Cluster::warnings) knows both.
    pub fn warnings(&self, roles: &Roles, routed: &[&str], bind: Option<IpAddr>) -> Vec<Warning> {
        let mut warnings = self.notes.clone();
        self.warn_of_missing_types(roles, &mut warnings);
        self.warn_of_roles(roles, routed, &mut warnings);
        self.warn_of_told(roles, bind, &mut warnings);
        self.warn_of_unreachable(roles, bind, &mut warnings);
        if bind.is_none() {
            self.warn_of_one_port_on_two_hosts(&mut warnings);
        }
        for server in &self.servers {
            warn_of_server(roles, server, &mut warnings);
        }
        warnings
    }

    /// Hints about weights without effect: `heeds` tells whether a type's strategy uses them.
    pub fn warnings_of_weights(&self, heeds: impl Fn(&ServerType) -> bool) -> Vec<Warning> {
        let weighted = |server_type: &&ServerType| {
            self.of_type(server_type.as_str()).any(|server| server.weight != 1.0) && !heeds(server_type)
        };
        let warning = |server_type: &ServerType| Warning {
            about: server_type.to_string(),
            message: format!(
                "weights have no effect under the strategy of this type: serve --strategy \
                 {server_type}=weighted-rendezvous heeds them"
            ),
            bites: Bites::Always,
        };
        self.server_types().filter(weighted).map(warning).collect()
    }

    /// A cluster with custom types may not need the tutorial's.
    fn warn_of_missing_types(&self, roles: &Roles, warnings: &mut Vec<Warning>) {
        let connects = |name: &str| self.of_type(name).any(|server| server.frontend);
        let Roles { gate, connector, chat, .. } = *roles;
        if !connects(gate) && connects(connector) {
            let (about, message) = (gate.to_owned(), NO_GATE.to_owned());
            warnings.push(Warning { about, message, bites: Bites::Always });
        }
        if self.server_types().any(|name| ![gate, connector, chat].contains(&name.as_str())) {
            return;
        }
        for (name, message) in [
            (connector, "no server of this type: no client can log in, and a gate answers 500"),
            (chat, "no server of this type: no client can enter a room"),
        ] {
            if self.of_type(name).next().is_none() {
                let (about, message) = (name.to_owned(), message.to_owned());
                warnings.push(Warning { about, message, bites: Bites::Always });
            }
        }
    }

    /// Frontends that should be backends, the reverse, and backends that no route leads to.
    fn warn_of_roles(&self, roles: &Roles, routed: &[&str], warnings: &mut Vec<Warning>) {
        let mut warn = |about: String, message: String| {
            warnings.push(Warning { about, message, bites: Bites::Always });
        };
        for server_type in self.server_types() {
            let name = server_type.as_str();
            let (frontends, backends): (Vec<&ServerSpec>, Vec<&ServerSpec>) =
                self.of_type(name).partition(|server| server.frontend);
            if name == roles.connector {
                if !backends.is_empty() {
                    warn(some_ids(backends), NOTHING_TO_HAND_OUT.to_owned());
                }
            } else if !routed.contains(&name) {
                if backends.len() > 1 {
                    let message = format!(
                        "{} servers but no route: nothing says which of them gets a message; \
                         register a route for the type, or keep one server",
                        backends.len()
                    );
                    warn(name.to_owned(), message);
                }
            } else if !frontends.is_empty() && name != roles.gate {
                let message = format!(
                    "with \"frontend\": true it serves only the clients that connect to it: what clients of other \
                     servers, such as connectors, send to {name} is refused; take \"frontend\" away"
                );
                warn(some_ids(frontends), message);
            }
        }
    }

    /// What clients are told by the gate, which hands out connectors.
    fn warn_of_told(&self, roles: &Roles, bind: Option<IpAddr>, warnings: &mut Vec<Warning>) {
        let mut local: BTreeMap<&str, Vec<&ServerSpec>> = BTreeMap::new();
        let mut left: BTreeMap<&str, Vec<&ServerSpec>> = BTreeMap::new();
        let mut same: BTreeMap<(&str, u16), Vec<&ServerSpec>> = BTreeMap::new();
        for server in self.servers.iter().filter(|server| server.frontend) {
            let host = server.advertised_host();
            if let Some(port) = server.client_port.filter(|port| *port != 0) {
                same.entry((host, port)).or_default().push(server);
            }
            if server.server_type.as_str() != roles.connector {
                continue;
            }
            if is_loopback(host) || is_unspecified(host) {
                local.entry(host).or_default().push(server);
            } else if server.client_host.is_none() && bind.is_some_and(|bind| leaves(host, bind)) {
                left.entry(host).or_default().push(server);
            }
        }
        let mut warn = |servers: Vec<&ServerSpec>, message, bites| {
            warnings.push(Warning { about: some_ids(servers), message, bites });
        };
        for (host, servers) in local {
            let message = format!(
                "the gate tells clients to connect to {host}, which from another machine is that machine; \
                 set \"clientHost\" to the address that clients can reach"
            );
            warn(servers, message, Bites::FromElsewhere);
        }
        for (host, servers) in left {
            let bind = bind.map_or_else(String::new, |bind| bind.to_string());
            let message = format!(
                "the gate tells clients to connect to {host}, but the port opens on {bind}; \
                 set \"clientHost\" to the address that clients can reach"
            );
            warn(servers, message, Bites::Always);
        }
        for ((host, port), servers) in same.into_iter().filter(|(_, servers)| servers.len() > 1) {
            let message = format!("clients are told the same address {host}:{port} for each of them");
            warn(servers, message, Bites::Always);
        }
    }

    /// The gate hands out neither itself nor frontends of other types: clients must know their
    /// addresses, and reach the host on which they listen.
    fn warn_of_unreachable(&self, roles: &Roles, bind: Option<IpAddr>, warnings: &mut Vec<Warning>) {
        let mut local: BTreeMap<String, Vec<&ServerSpec>> = BTreeMap::new();
        let frontends = self.servers.iter().filter(|server| server.frontend);
        for server in frontends.filter(|server| server.server_type.as_str() != roles.connector) {
            let listens = bind.map_or_else(|| server.host.clone(), |bind| bind.to_string());
            // With a clientHost, something in front of it passes clients on.
            if is_loopback(&listens) && server.client_host.is_none() {
                local.entry(listens).or_default().push(server);
            }
        }
        for (host, servers) in local {
            let message = format!("listens on {host}, which only clients on this machine can reach");
            warnings.push(Warning { about: some_ids(servers), message, bites: Bites::FromElsewhere });
        }
    }

    fn warn_of_one_port_on_two_hosts(&self, warnings: &mut Vec<Warning>) {
        let mut ports: BTreeMap<u16, Vec<&ServerSpec>> = BTreeMap::new();
        for server in self.servers.iter().filter(|server| server.frontend) {
            if let Some(port) = server.client_port.filter(|port| *port != 0) {
                ports.entry(port).or_default().push(server);
            }
        }
        for (port, servers) in ports.into_iter().filter(|(_, servers)| servers.len() > 1) {
            let message = format!(
                "clientPort {port} on {} hosts: fine as it stands, but --bind, which opens all ports on one address, \
                 will fail",
                servers.len()
            );
            warnings.push(Warning { about: some_ids(servers), message, bites: Bites::AtStart });
        }
    }
}

impl ServerSpec {
    /// Hints about this server alone: fields that look misspelt, a client port that will not open,
    /// a connector without one.
    pub fn warnings(&self, roles: &Roles) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.server_type.as_str() == roles.connector && !self.frontend {
            let (about, message) = (self.id.to_string(), NOTHING_TO_HAND_OUT.to_owned());
            warnings.push(Warning { about, message, bites: Bites::Always });
        }
        warn_of_server(roles, self, &mut warnings);
        warnings
    }
}

fn warn_of_server(roles: &Roles, server: &ServerSpec, warnings: &mut Vec<Warning>) {
    let mut warn = |message, bites| warnings.push(Warning { about: server.id.to_string(), message, bites });
    match server.client_port {
        // Connectors have a warning of their own about this.
        Some(port) if !server.frontend && server.server_type.as_str() != roles.connector => {
            let message = format!("clientPort {port} will not open: the server lacks \"frontend\": true");
            warn(message, Bites::Always);
        }
        Some(port @ 1..1024) if server.frontend => {
            let message = format!("clientPort {port} is below 1024: to open it may need privileges");
            warn(message, Bites::AtStart);
        }
        _ => {}
    }
    for field in server.extra.keys().filter(|field| !POMELO_FIELDS.contains(&field.as_str())) {
        let known = KNOWN_FIELDS.iter().chain(POMELO_FIELDS).copied();
        if let Some(meant) = nearest(field, known) {
            warn(format!("unknown field {field:?}: did you mean {meant:?}?"), Bites::Always);
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Only a client on this machine can connect to 0.0.0.0 or ::, if at all.
fn is_unspecified(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Whether a port that is opened on `bind` is none of `host`. What a name stands for is not asked.
fn leaves(host: &str, bind: IpAddr) -> bool {
    !bind.is_unspecified() && host.parse::<IpAddr>().is_ok_and(|host| host != bind)
}
