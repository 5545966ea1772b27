//! How one server comes up, goes on after a pause, goes down in good order, and vanishes.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::{Entry, POLL, Servers};
use crate::cluster::PlannedServer;
use crate::config::{ConfigError, ServerSpec};
use crate::ids::ServerId;
use crate::live::control::{ControlError, ServerState};
use crate::live::router_actor::Register;
use crate::live::running::{ClusterSnapshot, LiveServer};
use crate::live::server_actor::{Deliver, ServerActor, SetPaused, ShutPort, StopAccepting, Vanish};
use crate::live::{StartError, listen};
use crate::servers::Delivery;

/// How long the port of a server that has just ended may take to be free again.
const PORT_PATIENCE: Duration = Duration::from_secs(1);

/// The longest that a stop waits for rooms to be handed over: other changes of servers come after it. Rooms that have not moved by then are rebuilt from their sessions, as after a crash.
const HAND_OVER_PATIENCE: Duration = Duration::from_secs(5);

impl Servers {
    /// Makes the actor of a server.
    pub(super) fn make(&mut self, at: usize, planned: PlannedServer) {
        let (router, clock, watch) = (self.observer.router.clone(), self.clock, self.observer.watch.clone());
        let make = planned.make;
        let actor = ServerActor::start_in_arbiter(&self.handles[at % self.handles.len()], move |_| {
            ServerActor::new(make(), router, clock, watch)
        });
        let spec = &planned.spec;
        self.observer.router.do_send(Register(spec.id.clone(), Some(actor.clone())));
        log::info!("server started server={} type={}", spec.id, spec.server_type);
        self.roster.change(at, |entry| {
            (entry.actor, entry.state, entry.since) = (Some(actor), ServerState::Running, Instant::now());
            (entry.messages, entry.panics, entry.made) = (0, 0, entry.made + 1);
        });
    }

    /// Starts a server that is not up, in a cluster that runs. When it fails, nothing of it is left.
    pub(super) async fn come_up(&mut self, at: usize) -> Result<(), ControlError> {
        let came_up = self.try_to_come_up(at).await;
        if came_up.is_err() {
            self.vanish(at, ServerState::Stopped).await;
        }
        came_up
    }

    async fn try_to_come_up(&mut self, at: usize) -> Result<(), ControlError> {
        let listener = match self.roster.at(at).spec.frontend {
            true => Some(self.listen(at).await?),
            false => None,
        };
        let port = listener.as_ref().and_then(|listener| listener.local_addr().ok()).map(|at| at.port());
        let spec = self.roster.change(at, |entry| {
            if port.is_some() {
                Arc::make_mut(&mut entry.spec).client_port = port;
            }
            entry.comeback = None;
            Arc::clone(&entry.spec)
        });
        self.generations += 1;
        let Some(planned) = self.blueprint.server(&spec, self.generations) else {
            return Err(ConfigError::unserved(&spec, &self.blueprint.served()).into());
        };
        let admitted = Arc::clone(&spec);
        if !matches!(self.with_router(move |router, _, _| router.admit(&admitted)).await, Ok(Ok(()))) {
            return Err(ControlError::Ended);
        }
        self.make(at, planned);
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            if let Some(actor) = self.roster.at(at).actor {
                // Its code has panicked when it was made.
                actor.send(Deliver(delivery)).await.map_err(|_| StartError::Unmade(spec.id.to_string()))?;
            }
        }
        // Its port is open before the gate names it.
        if let Some(listener) = listener {
            self.open(at, listener).await?;
        }
        let joined = self.with_router(move |router, now, out| router.join(now, &spec, out)).await;
        joined.map_err(|_| ControlError::Ended)
    }

    /// Whether these could be started, once the servers whose place they take are gone.
    pub(in crate::live) fn check_start(&self, specs: &[ServerSpec]) -> Result<(), ControlError> {
        let served = self.blueprint.served();
        let known = self.roster.all();
        for spec in specs {
            if !served.contains(&spec.server_type.as_str()) {
                return Err(ConfigError::unserved(spec, &served).into());
            }
            let is_ours = |port| known.iter().any(|entry| entry.clients.is_some_and(|at| at.port() == port));
            if spec.frontend && !spec.client_port.is_some_and(is_ours) {
                // Opened and closed again.
                listen(spec, &self.options)?;
            }
        }
        Ok(())
    }

    async fn listen(&self, at: usize) -> Result<TcpListener, StartError> {
        let give_up = Instant::now() + PORT_PATIENCE;
        loop {
            let Entry { spec, made, .. } = self.roster.at(at);
            match listen(&spec, &self.options) {
                Err(StartError::Listen { error, .. })
                    if error.kind() == std::io::ErrorKind::AddrInUse
                        && made > 0
                        && Instant::now() < give_up =>
                {
                    tokio::time::sleep(POLL).await;
                }
                opened => return opened,
            }
        }
    }

    /// Stops a server: off the list, its rooms handed over, its clients told, its calls answered, the end.
    pub(super) async fn go_down(&mut self, at: usize, reason: &'static str) {
        if self.roster.at(at).state == ServerState::Paused {
            self.go_on(at).await;
        }
        self.roster.change(at, |entry| entry.state = ServerState::Stopping);
        let Entry { spec, actor, .. } = self.roster.at(at);
        let Some(actor) = actor else { return };
        let id = spec.id.clone();
        if spec.frontend {
            self.retire(&id).await;
            let _ = actor.send(StopAccepting).await;
            self.wait_for(&id, |server| server.server.calls_pending == 0).await;
            let _ = actor.send(Deliver(Delivery::GivingUp)).await;
            let _ = actor.send(Deliver(Delivery::Stopping)).await;
            let _ = self.with_router(|_, _, _| ()).await;
            let _ = actor.send(self.shut_port(reason)).await;
            self.wait_for(&id, |server| server.port.as_ref().is_none_or(|port| port.connections == 0)).await;
        } else {
            let _ = actor.send(Deliver(Delivery::Stopping)).await;
            self.retire(&id).await;
            self.wait_for(&id, |server| server.server.calls_pending == 0).await;
        }
        let patience = self.options.request_timeout + self.options.stop_timeout;
        let give_up = Instant::now() + patience.min(HAND_OVER_PATIENCE);
        while Instant::now() < give_up {
            let asked = id.clone();
            if !matches!(
                self.with_router(move |router, _, _| router.is_empty_handed(&asked)).await,
                Ok(false)
            ) {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        self.vanish(at, ServerState::Stopped).await;
        log::info!("server stopped server={id}");
    }

    /// How the clients of a frontend that stops are sent away.
    pub(in crate::live) fn shut_port(&self, reason: &'static str) -> ShutPort {
        ShutPort { reason, kicks: self.options.kick_on_stop }
    }

    async fn retire(&self, id: &ServerId) {
        let id = id.clone();
        let _ = self.with_router(move |router, now, out| router.retire(now, &id, out)).await;
    }

    async fn wait_for(&self, id: &ServerId, done: impl Fn(&LiveServer) -> bool) {
        let is_done = |now: &ClusterSnapshot| {
            now.servers.iter().find(|server| server.server.id == *id).is_none_or(&done)
        };
        self.wait_until(self.options.stop_timeout, is_done).await;
    }

    pub(super) async fn go_on(&mut self, at: usize) {
        self.roster.change(at, |entry| entry.state = ServerState::Running);
        let Entry { spec, actor, .. } = self.roster.at(at);
        let id = spec.id.clone();
        log::info!("server resumed server={id}");
        if let Some(actor) = actor {
            // What came into its mailbox before the pause is older than what the router has kept.
            let _ = actor.send(SetPaused(false)).await;
        }
        let _ = self.with_router(move |router, now, out| router.resume(now, &id, out)).await;
    }

    /// Ends an actor as it is, if there is one. The router hears it first: what the actor still says then comes from the
    /// dead.
    pub(super) async fn vanish(&mut self, at: usize, then: ServerState) {
        let (actor, id) = self.roster.change(at, |entry| {
            (entry.state, entry.clients) = (then, None);
            (entry.actor.take(), entry.spec.id.clone())
        });
        let Some(actor) = actor else { return };
        let forgotten = id.clone();
        let _ = self.with_router(move |router, now, out| router.forget(now, &forgotten, out)).await;
        self.observer.router.do_send(Register(id, None));
        actor.do_send(Vanish);
        while actor.connected() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
