//! What a storm does to a cluster, as pure data drawn from a seed: the cluster's size, which kinds
//! of faults there are, and the faults in order.
//!
//! It knows no socket and no clock, so that more than one executor can carry it out. A fault's
//! target is an index: an executor maps it onto whatever servers are in a fit state at that moment,
//! by [`Target::pick`]. Each kind of choice has its own stream of chance: the first steps of a
//! longer schedule are those of a shorter one.

use std::fmt;

use pomelo_sim::random::Random;

/// A whole storm.
#[derive(Clone, PartialEq, Debug)]
pub struct Schedule {
    pub setup: Setup,
    pub steps: Vec<Step>,
}

/// Drawn once.
#[derive(Clone, PartialEq, Debug)]
pub struct Setup {
    /// Servers of each role at first.
    pub gates: usize,
    pub connectors: usize,
    pub chats: usize,
    /// Requests that a user has under way at most.
    pub window: usize,
    /// Rooms for this many users each, on average.
    pub members: usize,
    /// Whether the last server of a role may be stopped, too. The last gate never is.
    pub spares_none: bool,
    /// The kinds of faults that there are, in the order of [`KINDS`].
    pub kinds: Vec<Kind>,
    /// Whether a new login throws the old session out; else it is refused.
    pub kicks_duplicates: bool,
    /// How long a session that lost its connection waits for its client, in milliseconds. No user
    /// comes back to it.
    pub resume_ms: Option<u64>,
    /// Threads of the cluster.
    pub threads: usize,
}

/// The tutorial's three server types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    Gate,
    Connector,
    Chat,
}

/// A server to be: the `index`th, counted round, of those of a role that are in a fit state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    pub role: Role,
    pub index: usize,
}

/// One end of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Any,
    Role(Role),
    One(Target),
}

/// One thing that happens.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Step {
    /// Nothing but chat.
    Calm,
    Add(Role),
    Remove(Target),
    Stop(Target),
    Kill(Target),
    /// One that is down, or if there is none one that runs.
    Restart(Target),
    Pause(Target),
    /// One that is paused.
    Resume(Target),
    Cut {
        from: End,
        to: End,
        both: bool,
    },
    /// Uniform between the two, in milliseconds.
    Slow {
        from: End,
        to: End,
        latency_ms: (u64, u64),
    },
    Lossy {
        from: End,
        to: End,
        loss: f64,
    },
    /// All rules of the links go.
    Heal,
    /// A user that reads nothing for a while: the index is counted round the users.
    SlowClient(usize),
    /// So many users, from that one on, go and come back.
    Reconnect {
        first: usize,
        users: usize,
        abrupt: bool,
    },
    /// That user asks for a handler that panics.
    PanicHandler(usize),
}

/// Kinds of faults, each of which a storm has or has not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Resize,
    Stop,
    Kill,
    Restart,
    Pause,
    Cut,
    Slow,
    Lossy,
    SlowClient,
    Reconnect,
    PanicHandler,
}

pub const KINDS: [Kind; 11] = [
    Kind::Resize,
    Kind::Stop,
    Kind::Kill,
    Kind::Restart,
    Kind::Pause,
    Kind::Cut,
    Kind::Slow,
    Kind::Lossy,
    Kind::SlowClient,
    Kind::Reconnect,
    Kind::PanicHandler,
];

/// At most this many servers of a role: a longer schedule adds no more.
pub const SERVERS_MAX: usize = 6;

/// How a server is, as far as a schedule must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Running,
    Paused,
    /// Stopped or killed.
    Down,
}

/// A server, as an executor sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    pub id: String,
    pub role: Role,
    pub state: State,
}

impl Schedule {
    /// The storm of a seed, of the kinds of faults that are `allowed`.
    pub fn draw(seed: u64, steps: usize, allowed: &[Kind]) -> Self {
        let setup = Setup::draw(seed, allowed);
        let mut draw = Draw {
            what: Random::new(seed, "storm steps"),
            whom: Random::new(seed, "storm targets"),
            links: Random::new(seed, "storm links"),
        };
        let steps = (0..steps).map(|_| draw.step(&setup)).collect();
        Self { setup, steps }
    }
}

impl Setup {
    fn draw(seed: u64, allowed: &[Kind]) -> Self {
        let mut random = Random::new(seed, "storm setup");
        let [gates, connectors, chats] = [2, 5, 5].map(|most| 1 + random.index(most));
        let window = 1 + random.index(4);
        let members = 4 + random.index(13);
        let spares_none = random.chance(0.25);
        // Each kind's chance is drawn whether it is allowed or not, so that the others stay what
        // they are.
        let drawn: Vec<Kind> = KINDS.into_iter().filter(|_| random.chance(0.6)).collect();
        let mut kinds: Vec<Kind> = drawn.into_iter().filter(|kind| allowed.contains(kind)).collect();
        if kinds.is_empty() {
            // A storm without any is none.
            kinds = allowed.to_vec();
        }
        let kicks_duplicates = random.chance(0.3);
        let resume_ms = random.chance(0.3).then_some(300);
        let threads = if random.chance(0.25) { 2 } else { 1 };
        Self {
            gates,
            connectors,
            chats,
            window,
            members,
            spares_none,
            kinds,
            kicks_duplicates,
            resume_ms,
            threads,
        }
    }
}

impl Target {
    /// The server that is meant, among those in a fit state.
    pub fn pick<'s>(&self, servers: &'s [Server], fit: impl Fn(&Server) -> bool) -> Option<&'s str> {
        let fit: Vec<&Server> =
            servers.iter().filter(|server| server.role == self.role && fit(server)).collect();
        (!fit.is_empty()).then(|| fit[self.index % fit.len()].id.as_str())
    }

    /// The server that may be taken out of service: not the last of its role that runs, unless the
    /// setup spares none; never the last gate.
    pub fn pick_victim<'s>(&self, servers: &'s [Server], setup: &Setup) -> Option<&'s str> {
        let runs = |server: &Server| server.state == State::Running;
        let running = servers.iter().filter(|server| server.role == self.role && runs(server)).count();
        let spared = usize::from(!setup.spares_none || self.role == Role::Gate);
        (running > spared).then(|| self.pick(servers, runs)).flatten()
    }

    /// The server that may be removed: not the only one of its role, since a removed one is not
    /// brought back.
    pub fn pick_to_remove<'s>(&self, servers: &'s [Server], setup: &Setup) -> Option<&'s str> {
        let others = servers.iter().filter(|server| server.role == self.role).count() > 1;
        others.then(|| self.pick_victim(servers, setup)).flatten()
    }
}

impl Role {
    /// The type's name in `servers.json`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Gate => "gate",
            Role::Connector => "connector",
            Role::Chat => "chat",
        }
    }

    /// The role of a type's name.
    pub fn of(name: &str) -> Option<Self> {
        [Role::Gate, Role::Connector, Role::Chat].into_iter().find(|role| role.name() == name)
    }
}

/// The streams that steps are drawn from.
struct Draw {
    what: Random,
    whom: Random,
    links: Random,
}

impl Draw {
    fn step(&mut self, setup: &Setup) -> Step {
        // Every stream gives the same count of numbers for each step, whatever the step is.
        let (calm, kind, first_half) = (self.what.chance(0.15), self.what.unit(), self.what.chance(0.5));
        let (role, index, users) = (self.whom.unit(), self.whom.index(1000), 1 + self.whom.index(12));
        let (from, to, both) = (self.end(), self.end(), self.links.chance(0.5));
        let (low, span) = (self.links.between(0, 20), self.links.between(0, 60));
        let loss = (self.links.between(5, 40) as f64) / 100.0;
        if calm {
            return Step::Calm;
        }
        let target = Target { role: role_of(role), index };
        match setup.kinds[scaled(kind, setup.kinds.len())] {
            Kind::Resize if first_half => Step::Add(target.role),
            Kind::Resize => Step::Remove(target),
            Kind::Stop if first_half => Step::Stop(target),
            Kind::Kill if first_half => Step::Kill(target),
            // A server that goes down must come up again, or a long storm has no cluster left.
            Kind::Stop | Kind::Kill | Kind::Restart => Step::Restart(target),
            Kind::Pause if first_half => Step::Pause(target),
            Kind::Pause => Step::Resume(target),
            Kind::Cut if first_half => Step::Cut { from, to, both },
            Kind::Slow if first_half => Step::Slow { from, to, latency_ms: (low, low + span) },
            Kind::Lossy if first_half => Step::Lossy { from, to, loss },
            Kind::Cut | Kind::Slow | Kind::Lossy => Step::Heal,
            Kind::SlowClient if first_half => Step::SlowClient(index),
            // Such a client is a lot of work for a cluster.
            Kind::SlowClient => Step::Calm,
            Kind::Reconnect => Step::Reconnect { first: index, users, abrupt: first_half },
            Kind::PanicHandler => Step::PanicHandler(index),
        }
    }

    fn end(&mut self) -> End {
        let (kind, role, index) = (self.links.index(10), self.links.unit(), self.links.index(1000));
        let role = role_of(role);
        match kind {
            0 => End::Any,
            1..4 => End::Role(role),
            _ => End::One(Target { role, index }),
        }
    }
}

/// Gates hold nothing, so they are the least interesting.
fn role_of(chance: f64) -> Role {
    match chance {
        ..0.1 => Role::Gate,
        ..0.5 => Role::Connector,
        _ => Role::Chat,
    }
}

fn scaled(unit: f64, len: usize) -> usize {
    ((unit * len as f64) as usize).min(len - 1)
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gates, connectors, chats, window, members, kinds, resume_ms, threads, .. } = self;
        write!(
            f,
            "gates={gates} connectors={connectors} chats={chats} window={window} members={members} threads={threads}"
        )?;
        if let Some(resume_ms) = resume_ms {
            write!(f, " resume_ms={resume_ms}")?;
        }
        if self.kicks_duplicates {
            f.write_str(" on_duplicate=kick")?;
        }
        if self.spares_none {
            f.write_str(" the_last_may_go")?;
        }
        f.write_str(";")?;
        kinds.iter().try_for_each(|kind| write!(f, " {kind:?}"))
    }
}
