//! Carries a schedule out over a cluster with real ports, while users chat.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pomelo_sim::cluster::Options;
use pomelo_sim::config::ServerSpec;
use pomelo_sim::live::{ControlError, RunningCluster, ServerState};
use pomelo_sim::router::{Latency, LinkRule, OnDuplicate};

use crate::arguments::Arguments;
use crate::schedule::{End, Role, Schedule, Server, Setup, State, Step, Target};
use crate::support::cluster_of;
use crate::support::fragile::FragileChat;
use crate::support::load::user::{Order, SLOW_OUTBOUND_BYTES_MAX};
use crate::support::load::{Load, LoadPlan};

/// In a storm a request that waits for what is gone shall not wait for long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// What was done, for those who look for the reason of a failure.
#[derive(Clone)]
pub struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
    verbose: bool,
}

impl Journal {
    /// An empty one. If it is verbose, it prints each line too.
    pub fn new(verbose: bool) -> Self {
        Self { lines: Arc::default(), verbose }
    }

    pub fn note(&self, line: String) {
        if self.verbose {
            println!("{line}");
        }
        self.lines.lock().unwrap().push(line);
    }

    /// The last lines, the oldest first.
    pub fn tail(&self, lines: usize) -> Vec<String> {
        let all = self.lines.lock().unwrap();
        all[all.len().saturating_sub(lines)..].to_vec()
    }
}

/// A cluster in a storm, and its users.
pub struct Storm {
    // Dropped first: a cluster that stops waits for its clients.
    pub load: Load,
    pub cluster: RunningCluster,
    pub journal: Journal,
    pub setup: Setup,
    added: usize,
}

impl Storm {
    /// Starts the cluster of the setup, and its users.
    pub fn start(seed: u64, arguments: &Arguments, setup: &Setup, journal: Journal) -> Result<Self, String> {
        let options = Options {
            request_timeout: REQUEST_TIMEOUT,
            outbound_bytes_max: SLOW_OUTBOUND_BYTES_MAX,
            threads: setup.threads,
            on_duplicate: if setup.kicks_duplicates { OnDuplicate::Kick } else { OnDuplicate::Refuse },
            resume: setup.resume_ms.map(Duration::from_millis),
            seed,
            ..Options::default()
        };
        let cluster = cluster_of(setup.gates, setup.connectors, setup.chats)
            .server_type::<FragileChat>()
            .options(options)
            .start()
            .map_err(|error| error.to_string())?;
        let load = Load::start(LoadPlan {
            seed,
            users: arguments.users,
            rooms: (arguments.users / setup.members).max(1),
            window: setup.window,
            pause: arguments.pause(),
            gates: gates(&cluster),
        });
        Ok(Self { cluster, load, journal, setup: setup.clone(), added: 0 })
    }

    /// Carries the steps out, one after the other, as long as no law is broken.
    pub fn rage(&mut self, schedule: &Schedule, pace: Duration) -> Result<(), String> {
        for (number, step) in schedule.steps.iter().enumerate() {
            let done = self.carry_out(step)?;
            self.load.gates(gates(&self.cluster));
            let status = self.load.status();
            let (inside, users) = (status.inside.load(Ordering::Relaxed), self.load.plan().users);
            let moment = status.moment.load(Ordering::Relaxed);
            self.journal.note(format!("step {number}: {done}  inside={inside}/{users} moment={moment}"));
            // Only the pace of the storm; nothing is expected of this time.
            std::thread::sleep(pace);
            if status.broken.load(Ordering::Relaxed) > 0 {
                return Err(format!("a law is broken: {}", self.load.so_far()));
            }
        }
        Ok(())
    }

    /// The servers that are in one of the states that a schedule knows.
    pub fn servers(&self) -> Result<Vec<Server>, String> {
        let list = self.cluster.list().map_err(|error| error.to_string())?;
        let servers = list.into_iter().filter_map(|server| {
            let state = match server.state {
                ServerState::Running => State::Running,
                ServerState::Paused => State::Paused,
                ServerState::Stopped | ServerState::Killed => State::Down,
                ServerState::Restarting | ServerState::Stopping => return None,
            };
            Some(Server { id: server.id.to_string(), role: Role::of(server.server_type.as_str())?, state })
        });
        Ok(servers.collect())
    }

    /// One step. Gives what was done, in words.
    fn carry_out(&mut self, step: &Step) -> Result<String, String> {
        let victim = |target: Target| -> Result<Option<String>, String> {
            Ok(target.pick_victim(&self.servers()?, &self.setup).map(str::to_owned))
        };
        match *step {
            Step::Calm => Ok("calm".to_owned()),
            Step::SlowClient(index) => Ok(self.order(index, Order::ReadNothing)),
            Step::PanicHandler(index) => Ok(self.order(index, Order::Panic)),
            Step::Reconnect { first, users, abrupt } => {
                let last = first + users.min(self.load.plan().users) - 1;
                (first..last).for_each(|user| drop(self.order(user, Order::Reconnect { abrupt })));
                let one = self.order(last, Order::Reconnect { abrupt });
                Ok(format!("{one}, and the {} before", last - first))
            }
            Step::Add(role) => self.add(role),
            Step::Remove(target) => {
                let servers = self.servers()?;
                let id = target.pick_to_remove(&servers, &self.setup).map(str::to_owned);
                self.at(target, "remove", id, RunningCluster::remove)
            }
            Step::Stop(target) => self.at(target, "stop", victim(target)?, RunningCluster::stop_server),
            Step::Kill(target) => self.at(target, "kill", victim(target)?, RunningCluster::kill),
            Step::Pause(target) => self.at(target, "pause", victim(target)?, RunningCluster::pause),
            Step::Resume(target) => {
                let servers = self.servers()?;
                let paused = target.pick(&servers, |server| server.state == State::Paused);
                self.at(target, "resume", paused.map(str::to_owned), RunningCluster::resume)
            }
            Step::Restart(target) => {
                let servers = self.servers()?;
                let down = target.pick(&servers, |server| server.state == State::Down);
                let up = victim(target)?;
                self.at(target, "restart", down.map(str::to_owned).or(up), RunningCluster::restart)
            }
            Step::Heal => {
                self.cluster.heal(None).map(|()| "heal".to_owned()).map_err(|error| error.to_string())
            }
            Step::Cut { from, to, both } => self.link(LinkRule { both, cut: true, ..any() }, from, to),
            Step::Lossy { from, to, loss } => self.link(LinkRule { loss, ..any() }, from, to),
            Step::Slow { from, to, latency_ms: (low, high) } => {
                let latency = Latency::Uniform(Duration::from_millis(low), Duration::from_millis(high));
                self.link(LinkRule { latency: Some(latency), ..any() }, from, to)
            }
        }
    }

    fn order(&self, index: usize, order: Order) -> String {
        let user = index % self.load.plan().users;
        self.load.order(user, order);
        format!("user{user}: {order:?}")
    }

    fn add(&mut self, role: Role) -> Result<String, String> {
        if self.servers()?.iter().filter(|server| server.role == role).count() >= crate::schedule::SERVERS_MAX
        {
            return Ok(format!("add no {}: there are enough", role.name()));
        }
        let like =
            self.cluster.spec().servers.iter().find(|server| server.server_type.as_str() == role.name());
        let like = like.ok_or("the first configuration has one of each type")?;
        self.added += 1;
        let id = format!("{}-added-{}", role.name(), self.added);
        let client_port = like.client_port.map(|_| 0);
        let server = ServerSpec { id: id.as_str().into(), client_port, ..like.clone() };
        self.cluster.add(server).map_err(|error| error.to_string())?;
        Ok(format!("add {id}"))
    }

    /// An order about a server, if one is in a fit state.
    fn at(
        &self,
        target: Target,
        what: &str,
        id: Option<String>,
        order: fn(&RunningCluster, &str) -> Result<(), ControlError>,
    ) -> Result<String, String> {
        let Some(id) = id else { return Ok(format!("{what} no {}", target.role.name())) };
        match order(&self.cluster, &id) {
            Ok(()) => Ok(format!("{what} {id}")),
            // It may have changed since it was looked at: a server that panicked restarts by
            // itself.
            Err(error @ ControlError::WrongState { .. }) => Ok(format!("{what} {id}: {error}")),
            Err(error) => Err(format!("{what} {id}: {error}")),
        }
    }

    fn link(&self, rule: LinkRule, from: End, to: End) -> Result<String, String> {
        let servers = self.servers()?;
        let end = |end: End| match end {
            End::Any => "*".to_owned(),
            End::Role(role) => role.name().to_owned(),
            End::One(target) => {
                target.pick(&servers, |_| true).map_or_else(|| target.role.name().to_owned(), str::to_owned)
            }
        };
        let rule = LinkRule { from: end(from), to: end(to), ..rule };
        let text = format!("link {}", serde_json::to_string(&rule).unwrap());
        self.cluster.add_link_rule(rule).map(|_| text).map_err(|error| error.to_string())
    }
}

/// A rule about every link, without a name.
fn any() -> LinkRule {
    let (name, from, to) = (String::new(), "*".to_owned(), "*".to_owned());
    LinkRule { name, from, to, both: false, cut: false, loss: 0.0, latency: None }
}

/// Where the gates that serve listen.
pub fn gates(cluster: &RunningCluster) -> Vec<SocketAddr> {
    let servers = cluster.list().unwrap_or_default().into_iter();
    let gates = servers.filter(|server| {
        server.server_type.as_str() == Role::Gate.name() && server.state == ServerState::Running
    });
    gates.filter_map(|gate| gate.clients).collect()
}

/// Waits until `done` says so, or gives up: a guard against a hang.
pub fn wait(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + patience;
    while !done() {
        if Instant::now() > give_up {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
