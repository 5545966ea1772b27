//! Level `flow`: tracks people and costs without the messages.
//!
//! Flow has the same people, strategies and costs as the machines, and the same deliveries in the
//! same order. But a delivery is a few bytes, and a room only knows its number of members on each
//! connector. Ten million people thus fit in memory, and a message costs a tenth. While no server
//! joins or leaves, both levels give the same figures to the last digit; a test holds that.
//!
//! They differ in five points. A client that leaves while a push is in flight still counts as
//! having received it. Links take no time. A change of the list of servers takes no time. Requests
//! in flight to a crashed server are never answered. Rooms always move with the list.

mod choice;
mod job;
mod jobs;
mod rooms;
mod servers;

use self::choice::Choice;
use self::job::{Asker, Job, JobEffect};
use self::rooms::Rooms;
use super::cluster;
use super::exchange::{Answer, Ask, ClientAction, Observation};
use super::words::Names;
use crate::config::ServerSpec;
use crate::ids::SessionId;
use crate::scenario::{ChatModel, Scenario};
use crate::strategies::StrategySpec;
use crate::time::Time;
use crate::virtual_time::VirtualError;
use crate::world::{Load, Moved, Queue, Stations, Work};

/// The servers, rooms and clients of a run at level `flow`.
pub(super) struct Flow {
    stations: Stations,
    /// By server.
    lanes: Vec<Lane>,
    connectors: Choice,
    chats: Choice,
    rooms: Rooms,
    names: Names,
    /// By user.
    clients: Vec<Client>,
    observed: Vec<Observation>,
    moved: Moved,
    key: Vec<u8>,
}

/// A server's queue.
struct Lane {
    queue: Queue<Job, ()>,
    /// Effects of the current job.
    effects: Vec<JobEffect>,
    /// Ends once it has nothing to do.
    is_stopping: bool,
}

/// What the servers know about a user.
#[derive(Clone, Copy)]
struct Client {
    /// Number of its connection; 0 means none.
    connection: u32,
    /// Its room, and the connector through which it entered.
    room: Option<RoomPlusOne>,
    connector: u16,
}

/// A room's number plus one, so that `Option` takes no extra space.
type RoomPlusOne = std::num::NonZeroU32;

const NOBODY: Client = Client { connection: 0, room: None, connector: 0 };

impl Flow {
    /// Starts all servers, with no client connected.
    ///
    /// # Errors
    /// The scenario uses link rules, or rooms that stay when servers change.
    pub(super) fn new(
        scenario: &Scenario,
        model: &ChatModel,
        (strategy, replication): (&StrategySpec, u32),
        servers: Vec<ServerSpec>,
        names: Names,
        load: Load,
    ) -> Result<Self, VirtualError> {
        if !model.links.is_empty() || scenario.events.iter().any(|event| event.link.is_some()) {
            return Err(VirtualError::Unsupported("a rule of the links"));
        }
        if !model.rebalance {
            return Err(VirtualError::Unsupported("rebalance: false"));
        }
        let seed = cluster::seed(scenario.seed, replication);
        let choice = |server_type: &str| {
            let other = model.others.iter().find(|(of, _)| of.as_str() == server_type);
            let other = other.map_or_else(StrategySpec::default, |(_, strategy)| strategy.clone());
            let chosen = if model.balance.as_str() == server_type { strategy } else { &other };
            Choice::new(chosen.make(seed))
        };
        let mut flow = Self {
            stations: Stations::new(model.balance.as_str(), load),
            lanes: Vec::new(),
            connectors: choice("connector"),
            chats: choice("chat"),
            rooms: Rooms::new(model.rooms.max(1), names),
            names,
            clients: vec![NOBODY; model.users as usize],
            observed: Vec::new(),
            moved: Moved::default(),
            key: Vec::new(),
        };
        for server in servers {
            let station = flow.add_station(server);
            flow.put(Time::START, station);
        }
        flow.rebuild();
        Ok(flow)
    }

    /// What is known of a user.
    fn client(&mut self, session: SessionId) -> &mut Client {
        let user = session.slot() as usize;
        if self.clients.len() <= user {
            self.clients.resize(user + 1, NOBODY);
        }
        &mut self.clients[user]
    }

    fn add_station(&mut self, spec: ServerSpec) -> u16 {
        let station = self.stations.add(spec);
        let queue = self.stations.queue(station);
        self.lanes.push(Lane { queue, effects: Vec::new(), is_stopping: false });
        station
    }

    /// Brings a server up.
    fn put(&mut self, now: Time, station: u16) {
        let at = self.stations.at_mut(station);
        at.begin(now);
        at.is_open = true;
    }

    /// Connects a client. Returns false when the server accepts none.
    fn open(&mut self, server: u16, session: SessionId) -> bool {
        let at = self.stations.at_mut(server);
        if !at.takes_clients() {
            return false;
        }
        at.connections += 1;
        self.client(session).connection = session.serial();
        true
    }

    fn ask(&mut self, now: Time, asker: Asker, ask: Ask) -> Option<Observation> {
        if self.is_full(asker.connector) {
            return Some(Observation::Dropped { session: asker.session, request: asker.request });
        }
        let job = match ask {
            Ask::Entry => Job::Entry(asker),
            Ask::Enter { room } => Job::Enter { asker, room },
            Ask::Say { room, meant, .. } => Job::Say { asker, room, meant },
        };
        self.arrive(now, asker.connector, job);
        None
    }

    /// Logs people in before the run, when nothing costs time: all effects of an action happen at
    /// once.
    fn carry_free(&mut self, now: Time, action: ClientAction) -> Option<Observation> {
        match action {
            ClientAction::Close { server, session } => {
                self.client(session).connection = 0;
                self.stations.at_mut(server).disconnect();
                None
            }
            ClientAction::Connect { server, session, request, ask } => {
                if !self.open(server, session) {
                    return Some(Observation::Unreachable { session });
                }
                let answer = match ask {
                    Ask::Entry => self.locate(now, session.slot()),
                    Ask::Enter { room } if self.rooms.owner(now, room, &mut self.chats).is_some() => {
                        self.enter(Asker { connector: server, session, request }, room);
                        Answer::Done
                    }
                    _ => Answer::Failed,
                };
                Some(Observation::Answer { session, request: u64::from(request), answer })
            }
            // Nobody talks before the run begins.
            ClientAction::Ask { .. } => None,
        }
    }

    fn close(&mut self, now: Time, server: u16, session: SessionId) {
        let at = self.stations.at_mut(server);
        at.disconnect();
        if at.work == Work::Connector {
            self.connectors.load(server, -1);
        }
        let client = self.client(session);
        client.connection = 0;
        let room = client.room.take().map(|room| room.get() - 1);
        self.arrive(now, server, Job::Closed { room });
    }

    fn is_full(&self, station: u16) -> bool {
        self.stations.is_full(&self.lanes[usize::from(station)].queue)
    }

    /// Queues or begins a job at a server; drops it when the server is down.
    fn arrive(&mut self, now: Time, station: u16, job: Job) {
        if !self.stations.at(station).is_up() {
            return;
        }
        let lane = &mut self.lanes[usize::from(station)];
        if lane.queue.is_ready() {
            self.begin(now, station, job);
        } else {
            lane.queue.wait(now, job);
        }
    }

    fn begin(&mut self, now: Time, station: u16, job: Job) {
        let mut effects = std::mem::take(&mut self.lanes[usize::from(station)].effects);
        let sent = self.do_job(station, job, &mut effects);
        let lane = &mut self.lanes[usize::from(station)];
        lane.effects = effects;
        self.stations.serve(now, station, &mut lane.queue, sent);
    }

    /// Adds a client to a room, unless its connection has closed meanwhile.
    fn enter(&mut self, Asker { connector, session, .. }: Asker, room: u32) {
        let client = self.client(session);
        if client.connection == session.serial() {
            (client.room, client.connector) = (RoomPlusOne::new(room + 1), connector);
            self.rooms.add(room, connector, &mut self.chats);
        }
    }

    /// Finishes a job: applies its effects, then takes the next job.
    fn finish(&mut self, now: Time, station: u16, turn: u16) {
        let lane = &mut self.lanes[usize::from(station)];
        if !lane.queue.serves(0, turn) {
            return;
        }
        let mut effects = std::mem::take(&mut lane.effects);
        for effect in effects.drain(..) {
            self.happen(now, station, effect);
        }
        let lane = &mut self.lanes[usize::from(station)];
        lane.effects = effects;
        lane.queue.finish(now, 0, turn);
        match lane.queue.take_next() {
            Some(next) => self.begin(now, station, next),
            None => self.end_if_done(now, station),
        }
    }

    fn happen(&mut self, now: Time, station: u16, effect: JobEffect) {
        match effect {
            JobEffect::Job(to, job) => self.arrive(now, to, job),
            JobEffect::ToRoom(room, job) => self.send_to_room(now, room, job),
            JobEffect::Answer(Asker { session, request, .. }, answer) => {
                self.observed.push(Observation::Answer { session, request: u64::from(request), answer });
            }
            JobEffect::Messages { clients, meant } => {
                self.observed.push(Observation::Messages { clients, meant })
            }
            JobEffect::Locate(asker) => {
                let answer = self.locate(now, asker.session.slot());
                self.arrive(now, station, Job::Located { asker, answer });
            }
        }
    }

    fn locate(&mut self, now: Time, user: u32) -> Answer {
        self.key.clear();
        self.names.write_user(user, &mut self.key);
        // Names are ASCII letters and digits.
        let connector = self.connectors.pick(now, std::str::from_utf8(&self.key).unwrap_or_default());
        connector.map_or(Answer::Failed, |connector| {
            self.connectors.load(connector, 1);
            Answer::Use(connector)
        })
    }

    /// Sends a job to a room's server. Without a server, or with a full queue there, the request
    /// fails.
    fn send_to_room(&mut self, now: Time, room: u32, job: Job) {
        let owner = self.rooms.owner(now, room, &mut self.chats);
        let answer = match owner {
            Some(owner) if !self.is_full(owner) || matches!(job, Job::Gone { .. }) => {
                return self.arrive(now, owner, job);
            }
            Some(_) => Answer::Refused,
            None => Answer::Failed,
        };
        if let Job::Add { asker, .. } | Job::Send { asker, .. } = job {
            self.arrive(now, asker.connector, Job::Answered { asker, answer });
        }
    }
}
