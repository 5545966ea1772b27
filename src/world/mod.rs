//! A whole cluster without actors, sockets or real time: the live router, servers and supervisor.
//! A [`Policy`] decides the order of events.
//!
//! Under [`Policy::InOrder`] and [`Policy::Seeded`], for tests and storms, router and servers have
//! a mailbox each and take [`turns`](World::turn). Under [`Policy::Costs`] each server is a
//! queueing server: a delivery waits, begins, and finishes when its cost has elapsed. The logic
//! runs at the beginning, and its effects are released at the end. The router and ticks take no
//! time. Effects of a delivery without cost happen at once, after all earlier ones of that moment.

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

/// The order of events.
pub enum Policy {
    /// In the order of sending.
    InOrder,
    /// In an order that threads could produce: each turn is drawn.
    Seeded(Random),
    /// In virtual time, where deliveries have costs. The load of servers of this type is recorded.
    Costs(Load, String),
}

/// An effect of a server on a client.
#[derive(Clone, Debug)]
pub enum ToClient {
    /// An effect of a delivery: never [`Effect::Send`] nor [`Effect::Done`].
    Effect(Effect),
    /// The server stops and sends the reason. Each connection must be [closed](World::close).
    Shut {
        /// The reason.
        reason: &'static str,
    },
    /// The server has ended without telling its clients.
    Gone,
}

/// Whether an envelope to a server is lost in transit.
pub type Loss = Box<dyn Fn(&ServerId, &Envelope) -> bool>;

/// A cluster of state machines, driven in one thread.
pub struct World {
    /// The router.
    pub router: Router,
    /// The time of the last event.
    pub now: Time,
    /// The servers by number.
    pub stations: Stations,
    /// Selects the envelopes that are lost in transit. Used only where servers take turns.
    pub lost: Loss,
    slots: Vec<Slot>,
    supervisor: Supervisor,
    /// Decisions of the supervisor that are not carried out yet.
    decisions: VecDeque<Decision>,
    /// The number of facts that the supervisor waits for.
    awaited: usize,
    blueprint: Blueprint,
    generations: u32,
    rooms_move: bool,
    routed: Vec<Routed>,
    /// Effects of servers on clients, in order.
    said: Vec<(u16, ToClient)>,
    /// The turns of the mailboxes. None where deliveries have costs.
    turns: Option<Turns>,
    /// When the event queue wakes the links and the supervisor.
    links_at: Option<Time>,
    supervise_at: Option<Time>,
    moves: Moves,
    watch: Option<Watch>,
}

impl World {
    /// Makes the servers of a plan, all up. Deliveries cost nothing until [`work`](Self::work).
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

    /// Connects a client. Returns false if the server does not accept it.
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

    /// Delivers a client's message. Returns false if the server's queue is full and the message is
    /// lost. A server that accepts no more clients also reads nothing from its present ones.
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

    /// Ends a client's connection.
    pub fn close(&mut self, now: Time, station: u16, session: SessionId) {
        self.now = now;
        self.stations.at_mut(station).disconnect();
        self.arrive(station, Delivery::Closed { session });
        self.report_facts();
    }

    /// Drains the effects of servers on clients since the last call, in order.
    pub fn outgoing(&mut self) -> Drain<'_, (u16, ToClient)> {
        self.said.drain(..)
    }

    /// Installs a link rule.
    pub fn install(&mut self, now: Time, rule: LinkRule) {
        self.now = now;
        self.order(|router, now, out| router.install(now, rule, out));
    }

    /// Removes a link rule, or all of them.
    ///
    /// # Errors
    /// No rule has this name.
    pub fn heal(&mut self, now: Time, name: Option<&str>) -> Result<(), UnknownRule> {
        self.now = now;
        self.order(|router, now, out| router.heal(now, name, out))
    }

    /// Gives the router an order, and delivers the resulting envelopes.
    pub fn order<R>(&mut self, order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R) -> R {
        let result = order(&mut self.router, self.now, &mut self.routed);
        self.hand_on();
        result
    }

    /// Sets the watch that begins traces.
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

    /// Puts a server that is up at its station.
    fn put(&mut self, station: u16, server: Box<dyn Server>) {
        self.stations.at_mut(station).begin(self.now);
        self.slots[usize::from(station)].server = Some(server);
    }

    fn is_full(&self, station: u16) -> bool {
        self.turns.is_none() && self.stations.is_full(&self.slots[usize::from(station)].queue)
    }

    /// Appends a delivery to a server's queue. Does nothing if the server is not up.
    fn arrive(&mut self, station: u16, delivery: Delivery) {
        let slot = &mut self.slots[usize::from(station)];
        match &mut self.turns {
            _ if slot.server.is_none() => {}
            Some(turns) => slot.queue.wait(self.now, (turns.number(), delivery)),
            None => self.arrive_at_cost(station, delivery),
        }
    }

    /// Releases the effects of a delivery.
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

    /// Delivers the router's output to its servers.
    fn hand_on(&mut self) {
        while !self.routed.is_empty() {
            let mut batch = std::mem::take(&mut self.routed);
            for Routed { to, envelope } in batch.drain(..) {
                if self.turns.is_some() && (self.lost)(&to, &envelope) {
                    continue;
                }
                // The router names only servers that it was given, so this never skips one.
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
