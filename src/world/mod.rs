//! A whole cluster without actors, sockets or real time: the router and the servers that serve live, and the supervisor that
//! decides on their lives, under a [`Policy`] that says in which order things happen.
//!
//! Under [`Policy::InOrder`] and [`Policy::Seeded`] router and servers have a mailbox each and take [`turns`](World::turn):
//! tests and storms play them. Under [`Policy::Costs`] a server is a queueing station: a delivery waits, begins, and is done
//! when its cost has gone by. The server's logic runs when it begins, and what comes of it is released when it is done. The
//! router takes no time then, nor do a server's ticks. What a delivery that costs nothing makes a server do happens at once,
//! behind what was done before it at the same moment.

mod costs;
mod lives;
mod look;
mod moves;
mod queue;
mod slot;
mod stations;
mod timed;
mod turns;
mod work;

use std::collections::VecDeque;
use std::vec::Drain;

use bytes::Bytes;

pub use self::moves::Moved;
pub use self::queue::{Gauge, Queue, Service};
pub use self::stations::{Station, Stations};
pub use self::timed::{Share, Timed, WorldEvent};
pub use self::work::{Load, Sent, Work};

use self::moves::Moves;
use self::slot::Slot;
use self::turns::Turns;
use crate::cluster::{Blueprint, Plan};
use crate::config::ServerSpec;
use crate::envelope::{Envelope, Payload};
use crate::ids::{ServerId, SessionId};
use crate::random::Random;
use crate::router::{LinkRule, Routed, Router, UnknownRule};
use crate::servers::{Delivery, Effect, Outbox, Server};
use crate::supervisor::{Decision, Supervisor, Timeouts};
use crate::time::Time;
use crate::trace::Watch;

/// In which order things happen.
pub enum Policy {
    /// In the order in which they were sent.
    InOrder,
    /// As threads would have it: whose turn it is is drawn.
    Seeded(Random),
    /// In virtual time, where deliveries cost something; servers of a type have their load written down.
    Costs(Load, String),
}

/// What a server does to a client.
#[derive(Clone, Debug)]
pub enum ToClient {
    /// What a delivery made it do: never [`Effect::Send`] nor [`Effect::Done`].
    Effect(Effect),
    /// It stops, says why, and ends the connections of all: each is to be [closed](World::close).
    Shut {
        /// Why.
        reason: &'static str,
    },
    /// It has ended, and nobody is told.
    Gone,
}

/// Whether an envelope to a server is lost on its way.
pub type Loss = Box<dyn Fn(&ServerId, &Envelope) -> bool>;

/// See the module.
pub struct World {
    /// The router.
    pub router: Router,
    /// The moment of the last thing that happened.
    pub now: Time,
    /// The servers by number.
    pub stations: Stations,
    /// Envelopes for which this says true are lost on their way, where servers take turns.
    pub lost: Loss,
    slots: Vec<Slot>,
    supervisor: Supervisor,
    /// What the supervisor has decided and is not carried out.
    decisions: VecDeque<Decision>,
    /// Facts that it waits for.
    awaited: usize,
    blueprint: Blueprint,
    generations: u32,
    rooms_move: bool,
    routed: Vec<Routed>,
    /// What servers have done to clients, in order.
    said: Vec<(u16, ToClient)>,
    /// The mailboxes' turns; none where deliveries cost something.
    turns: Option<Turns>,
    /// When the event queue is to wake links and supervisor.
    links_at: Option<Time>,
    supervise_at: Option<Time>,
    moves: Moves,
    watch: Option<Watch>,
}

impl World {
    /// The servers of a plan, all up. Where deliveries cost something, they do from [`work`](Self::work) on.
    pub fn new(plan: Plan, policy: Policy) -> Self {
        let options = plan.blueprint.options();
        let timeouts = Timeouts::new(options.stop_timeout, options.request_timeout);
        let (load, balanced, turns) = match policy {
            Policy::InOrder => (Load::default(), String::new(), Some(Turns::default())),
            Policy::Seeded(random) => (Load::default(), String::new(), Some(Turns::drawn(random))),
            Policy::Costs(load, balanced) => (load, balanced, None),
        };
        let mut world = Self {
            router: plan.router,
            now: Time::START,
            stations: Stations::new(&balanced, load),
            lost: Box::new(|_, _| false),
            slots: Vec::new(),
            supervisor: Supervisor::new(timeouts),
            decisions: VecDeque::new(),
            awaited: 0,
            rooms_move: options.rebalance,
            blueprint: plan.blueprint,
            generations: 0,
            routed: Vec::new(),
            said: Vec::new(),
            turns,
            links_at: None,
            supervise_at: None,
            moves: Moves::default(),
            watch: None,
        };
        for planned in plan.servers {
            world.supervisor.adopt(Time::START, &planned.spec);
            let station = world.add_station(&planned.spec);
            world.put(station, (planned.make)());
            world.stations.at_mut(station).is_open = true;
            world.slots[usize::from(station)].is_listed = true;
        }
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            for station in 0..world.slots.len() {
                world.give(station as u16, delivery.clone());
            }
        }
        world
    }

    /// A client connects. False when the server takes none.
    pub fn open(&mut self, now: Time, station: u16, session: SessionId) -> bool {
        self.now = now;
        let at = self.stations.at_mut(station);
        if !at.takes_clients() {
            return false;
        }
        at.connections += 1;
        self.arrive(station, Delivery::Opened { session, peer: None });
        true
    }

    /// A client sends a message. False when the server's queue is full, and the message lost. A server that takes no more
    /// clients reads nothing from those that it has.
    pub fn message(&mut self, now: Time, station: u16, session: SessionId, bytes: Bytes) -> bool {
        self.now = now;
        if !self.stations.at(station).is_open {
            return true;
        }
        if self.is_full(station) {
            return false;
        }
        self.arrive(station, Delivery::Message { session, bytes, since: now });
        true
    }

    /// A client's connection ends.
    pub fn close(&mut self, now: Time, station: u16, session: SessionId) {
        self.now = now;
        self.stations.at_mut(station).disconnect();
        self.arrive(station, Delivery::Closed { session });
        self.report_facts();
    }

    /// What servers have done to clients since the last look, in order.
    pub fn said(&mut self) -> Drain<'_, (u16, ToClient)> {
        self.said.drain(..)
    }

    /// Installs a rule of the links.
    pub fn install(&mut self, now: Time, rule: LinkRule) {
        self.now = now;
        self.order(|router, now, out| router.install(now, rule, out));
    }

    /// Takes a rule of the links away, or all of them.
    ///
    /// # Errors
    /// No rule has that name.
    pub fn heal(&mut self, now: Time, name: Option<&str>) -> Result<(), UnknownRule> {
        self.now = now;
        self.order(|router, now, out| router.heal(now, name, out))
    }

    /// Gives the router an order, and carries what goes out of it.
    pub fn order<R>(&mut self, order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R) -> R {
        let result = order(&mut self.router, self.now, &mut self.routed);
        self.hand_on();
        result
    }

    /// Traces can be watched from now on.
    pub fn set_watch(&mut self, watch: Watch) {
        self.router.set_watch(watch.clone());
        self.slots.iter_mut().for_each(|slot| slot.out = Outbox::watched(watch.clone()));
        self.watch = Some(watch);
    }

    fn add_station(&mut self, spec: &ServerSpec) -> u16 {
        let out = self.watch.clone().map_or_else(Outbox::default, Outbox::watched);
        let station = self.stations.add(spec.clone());
        self.slots.push(Slot { out, queue: self.stations.queue(station), ..Slot::default() });
        station
    }

    /// A server is up at its station.
    fn put(&mut self, station: u16, server: Box<dyn Server>) {
        self.stations.at_mut(station).begin(self.now);
        self.slots[usize::from(station)].server = Some(server);
    }

    fn is_full(&self, station: u16) -> bool {
        self.turns.is_none() && self.stations.is_full(&self.slots[usize::from(station)].queue)
    }

    /// Puts a delivery at the end of a server's queue; nothing when the server is not up.
    fn arrive(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        match &mut self.turns {
            _ if slot.server.is_none() => {}
            Some(turns) => slot.queue.wait(self.now, (turns.number(), delivery)),
            None => self.arrive_at_cost(station, delivery),
        }
    }

    /// Lets what came of a delivery happen.
    fn release(&mut self, station: u16) {
        let mut effects = std::mem::take(&mut self.slots[usize::from(station)].out.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(envelope) => match &mut self.turns {
                    Some(turns) => turns.say(envelope),
                    None => self.router.route(self.now, envelope, &mut self.routed),
                },
                Effect::Done { .. } => {}
                effect => {
                    if matches!(effect, Effect::Kick { .. } | Effect::Reject { .. }) {
                        self.stations.at_mut(station).disconnect();
                    }
                    self.said.push((station, ToClient::Effect(effect)));
                }
            }
        }
        self.slots[usize::from(station)].out.effects = effects;
        match &mut self.turns {
            Some(turns) => turns.send(station),
            None => self.hand_on(),
        }
    }

    /// Gives what the router hands on to its servers.
    fn hand_on(&mut self) {
        while !self.routed.is_empty() {
            let mut batch = std::mem::take(&mut self.routed);
            for Routed { to, envelope } in batch.drain(..) {
                if self.turns.is_some() && (self.lost)(&to, &envelope) {
                    continue;
                }
                // The router only names servers that it was given.
                let Some(station) = self.stations.find(to.as_str()) else { continue };
                if self.moves.since.is_some()
                    && matches!(envelope.payload, Payload::Release { .. } | Payload::Adopt { .. })
                {
                    self.moves.see(station, self.slots[usize::from(station)].is_listed, &envelope);
                }
                if matches!(envelope.payload, Payload::Invoke(_)) && self.is_full(station) {
                    self.router.refuse(&to, envelope, &mut self.routed);
                } else {
                    self.arrive(station, Delivery::Envelope(envelope));
                }
            }
            if self.routed.is_empty() {
                self.routed = batch;
            }
        }
        if self.moves.since.is_some() && !self.router.is_changing() {
            self.moves.end(self.now);
        }
        self.watch_links();
    }
}
