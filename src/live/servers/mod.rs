//! The servers of a running cluster, one by one: started, stopped, killed, paused, brought back.

mod life;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::control::{ControlError, ServerState, ServerStatus};
use super::router_actor::{RouterActor, WithRouter};
use super::running::ClusterSnapshot;
use super::server_actor::{
    Clock, CountMessages, Deliver, Inspect, InspectHoldings, OpenPort, ServerActor, SetPaused,
};
use super::{StartError, port_options};
use crate::audit::{RouterView, Violation, audit};
use crate::cluster::{Blueprint, Options, PlannedServer};
use crate::config::{ConfigError, ServerSpec};
use crate::ids::ServerId;
use crate::router::{Routed, Router};
use crate::servers::Delivery;
use crate::time::Time;

/// How often it is looked whether something is done.
const POLL: Duration = Duration::from_millis(5);

/// The first wait before a server with `auto-restart` that was killed comes back; twice as long each time.
const COMEBACK: Duration = Duration::from_millis(100);

/// The longest such wait.
const COMEBACK_MAX: Duration = Duration::from_secs(10);

/// Where the servers are, for whoever asks from another thread.
pub(super) type Addresses = Arc<Mutex<Vec<(ServerSpec, Option<SocketAddr>)>>>;

/// The servers, on the cluster's thread.
pub(super) struct Servers {
    pub(super) router: Addr<RouterActor>,
    blueprint: Blueprint,
    options: Options,
    clock: Clock,
    handles: Vec<ArbiterHandle>,
    entries: Vec<Entry>,
    addresses: Addresses,
    /// How many servers were made beside those of the start. Each is another generation, whatever its id: one that was
    /// removed may be added again, while answers to the first one are under way.
    generations: u32,
    /// Numbers of the sessions of all frontends, for the same reason.
    serials: Arc<AtomicU32>,
}

/// One server, up or not.
struct Entry {
    spec: ServerSpec,
    state: ServerState,
    /// Its actor, while it is up.
    actor: Option<Addr<ServerActor>>,
    clients: Option<SocketAddr>,
    /// When it came up last.
    since: Instant,
    /// How often it was made.
    made: u32,
    /// When it comes back by itself, and how often it has in a row.
    comeback: Option<Instant>,
    kills: u32,
    messages: u64,
    messages_per_second: u64,
}

impl Entry {
    /// One that has not come up yet.
    fn new(spec: ServerSpec) -> Self {
        Self {
            spec,
            state: ServerState::Stopped,
            actor: None,
            clients: None,
            since: Instant::now(),
            made: 0,
            comeback: None,
            kills: 0,
            messages: 0,
            messages_per_second: 0,
        }
    }
}

impl Servers {
    pub(super) fn new(
        router: Addr<RouterActor>,
        blueprint: Blueprint,
        options: Options,
        clock: Clock,
        handles: Vec<ArbiterHandle>,
        addresses: Addresses,
    ) -> Self {
        let (entries, generations, serials) = (Vec::new(), 0, Arc::default());
        Self { router, blueprint, options, clock, handles, entries, addresses, generations, serials }
    }

    /// Starts the actor of a server that the router knows already, before the cluster runs.
    pub(super) fn prepare(&mut self, spec: ServerSpec, planned: PlannedServer) {
        self.entries.push(Entry::new(spec));
        self.make(self.entries.len() - 1, planned);
    }

    /// Opens the port of a frontend whose actor is there.
    pub(super) async fn open(&mut self, at: usize, listener: TcpListener) -> Result<(), StartError> {
        let entry = &mut self.entries[at];
        let Some(actor) = &entry.actor else { return Ok(()) };
        let failed = |error| StartError::Listen {
            server: entry.spec.id.to_string(),
            address: format!("port {}", entry.spec.client_port.unwrap_or(0)),
            error,
        };
        let address = listener.local_addr().map_err(failed)?;
        let Some(planned) = self.blueprint.server(&entry.spec, self.generations) else { return Ok(()) };
        let options = port_options(&entry.spec, planned.offer, &self.options, &self.serials);
        let opened = actor.send(OpenPort(listener, options)).await;
        opened.unwrap_or_else(|gone| Err(std::io::Error::other(gone))).map_err(failed)?;
        entry.clients = Some(address);
        self.publish();
        Ok(())
    }

    /// Gives a delivery to every server that is up, in order, and waits until all have it.
    pub(super) async fn deliver_to_all(&self, delivery: &Delivery) {
        for actor in self.up() {
            // Only an actor that has ended does not answer.
            let _ = actor.send(Deliver(delivery.clone())).await;
        }
    }

    /// A server whose actor has ended before it did anything.
    pub(super) fn unmade(&self) -> Option<&ServerId> {
        let has_ended = |entry: &&Entry| entry.actor.as_ref().is_some_and(|actor| !actor.connected());
        self.entries.iter().find(has_ended).map(|entry| &entry.spec.id)
    }

    /// The actors of all servers that are up.
    pub(super) fn up(&self) -> impl Iterator<Item = &Addr<ServerActor>> {
        self.entries.iter().filter_map(|entry| entry.actor.as_ref())
    }

    pub(super) async fn snapshot(&self) -> ClusterSnapshot {
        let mut snapshot = ClusterSnapshot::default();
        for actor in self.up() {
            snapshot.servers.extend(actor.send(Inspect).await.ok());
        }
        if let Ok((router, uids)) =
            self.with_router(|router, _, _| (router.counters(), router.uids().len())).await
        {
            (snapshot.router, snapshot.uids) = (router, uids);
        }
        snapshot
    }

    pub(super) async fn list(&self) -> Vec<ServerStatus> {
        let mut list = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let seen = match &entry.actor {
                Some(actor) => actor.send(Inspect).await.ok(),
                None => None,
            };
            let is_up = seen.is_some();
            let server = seen.map(|seen| seen.server);
            let restarting = server.as_ref().is_some_and(|server| server.is_restarting);
            list.push(ServerStatus {
                id: entry.spec.id.clone(),
                server_type: entry.spec.server_type.clone(),
                state: if restarting { ServerState::Restarting } else { entry.state },
                host: entry.spec.host.clone(),
                port: entry.spec.port,
                clients: entry.clients,
                uptime: if is_up { entry.since.elapsed() } else { Duration::ZERO },
                sessions: server.as_ref().map_or(0, |server| server.sessions),
                rooms: server.as_ref().map_or(0, |server| server.channels),
                messages_per_second: entry.messages_per_second,
                restarts: u64::from(entry.made.saturating_sub(1))
                    + server.map_or(0, |server| server.counters.restarts),
            });
        }
        list
    }

    /// What does not hold at this moment.
    pub(super) async fn audit(&self) -> Vec<Violation> {
        let mut held = BTreeMap::new();
        for entry in &self.entries {
            let Some(actor) = &entry.actor else { continue };
            if let Ok(holdings) = actor.send(InspectHoldings).await {
                held.insert(entry.spec.id.clone(), (entry.spec.server_type.clone(), holdings));
            }
        }
        let Ok(view) = self.with_router(|router, _, _| RouterView::of(router)).await else {
            return Vec::new();
        };
        audit(&held, &view, self.options.rebalance).into_iter().collect()
    }

    /// Starts a new server at the end of its type's list.
    pub(super) async fn add(&mut self, spec: ServerSpec) -> Result<(), ControlError> {
        if let Some(known) = self.entries.iter().find(|entry| entry.spec.id == spec.id) {
            return Err(ControlError::Exists { id: spec.id, state: known.state });
        }
        let taken = |entry: &&Entry| {
            let (ours, theirs) = (spec.client_port.filter(|port| *port != 0), entry.spec.client_port);
            spec.frontend
                && entry.spec.frontend
                && entry.spec.host == spec.host
                && ours.is_some()
                && ours == theirs
        };
        if let Some(other) = self.entries.iter().find(taken) {
            let port = spec.client_port.unwrap_or(0);
            return Err(ControlError::PortTaken { id: spec.id, other: other.spec.id.clone(), port });
        }
        let served = self.blueprint.served();
        if !served.contains(&spec.server_type.as_str()) {
            return Err(ConfigError::unserved(&spec, &served).into());
        }
        self.entries.push(Entry::new(spec));
        let at = self.entries.len() - 1;
        let came_up = self.come_up(at).await;
        if came_up.is_err() {
            self.entries.pop();
            self.publish();
        }
        came_up
    }

    /// Stops a server and forgets it.
    pub(super) async fn remove(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find(id)?;
        if self.entries[at].actor.is_some() {
            self.go_down(at, "server removed").await;
        }
        let removed = self.entries.remove(at).spec.id;
        let _ = self.with_router(move |router, _, _| router.strike(&removed)).await;
        self.publish();
        Ok(())
    }

    /// Stops a server in good order.
    pub(super) async fn stop(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find_up(id)?;
        self.entries[at].comeback = None;
        self.go_down(at, "server stopped").await;
        Ok(())
    }

    /// Lets a server vanish.
    pub(super) async fn kill(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find_up(id)?;
        self.vanish(at).await;
        let entry = &mut self.entries[at];
        entry.state = ServerState::Killed;
        if auto_restarts(&entry.spec) {
            if entry.since.elapsed() > COMEBACK_MAX {
                entry.kills = 0;
            }
            let wait = COMEBACK.saturating_mul(1 << entry.kills.min(10)).min(COMEBACK_MAX);
            entry.kills += 1;
            entry.comeback = Some(Instant::now() + wait);
        }
        log::warn!("server killed server={id}");
        Ok(())
    }

    /// Lets a running server do nothing.
    pub(super) async fn pause(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find_up(id)?;
        let entry = &mut self.entries[at];
        if entry.state != ServerState::Running {
            let (id, state) = (entry.spec.id.clone(), entry.state);
            return Err(ControlError::WrongState {
                id,
                state,
                wanted: "only a running server can be paused",
            });
        }
        entry.state = ServerState::Paused;
        let (id, actor) = (entry.spec.id.clone(), entry.actor.clone());
        log::info!("server paused server={id}");
        let _ = self.with_router(move |router, _, _| router.pause(&id)).await;
        if let Some(actor) = actor {
            let _ = actor.send(SetPaused(true)).await;
        }
        Ok(())
    }

    /// Lets a paused server go on.
    pub(super) async fn resume(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find(id)?;
        let entry = &self.entries[at];
        if entry.state != ServerState::Paused {
            let (id, state) = (entry.spec.id.clone(), entry.state);
            return Err(ControlError::WrongState {
                id,
                state,
                wanted: "only a paused server can be resumed",
            });
        }
        self.go_on(at).await;
        Ok(())
    }

    /// Stops a server if it is up, and starts it again.
    pub(super) async fn restart(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find(id)?;
        if self.entries[at].actor.is_some() {
            self.go_down(at, "server restarts").await;
        }
        self.come_up(at).await
    }

    /// Counts messages, and brings back whose time has come. Called once a second and oftener.
    pub(super) async fn look_after(&mut self, since_last: Duration) {
        for entry in &mut self.entries {
            let count = match &entry.actor {
                Some(actor) => actor.send(CountMessages).await.unwrap_or(0),
                None => 0,
            };
            let more = count.saturating_sub(entry.messages);
            entry.messages = count;
            entry.messages_per_second = (more as f64 / since_last.as_secs_f64().max(0.001)).round() as u64;
        }
    }

    /// When the next server comes back by itself.
    pub(super) fn next_comeback(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| entry.comeback).min()
    }

    /// Brings back the servers whose time has come.
    pub(super) async fn bring_back(&mut self) {
        let now = Instant::now();
        for at in 0..self.entries.len() {
            if self.entries[at].comeback.is_some_and(|when| when <= now) {
                self.entries[at].comeback = None;
                if let Err(error) = self.come_up(at).await {
                    log::error!(
                        "server does not come back server={} error={error}",
                        self.entries[at].spec.id
                    );
                }
            }
        }
    }

    pub(super) async fn with_router<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send + 'static,
    ) -> Result<R, MailboxError> {
        self.router.send(WithRouter(Box::new(order))).await
    }

    /// Waits until something holds, or for so long.
    pub(super) async fn wait_until(&self, patience: Duration, done: impl Fn(&ClusterSnapshot) -> bool) {
        let give_up = Instant::now() + patience;
        while !done(&self.snapshot().await) && Instant::now() < give_up {
            tokio::time::sleep(POLL).await;
        }
    }

    fn find(&self, id: &str) -> Result<usize, ControlError> {
        let at = self.entries.iter().position(|entry| entry.spec.id.as_str() == id);
        at.ok_or_else(|| ControlError::UnknownServer {
            id: id.to_owned(),
            known: self.entries.iter().map(|entry| entry.spec.id.to_string()).collect(),
        })
    }

    fn find_up(&self, id: &str) -> Result<usize, ControlError> {
        let at = self.find(id)?;
        let entry = &self.entries[at];
        if entry.actor.is_none() {
            let (id, state) = (entry.spec.id.clone(), entry.state);
            return Err(ControlError::WrongState { id, state, wanted: "it is not up" });
        }
        Ok(at)
    }

    fn publish(&self) {
        let now = self.entries.iter().map(|entry| (entry.spec.clone(), entry.clients)).collect();
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// Pomelo's `"auto-restart": "true"`: a server that was killed comes back by itself.
fn auto_restarts(spec: &ServerSpec) -> bool {
    spec.extra.get("auto-restart").is_some_and(|value| value == true || value == "true")
}
