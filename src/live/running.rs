//! A running cluster, as its owner sees it: look at it, stop it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::control::{ControlError, Verb};
use super::observer::{Observer, Question};
use super::roster::Roster;
use super::timeline::{EventKind, Timeline};
use super::view::{ClusterSnapshot, ClusterView, ServerStatus};
use crate::audit::Violation;
use crate::config::{ClusterSpec, ServerSpec};
use crate::ids::ServerId;
use crate::router::{LinkRule, Routed, Router, UnknownRule};
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
    Arrange(Vec<ServerId>, mpsc::Sender<()>),
    Stop,
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

    /// Where the first server of a type that is up listens for clients.
    pub fn first_address(&self, server_type: &str) -> Option<SocketAddr> {
        let all = self.roster.all().into_iter();
        all.filter(|entry| entry.spec.server_type.as_str() == server_type).find_map(|entry| entry.clients)
    }

    /// The whole cluster at this moment.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn view(&self) -> Result<ClusterView, ControlError> {
        let (env, source) = (self.spec().env.clone(), self.spec().source.display().to_string());
        self.look(async move |observer| observer.view(env, source).await)?
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
        self.look(async |observer| observer.servers().await.0.into_iter().map(ServerStatus::from).collect())
    }

    /// Starts a server: a new one at the end of its type's list; one that was stopped or killed again, with these fields and
    /// in its old place.
    ///
    /// # Errors
    /// A server of that id is up, its client port is taken, its type has no code, or its port cannot be opened.
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
        let timeline = self.timeline.clone();
        self.with_router(move |router, now, out| {
            let mut shown = rule.clone();
            shown.name = router.install(now, rule, out);
            timeline.note(EventKind::Link, None, shown.to_string());
            shown.name
        })
    }

    /// Takes a rule away, or all of them; what waited on links that were cut goes on.
    ///
    /// # Errors
    /// No rule has that name.
    pub fn heal(&self, name: Option<&str>) -> Result<(), ControlError> {
        let (name, timeline) = (name.map(str::to_owned), self.timeline.clone());
        self.with_router(move |router, now, out| {
            router.heal(now, name.as_deref(), out)?;
            // Before anything that comes of it: a stop may have waited for this link.
            timeline.note(EventKind::Healed, None, name.as_deref().unwrap_or("all rules"));
            Ok::<_, UnknownRule>(())
        })??;
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
        // The channel carries no answer, so that it is compiled once and not for each kind of them.
        let (done, is_done) = mpsc::channel::<()>();
        let answer = Arc::new(Mutex::new(None));
        let place = Arc::clone(&answer);
        let question: Question = Box::new(move |observer| {
            Box::pin(async move {
                let found = question(observer).await;
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                drop(done);
            })
        });
        self.questions.send(question).map_err(|_| ControlError::Ended)?;
        // It is never sent to: this ends when the other end is dropped, with an answer or without.
        let _ = is_done.recv();
        let found = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.ok_or(ControlError::Ended)
    }

    /// Orders what changes the servers, and waits for the outcome.
    pub(super) fn ask<T>(&self, order: impl FnOnce(mpsc::Sender<T>) -> Control) -> Result<T, ControlError> {
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
