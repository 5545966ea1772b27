//! Level `flow`: who is where and what it costs, without the messages.
//!
//! The same people, strategies and costs as with the machines, and the same deliveries in the same order; but a delivery is
//! a few bytes, and a room knows only how many members it has on which connector. So ten million people fit in memory, and
//! a message costs a tenth. While no server comes or goes, both levels give the same figures to the last digit: a test holds
//! that. Where they differ: who leaves while a push is on its way still counts as having heard it; links take no time; a change of the list of servers takes none; what was under way to a server
//! that vanished is never answered. Rooms always move with the list.

mod choice;
mod job;
mod jobs;
mod rooms;
mod servers;

use self::choice::Choice;
use self::job::{Asker, Job, Then};
use self::rooms::Rooms;
use super::cluster;
use super::exchange::{Answer, Ask, Deed, Heard};
use super::words::Names;
use crate::config::ServerSpec;
use crate::ids::SessionId;
use crate::scenario::{ChatModel, Scenario};
use crate::strategies::StrategySpec;
use crate::time::Time;
use crate::virtual_time::VirtualError;
use crate::world::{Load, Moved, Queue, Stations, Work};

/// See the module.
pub(super) struct Flow {
    stations: Stations,
    /// By station.
    lanes: Vec<Lane>,
    connectors: Choice,
    chats: Choice,
    rooms: Rooms,
    names: Names,
    /// By user.
    clients: Vec<Client>,
    heard: Vec<Heard>,
    moved: Moved,
    key: Vec<u8>,
}

/// A server's work.
struct Lane {
    queue: Queue<Job, ()>,
    /// What comes of the present job.
    then: Vec<Then>,
    /// It ends when it has nothing to do.
    is_stopping: bool,
}

/// What servers know of a user.
#[derive(Clone, Copy)]
struct Client {
    /// The number of its connection; 0: it has none.
    connection: u32,
    /// The room that it is in, and the connector by which it came.
    room: Option<RoomPlusOne>,
    connector: u16,
}

/// A room's number plus one, so that none takes no space of its own.
type RoomPlusOne = std::num::NonZeroU32;

const NOBODY: Client = Client { connection: 0, room: None, connector: 0 };

impl Flow {
    /// The servers, all up, with nobody there.
    ///
    /// # Errors
    /// The scenario asks for links, or for rooms that stay where they are.
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
            heard: Vec::new(),
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
        self.lanes.push(Lane { queue, then: Vec::new(), is_stopping: false });
        station
    }

    /// A server is up at its station.
    fn put(&mut self, now: Time, station: u16) {
        let at = self.stations.at_mut(station);
        at.begin(now);
        at.is_open = true;
    }

    /// A client connects. False when the server takes none.
    fn open(&mut self, server: u16, session: SessionId) -> bool {
        let at = self.stations.at_mut(server);
        if !at.takes_clients() {
            return false;
        }
        at.connections += 1;
        self.client(session).connection = session.serial();
        true
    }

    fn ask(&mut self, now: Time, asker: Asker, ask: Ask) -> Option<Heard> {
        if self.is_full(asker.connector) {
            return Some(Heard::Dropped { session: asker.session, request: asker.request });
        }
        let job = match ask {
            Ask::Entry => Job::Entry(asker),
            Ask::Enter { room } => Job::Enter { asker, room },
            Ask::Say { room, meant, .. } => Job::Say { asker, room, meant },
        };
        self.arrive(now, asker.connector, job);
        None
    }

    /// Before anything costs something, nobody waits: all that a deed leads to happens at once.
    fn carry_free(&mut self, now: Time, deed: Deed) -> Option<Heard> {
        match deed {
            Deed::Close { server, session } => {
                self.client(session).connection = 0;
                self.stations.at_mut(server).disconnect();
                None
            }
            Deed::Connect { server, session, request, ask } => {
                if !self.open(server, session) {
                    return Some(Heard::Unreachable { session });
                }
                let answer = match ask {
                    Ask::Entry => self.locate(now, session.slot()),
                    Ask::Enter { room } if self.rooms.owner(now, room, &mut self.chats).is_some() => {
                        self.enter(Asker { connector: server, session, request }, room);
                        Answer::Done
                    }
                    _ => Answer::Failed,
                };
                Some(Heard::Answer { session, request: u64::from(request), answer })
            }
            // Nobody says anything before the run begins.
            Deed::Ask { .. } => None,
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

    /// A job for a server; nothing when it is not up.
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
        let mut then = std::mem::take(&mut self.lanes[usize::from(station)].then);
        let sent = self.do_job(station, job, &mut then);
        let lane = &mut self.lanes[usize::from(station)];
        lane.then = then;
        self.stations.serve(now, station, &mut lane.queue, sent);
    }

    /// Somebody is in a room from now on, unless its connection is gone already.
    fn enter(&mut self, Asker { connector, session, .. }: Asker, room: u32) {
        let client = self.client(session);
        if client.connection == session.serial() {
            (client.room, client.connector) = (RoomPlusOne::new(room + 1), connector);
            self.rooms.add(room, connector, &mut self.chats);
        }
    }

    /// A server has done its job: what came of it happens, and it takes the next.
    fn finish(&mut self, now: Time, station: u16, turn: u16) {
        let lane = &mut self.lanes[usize::from(station)];
        if !lane.queue.serves(0, turn) {
            return;
        }
        let mut then = std::mem::take(&mut lane.then);
        for then in then.drain(..) {
            self.happen(now, station, then);
        }
        let lane = &mut self.lanes[usize::from(station)];
        lane.then = then;
        lane.queue.finish(now, 0, turn);
        match lane.queue.take_next() {
            Some(next) => self.begin(now, station, next),
            None => self.end_if_done(now, station),
        }
    }

    fn happen(&mut self, now: Time, station: u16, then: Then) {
        match then {
            Then::Job(to, job) => self.arrive(now, to, job),
            Then::ToRoom(room, job) => self.send_to_room(now, room, job),
            Then::Answer(Asker { session, request, .. }, answer) => {
                self.heard.push(Heard::Answer { session, request: u64::from(request), answer });
            }
            Then::Told { clients, meant } => self.heard.push(Heard::Told { clients, meant }),
            Then::Locate(asker) => {
                let answer = self.locate(now, asker.session.slot());
                self.arrive(now, station, Job::Located { asker, answer });
            }
        }
    }

    fn locate(&mut self, now: Time, user: u32) -> Answer {
        self.key.clear();
        self.names.write_user(user, &mut self.key);
        // Letters and digits.
        let connector = self.connectors.pick(now, std::str::from_utf8(&self.key).unwrap_or_default());
        connector.map_or(Answer::Failed, |connector| {
            self.connectors.load(connector, 1);
            Answer::Use(connector)
        })
    }

    /// A job for the server of a room. There may be none, or no space before it.
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
