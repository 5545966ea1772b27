//! A cluster on virtual time: the router and the servers that serve live, each server a station with a queue.
//!
//! A delivery waits its turn, begins, and is done when its cost has gone by: the server's logic runs when it begins, and
//! what comes of it is released when it is done. The router takes no time, and a server's ticks none either. What a
//! delivery that costs nothing makes a server do happens at once, behind what was done before it at the same moment.

mod life;
mod moves;
mod station;
mod turns;

use std::collections::VecDeque;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use self::moves::Moves;
use self::station::Station;
use crate::cluster::{Blueprint, Plan};
use crate::config::ServerSpec;
use crate::envelope::{Payload, Recipients};
use crate::ids::{ServerId, SessionId};
use crate::random::Streams;
use crate::router::{LinkRule, Routed, Router, UnknownRule};
use crate::scenario::Costs;
use crate::servers::{Delivery, Effect};
use crate::time::Time;
use crate::virtual_time::EventQueue;
use crate::wire::PushFrame;

/// What is planned for servers and router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MachineEvent {
    /// A server's delivery at hand is done.
    Done {
        /// Its station.
        station: u16,
        /// Which life of the station: what was planned for an earlier one does not happen.
        life: u16,
    },
    /// A server's deadline.
    Tick(u16),
    /// Something arrives at the end of a link.
    Links,
    /// It is looked how far a server is that stops.
    Stop(u16),
}

/// What a server does to a client.
#[derive(Clone, Debug)]
pub enum ToClient {
    /// It answers a request.
    Response {
        /// Whose.
        session: SessionId,
        /// Its id.
        request: u64,
        /// The answer.
        body: Bytes,
    },
    /// It gives a push to some of its clients.
    Push {
        /// To whom.
        sessions: Recipients,
        /// The push.
        frame: PushFrame,
    },
    /// It gives a push to all of its clients.
    Broadcast {
        /// The push.
        frame: PushFrame,
    },
    /// It ends one's connection, and says why.
    Kick {
        /// Whose.
        session: SessionId,
        /// Why.
        reason: Box<str>,
    },
    /// It stops, and ends the connections of all: each is to be [closed](Machines::close).
    Shut,
    /// It has vanished, and nobody is told.
    Gone,
}

/// What servers cost, and what they bear.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What a delivery costs.
    pub costs: Costs,
    /// The chance in it, by server and delivery.
    pub chance: Streams,
    /// How many deliveries may wait for a server; see `ChatModel::queue_max`.
    pub queue_max: Option<u32>,
    /// Steps of the servers' load over time, in nanoseconds.
    pub step_ns: u64,
}

/// See the module. Stations are numbered from 0, in the order of the configuration and then of coming.
pub struct Machines {
    router: Router,
    blueprint: Blueprint,
    stations: Vec<Station>,
    by_id: FxHashMap<ServerId, u16>,
    load: Load,
    /// Nothing costs anything, and no tick is planned.
    is_free: bool,
    balanced: String,
    generations: u32,
    links_at: Option<Time>,
    routed: Vec<Routed>,
    /// Deliveries that cost nothing and are done, in order.
    done: VecDeque<(u16, u16)>,
    /// What servers have done to clients, in order.
    said: Vec<(u16, ToClient)>,
    moves: Moves,
    rooms_move: bool,
}

impl Machines {
    /// The servers of a plan, all up. They cost nothing until they are told to: see [`work`](Self::work).
    pub fn new(plan: Plan, load: Load, balanced: &str, rooms_move: bool) -> Self {
        let mut machines = Self {
            router: plan.router,
            blueprint: plan.blueprint,
            stations: Vec::new(),
            by_id: FxHashMap::default(),
            load,
            is_free: true,
            balanced: balanced.to_owned(),
            generations: 0,
            links_at: None,
            routed: Vec::new(),
            done: VecDeque::new(),
            said: Vec::new(),
            moves: Moves::default(),
            rooms_move,
        };
        for planned in plan.servers {
            let station = machines.add_station(planned.spec);
            let station = &mut machines.stations[usize::from(station)];
            station.server = Some((planned.make)());
            station.is_open = true;
        }
        machines
    }

    /// From now on deliveries cost what the load says, and deadlines count.
    pub fn work<E: From<MachineEvent>>(&mut self, now: Time, agenda: &mut EventQueue<E>) {
        self.is_free = false;
        for station in 0..self.stations.len() {
            self.watch(station as u16, agenda);
        }
        self.watch_links(now, agenda);
    }

    /// A client connects. False when the server takes none.
    pub fn open<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        session: SessionId,
        agenda: &mut EventQueue<E>,
    ) -> bool {
        let at = &mut self.stations[usize::from(station)];
        if !at.is_open || at.spec.max_connections.is_some_and(|most| at.connections >= most) {
            return false;
        }
        at.connections += 1;
        self.arrive(now, station, Delivery::Opened { session, peer: None }, agenda);
        true
    }

    /// A client sends a message. False when the server's queue is full, and the message lost.
    pub fn message<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        session: SessionId,
        bytes: Bytes,
        agenda: &mut EventQueue<E>,
    ) -> bool {
        if self.is_full(station) {
            return false;
        }
        self.arrive(now, station, Delivery::Message { session, bytes, since: now }, agenda);
        true
    }

    /// A client's connection ends.
    pub fn close<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        session: SessionId,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &mut self.stations[usize::from(station)];
        at.connections = at.connections.saturating_sub(1);
        self.arrive(now, station, Delivery::Closed { session }, agenda);
    }

    /// Something that was planned is due.
    pub fn take<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        event: MachineEvent,
        agenda: &mut EventQueue<E>,
    ) {
        match event {
            MachineEvent::Done { station, life } => self.finish(now, station, life, agenda),
            MachineEvent::Tick(station) => self.tick(now, station, agenda),
            MachineEvent::Links => {
                if self.links_at == Some(now) {
                    self.links_at = None;
                }
                self.order(now, agenda, |router, now, out| router.tick(now, out));
            }
            MachineEvent::Stop(station) => self.go_on_stopping(now, station, agenda),
        }
    }

    /// Does the next thing that costs nothing. False when there is none.
    pub fn go_on<E: From<MachineEvent>>(&mut self, now: Time, agenda: &mut EventQueue<E>) -> bool {
        let Some((station, life)) = self.done.pop_front() else { return false };
        self.finish(now, station, life, agenda);
        true
    }

    /// What servers have done to clients since the last look, in order; gives an empty list to fill instead.
    pub fn said(&mut self, instead: Vec<(u16, ToClient)>) -> Vec<(u16, ToClient)> {
        std::mem::replace(&mut self.said, instead)
    }

    /// Installs a rule of the links.
    pub fn install<E: From<MachineEvent>>(&mut self, now: Time, rule: LinkRule, agenda: &mut EventQueue<E>) {
        self.order(now, agenda, |router, now, out| router.install(now, rule, out));
    }

    /// Takes a rule of the links away.
    ///
    /// # Errors
    /// No rule has that name.
    pub fn heal<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        name: &str,
        agenda: &mut EventQueue<E>,
    ) -> Result<(), UnknownRule> {
        self.order(now, agenda, |router, now, out| router.heal(now, Some(name), out))
    }

    /// The station of a server.
    pub fn station(&self, id: &str) -> Option<u16> {
        self.by_id.get(id).copied()
    }

    /// The station of a server as it was configured.
    pub fn spec(&self, station: u16) -> &ServerSpec {
        &self.stations[usize::from(station)].spec
    }

    /// How many stations there are, up or not.
    pub fn len(&self) -> usize {
        self.stations.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.stations.is_empty()
    }

    /// Whether a server is up.
    pub fn is_up(&self, station: u16) -> bool {
        self.stations[usize::from(station)].server.is_some()
    }

    /// Whether a server takes clients.
    pub fn is_open(&self, station: u16) -> bool {
        self.stations[usize::from(station)].is_open
    }

    /// Another speed for a server: at 0.25 everything takes four times as long, from the next delivery on.
    pub fn set_speed(&mut self, station: u16, speed: f64) {
        self.stations[usize::from(station)].speed = speed;
    }

    fn is_full(&self, station: u16) -> bool {
        let waiting = self.stations[usize::from(station)].queue.len();
        !self.is_free && self.load.queue_max.is_some_and(|most| waiting >= most as usize)
    }

    /// Lets what came of a delivery happen.
    fn release<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        effects: &mut Vec<Effect>,
        agenda: &mut EventQueue<E>,
    ) {
        for effect in effects.drain(..) {
            let said = match effect {
                Effect::Send(envelope) => {
                    self.router.route(now, envelope, &mut self.routed);
                    continue;
                }
                Effect::Done { .. } => continue,
                Effect::Respond { session, request, body } => ToClient::Response { session, request, body },
                Effect::Push { sessions, frame } => ToClient::Push { sessions, frame },
                Effect::Broadcast { frame } => ToClient::Broadcast { frame },
                Effect::Kick { session, reason } => self.cut_off(station, session, reason),
                Effect::Reject { session, error } => self.cut_off(station, session, error.into()),
            };
            self.said.push((station, said));
        }
        self.hand_on(now, agenda);
    }

    fn cut_off(&mut self, station: u16, session: SessionId, reason: Box<str>) -> ToClient {
        let at = &mut self.stations[usize::from(station)];
        at.connections = at.connections.saturating_sub(1);
        ToClient::Kick { session, reason }
    }

    /// Gives the router an order, and carries what goes out of it.
    fn order<E: From<MachineEvent>, R>(
        &mut self,
        now: Time,
        agenda: &mut EventQueue<E>,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R,
    ) -> R {
        let result = order(&mut self.router, now, &mut self.routed);
        self.hand_on(now, agenda);
        result
    }

    /// Gives what the router hands on to its servers.
    fn hand_on<E: From<MachineEvent>>(&mut self, now: Time, agenda: &mut EventQueue<E>) {
        while !self.routed.is_empty() {
            let mut batch = std::mem::take(&mut self.routed);
            for Routed { to, envelope } in batch.drain(..) {
                // The router only names servers that it was given.
                let Some(station) = self.by_id.get(&to).copied() else { continue };
                if self.moves.since.is_some()
                    && matches!(envelope.payload, Payload::Release { .. } | Payload::Adopt { .. })
                {
                    let stays = self.stations[usize::from(station)].stopping.is_none();
                    self.moves.see(station, stays, &envelope);
                }
                if matches!(envelope.payload, Payload::Invoke(_)) && self.is_full(station) {
                    self.router.refuse(&to, envelope, &mut self.routed);
                } else {
                    self.arrive(now, station, Delivery::Envelope(envelope), agenda);
                }
            }
            if self.routed.is_empty() {
                self.routed = batch;
            }
        }
        if self.moves.since.is_some() && !self.router.is_changing() {
            self.moves.end(now);
        }
        self.watch_links(now, agenda);
    }

    fn watch_links<E: From<MachineEvent>>(&mut self, now: Time, agenda: &mut EventQueue<E>) {
        if self.is_free {
            return;
        }
        let Some(deadline) = self.router.next_deadline() else { return };
        if self.links_at.is_none_or(|planned| deadline < planned) {
            self.links_at = Some(deadline.max(now));
            agenda.plan(deadline, MachineEvent::Links.into());
        }
    }
}
