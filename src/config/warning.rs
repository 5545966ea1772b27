//! What is right but will bite: hints that `pomelo-sim check` prints.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use super::check::KNOWN_FIELDS;
use super::spec::{ClusterSpec, ServerSpec, some_ids};
use crate::nearest::nearest;

/// Fields of Pomelo that have no meaning here, and so are kept among the unknown ones: not misspelt.
const POMELO_FIELDS: &[&str] =
    &["args", "auto-restart", "restart-force", "cpu", "clusterCount", "env", "user", "pid"];

/// A hint: what it is about (a server, a type) and what will happen. Prints as `about: message`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Warning {
    /// Server ids or a server type.
    pub about: String,
    /// What will happen, and what to do.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.message)
    }
}

impl ClusterSpec {
    /// Hints about a configuration that works, but perhaps not as meant. `routed`: the server types that have a route.
    pub fn warnings(&self, routed: &[&str]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        self.warn_of_missing_types(&mut warnings);
        self.warn_of_unrouted(routed, &mut warnings);
        self.warn_of_advertised(&mut warnings);
        for server in &self.servers {
            warn_of_server(server, &mut warnings);
        }
        warnings
    }

    fn warn_of_missing_types(&self, warnings: &mut Vec<Warning>) {
        for (name, message) in [
            ("connector", "no server of this type: the gate has nothing to hand out, and answers 500"),
            ("chat", "no server of this type: no client can enter a room"),
        ] {
            if self.of_type(name).next().is_none() {
                warnings.push(Warning { about: name.to_owned(), message: message.to_owned() });
            }
        }
    }

    fn warn_of_unrouted(&self, routed: &[&str], warnings: &mut Vec<Warning>) {
        for server_type in self.server_types().filter(|name| !routed.contains(&name.as_str())) {
            let backends = self.of_type(server_type.as_str()).filter(|server| !server.frontend).count();
            if backends > 1 {
                let message = format!(
                    "{backends} servers but no route: nothing says which of them gets a message; \
                     register a route for the type, or keep one server"
                );
                warnings.push(Warning { about: server_type.to_string(), message });
            }
        }
    }

    /// The gate hands out the addresses of the other frontends; nobody hands out the gate's.
    fn warn_of_advertised(&self, warnings: &mut Vec<Warning>) {
        let mut local: BTreeMap<&str, Vec<&ServerSpec>> = BTreeMap::new();
        let mut same: BTreeMap<(&str, u16), Vec<&ServerSpec>> = BTreeMap::new();
        for server in &self.servers {
            let Some(port) = server.client_port.filter(|_| server.frontend) else { continue };
            let host = server.advertised_host();
            if port != 0 {
                same.entry((host, port)).or_default().push(server);
            }
            if server.server_type.as_str() != "gate" && stays_on_this_machine(host) {
                local.entry(host).or_default().push(server);
            }
        }
        for (host, servers) in local {
            let message = format!(
                "the gate tells clients to connect to {host}, which from another machine is that machine; \
                 set \"clientHost\" to the address that clients can reach"
            );
            warnings.push(Warning { about: some_ids(servers.into_iter()), message });
        }
        for ((host, port), servers) in same.into_iter().filter(|(_, servers)| servers.len() > 1) {
            let message = format!("clients are told the same address {host}:{port} for each of them");
            warnings.push(Warning { about: some_ids(servers.into_iter()), message });
        }
    }
}

fn warn_of_server(server: &ServerSpec, warnings: &mut Vec<Warning>) {
    let mut warn = |message| warnings.push(Warning { about: server.id.to_string(), message });
    match server.client_port {
        Some(port) if !server.frontend => {
            warn(format!("clientPort {port} will not open: the server lacks \"frontend\": true"));
        }
        Some(port @ 1..1024) => {
            warn(format!("clientPort {port} is below 1024: to open it may need privileges"))
        }
        _ => {}
    }
    for field in server.extra.keys().filter(|field| !POMELO_FIELDS.contains(&field.as_str())) {
        let known = KNOWN_FIELDS.iter().chain(POMELO_FIELDS).copied();
        if let Some(meant) = nearest(field, known) {
            warn(format!("unknown field {field:?}: did you mean {meant:?}?"));
        }
    }
}

/// Loopback, and 0.0.0.0 or ::, to which a client can connect only on this machine, if at all.
fn stays_on_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}
