//! The `chat` model of experiments: people on the cluster of the chat tutorial, in virtual time.
//!
//! The parts are loosely coupled. `people` decides what clients do and records the results. The
//! [`World`] runs the live router and server logic as queueing servers; `spoken` and `words`
//! translate between the two in Pomelo's bytes. `flow` replaces the world when there are too many
//! people for it. `faults` holds the scenario's events.

mod agenda;
mod cluster;
mod events;
mod exchange;
mod faults;
mod flow;
mod outcome;
mod people;
mod servers;
mod spoken;
mod tally;
mod words;

use self::agenda::{Agenda, Event};
use self::exchange::Observation;
use self::faults::Faults;
use self::flow::Flow;
use self::people::People;
use self::servers::Servers;
use self::words::{Names, Words};
use super::VirtualError;
use crate::random::Streams;
use crate::scenario::{ChatModel, Level, Scenario};
use crate::stats::Outcome;
use crate::strategies::StrategySpec;
use crate::time::Time;
use crate::world::{Load, Policy, Share, World};

/// Steps in a server's time series.
const STEPS: u64 = 240;

/// Runs one replication under one strategy: `warmup_s` seconds, then the scenario's duration. Equal
/// arguments give byte-identical outcomes, and every strategy meets the same people with the same
/// intentions.
///
/// # Errors
/// The scenario has another model or an unsupported level, its servers do not form a cluster, or an
/// event does not fit them.
pub fn run_chat(
    scenario: &Scenario,
    strategy: &StrategySpec,
    replication: u32,
    warmup_s: f64,
) -> Result<Outcome, VirtualError> {
    Ok(ChatRun::new(scenario, strategy, replication, warmup_s)?.finish())
}

/// A run in progress, for callers that inspect it from inside.
pub struct ChatRun {
    model: ChatModel,
    agenda: Agenda,
    people: People,
    servers: Box<dyn Servers>,
    words: Words,
    faults: Faults,
    warmup: Time,
    end: Time,
    /// Each server's share at the start of the measured time.
    before: Vec<(u16, Share)>,
    events: u64,
    observed: Vec<Observation>,
}

impl ChatRun {
    /// Builds the cluster and its people, and logs in those present from the start.
    ///
    /// # Errors
    /// As [`run_chat`].
    pub fn new(
        scenario: &Scenario,
        strategy: &StrategySpec,
        replication: u32,
        warmup_s: f64,
    ) -> Result<Self, VirtualError> {
        let model = scenario.chat.as_ref().ok_or(VirtualError::Model { expected: "chat" })?;
        let seconds = |seconds: f64| Time::from_nanos((seconds.max(0.0) * 1e9).round() as u64);
        let (warmup, end) = (seconds(warmup_s), seconds(warmup_s + scenario.duration_s));
        let seed = scenario.seed;
        let (spec, by_port) = cluster::spec(scenario, model)?;
        let load = Load {
            costs: model.costs,
            chance: Streams::new(seed, replication, "chat: costs"),
            queue_max: model.queue_max,
            step_ns: end.as_nanos().div_ceil(STEPS),
        };
        let names = Names::new(seed, replication);
        let mut servers: Box<dyn Servers> = match model.level {
            Level::Machines => {
                let plan = cluster::plan(model, spec, strategy, seed, replication)?;
                Box::new(World::new(plan, Policy::Costs(load, model.balance.to_string())))
            }
            Level::Flow => {
                Box::new(Flow::new(scenario, model, (strategy, replication), spec.servers, names, load)?)
            }
        };
        let faults = Faults::new(scenario, model, servers.stations(), replication)?;
        let people = People::new(model, seed, replication, &faults.extra_users());
        let mut run = Self {
            model: model.clone(),
            agenda: Agenda::default(),
            people,
            servers,
            words: Words::new(names, by_port),
            faults,
            warmup,
            end,
            before: Vec::new(),
            events: 0,
            observed: Vec::new(),
        };
        run.begin();
        Ok(run)
    }

    /// Runs to the end.
    pub fn finish(mut self) -> Outcome {
        while self.advance() {}
        self.outcome()
    }

    /// Takes the next event. Returns false at the end of the run.
    pub fn advance(&mut self) -> bool {
        let Some((now, event)) = self.agenda.pop() else { return false };
        if now >= self.end {
            self.agenda.plan(now, event);
            return false;
        }
        self.events += 1;
        self.take(now, event);
        true
    }

    /// Delivers everything in flight, beyond the end, while people start nothing new. Afterwards
    /// the invariants of a cluster at rest can be checked.
    pub fn come_to_rest(&mut self) {
        while let Some((now, event)) = self.agenda.pop() {
            if matches!(event, Event::World(_) | Event::Late) {
                self.take(now, event);
            }
        }
    }

    fn take(&mut self, now: Time, event: Event) {
        match event {
            Event::Wake(user) => self.people.wake(now, user, &mut self.agenda),
            Event::World(event) => self.servers.take(now, event),
            Event::Late => self.people.give_up(now, &mut self.agenda),
            Event::Arrival => self.arrival(now),
            Event::Measure => self.measure(now),
            Event::Fault(index) => self.begin_event(now, index),
            Event::Undo(index) => self.end_event(now, index),
        }
        self.settle(now);
    }

    /// Events taken so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events still planned.
    pub fn pending(&self) -> usize {
        self.agenda.len()
    }

    /// The router and its servers; `None` at level `flow`.
    pub fn world(&mut self) -> Option<&mut World> {
        self.servers.world()
    }

    /// Logs in the people present from the start, and plans the rest.
    fn begin(&mut self) {
        let now = Time::START;
        self.find_gates();
        if self.model.logins_per_s.is_none() {
            for user in 0..self.model.users {
                self.people.come(now, user);
                self.settle(now);
                self.people.plan(user, &mut self.agenda);
            }
        }
        if let Some(world) = self.servers.world() {
            self.model.links.iter().for_each(|rule| world.install(now, rule.clone()));
        }
        self.servers.work(now);
        self.plan();
        self.people.measure_from(self.warmup);
        self.agenda.plan(self.warmup, Event::Measure);
        self.faults.plan(&mut self.agenda);
    }

    fn measure(&mut self, now: Time) {
        self.servers.stations().count_up_time();
        self.before = self.servers.shares(now, now);
    }

    /// Exchanges actions and observations until nothing more happens at this moment.
    fn settle(&mut self, now: Time) {
        loop {
            if !self.people.actions.is_empty() {
                self.carry_actions(now);
            }
            self.listen(now);
            if self.people.actions.is_empty() && !self.servers.go_on(now) {
                self.listen(now);
                if self.people.actions.is_empty() {
                    return;
                }
            }
        }
    }

    /// Delivers the client actions to the servers.
    fn carry_actions(&mut self, now: Time) {
        let mut actions = std::mem::take(&mut self.people.actions);
        for action in actions.drain(..) {
            self.observed.extend(self.servers.carry(now, action, &mut self.words));
        }
        // Answers may cause new actions; those are delivered in the next round.
        self.people.actions = actions;
    }

    /// Plans the events that the servers have asked for.
    fn plan(&mut self) {
        let planned = self.servers.stations().planned();
        planned.for_each(|(at, event)| self.agenda.plan(at, Event::World(event)));
    }

    /// Delivers to people what the servers have sent.
    fn listen(&mut self, now: Time) {
        self.plan();
        let mut observed = std::mem::take(&mut self.observed);
        self.servers.observe(&self.words, &mut observed);
        for observed in observed.drain(..) {
            self.people.observe(now, observed, &mut self.agenda);
        }
        self.observed = observed;
    }

    fn find_gates(&mut self) {
        let stations = (0..).zip(self.servers.stations().all());
        let gates = stations.filter(|(_, at)| at.spec.server_type.as_str() == "gate" && at.is_open);
        self.people.gates = gates.map(|(station, _)| station).collect();
    }
}
