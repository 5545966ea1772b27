//! The servers of a running cluster: takes orders; the supervisor decides on them and its shell
//! carries them out.

mod shell;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use actix::prelude::*;

use super::clock::Clock;
use super::control::{ControlError, Verb};
use super::listen::listen;
use super::queries::observer::Observer;
use super::roster::{Entry, Roster};
use super::server_actor::life::ShutPort;
use super::server_actor::{Deliver, ServerActor};
use super::timeline::Timeline;
use crate::cluster::{Blueprint, Options, PlannedServer};
use crate::config::{ConfigError, ServerSpec};
use crate::ids::ServerId;
use crate::ports::Places;
use crate::router::{Routed, Router};
use crate::servers::Delivery;
use crate::supervisor::{Decision, Refused, Supervisor, Timeouts};
use crate::time::Time;

/// Changes the servers, on the cluster's thread, one order after the other.
pub(super) struct Servers {
    pub(super) observer: Observer,
    supervisor: Supervisor,
    /// Bound client ports of servers that are coming up.
    listeners: BTreeMap<ServerId, TcpListener>,
    roster: Roster,
    timeline: Timeline,
    blueprint: Blueprint,
    options: Options,
    clock: Clock,
    handles: Vec<ArbiterHandle>,
    /// Number of servers made since the start. Each is a new generation, whatever its id: a server
    /// that was removed may be added again while answers to the first one are in flight.
    generations: u32,
    /// Numbers of the sessions of all frontends, for the same reason.
    serials: Arc<AtomicU32>,
    /// The connections that all ports may have.
    places: Places,
}

impl Servers {
    pub(super) fn new(
        observer: Observer,
        blueprint: Blueprint,
        options: Options,
        clock: Clock,
        handles: Vec<ArbiterHandle>,
    ) -> Self {
        let places = Places::new(&options);
        let (roster, timeline) = (observer.roster.clone(), observer.timeline.clone());
        Self {
            observer,
            supervisor: Supervisor::new(Timeouts::new(options.stop_timeout, options.request_timeout)),
            listeners: BTreeMap::new(),
            roster,
            timeline,
            blueprint,
            options,
            clock,
            handles,
            generations: 0,
            serials: Arc::default(),
            places,
        }
    }

    /// Starts the actor of a server that the router knows already, before the cluster runs.
    pub(super) fn prepare(&mut self, spec: ServerSpec, planned: PlannedServer) {
        self.supervisor.adopt(self.clock.now(), &spec);
        let at = self.append(spec);
        self.make(at, planned);
    }

    /// Sends a delivery to every server that is up, in order, and waits until all have handled it.
    pub(super) async fn deliver_to_all(&self, delivery: &Delivery) {
        for actor in self.up() {
            // Only an actor that has ended does not answer.
            let _ = actor.send(Deliver(delivery.clone())).await;
        }
    }

    /// A server whose actor ended before it did anything.
    pub(super) fn unmade(&self) -> Option<ServerId> {
        let has_ended = |entry: &Entry| entry.actor.as_ref().is_some_and(|actor| !actor.connected());
        self.roster.all().into_iter().find(has_ended).map(|entry| entry.spec.id.clone())
    }

    /// The actors of all servers that are up.
    pub(super) fn up(&self) -> impl Iterator<Item = Addr<ServerActor>> {
        self.roster.all().into_iter().filter_map(|entry| entry.actor)
    }

    /// Starts a new server at the end of its type's list; or restarts one that is not up, with
    /// these fields and in its old place.
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
        let id = spec.id.clone();
        let before = match before {
            Some(at) if known[at].spec.server_type == spec.server_type => {
                self.roster.change(at, |entry| entry.spec = Arc::new(spec.clone()));
                Some(&known[at])
            }
            // Its old place is on another list.
            Some(_) => {
                self.change(Verb::Remove, id.as_str()).await?;
                None
            }
            None => None,
        };
        if before.is_none() {
            self.append(spec.clone());
        }
        let came_up = self.decide(&id, |supervisor, now, out| supervisor.add(now, &spec, out)).await;
        if let (Err(_), Some(before), Some(at)) = (&came_up, before, self.place(id.as_str())) {
            // It did not come up, so its old description stays.
            self.roster.change(at, |entry| entry.spec = Arc::clone(&before.spec));
        }
        came_up
    }

    /// Puts servers into this order, here and on the lists of their types. A server that is added
    /// later takes its place there when it comes.
    pub(super) async fn arrange(&mut self, order: Vec<ServerId>) {
        let place = |entry: &Entry| order.iter().position(|id| *id == entry.spec.id).unwrap_or(order.len());
        self.roster.edit(|entries| entries.sort_by_key(place));
        let _ = self.with_router(move |router, now, out| router.arrange(now, &order, out)).await;
    }

    /// Changes one server.
    pub(super) async fn change(&mut self, verb: Verb, id: &str) -> Result<(), ControlError> {
        let at = self.place(id).ok_or_else(|| ControlError::UnknownServer {
            id: id.to_owned(),
            known: self.roster.all().iter().map(|entry| entry.spec.id.to_string()).collect(),
        })?;
        let id = self.roster.at(at).spec.id.clone();
        self.decide(&id, |supervisor, now, out| supervisor.order(now, verb, &id, out)).await
    }

    /// Lets the supervisor decide, and carries out its decisions.
    async fn decide(
        &mut self,
        id: &ServerId,
        how: impl FnOnce(&mut Supervisor, Time, &mut Vec<Decision>) -> Result<(), Refused>,
    ) -> Result<(), ControlError> {
        let mut decided = Vec::new();
        how(&mut self.supervisor, self.clock.now(), &mut decided).map_err(|Refused { state, wanted }| {
            let id = id.clone();
            state.map_or(ControlError::Ended, |state| ControlError::WrongState { id, state, wanted })
        })?;
        self.settle(id, decided).await
    }

    /// Time until the supervisor's next deadline, if it has one.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        self.supervisor.next_deadline().map(|deadline| deadline.since(self.clock.now()))
    }

    /// Brings back the servers whose restart is due.
    pub(super) async fn tick(&mut self) {
        let mut decided = Vec::new();
        self.supervisor.tick(self.clock.now(), &mut decided);
        let Some(id) = decided.first().map(|decision| decision.server.clone()) else { return };
        if let Err(error) = self.settle(&id, decided).await {
            log::error!("server does not come back server={id} error={error}");
        }
    }

    /// Whether these servers could start, once the servers that they replace are gone.
    pub(super) fn check_start(&self, specs: &[ServerSpec]) -> Result<(), ControlError> {
        let served = self.blueprint.served();
        let known = self.roster.all();
        for spec in specs {
            if !served.contains(&spec.server_type.as_str()) {
                return Err(ConfigError::unserved(spec, &served).into());
            }
            let is_ours = |port| known.iter().any(|entry| entry.clients.is_some_and(|at| at.port() == port));
            if spec.frontend && !spec.client_port.is_some_and(is_ours) {
                // Opened only to see whether it works; closed at once.
                listen(spec, &self.options)?;
            }
        }
        Ok(())
    }

    /// The message that ends the connections of a frontend that stops.
    pub(super) fn shut_port(&self, reason: &'static str) -> ShutPort {
        ShutPort { reason, kicks: self.options.kick_on_stop }
    }

    pub(super) async fn with_router<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send + 'static,
    ) -> Result<R, MailboxError> {
        self.observer.with_router(order).await
    }

    /// A place for a server that has not come up yet.
    fn append(&self, spec: ServerSpec) -> usize {
        self.roster.edit(|entries| {
            entries.push(Entry::new(spec));
            entries.len() - 1
        })
    }

    /// A server's place in the roster.
    fn place(&self, id: &str) -> Option<usize> {
        self.roster.edit(|entries| entries.iter().position(|entry| entry.spec.id.as_str() == id))
    }
}
