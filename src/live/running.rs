//! A running cluster, as its owner sees it: look at it, stop it.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::control::{ControlError, Reloaded, ServerStatus};
use crate::config::{ClusterSpec, ServerSpec};
use crate::ports::PortSnapshot;
use crate::router::{LinkRule, RouterCounters};
use crate::servers::ServerSnapshot;

/// A cluster that runs on its own thread. Dropping it stops it.
pub struct RunningCluster {
    pub(super) spec: ClusterSpec,
    pub(super) addresses: Vec<Option<SocketAddr>>,
    pub(super) control: UnboundedSender<Control>,
    pub(super) thread: Option<JoinHandle<()>>,
}

/// What the owner asks of the cluster's thread.
pub(super) enum Control {
    Snapshot(mpsc::Sender<ClusterSnapshot>),
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
    /// The configuration, with the ports that were really opened.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// The servers, and where each listens for clients: none on a backend.
    pub fn servers(&self) -> impl Iterator<Item = (&ServerSpec, Option<SocketAddr>)> {
        self.spec.servers.iter().zip(self.addresses.iter().copied())
    }

    /// Where a server listens for clients.
    pub fn address(&self, server: &str) -> Option<SocketAddr> {
        self.servers().find(|(spec, _)| spec.id.as_str() == server).and_then(|(_, address)| address)
    }

    /// Every server's account of itself; empty when the cluster has ended.
    pub fn snapshot(&self) -> ClusterSnapshot {
        let (sender, receiver) = mpsc::channel();
        let asked = self.control.send(Control::Snapshot(sender));
        asked.ok().and_then(|()| receiver.recv().ok()).unwrap_or_default()
    }

    /// How every server is, in the order in which they were configured and added.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn list(&self) -> Result<Vec<ServerStatus>, ControlError> {
        Err(ControlError::Ended)
    }

    /// Starts a server beside those that run, at the end of its type's list.
    ///
    /// # Errors
    /// Its id or client port is taken, its type has no code, or its port cannot be opened.
    pub fn add(&self, _server: ServerSpec) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Takes a server out of the cluster: as [`stop_server`](Self::stop_server), and then forgets it.
    ///
    /// # Errors
    /// There is none of that id.
    pub fn remove(&self, _id: &str) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Stops a server in good order: no route chooses it any more, its rooms go to others, its clients are told why.
    ///
    /// # Errors
    /// There is none of that id, or it is not up.
    pub fn stop_server(&self, _id: &str) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Lets a server vanish, as a process that crashes.
    ///
    /// # Errors
    /// There is none of that id, or it is not up.
    pub fn kill(&self, _id: &str) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Lets a server do nothing, as a process that hangs.
    ///
    /// # Errors
    /// There is none of that id, or it is not running.
    pub fn pause(&self, _id: &str) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// There is none of that id, or it is not paused.
    pub fn resume(&self, _id: &str) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Stops a server, if it is up, and starts it again.
    ///
    /// # Errors
    /// There is none of that id, or its port cannot be opened.
    pub fn restart(&self, _id: &str) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Makes the cluster what another configuration says: adds and removes the difference.
    ///
    /// # Errors
    /// A server of it cannot be added.
    pub fn reload(&self, _spec: &ClusterSpec) -> Result<Reloaded, ControlError> {
        Err(ControlError::Ended)
    }

    /// The rules of the links, in the order in which they are asked.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn link_rules(&self) -> Result<Vec<LinkRule>, ControlError> {
        Err(ControlError::Ended)
    }

    /// Adds a rule behind the others, or in the place of one of that name. Gives its name.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn add_link_rule(&self, _rule: LinkRule) -> Result<String, ControlError> {
        Err(ControlError::Ended)
    }

    /// Takes a rule away, or all of them; what waited on links that were cut goes on.
    ///
    /// # Errors
    /// No rule has that name.
    pub fn heal(&self, _name: Option<&str>) -> Result<(), ControlError> {
        Err(ControlError::Ended)
    }

    /// Takes no more clients, answers what is under way, tells clients why they are closed, and ends; within twice the
    /// stop timeout.
    pub fn stop(mut self) {
        self.end();
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
