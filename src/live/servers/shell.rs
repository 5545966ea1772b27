//! Carries out the supervisor's decisions, and reports the facts that it awaits, as the actors
//! confirm them.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

use super::{Entry, Servers};
use crate::cluster::PlannedServer;
use crate::config::{ConfigError, ServerSpec};
use crate::ids::ServerId;
use crate::live::control::{ControlError, ServerState};
use crate::live::listen::{StartError, listen, port_options};
use crate::live::router_actor::{Register, WhenEmptyHanded};
use crate::live::server_actor::life::{
    OpenPort, SetPaused, StopAccepting, Vanish, WhenIdle, WhenUnconnected,
};
use crate::live::server_actor::{Deliver, ServerActor};
use crate::live::timeline::EventKind;
use crate::router::{Routed, Router};
use crate::servers::Delivery;
use crate::supervisor::{Act, Change, Decision, Fact};
use crate::time::Time;

/// The result of a decision: a fact for the supervisor, if there is one, with the error that caused
/// it.
type Carried = Result<Option<Fact>, Box<(Fact, ControlError)>>;

impl Servers {
    /// Carries out decisions, and those that follow from them, until the server is neither coming
    /// up nor going down. The error says why it did not come up.
    pub(super) async fn settle(
        &mut self,
        id: &ServerId,
        mut decided: Vec<Decision>,
    ) -> Result<(), ControlError> {
        let mut failure = None;
        loop {
            self.show_states();
            for Decision { server, act } in std::mem::take(&mut decided) {
                let fact = self.carry_out(&server, act).await.unwrap_or_else(|failed| {
                    let (fact, error) = *failed;
                    failure = Some(error);
                    Some(fact)
                });
                if let Some(fact) = fact {
                    self.supervisor.learn(self.clock.now(), &server, fact, &mut decided);
                }
            }
            if decided.is_empty() {
                if self.supervisor.is_settled(id) {
                    break;
                }
                self.sleep_until_deadline(id).await;
                self.supervisor.tick(self.clock.now(), &mut decided);
            }
        }
        self.show_states();
        let is_up = matches!(self.supervisor.state(id), Some(ServerState::Running | ServerState::Paused));
        failure.filter(|_| !is_up).map_or(Ok(()), Err)
    }

    /// Publishes each state, so that observers see it at once.
    fn show_states(&self) {
        self.roster.edit(|entries| {
            for entry in entries {
                entry.state = self.supervisor.state(&entry.spec.id).unwrap_or(entry.state);
            }
        });
    }

    async fn sleep_until_deadline(&self, id: &ServerId) {
        match self.supervisor.deadline_of(id) {
            Some(deadline) => tokio::time::sleep(deadline.since(self.clock.now())).await,
            None => std::future::pending().await,
        }
    }

    async fn carry_out(&mut self, id: &ServerId, act: Act) -> Carried {
        let place = self.place(id.as_str());
        let Some(at) = place else { return Ok(None) };
        let Entry { spec, actor, .. } = self.roster.at(at);
        match act {
            Act::Bind => return self.bind(at, &spec),
            Act::Admit => {
                let admitted = self.with_router(move |router, _, _| router.admit(&spec)).await;
                if !matches!(admitted, Ok(Ok(()))) {
                    return Err(Box::new((Fact::Failed, ControlError::Ended)));
                }
            }
            Act::Make => {
                self.generations += 1;
                let Some(planned) = self.blueprint.server(&spec, self.generations) else {
                    let error = ConfigError::unserved(&spec, &self.blueprint.served());
                    return Err(Box::new((Fact::Failed, error.into())));
                };
                self.make(at, planned);
            }
            Act::Deliver(delivery) => {
                let starts = matches!(delivery, Delivery::Started | Delivery::AllStarted);
                let sent = tell(actor, Deliver(delivery)).await;
                if starts && !sent {
                    // Its code panicked in its constructor.
                    return Err(Box::new((Fact::Failed, StartError::Unmade(id.to_string()).into())));
                }
            }
            Act::Open => {
                let Some(listener) = self.listeners.remove(id) else { return Ok(None) };
                return match self.open(at, listener).await {
                    Ok(()) => Ok(Some(Fact::Open)),
                    Err(error) => Err(Box::new((Fact::Failed, error.into()))),
                };
            }
            Act::Join => self.tell_router(move |router, now, out| router.join(now, &spec, out)).await,
            Act::Pause => {
                // The router first: from here on envelopes wait there, in order.
                let id = id.clone();
                self.tell_router(move |router, _, _| router.pause(&id)).await;
                tell(actor, SetPaused(true)).await;
            }
            Act::Resume => {
                // First: deliveries that were in its mailbox before the pause are older than those
                // that the router has kept.
                tell(actor, SetPaused(false)).await;
                let id = id.clone();
                self.tell_router(move |router, now, out| router.resume(now, &id, out)).await;
            }
            Act::Retire => {
                let id = id.clone();
                self.tell_router(move |router, now, out| router.retire(now, &id, out)).await;
            }
            Act::StopAccepting => _ = tell(actor, StopAccepting).await,
            Act::Shut(reason) => _ = tell(actor, self.shut_port(reason)).await,
            Act::Forget => {
                let forgotten = id.clone();
                self.tell_router(move |router, now, out| router.forget(now, &forgotten, out)).await;
                self.observer.router.do_send(Register(id.clone(), None));
            }
            Act::End => {
                // First in the roster, so that no query asks an actor that is ending.
                self.roster.change(at, |entry| (entry.actor, entry.clients) = (None, None));
                tell(actor, Vanish).await;
                log::info!("server ended server={id} state={}", self.roster.at(at).state);
            }
            Act::RemoveFromOrder => {
                self.roster.edit(|entries| drop(entries.remove(at)));
                let id = id.clone();
                self.tell_router(move |router, _, _| router.remove_from_order(&id)).await;
            }
            Act::Await(fact) => {
                return Ok(tokio::select! {
                    biased;
                    () = self.wait_for(id, actor, fact) => Some(fact),
                    () = self.sleep_until_deadline(id) => None,
                });
            }
            Act::Note(change) => self.note(at, change),
        }
        Ok(None)
    }

    /// Waits until the actor that knows a fact confirms it.
    async fn wait_for(&self, id: &ServerId, actor: Option<Addr<ServerActor>>, fact: Fact) {
        match fact {
            Fact::Idle => _ = tell(actor, WhenIdle).await,
            Fact::Unconnected => _ = tell(actor, WhenUnconnected).await,
            Fact::EmptyHanded => _ = self.observer.router.send(WhenEmptyHanded(id.clone())).await,
            // Every delivery was awaited, so its output is in the router's mailbox. The router
            // answers this after it.
            Fact::Told => self.tell_router(|_, _, _| ()).await,
            // The other facts are known when their act is carried out.
            _ => {}
        }
    }

    /// Runs an order on the router, which lives as long as the cluster.
    async fn tell_router(&self, order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) + Send + 'static) {
        let _ = self.with_router(order).await;
    }

    /// Binds the client port of a frontend.
    fn bind(&mut self, at: usize, spec: &ServerSpec) -> Carried {
        let listener = match listen(spec, &self.options) {
            Ok(listener) => listener,
            Err(error) => {
                let is_taken = matches!(&error, StartError::Listen { error, .. } if error.kind() == ErrorKind::AddrInUse);
                return Err(Box::new((if is_taken { Fact::PortTaken } else { Fact::Failed }, error.into())));
            }
        };
        if let Ok(address) = listener.local_addr() {
            // Port 0 means any free port: from here on the real one is known.
            self.roster.change(at, |entry| Arc::make_mut(&mut entry.spec).client_port = Some(address.port()));
        }
        self.listeners.insert(spec.id.clone(), listener);
        Ok(Some(Fact::Bound))
    }

    /// Makes the actor of a server.
    pub(super) fn make(&mut self, at: usize, planned: PlannedServer) {
        let (router, clock, watch) =
            (self.observer.router.clone(), self.clock.clone(), self.observer.watch.clone());
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

    /// Opens the port of a frontend whose actor exists.
    pub(in crate::live) async fn open(&mut self, at: usize, listener: TcpListener) -> Result<(), StartError> {
        let Entry { spec, actor, .. } = self.roster.at(at);
        let Some(actor) = actor else { return Ok(()) };
        let failed = |error| StartError::Listen {
            server: spec.id.to_string(),
            address: format!("port {}", spec.client_port.unwrap_or(0)),
            error,
        };
        let address = listener.local_addr().map_err(failed)?;
        let Some(planned) = self.blueprint.server(&spec, self.generations) else { return Ok(()) };
        let options = port_options(&spec, planned.offer, &self.options, &self.serials, &self.places);
        let opened = actor.send(OpenPort(listener, options)).await;
        opened.unwrap_or_else(|gone| Err(std::io::Error::other(gone))).map_err(failed)?;
        self.roster.change(at, |entry| entry.clients = Some(address));
        Ok(())
    }

    fn note(&self, at: usize, change: Change) {
        let Entry { spec, made, .. } = self.roster.at(at);
        let (kind, text) = match change {
            Change::Added if made > 1 => (EventKind::Added, "started again, as it was added".to_owned()),
            Change::Added => (EventKind::Added, format!("a {} server more", spec.server_type)),
            Change::Removed => (EventKind::Removed, "stopped and forgotten".to_owned()),
            Change::Stopped => (EventKind::Stopped, "stopped in good order".to_owned()),
            Change::Killed => (EventKind::Killed, "vanished, as by a crash".to_owned()),
            Change::Paused => (EventKind::Paused, "does nothing from now on".to_owned()),
            Change::Resumed => (EventKind::Resumed, "resumed".to_owned()),
            Change::Restarted => (EventKind::Restarted, "started again".to_owned()),
            Change::CameBack => (EventKind::Started, "has come back by itself".to_owned()),
        };
        let level = if change == Change::Killed { log::Level::Warn } else { log::Level::Info };
        log::log!(level, "server {} server={}", format!("{change:?}").to_lowercase(), spec.id);
        self.timeline.note(kind, Some(&spec.id), text);
    }
}

/// Sends a message and waits until it is handled. False if the actor has ended.
async fn tell<M>(actor: Option<Addr<ServerActor>>, message: M) -> bool
where
    M: Message + Send + 'static,
    M::Result: Send,
    ServerActor: Handler<M>,
    Context<ServerActor>: actix::dev::ToEnvelope<ServerActor, M>,
{
    match actor {
        Some(actor) => actor.send(message).await.is_ok(),
        None => false,
    }
}
