//! Start and stop: the cluster's thread, its arbiters, and the order in which things come up and go down.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::StartError;
use super::router_actor::{self, Register, RouterActor};
use super::running::{ClusterSnapshot, Control, RunningCluster};
use super::server_actor::{self, Clock, Deliver, OpenPort, ServerActor, ShutPort, StopAccepting};
use crate::cluster::{Options, Plan, PlannedServer};
use crate::config::ServerSpec;
use crate::ports::{PortOptions, Timeouts};
use crate::servers::Delivery;
use crate::wire::HandshakeOffer;

/// How often a stop looks whether all is done.
const STOP_POLL: Duration = Duration::from_millis(5);

/// What clients are told when the cluster stops.
const STOP_REASON: &str = "server stopped";

/// Starts a plan on a thread of its own, and waits until it is up.
pub(super) fn spawn(
    plan: Plan,
    listeners: Vec<Option<TcpListener>>,
    options: Options,
) -> Result<RunningCluster, StartError> {
    let spec = plan.spec.clone();
    let local =
        |listener: &Option<TcpListener>| -> Option<SocketAddr> { listener.as_ref()?.local_addr().ok() };
    let addresses = listeners.iter().map(local).collect();
    let (control, orders) = unbounded_channel();
    let (up, is_up) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("pomelo-sim".to_owned())
        .spawn(move || {
            System::new().block_on(async move {
                let system = LiveSystem::start(plan, listeners, options).await;
                match system {
                    Ok(system) => {
                        // The owner waits for this, so it is there.
                        let _ = up.send(Ok(()));
                        system.serve(orders).await;
                    }
                    Err(error) => drop(up.send(Err(error))),
                }
            });
        })
        .map_err(StartError::Thread)?;
    let gone = || Err(StartError::Thread(std::io::Error::other("it ended before the cluster was up")));
    is_up.recv().unwrap_or_else(|_| gone())?;
    Ok(RunningCluster { spec, addresses, control, thread: Some(thread) })
}

/// The actors of a running cluster, on the cluster's thread.
struct LiveSystem {
    router: Addr<RouterActor>,
    servers: Vec<(ServerSpec, Addr<ServerActor>)>,
    arbiters: Vec<Arbiter>,
    stop_timeout: Duration,
}

impl LiveSystem {
    /// Everybody is there before the first client can be.
    async fn start(
        plan: Plan,
        listeners: Vec<Option<TcpListener>>,
        options: Options,
    ) -> Result<Self, StartError> {
        let Plan { router, servers: planned, .. } = plan;
        let clock = Clock(Instant::now());
        let router = RouterActor::new(router).start();
        // The router and the first share stay on this thread.
        let arbiters: Vec<Arbiter> = (1..options.threads).map(|_| Arbiter::new()).collect();
        let mut handles = vec![Arbiter::current()];
        handles.extend(arbiters.iter().map(Arbiter::handle));
        let mut system = Self { router, servers: Vec::new(), arbiters, stop_timeout: options.stop_timeout };
        let mut ports = Vec::new();
        for (place, (planned, listener)) in planned.into_iter().zip(listeners).enumerate() {
            let PlannedServer { spec, offer, make } = planned;
            let router = system.router.clone();
            let address = ServerActor::start_in_arbiter(&handles[place % handles.len()], move |_| {
                ServerActor::new(make(), router, clock)
            });
            system.router.do_send(Register(spec.id.clone(), address.clone()));
            ports.extend(listener.map(|listener| OpenPort(listener, port_options(&spec, offer, &options))));
            log::info!("server started server={} type={}", spec.id, spec.server_type);
            system.servers.push((spec, address));
        }
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            for (_, server) in &system.servers {
                let _ = server.send(Deliver(delivery.clone())).await;
            }
        }
        match system.open_ports(ports).await {
            Ok(()) => Ok(system),
            Err(error) => {
                system.stop_arbiters();
                Err(error)
            }
        }
    }

    async fn open_ports(&self, ports: Vec<OpenPort>) -> Result<(), StartError> {
        let frontends = self.servers.iter().filter(|(spec, _)| spec.frontend);
        for ((spec, server), port) in frontends.zip(ports) {
            let opened = server.send(port).await.unwrap_or_else(|gone| Err(io::Error::other(gone)));
            opened.map_err(|error| StartError::Listen {
                server: spec.id.to_string(),
                address: format!("port {}", spec.client_port.unwrap_or(0)),
                error,
            })?;
        }
        Ok(())
    }

    async fn serve(self, mut orders: UnboundedReceiver<Control>) {
        while let Some(order) = orders.recv().await {
            match order {
                // Whoever asked may have gone.
                Control::Snapshot(asker) => drop(asker.send(self.snapshot().await)),
                Control::Stop => break,
            }
        }
        self.stop().await;
    }

    async fn snapshot(&self) -> ClusterSnapshot {
        let mut snapshot = ClusterSnapshot::default();
        for (_, server) in &self.servers {
            snapshot.servers.extend(server.send(server_actor::Inspect).await.ok());
        }
        if let Ok((router, uids)) = self.router.send(router_actor::Inspect).await {
            (snapshot.router, snapshot.uids) = (router, uids);
        }
        snapshot
    }

    /// The contract's order: no new clients; answers for what is under way; hooks; a reason for each client; the end.
    async fn stop(self) {
        for (_, server) in &self.servers {
            // Only an actor that has ended does not answer, and then it has no port.
            let _ = server.send(StopAccepting).await;
        }
        self.wait_until(|now| now.servers.iter().all(|server| server.server.calls_pending == 0)).await;
        for (_, server) in &self.servers {
            let _ = server.send(Deliver(Delivery::Stopping)).await;
        }
        // What they sent now goes by the router, and must reach the clients' outboxes before the end does.
        let _ = self.router.send(router_actor::Inspect).await;
        // All at once, so that nobody hears the others leave first.
        let shut: Vec<_> =
            self.servers.iter().map(|(_, server)| server.send(ShutPort(STOP_REASON))).collect();
        for server in shut {
            let _ = server.await;
        }
        let no_connections = |now: &ClusterSnapshot| {
            now.servers.iter().all(|server| server.port.as_ref().is_none_or(|port| port.connections == 0))
        };
        self.wait_until(no_connections).await;
        self.stop_arbiters();
        log::info!("stopped");
    }

    fn stop_arbiters(self) {
        for arbiter in self.arbiters {
            arbiter.stop();
            // It ends as told, or it has panicked and is gone as well.
            let _ = arbiter.join();
        }
    }

    async fn wait_until(&self, done: impl Fn(&ClusterSnapshot) -> bool) {
        let give_up = Instant::now() + self.stop_timeout;
        while !done(&self.snapshot().await) && Instant::now() < give_up {
            tokio::time::sleep(STOP_POLL).await;
        }
    }
}

fn port_options(spec: &ServerSpec, offer: Arc<HandshakeOffer>, options: &Options) -> PortOptions {
    // As in Pomelo, a client may miss one beat.
    let heartbeat = offer.heartbeat_s.map(|seconds| Duration::from_secs(seconds).saturating_mul(2));
    PortOptions {
        server: spec.id.clone(),
        offer,
        timeouts: Timeouts { handshake: options.handshake_timeout, ack: options.ack_timeout, heartbeat },
        idle_timeout: options.idle_timeout,
        body_bytes_max: options.body_bytes_max,
        outbound_bytes_max: options.outbound_bytes_max,
        resume: options.resume,
        resume_bytes_max: options.resume_bytes_max,
        connections_max: spec.max_connections,
        connections_per_address_max: options.connections_per_address_max,
        blacklist: options.blacklist.clone(),
    }
}
