//! Checks whether this machine can open the client ports of a configuration, and whether clients
//! can reach what the gate names.
//!
//! Asks the system for its own addresses, and the network for the addresses of names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::net::{IpAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{Bites, ClusterSpec, ServerSpec, Warning};

/// The longest wait for all names together.
const NAMES_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a host is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An address of this machine.
    Here(IpAddr),
    /// An address of another machine.
    Elsewhere,
    /// A name without an address.
    Nowhere,
}

/// Why client ports cannot be opened here, host by host.
pub(super) fn obstacles(spec: &ClusterSpec, bind: Option<IpAddr>) -> Vec<String> {
    const ADVICE: &str =
        "--here serves everything on 127.0.0.1, --bind 0.0.0.0 on all addresses of this machine";
    if let Some(bind) = bind {
        let foreign = place_of_address(bind) == Place::Elsewhere;
        return foreign
            .then(|| format!("--bind {bind}: not an address of this machine"))
            .into_iter()
            .collect();
    }
    let mut hosts: BTreeMap<&str, Vec<&ServerSpec>> = BTreeMap::new();
    for server in spec.servers.iter().filter(|server| server.frontend) {
        hosts.entry(&server.host).or_default().push(server);
    }
    let places = places(hosts.keys().copied());
    let obstacle = |(host, servers): (&str, Vec<&ServerSpec>)| {
        let what = match places.get(host)? {
            Place::Here(_) => return None,
            Place::Elsewhere => format!("{host} is not an address of this machine"),
            Place::Nowhere => format!("{host:?} has no address here"),
        };
        Some(format!("{}: {what}; {ADVICE}", some_ids(&servers)))
    };
    hosts.into_iter().filter_map(obstacle).collect()
}

/// Connectors whose port opens on an address other than the one that the gate tells clients. A
/// `clientHost` is taken as given: something in front of the cluster may have that address.
/// `clientHost` is believed: something in front of the cluster may have that address.
pub(super) fn warnings(spec: &ClusterSpec, bind: Option<IpAddr>) -> Vec<Warning> {
    let Some(bind) = bind else { return Vec::new() };
    let mut hosts: BTreeMap<&str, Vec<&ServerSpec>> = BTreeMap::new();
    let connectors =
        spec.of_type("connector").filter(|server| server.frontend && server.client_host.is_none());
    for server in connectors {
        // The configuration has its own warnings about a single address.
        if bind.is_unspecified() || server.host.parse::<IpAddr>().is_err() {
            hosts.entry(&server.host).or_default().push(server);
        }
    }
    let places = places(hosts.keys().copied());
    let warning = |(host, servers): (&str, Vec<&ServerSpec>)| {
        let is_reached = match places.get(host)? {
            Place::Here(address) => bind.is_unspecified() || *address == bind,
            Place::Elsewhere | Place::Nowhere => false,
        };
        let message = format!(
            "the gate tells clients to connect to {host}, but the port opens on {bind}, which {host} does not lead to; \
             set \"clientHost\" to the address that clients can reach"
        );
        (!is_reached).then(|| Warning { about: some_ids(&servers), message, bites: Bites::Always })
    };
    hosts.into_iter().filter_map(warning).collect()
}

fn some_ids(servers: &[&ServerSpec]) -> String {
    crate::config::some_ids(servers.iter().copied())
}

/// Where each host is. Names are resolved at once, since each may take as long as the network lets
/// it.
fn places<'a>(hosts: impl Iterator<Item = &'a str>) -> HashMap<&'a str, Place> {
    let hosts: BTreeSet<&str> = hosts.collect();
    let (sender, receiver) = mpsc::channel();
    let mut places = HashMap::new();
    for host in hosts {
        if let Ok(address) = host.parse() {
            places.insert(host, place_of_address(address));
            continue;
        }
        places.insert(host, Place::Nowhere);
        let (sender, name) = (sender.clone(), host.to_owned());
        // No thread: treated as a name that nobody knows.
        let _ = thread::Builder::new().spawn(move || {
            let first = (name.as_str(), 0).to_socket_addrs().ok().and_then(|mut found| found.next());
            let place = first.map_or(Place::Nowhere, |address| place_of_address(address.ip()));
            // An answer after the deadline is ignored.
            let _ = sender.send((name, place));
        });
    }
    drop(sender);
    let until = Instant::now() + NAMES_TIMEOUT;
    while let Ok((name, found)) = receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
        places.get_mut(name.as_str()).into_iter().for_each(|place| *place = found);
    }
    places
}

/// A socket binds to addresses of this machine only.
fn place_of_address(address: IpAddr) -> Place {
    match UdpSocket::bind((address, 0)) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => Place::Elsewhere,
        _ => Place::Here(address),
    }
}
