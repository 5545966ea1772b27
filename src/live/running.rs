//! The owner's handle of a running cluster: orders that change its servers, and its end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::mpsc::UnboundedSender;

use super::control::{ControlError, Verb};
use super::queries::observer::Question;
use super::roster::Roster;
use super::timeline::Timeline;
use crate::config::{ClusterSpec, ServerSpec};
use crate::ids::ServerId;

/// A cluster that runs on its own thread. Dropping it stops it.
pub struct RunningCluster {
    pub(super) spec: ClusterSpec,
    pub(super) roster: Roster,
    pub(super) timeline: Timeline,
    pub(super) control: UnboundedSender<Control>,
    pub(super) questions: UnboundedSender<Question>,
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
}

/// Orders that change the servers, carried out one after the other.
pub(super) enum Control {
    Add(Box<ServerSpec>, mpsc::Sender<Result<(), ControlError>>),
    CheckStart(Vec<ServerSpec>, mpsc::Sender<Result<(), ControlError>>),
    Change(Verb, String, mpsc::Sender<Result<(), ControlError>>),
    Arrange(Vec<ServerId>, mpsc::Sender<()>),
    Stop,
}

impl RunningCluster {
    /// The configuration that it was started with, with the real client ports.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// The present servers, and where each listens for clients: `None` for a backend, and for a
    /// server that is not up.
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

    /// Starts a server: a new one at the end of its type's list; one that was stopped or killed
    /// again, with these fields and in its old place.
    ///
    /// # Errors
    /// A server with that id is up, its client port is taken or cannot be opened, or its type has
    /// no code.
    pub fn add(&self, server: ServerSpec) -> Result<(), ControlError> {
        self.ask(|asker| Control::Add(Box::new(server), asker))?
    }

    /// Removes a server from the cluster: stops it like [`stop_server`](Self::stop_server), then
    /// forgets it.
    ///
    /// # Errors
    /// No server has that id.
    pub fn remove(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Remove, id)
    }

    /// Stops a server in good order: no route chooses it any more, its rooms go to others, its
    /// clients are closed or kicked.
    ///
    /// # Errors
    /// No server has that id, or the server is not up.
    pub fn stop_server(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Stop, id)
    }

    /// Kills a server: it vanishes like a process that crashes.
    ///
    /// # Errors
    /// No server has that id, or the server is not up.
    pub fn kill(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Kill, id)
    }

    /// Pauses a server: it does nothing, like a process that hangs.
    ///
    /// # Errors
    /// No server has that id, or the server is not running.
    pub fn pause(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Pause, id)
    }

    /// Resumes a paused server.
    ///
    /// # Errors
    /// No server has that id, or the server is not paused.
    pub fn resume(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Resume, id)
    }

    /// Stops a server, if it is up, and starts it again.
    ///
    /// # Errors
    /// No server has that id, or its port cannot be opened.
    pub fn restart(&self, id: &str) -> Result<(), ControlError> {
        self.change(Verb::Restart, id)
    }

    /// The cluster's events.
    pub fn timeline(&self) -> Timeline {
        self.timeline.clone()
    }

    /// Stops: accepts no more clients, answers requests in flight, closes or kicks clients, and
    /// ends, within twice the stop timeout.
    pub fn stop(self) {
        self.end();
    }

    /// The same while others still hold the cluster, such as an order that hangs: what they ask of
    /// it fails from now on.
    pub fn end(&self) {
        // Both fail only if the thread has ended, which is the goal.
        let _ = self.control.send(Control::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Carries out the verb's order on a server, like the method with that name.
    ///
    /// # Errors
    /// Those of the method with that name.
    pub fn change(&self, verb: Verb, id: &str) -> Result<(), ControlError> {
        self.ask(|asker| Control::Change(verb, id.to_owned(), asker))?
    }

    /// Sends an order that changes the servers, and waits for its result.
    pub(super) fn ask<T>(&self, order: impl FnOnce(mpsc::Sender<T>) -> Control) -> Result<T, ControlError> {
        let (sender, receiver) = mpsc::channel();
        self.control.send(order(sender)).map_err(|_| ControlError::Ended)?;
        receiver.recv().map_err(|_| ControlError::Ended)
    }
}

impl Drop for RunningCluster {
    fn drop(&mut self) {
        self.end();
    }
}
