//! The `chat` model of experiments: people on the cluster of the chat tutorial, in virtual time.
//!
//! Parts that know little of each other. `people` says what people do and what becomes of it; the
//! [`World`] has the router and servers that serve live, as queueing servers; `spoken` and `words` put the one into the bytes
//! of the other. `flow` stands in for the world when there are too many people for it. `faults` is what a scenario lets happen.

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
use self::exchange::Heard;
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

/// Into how many steps the load of a server is divided.
const STEPS: u64 = 240;

/// One run under one strategy: so many seconds of warm-up, then the scenario's duration. The same arguments give the same
/// outcome to the byte, and two strategies meet the same people with the same intentions.
///
/// # Errors
/// The scenario is of the other model or asks for a level that is not there, its servers are no cluster, or an event does
/// not fit them.
pub fn run_chat(
    scenario: &Scenario,
    strategy: &StrategySpec,
    replication: u32,
    warmup_s: f64,
) -> Result<Outcome, VirtualError> {
    Ok(ChatRun::new(scenario, strategy, replication, warmup_s)?.finish())
}

/// A run that has not ended: for whoever wants to look inside.
pub struct ChatRun {
    model: ChatModel,
    agenda: Agenda,
    people: People,
    servers: Box<dyn Servers>,
    words: Words,
    faults: Faults,
    warmup: Time,
    end: Time,
    /// What servers had done when the measured time began.
    before: Vec<(u16, Share)>,
    events: u64,
    heard: Vec<Heard>,
}

impl ChatRun {
    /// Makes the cluster and its people; those who are there from the start are in.
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
            heard: Vec::new(),
        };
        run.begin();
        Ok(run)
    }

    /// Runs to the end.
    pub fn finish(mut self) -> Outcome {
        while self.advance() {}
        self.outcome()
    }

    /// Takes the next event. False when the end has come.
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

    /// Lets everything arrive that is on its way, beyond the end, while people do nothing more by themselves. Then whatever must
    /// hold of a cluster at rest can be looked at.
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
            Event::Fault(index) => self.strike(now, index),
            Event::Undo(index) => self.undo(now, index),
        }
        self.settle(now);
    }

    /// Events that were taken so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events that are planned.
    pub fn pending(&self) -> usize {
        self.agenda.len()
    }

    /// The cluster; none at level `flow`.
    pub fn world(&mut self) -> Option<&mut World> {
        self.servers.world()
    }

    /// Lets everybody in who is there from the start, and plans the rest.
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

    /// Everything that happens at this moment, one thing after the other.
    fn settle(&mut self, now: Time) {
        loop {
            if !self.people.deeds.is_empty() {
                self.carry_deeds(now);
            }
            self.listen(now);
            if self.people.deeds.is_empty() && !self.servers.go_on(now) {
                self.listen(now);
                if self.people.deeds.is_empty() {
                    return;
                }
            }
        }
    }

    /// Servers get what people do.
    fn carry_deeds(&mut self, now: Time) {
        let mut deeds = std::mem::take(&mut self.people.deeds);
        for deed in deeds.drain(..) {
            self.heard.extend(self.servers.carry(now, deed, &mut self.words));
        }
        // What people do when they hear of it comes later.
        self.people.deeds = deeds;
    }

    /// Plans what servers have planned.
    fn plan(&mut self) {
        let planned = self.servers.stations().planned();
        planned.for_each(|(at, event)| self.agenda.plan(at, Event::World(event)));
    }

    /// People hear what servers have said.
    fn listen(&mut self, now: Time) {
        self.plan();
        let mut heard = std::mem::take(&mut self.heard);
        self.servers.hear(&self.words, &mut heard);
        for heard in heard.drain(..) {
            self.people.hear(now, heard, &mut self.agenda);
        }
        self.heard = heard;
    }

    fn find_gates(&mut self) {
        let stations = (0..).zip(self.servers.stations().all());
        let gates = stations.filter(|(_, at)| at.spec.server_type.as_str() == "gate" && at.is_open);
        self.people.gates = gates.map(|(station, _)| station).collect();
    }
}
