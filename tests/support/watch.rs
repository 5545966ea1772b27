//! A bystander room that must not be disturbed, and a cluster's counts before and after a test's
//! actions.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pomelo_sim::live::{ClusterView, RunningCluster};
use pomelo_sim::ports::{CloseReason, PortSnapshot};
use pomelo_sim::servers::ServerSnapshot;
use serde_json::{Value, json};

use super::client::{Client, Transport};
use super::{PATIENCE, wait_until};

/// Clients on several connectors that chat in one room, on a separate thread, until they are
/// stopped. They check that each message reaches each of them once and in order.
pub struct WatchedRoom {
    stopping: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl WatchedRoom {
    /// One member on each connector, alternating the transports.
    pub fn start(cluster: &RunningCluster, rid: &str) -> Self {
        let members = connectors(cluster).into_iter().enumerate().map(|(place, address)| {
            let transport = if place % 2 == 0 { Transport::Tcp } else { Transport::WebSocket };
            Client::enter(address, transport, &format!("watcher{place}"), rid)
        });
        let mut members: Vec<Client> = members.collect();
        for (place, member) in members.iter_mut().enumerate() {
            // Each receives a push for every later member.
            (place + 1..connectors(cluster).len()).for_each(|_| assert_eq!(member.push().0, "onAdd"));
        }
        let (stopping, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stop, round) = (Arc::clone(&stopping), Arc::clone(&rounds));
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                talk(&mut members, number);
                round.store(number, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
            members.into_iter().for_each(Client::close);
        });
        Self { stopping, rounds, thread: Some(thread) }
    }

    /// Waits for two complete rounds from now on.
    pub fn assert_works(&self) {
        let before = self.rounds.load(Ordering::Relaxed);
        wait_until("the watched room talks", || {
            assert!(!self.thread.as_ref().unwrap().is_finished(), "the watched room was disturbed");
            self.rounds.load(Ordering::Relaxed) >= before + 2
        });
    }

    /// Number of complete rounds.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Stops it, and returns the number of rounds.
    pub fn finish(mut self) -> u64 {
        self.assert_works();
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().expect("the watched room was disturbed");
        self.rounds.load(Ordering::Relaxed)
    }
}

impl Drop for WatchedRoom {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// One round: each sends the number, and all receive it from each.
fn talk(members: &mut [Client], number: u64) {
    for sender in 0..members.len() {
        let body = json!({"content": number, "target": "*"});
        let answer = members[sender].request("chat.chatHandler.send", body);
        assert_eq!(answer, json!({}));
        for member in members.iter_mut() {
            let (route, push) = member.push();
            let expected = json!({"msg": number, "from": format!("watcher{sender}"), "target": "*"});
            assert_eq!((route.as_str(), push), ("onChat", expected));
        }
    }
}

/// The connectors' addresses, in order.
pub fn connectors(cluster: &RunningCluster) -> Vec<SocketAddr> {
    let connectors = cluster.servers().filter(|(spec, _)| spec.server_type.as_str() == "connector");
    connectors.filter_map(|(_, address)| address).collect()
}

/// The account of a server that is up.
pub fn account(cluster: &RunningCluster, id: &str) -> ServerSnapshot {
    accounts(cluster).into_iter().find(|account| account.id.as_str() == id).unwrap()
}

/// The accounts of all servers that are up.
pub fn accounts(cluster: &RunningCluster) -> Vec<ServerSnapshot> {
    cluster.list().unwrap().into_iter().filter_map(|server| server.account).collect()
}

pub fn port(cluster: &RunningCluster, id: &str) -> PortSnapshot {
    let servers = cluster.list().unwrap();
    servers.into_iter().find(|server| server.id.as_str() == id).unwrap().port.unwrap()
}

/// Number of a port's connections that ended for this reason.
pub fn closed(cluster: &RunningCluster, id: &str, reason: CloseReason) -> u64 {
    port(cluster, id).closed.get(&reason).copied().unwrap_or_default()
}

/// Waits until this many have.
pub fn wait_closed(cluster: &RunningCluster, id: &str, reason: CloseReason, count: u64) {
    wait_until(&format!("{count} connections of {id} end for {reason:?}"), || {
        closed(cluster, id, reason) >= count
    });
    assert_eq!(closed(cluster, id, reason), count, "{:?}", port(cluster, id).closed);
}

/// The resources that a cluster holds for its clients, all released when they go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub connections: BTreeMap<String, usize>,
    pub sessions: usize,
    pub bound: usize,
    pub uids: usize,
    pub channels: usize,
    pub members: usize,
    pub calls: usize,
}

impl Held {
    pub fn by(view: &ClusterView) -> Self {
        let sum = |count: fn(&ServerSnapshot) -> usize| {
            view.servers.iter().map(|server| server.figure(count)).sum()
        };
        let connections = view
            .servers
            .iter()
            .filter_map(|server| Some((server.id.to_string(), server.port.as_ref()?.connections)));
        Self {
            connections: connections.collect(),
            sessions: sum(|account| account.sessions),
            bound: sum(|account| account.bound),
            uids: view.uids,
            channels: sum(|account| account.channels),
            members: sum(|account| account.members),
            calls: sum(|account| account.calls_pending),
        }
    }

    /// Waits until the cluster holds the same resources again. Pending calls vary with every
    /// message, and are not compared.
    pub fn wait_again(&self, cluster: &RunningCluster) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let now = Held { calls: self.calls, ..Held::by(&cluster.view().unwrap()) };
            if now == *self {
                return;
            }
            assert!(Instant::now() < give_up, "leaked: expected {self:?}, got {now:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the cluster holds nothing.
    pub fn wait_nothing(cluster: &RunningCluster) {
        let nothing = |held: &Held| {
            let Held { connections, sessions, bound, uids, channels, members, calls } = held;
            connections.values().sum::<usize>() + sessions + bound + uids + channels + members + calls == 0
        };
        let give_up = Instant::now() + PATIENCE;
        loop {
            let held = Held::by(&cluster.view().unwrap());
            if nothing(&held) {
                return;
            }
            assert!(Instant::now() < give_up, "left behind: {held:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Allocated memory of this process in bytes.
pub fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
}

/// Number of open file descriptors of this process.
pub fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// An object's text, to compare bodies.
pub fn code_of(body: &Value) -> Option<u64> {
    body["code"].as_u64()
}
