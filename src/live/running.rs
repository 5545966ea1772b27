//! A running cluster, as its owner sees it: look at it, stop it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::control::{ControlError, Reloaded, ServerStatus, Verb};
use super::observer::{Observer, Question};
use super::roster::Roster;
use super::timeline::{EventKind, Timeline};
use crate::audit::Violation;
use crate::config::{ClusterSpec, ServerSpec};
use crate::ports::PortSnapshot;
use crate::router::{LinkRule, Routed, Router, RouterCounters};
use crate::servers::ServerSnapshot;
use crate::time::Time;

/// How long the audit waits before it looks again.
const AUDIT_AGAIN: Duration = Duration::from_millis(20);

/// A cluster that runs on its own thread. Dropping it stops it.
pub struct RunningCluster {
    pub(super) spec: ClusterSpec,
    pub(super) roster: Roster,
    pub(super) timeline: Timeline,
    pub(super) control: UnboundedSender<Control>,
    pub(super) questions: UnboundedSender<Question>,
    pub(super) thread: Option<JoinHandle<()>>,
}

/// What changes the servers: one after the other.
pub(super) enum Control {
    Add(Box<ServerSpec>, mpsc::Sender<Result<(), ControlError>>),
    CheckStart(Vec<ServerSpec>, mpsc::Sender<Result<(), ControlError>>),
    Change(Verb, String, mpsc::Sender<Result<(), ControlError>>),
    Stop,
}

/// The whole cluster at one moment.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct ClusterSnapshot {
    /// Every server, in the order of the configuration.
    pub servers: Vec<LiveServer>,
    /// What the router has counted.
    pub router: RouterCounters,
    /// Uids that are bound, in the whole cluster.
    pub uids: usize,
}

/// A server, and its port if it is a frontend.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LiveServer {
    /// The server's account of itself.
    #[serde(flatten)]
    pub server: ServerSnapshot,
    /// Its port's.
    pub port: Option<PortSnapshot>,
}

impl RunningCluster {
    /// The configuration that it was started with, with the ports that were really opened.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// The servers of now, and where each listens for clients: none on a backend, and on one that is not up.
    pub fn servers(&self) -> impl Iterator<Item = (ServerSpec, Option<SocketAddr>)> + use<> {
        self.roster.all().into_iter().map(|entry| (Arc::unwrap_or_clone(entry.spec), entry.clients))
    }

    /// Where a server listens for clients.
    pub fn address(&self, server: &str) -> Option<SocketAddr> {
        self.roster.all().into_iter().find(|entry| entry.spec.id.as_str() == server)?.clients
    }

    /// Every server's account of itself; empty when the cluster has ended.
    pub fn snapshot(&self) -> ClusterSnapshot {
        self.look(async |observer| observer.snapshot().await).unwrap_or_default()
    }

    /// What does not hold, though it must whenever nothing is on its way: see [`audit`](crate::audit). What is found while
    /// clients are busy may be gone at the next look.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn audit(&self) -> Result<Vec<Violation>, ControlError> {
        self.look(async |observer| observer.audit().await)
    }

    /// The same, looking again until all holds or what does not hold has not held for this long.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn audit_for(&self, patience: Duration) -> Result<Vec<Violation>, ControlError> {
        let give_up = Instant::now() + patience;
        let mut found = self.audit()?;
        while !found.is_empty() && Instant::now() < give_up {
            std::thread::sleep(AUDIT_AGAIN);
            let again = self.audit()?;
            found.retain(|violation| again.contains(violation));
            if found.is_empty() {
                found = again;
            }
        }
        Ok(found)
    }

    /// How every server is, in the order in which they were configured and added.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn list(&self) -> Result<Vec<ServerStatus>, ControlError> {
        self.look(async |observer| observer.list().await)
    }

    /// Starts a server beside those that run, at the end of its type's list.
    ///
    /// # Errors
    /// Its id or client port is taken, its type has no code, or its port cannot be opened.
    pub fn add(&self, server: ServerSpec) -> Result<(), ControlError> {
        self.ask(|asker| Control::Add(Box::new(server), asker))?
    }

    /// Takes a server out of the cluster: as [`stop_server`](Self::stop_server), and then forgets it.
    ///
    /// # Errors
    /// There is none of that id.
    pub fn remove(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Remove, id)
    }

    /// Stops a server in good order: no route chooses it any more, its rooms go to others, its
    /// clients are closed or kicked.
    ///
    /// # Errors
    /// There is none of that id, or it is not up.
    pub fn stop_server(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Stop, id)
    }

    /// Lets a server vanish, as a process that crashes.
    ///
    /// # Errors
    /// There is none of that id, or it is not up.
    pub fn kill(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Kill, id)
    }

    /// Lets a server do nothing, as a process that hangs.
    ///
    /// # Errors
    /// There is none of that id, or it is not running.
    pub fn pause(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Pause, id)
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// There is none of that id, or it is not paused.
    pub fn resume(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Resume, id)
    }

    /// Stops a server, if it is up, and starts it again.
    ///
    /// # Errors
    /// There is none of that id, or its port cannot be opened.
    pub fn restart(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Restart, id)
    }

    /// Makes the cluster what another configuration says: adds and removes the difference.
    ///
    /// # Errors
    /// A server of it cannot be added; nothing has changed then, unless its port was taken in that very moment.
    pub fn reload(&self, spec: &ClusterSpec) -> Result<Reloaded, ControlError> {
        let mut done = Reloaded::default();
        let running: Vec<_> = self.servers().collect();
        let runs_so = |wanted: &&ServerSpec| running.iter().any(|(server, _)| is_same(server, wanted));
        let to_start = spec.servers.iter().filter(|wanted| !runs_so(wanted)).cloned().collect();
        // Before anything goes: what cannot come must not take the place of what runs.
        self.ask(|asker| Control::CheckStart(to_start, asker))??;
        for (server, _) in &running {
            match spec.servers.iter().find(|wanted| wanted.id == server.id) {
                None => {
                    self.remove(server.id.as_str())?;
                    done.removed.push(server.id.clone());
                }
                Some(wanted) if !is_same(server, wanted) => {
                    self.remove(server.id.as_str())?;
                    done.replaced.push(server.id.clone());
                }
                Some(_) => {}
            }
        }
        for wanted in &spec.servers {
            let runs = running.iter().any(|(server, _)| server.id == wanted.id);
            if !runs {
                done.added.push(wanted.id.clone());
            }
            if !runs || done.replaced.contains(&wanted.id) {
                self.add(wanted.clone())?;
            }
        }
        let text = format!(
            "the configuration of {}: {} added, {} removed, {} replaced",
            spec.source.display(),
            done.added.len(),
            done.removed.len(),
            done.replaced.len()
        );
        self.timeline.note(EventKind::Reloaded, None, text);
        Ok(done)
    }

    /// What has happened to it.
    pub fn timeline(&self) -> Timeline {
        self.timeline.clone()
    }

    /// The rules of the links, in the order in which they are asked.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn link_rules(&self) -> Result<Vec<LinkRule>, ControlError> {
        self.with_router(|router, _, _| router.rules())
    }

    /// Adds a rule behind the others, or in the place of one of that name. Gives its name.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn add_link_rule(&self, rule: LinkRule) -> Result<String, ControlError> {
        let mut shown = rule.clone();
        shown.name = self.with_router(move |router, now, out| router.install(now, rule, out))?;
        self.timeline.note(EventKind::Link, None, shown.to_string());
        Ok(shown.name)
    }

    /// Takes a rule away, or all of them; what waited on links that were cut goes on.
    ///
    /// # Errors
    /// No rule has that name.
    pub fn heal(&self, name: Option<&str>) -> Result<(), ControlError> {
        let healed = name.map(str::to_owned);
        self.with_router(move |router, now, out| router.heal(now, healed.as_deref(), out))??;
        self.timeline.note(EventKind::Healed, None, name.unwrap_or("all rules"));
        Ok(())
    }

    /// Takes no more clients, answers what is under way, closes or kicks clients, and ends; within
    /// twice the stop timeout.
    pub fn stop(mut self) {
        self.end();
    }

    /// Does one of these with a server: as the method of that name.
    ///
    /// # Errors
    /// As the method of that name.
    pub fn change(&self, verb: Verb, id: &str) -> Result<(), ControlError> {
        self.ask(|asker| Control::Change(verb, id.to_owned(), asker))?
    }

    /// Does something with the router between two envelopes, and waits for what comes of it.
    pub(super) fn with_router<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send + 'static,
    ) -> Result<R, ControlError> {
        self.look(async move |observer| observer.with_router(order).await)?.map_err(|_| ControlError::Ended)
    }

    /// Asks something that changes no server, and waits for the answer: it does not wait for orders that do.
    pub(super) fn look<T, F>(
        &self,
        question: impl FnOnce(Observer) -> F + Send + 'static,
    ) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let question: Question = Box::new(move |observer| {
            // Whoever asked may have gone.
            Box::pin(async move { drop(sender.send(question(observer).await)) })
        });
        self.questions.send(question).map_err(|_| ControlError::Ended)?;
        receiver.recv().map_err(|_| ControlError::Ended)
    }

    /// Orders what changes the servers, and waits for the outcome.
    fn ask<T>(&self, order: impl FnOnce(mpsc::Sender<T>) -> Control) -> Result<T, ControlError> {
        let (sender, receiver) = mpsc::channel();
        self.control.send(order(sender)).map_err(|_| ControlError::Ended)?;
        receiver.recv().map_err(|_| ControlError::Ended)
    }

    fn end(&mut self) {
        // Both fail only when the thread has ended, which is what is wanted.
        let _ = self.control.send(Control::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for RunningCluster {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a server runs as a configuration wants it; port 0 there means any.
fn is_same(running: &ServerSpec, wanted: &ServerSpec) -> bool {
    let any_port = wanted.client_port == Some(0);
    *running
        == ServerSpec {
            client_port: if any_port { running.client_port } else { wanted.client_port },
            ..wanted.clone()
        }
}

/// SIGINT and SIGTERM, caught from the moment this is made: make it before the cluster starts, and a signal that comes
/// at once is not lost. An order by a [`StopHandle`] counts as one.
pub struct StopSignal {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    handle: StopHandle,
    ordered: UnboundedReceiver<()>,
}

/// Does what SIGTERM does, from any thread.
#[derive(Clone, Debug)]
pub struct StopHandle(UnboundedSender<()>);

impl StopHandle {
    /// Ends the wait of the [`StopSignal`] that this is of.
    pub fn stop(&self) {
        // Fails only when nobody waits any more, since it stops already.
        let _ = self.0.send(());
    }
}

impl StopSignal {
    /// Catches both signals from now on.
    ///
    /// # Errors
    /// The system lets no handler be installed.
    pub fn install() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (interrupt, terminate) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (sender, ordered) = unbounded_channel();
        Ok(Self { runtime, interrupt, terminate, handle: StopHandle(sender), ordered })
    }

    /// To stop by order.
    pub fn handle(&self) -> StopHandle {
        self.handle.clone()
    }

    /// Waits until one of them comes, or has come.
    pub fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = self.interrupt.recv() => log::info!("stopping signal=SIGINT"),
                _ = self.terminate.recv() => log::info!("stopping signal=SIGTERM"),
                _ = self.ordered.recv() => log::info!("stopping order=stop"),
            }
        });
    }
}
