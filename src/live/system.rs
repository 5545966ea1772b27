//! Start and stop: the cluster's thread, its arbiters, and the order in which its parts come up and
//! go down.

use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::listen::StartError;
use super::queries::observer::{Observer, Question};
use super::roster::Roster;
use super::router_actor::RouterActor;
use super::running::{Control, RunningCluster};
use super::server_actor::ServerActor;
use super::server_actor::life::{StopAccepting, WhenIdle, WhenUnconnected};
use super::servers::Servers;
use super::timeline::{EventKind, Timeline};
use crate::cluster::{Options, Plan};
use crate::servers::Delivery;
use crate::trace::Watch;

/// The reason sent to clients when the cluster stops.
const STOP_REASON: &str = "server stopped";

/// Starts a plan on a separate thread, and waits until it is up.
pub(super) fn spawn(
    plan: Plan,
    listeners: Vec<Option<TcpListener>>,
    options: Options,
) -> Result<RunningCluster, StartError> {
    let spec = plan.spec.clone();
    let (roster, timeline) = (Roster::default(), Timeline::default());
    let (control, orders) = unbounded_channel();
    let (questions, asked) = unbounded_channel();
    let (up, is_up) = mpsc::channel();
    let known = (roster.clone(), timeline.clone());
    let thread = std::thread::Builder::new()
        .name("pomelo-sim".to_owned())
        .spawn(move || {
            System::new().block_on(async move {
                let system = LiveSystem::start(plan, listeners, options, known).await;
                match system {
                    Ok(system) => {
                        // Cannot fail: the owner waits for it.
                        let _ = up.send(Ok(()));
                        system.serve(orders, asked).await;
                    }
                    Err(error) => drop(up.send(Err(error))),
                }
            });
        })
        .map_err(StartError::Thread)?;
    let gone = || Err(StartError::Thread(std::io::Error::other("it ended before the cluster was up")));
    is_up.recv().unwrap_or_else(|_| gone())?;
    Ok(RunningCluster { spec, roster, timeline, control, questions, thread: Mutex::new(Some(thread)) })
}

/// A running cluster, on its thread.
struct LiveSystem {
    servers: Servers,
    arbiters: Vec<Arbiter>,
    stop_timeout: Duration,
}

impl LiveSystem {
    /// Starts all servers before the first client can connect.
    async fn start(
        plan: Plan,
        listeners: Vec<Option<TcpListener>>,
        options: Options,
        (roster, timeline): (Roster, Timeline),
    ) -> Result<Self, StartError> {
        let Plan { mut router, servers: planned, blueprint, .. } = plan;
        let (clock, since_1970) = (Clock::start(), SystemTime::now().duration_since(UNIX_EPOCH));
        let watch = Watch::new(since_1970.unwrap_or_default().as_secs_f64() * 1e3);
        router.set_watch(watch.clone());
        let router = RouterActor::new(router, clock.clone()).start();
        actix::spawn(clock.clone().keep_running());
        // The router and the first share of the servers stay on this thread.
        let arbiters: Vec<Arbiter> = (1..options.threads).map(|_| Arbiter::new()).collect();
        let mut handles = vec![Arbiter::current()];
        handles.extend(arbiters.iter().map(Arbiter::handle));
        let stop_timeout = options.stop_timeout;
        let observer = Observer {
            roster,
            router,
            timeline,
            clock: clock.clone(),
            watch,
            rooms_move: options.rebalance,
            room_setting: options.roles.room_setting,
        };
        let mut servers = Servers::new(observer, blueprint, options, clock, handles);
        for planned in planned {
            servers.prepare(planned.spec.clone(), planned);
        }
        let mut system = Self { servers, arbiters, stop_timeout };
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            system.servers.deliver_to_all(&delivery).await;
        }
        if let Some(id) = system.servers.unmade() {
            system.stop_arbiters();
            return Err(StartError::Unmade(id.to_string()));
        }
        for (at, listener) in listeners.into_iter().enumerate() {
            let Some(listener) = listener else { continue };
            if let Err(error) = system.servers.open(at, listener).await {
                system.stop_arbiters();
                return Err(error);
            }
        }
        Ok(system)
    }

    /// Carries out orders that change the servers, one after the other. Queries are answered
    /// concurrently, to the end.
    async fn serve(mut self, mut orders: UnboundedReceiver<Control>, questions: UnboundedReceiver<Question>) {
        let observer = &self.servers.observer;
        let beside =
            [actix::spawn(observer.clone().answer(questions)), actix::spawn(observer.clone().count())];
        let text = format!("the cluster has started, with {} servers", observer.roster.all().len());
        observer.timeline.note(EventKind::Started, None, text);
        loop {
            let idle_for = self.servers.idle_for();
            let deadline = async {
                match idle_for {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Orders first: a due restart can wait until the order is carried out.
                biased;
                order = orders.recv() => match order {
                    None | Some(Control::Stop) => break,
                    Some(order) => self.obey(order).await,
                },
                () = deadline => self.servers.tick().await,
            }
        }
        self.stop().await;
        beside.iter().for_each(JoinHandle::abort);
    }

    /// Carries out an order. Its sender may be gone by the time of the answer.
    async fn obey(&mut self, order: Control) {
        let servers = &mut self.servers;
        match order {
            Control::Add(spec, asker) => drop(asker.send(servers.add(*spec).await)),
            Control::CheckStart(specs, asker) => drop(asker.send(servers.check_start(&specs))),
            Control::Change(verb, id, asker) => drop(asker.send(servers.change(verb, &id).await)),
            Control::Arrange(order, asker) => {
                servers.arrange(order).await;
                let _ = asker.send(());
            }
            Control::Stop => {}
        }
    }

    /// The order that `lib.rs` promises: no new clients; answers for requests in flight; hooks; a
    /// reason for each client; the end.
    async fn stop(self) {
        for server in self.servers.up() {
            // Only an actor that has ended does not answer, and then it has no port.
            let _ = server.send(StopAccepting).await;
        }
        let _ = tokio::time::timeout(self.stop_timeout, self.all_answered()).await;
        self.servers.deliver_to_all(&Delivery::GivingUp).await;
        // What was acknowledged must reach everybody, over slow links too.
        let _ = self.servers.with_router(|router, now, out| router.hasten(now, out)).await;
        self.servers.deliver_to_all(&Delivery::Stopping).await;
        // Their output goes through the router, and must reach the clients' outboxes before the end
        // does.
        let _ = self.servers.with_router(|_, _, _| ()).await;
        // All at once, so that no client sees the others leave first.
        let shut_port = |server: Addr<ServerActor>| server.send(self.servers.shut_port(STOP_REASON));
        let shut: Vec<_> = self.servers.up().map(shut_port).collect();
        for server in shut {
            let _ = server.await;
        }
        let _ = tokio::time::timeout(self.stop_timeout, self.observer().ask_all(|| WhenUnconnected)).await;
        self.stop_arbiters();
        log::info!("stopped");
    }

    /// Waits until no call is pending. Loops, since an idle server may be called while another one
    /// waits.
    async fn all_answered(&self) {
        loop {
            self.observer().ask_all(|| WhenIdle).await;
            let (servers, _) = self.observer().servers().await;
            if servers.iter().all(|server| server.figure(|account| account.calls_pending) == 0) {
                return;
            }
        }
    }

    fn observer(&self) -> &Observer {
        &self.servers.observer
    }

    fn stop_arbiters(self) {
        for arbiter in self.arbiters {
            arbiter.stop();
            // It ends as told, or it has panicked and is gone as well.
            let _ = arbiter.join();
        }
    }
}
