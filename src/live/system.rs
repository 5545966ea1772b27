//! Start and stop: the cluster's thread, its arbiters, and the order in which things come up and go down.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::StartError;
use super::router_actor::{self, Register, RouterActor};
use super::running::{ClusterSnapshot, Control, RunningCluster};
use super::server_actor::{self, Clock, Deliver, ServerActor, ShutPort, StopAccepting};
use crate::cluster::{Options, Plan, PlannedServer};
use crate::ids::ServerId;
use crate::ports::{Port, PortOptions, Timeouts};
use crate::servers::Delivery;

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
    servers: Vec<Addr<ServerActor>>,
    arbiters: Vec<Arbiter>,
    stop_timeout: Duration,
}

impl LiveSystem {
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
        let (opened, mut all_opened) = unbounded_channel();
        let mut servers = Vec::with_capacity(planned.len());
        for (place, (planned, listener)) in planned.into_iter().zip(listeners).enumerate() {
            let id = planned.spec.id.clone();
            let arbiter = &handles[place % handles.len()];
            let start = ServerStart { planned, listener, options: options.clone(), clock };
            let (server_router, server_opened) = (router.clone(), opened.clone());
            let address = ServerActor::start_in_arbiter(arbiter, move |ctx| {
                start.actor(ctx, server_router, &server_opened)
            });
            router.do_send(Register(id, address.clone()));
            servers.push(address);
        }
        drop(opened);
        while let Some(result) = all_opened.recv().await {
            result?;
        }
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            for server in &servers {
                server.do_send(Deliver(delivery.clone()));
            }
        }
        Ok(Self { router, servers, arbiters, stop_timeout: options.stop_timeout })
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
        for server in &self.servers {
            snapshot.servers.extend(server.send(server_actor::Inspect).await.ok());
        }
        if let Ok((router, uids)) = self.router.send(router_actor::Inspect).await {
            (snapshot.router, snapshot.uids) = (router, uids);
        }
        snapshot
    }

    /// The contract's order: no new clients; answers for what is under way; hooks; a reason for each client; the end.
    async fn stop(self) {
        for server in &self.servers {
            // Only an actor that has ended does not answer, and then it has no port.
            let _ = server.send(StopAccepting).await;
        }
        self.wait_until(|now| now.servers.iter().all(|server| server.server.calls_pending == 0)).await;
        for server in &self.servers {
            let _ = server.send(Deliver(Delivery::Stopping)).await;
        }
        // What they sent now goes by the router, and must reach the clients' outboxes before the end does.
        let _ = self.router.send(router_actor::Inspect).await;
        // All at once, so that nobody hears the others leave first.
        let shut: Vec<_> = self.servers.iter().map(|server| server.send(ShutPort(STOP_REASON))).collect();
        for server in shut {
            let _ = server.await;
        }
        let no_connections = |now: &ClusterSnapshot| {
            now.servers.iter().all(|server| server.port.as_ref().is_none_or(|port| port.connections == 0))
        };
        self.wait_until(no_connections).await;
        for arbiter in self.arbiters {
            arbiter.stop();
            // It ends as told, or it has panicked and is gone as well.
            let _ = arbiter.join();
        }
        log::info!("stopped");
    }

    async fn wait_until(&self, done: impl Fn(&ClusterSnapshot) -> bool) {
        let give_up = Instant::now() + self.stop_timeout;
        while !done(&self.snapshot().await) && Instant::now() < give_up {
            tokio::time::sleep(STOP_POLL).await;
        }
    }
}

/// What a server's actor is made of, on the thread where it will live.
struct ServerStart {
    planned: PlannedServer,
    listener: Option<TcpListener>,
    options: Options,
    clock: Clock,
}

impl ServerStart {
    fn actor(
        self,
        ctx: &mut Context<ServerActor>,
        router: Addr<RouterActor>,
        opened: &UnboundedSender<Result<(), StartError>>,
    ) -> ServerActor {
        let Self { planned, listener, options, clock } = self;
        let PlannedServer { spec, offer, make } = planned;
        let id: ServerId = spec.id.clone();
        let address = ctx.address();
        let heartbeat = offer.heartbeat_s.map(|seconds| 2 * Duration::from_secs(seconds));
        let options = PortOptions {
            server: id.clone(),
            offer,
            timeouts: Timeouts { handshake: options.handshake_timeout, ack: options.ack_timeout, heartbeat },
            idle_timeout: options.idle_timeout,
            body_bytes_max: options.body_bytes_max,
            outbound_bytes_max: options.outbound_bytes_max,
            connections_max: spec.max_connections,
        };
        let port = listener.map(|listener| {
            Port::open(listener, options, move |event| address.do_send(Deliver(event.into())))
        });
        let port = match port.transpose() {
            Ok(port) => {
                log::info!(
                    "server started server={id} type={} clients={}",
                    spec.server_type,
                    port.as_ref().map_or_else(|| "-".to_owned(), |port| port.address().to_string())
                );
                port
            }
            Err(error) => {
                let address = spec.client_port.map_or_else(String::new, |port| port.to_string());
                let _ = opened.send(Err(StartError::Listen { server: id.to_string(), address, error }));
                None
            }
        };
        ServerActor::new(make(), router, port, clock)
    }
}
