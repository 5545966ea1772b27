//! The servers of a running cluster, one by one: started, stopped, killed, paused, brought back.

mod life;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::control::{ControlError, ServerState};
use super::observer::Observer;
use super::roster::{Entry, Roster};
use super::running::ClusterSnapshot;
use super::server_actor::{Clock, Deliver, OpenPort, ServerActor, SetPaused};
use super::timeline::{EventKind, Timeline};
use super::{StartError, port_options};
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

/// What changes the servers, on the cluster's thread: one order after the other.
pub(super) struct Servers {
    pub(super) observer: Observer,
    roster: Roster,
    timeline: Timeline,
    blueprint: Blueprint,
    options: Options,
    clock: Clock,
    handles: Vec<ArbiterHandle>,
    /// How many servers were made beside those of the start. Each is another generation, whatever its id: one that was
    /// removed may be added again, while answers to the first one are under way.
    generations: u32,
    /// Numbers of the sessions of all frontends, for the same reason.
    serials: Arc<AtomicU32>,
}

impl Servers {
    pub(super) fn new(
        observer: Observer,
        blueprint: Blueprint,
        options: Options,
        clock: Clock,
        handles: Vec<ArbiterHandle>,
    ) -> Self {
        let (roster, timeline) = (observer.roster.clone(), observer.timeline.clone());
        let (generations, serials) = (0, Arc::default());
        Self { observer, roster, timeline, blueprint, options, clock, handles, generations, serials }
    }

    /// Starts the actor of a server that the router knows already, before the cluster runs.
    pub(super) fn prepare(&mut self, spec: ServerSpec, planned: PlannedServer) {
        let at = self.append(spec);
        self.make(at, planned);
    }

    /// Opens the port of a frontend whose actor is there.
    pub(super) async fn open(&mut self, at: usize, listener: TcpListener) -> Result<(), StartError> {
        let Entry { spec, actor, .. } = self.roster.at(at);
        let Some(actor) = actor else { return Ok(()) };
        let failed = |error| StartError::Listen {
            server: spec.id.to_string(),
            address: format!("port {}", spec.client_port.unwrap_or(0)),
            error,
        };
        let address = listener.local_addr().map_err(failed)?;
        let Some(planned) = self.blueprint.server(&spec, self.generations) else { return Ok(()) };
        let options = port_options(&spec, planned.offer, &self.options, &self.serials);
        let opened = actor.send(OpenPort(listener, options)).await;
        opened.unwrap_or_else(|gone| Err(std::io::Error::other(gone))).map_err(failed)?;
        self.roster.change(at, |entry| entry.clients = Some(address));
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
    pub(super) fn unmade(&self) -> Option<ServerId> {
        let has_ended = |entry: &Entry| entry.actor.as_ref().is_some_and(|actor| !actor.connected());
        self.roster.all().into_iter().find(has_ended).map(|entry| entry.spec.id.clone())
    }

    /// The actors of all servers that are up.
    pub(super) fn up(&self) -> impl Iterator<Item = Addr<ServerActor>> {
        self.roster.all().into_iter().filter_map(|entry| entry.actor)
    }

    /// Starts a new server at the end of its type's list; or one that is not up again, with these fields and in its old place.
    pub(super) async fn add(&mut self, spec: ServerSpec) -> Result<(), ControlError> {
        let known = self.roster.all();
        let before = known.iter().position(|entry| entry.spec.id == spec.id);
        if let Some(up) = before.map(|at| &known[at]).filter(|entry| entry.actor.is_some()) {
            return Err(ControlError::Exists { id: spec.id, state: up.state });
        }
        let taken = |entry: &&Entry| {
            let (ours, theirs) = (spec.client_port.filter(|port| *port != 0), entry.spec.client_port);
            spec.frontend
                && entry.actor.is_some()
                && entry.spec.frontend
                && entry.spec.host == spec.host
                && ours.is_some()
                && ours == theirs
        };
        if let Some(other) = known.iter().find(taken) {
            let port = spec.client_port.unwrap_or(0);
            return Err(ControlError::PortTaken { id: spec.id, other: other.spec.id.clone(), port });
        }
        let served = self.blueprint.served();
        if !served.contains(&spec.server_type.as_str()) {
            return Err(ConfigError::unserved(&spec, &served).into());
        }
        match before {
            Some(at) if known[at].spec.server_type == spec.server_type => return self.renew(at, spec).await,
            // Its old place is on another list.
            Some(_) => self.remove(spec.id.as_str()).await?,
            None => {}
        }
        let at = self.append(spec);
        let came_up = self.come_up(at).await;
        if came_up.is_err() {
            self.roster.edit(|entries| drop(entries.pop()));
        } else {
            let spec = self.roster.at(at).spec;
            let text = format!("a {} server more", spec.server_type);
            self.timeline.note(EventKind::Added, Some(&spec.id), text);
        }
        came_up
    }

    /// Starts a server that is not up with other fields. When it fails, it stays as it was.
    async fn renew(&mut self, at: usize, spec: ServerSpec) -> Result<(), ControlError> {
        let before = self.roster.at(at);
        let id = spec.id.clone();
        self.roster.change(at, |entry| entry.spec = Arc::new(spec));
        let came_up = self.come_up(at).await;
        match &came_up {
            Ok(()) => self.timeline.note(EventKind::Added, Some(&id), "started again, as it was added"),
            Err(_) => self.roster.change(at, |entry| *entry = before),
        }
        came_up
    }

    /// Puts servers in this order, here and on the lists of their types. One that is to be added takes its place there when
    /// it comes.
    pub(super) async fn arrange(&mut self, order: Vec<ServerId>) {
        let place = |entry: &Entry| order.iter().position(|id| *id == entry.spec.id).unwrap_or(order.len());
        self.roster.edit(|entries| entries.sort_by_key(place));
        let _ = self.with_router(move |router, now, out| router.arrange(now, &order, out)).await;
    }

    /// Stops a server and forgets it.
    pub(super) async fn remove(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find(id)?;
        if self.roster.at(at).actor.is_some() {
            self.go_down(at, "server removed").await;
        }
        let removed = self.roster.edit(|entries| entries.remove(at)).spec.id.clone();
        self.timeline.note(EventKind::Removed, Some(&removed), "stopped and forgotten");
        let _ = self.with_router(move |router, _, _| router.strike(&removed)).await;
        Ok(())
    }

    /// Stops a server in good order.
    pub(super) async fn stop(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find_up(id)?;
        self.roster.change(at, |entry| entry.comeback = None);
        self.go_down(at, "server stopped").await;
        self.timeline.note(EventKind::Stopped, Some(&id.into()), "stopped in good order");
        Ok(())
    }

    /// Lets a server vanish.
    pub(super) async fn kill(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find_up(id)?;
        self.vanish(at, ServerState::Killed).await;
        self.roster.change(at, |entry| {
            if auto_restarts(&entry.spec) {
                if entry.since.elapsed() > COMEBACK_MAX {
                    entry.kills = 0;
                }
                let wait = COMEBACK.saturating_mul(1 << entry.kills.min(10)).min(COMEBACK_MAX);
                entry.kills += 1;
                entry.comeback = Some(Instant::now() + wait);
            }
        });
        self.timeline.note(EventKind::Killed, Some(&id.into()), "vanished, as by a crash");
        log::warn!("server killed server={id}");
        Ok(())
    }

    /// Lets a running server do nothing.
    pub(super) async fn pause(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find_up(id)?;
        let Entry { spec, state, actor, .. } = self.roster.at(at);
        if state != ServerState::Running {
            let wanted = "only a running server can be paused";
            return Err(ControlError::WrongState { id: spec.id.clone(), state, wanted });
        }
        self.roster.change(at, |entry| entry.state = ServerState::Paused);
        log::info!("server paused server={id}");
        let paused = spec.id.clone();
        let _ = self.with_router(move |router, _, _| router.pause(&paused)).await;
        if let Some(actor) = actor {
            let _ = actor.send(SetPaused(true)).await;
        }
        self.timeline.note(EventKind::Paused, Some(&spec.id), "does nothing from now on");
        Ok(())
    }

    /// Lets a paused server go on.
    pub(super) async fn resume(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find(id)?;
        let Entry { spec, state, .. } = self.roster.at(at);
        if state != ServerState::Paused {
            let wanted = "only a paused server can be resumed";
            return Err(ControlError::WrongState { id: spec.id.clone(), state, wanted });
        }
        self.go_on(at).await;
        self.timeline.note(EventKind::Resumed, Some(&spec.id), "goes on");
        Ok(())
    }

    /// Stops a server if it is up, and starts it again.
    pub(super) async fn restart(&mut self, id: &str) -> Result<(), ControlError> {
        let at = self.find(id)?;
        if self.roster.at(at).actor.is_some() {
            self.go_down(at, "server restarts").await;
        }
        self.come_up(at).await?;
        self.timeline.note(EventKind::Restarted, Some(&id.into()), "started again");
        Ok(())
    }

    /// When the next server comes back by itself.
    pub(super) fn next_comeback(&self) -> Option<Instant> {
        self.roster.edit(|entries| entries.iter().filter_map(|entry| entry.comeback).min())
    }

    /// Brings back the servers whose time has come.
    pub(super) async fn bring_back(&mut self) {
        let now = Instant::now();
        for (at, entry) in self.roster.all().into_iter().enumerate() {
            if entry.comeback.is_none_or(|when| when > now) {
                continue;
            }
            self.roster.change(at, |entry| entry.comeback = None);
            let id = &entry.spec.id;
            match self.come_up(at).await {
                Ok(()) => self.timeline.note(EventKind::Started, Some(id), "has come back by itself"),
                Err(error) => log::error!("server does not come back server={id} error={error}"),
            }
        }
    }

    pub(super) async fn with_router<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send + 'static,
    ) -> Result<R, MailboxError> {
        self.observer.with_router(order).await
    }

    /// Waits until something holds, or for so long.
    pub(super) async fn wait_until(&self, patience: Duration, done: impl Fn(&ClusterSnapshot) -> bool) {
        let give_up = Instant::now() + patience;
        while !done(&self.observer.snapshot().await) && Instant::now() < give_up {
            tokio::time::sleep(POLL).await;
        }
    }

    /// A place for a server that has not come up yet.
    fn append(&self, spec: ServerSpec) -> usize {
        self.roster.edit(|entries| {
            entries.push(Entry::new(spec));
            entries.len() - 1
        })
    }

    fn find(&self, id: &str) -> Result<usize, ControlError> {
        self.roster.edit(|entries| {
            let at = entries.iter().position(|entry| entry.spec.id.as_str() == id);
            at.ok_or_else(|| ControlError::UnknownServer {
                id: id.to_owned(),
                known: entries.iter().map(|entry| entry.spec.id.to_string()).collect(),
            })
        })
    }

    fn find_up(&self, id: &str) -> Result<usize, ControlError> {
        let at = self.find(id)?;
        let Entry { spec, state, actor, .. } = self.roster.at(at);
        match actor {
            Some(_) => Ok(at),
            None => {
                let id = spec.id.clone();
                Err(ControlError::WrongState { id, state, wanted: "it is not up" })
            }
        }
    }
}

/// Pomelo's `"auto-restart": "true"`: a server that was killed comes back by itself.
fn auto_restarts(spec: &ServerSpec) -> bool {
    spec.extra.get("auto-restart").is_some_and(|value| value == true || value == "true")
}
