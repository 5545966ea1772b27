//! The `chat` model of experiments: people on the cluster of the chat tutorial, in virtual time.
//!
//! Three parts that know little of each other. `people` says what people do and what becomes of it; `machines` are the
//! router and servers that serve live, as stations on an event queue; `words` puts the one into the bytes of the other.
//! `faults` is what a scenario lets happen.

mod cluster;
mod exchange;
mod faults;
mod machines;
mod outcome;
mod people;
mod tally;
mod words;

use std::path::Path;

pub use self::machines::{Load, MachineEvent, Machines, ToClient};

use self::exchange::{Deed, Heard};
use self::faults::Faults;
use self::people::People;
use self::words::{Names, Words};
use super::{EventQueue, VirtualError};
use crate::random::Streams;
use crate::scenario::{ChatModel, Level, Scenario};
use crate::stats::Outcome;
use crate::strategies::StrategySpec;
use crate::time::Time;

/// Into how many steps the load of a server is divided.
const STEPS: u64 = 240;

/// What is planned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    /// Somebody does something.
    Wake(u32),
    /// Requests are too late.
    Late,
    /// Somebody may come for the first time.
    Arrival,
    /// Something goes on in a server or on a link.
    Machine(MachineEvent),
    /// The measured time begins.
    Measure,
    /// A scenario's event.
    Fault(u16),
    /// It is undone.
    Undo(u16),
}

impl From<MachineEvent> for Event {
    fn from(event: MachineEvent) -> Self {
        Event::Machine(event)
    }
}

/// One run under one strategy: so many seconds of warm-up, then the scenario's duration. `folder` is where the scenario's
/// file stands, from which its `config` counts. The same arguments give the same outcome to the byte, and two strategies
/// meet the same people with the same intentions.
///
/// # Errors
/// The scenario is of the other model or asks for a level that is not there, its servers are no cluster, or an event does
/// not fit them.
pub fn run_chat(
    scenario: &Scenario,
    strategy: &StrategySpec,
    replication: u32,
    warmup_s: f64,
    folder: &Path,
) -> Result<Outcome, VirtualError> {
    Ok(ChatRun::new(scenario, strategy, replication, warmup_s, folder)?.finish())
}

/// A run that has not ended: for whoever wants to look inside.
pub struct ChatRun {
    model: ChatModel,
    agenda: EventQueue<Event>,
    people: People,
    machines: Machines,
    words: Words,
    faults: Faults,
    /// The stations of frontends, by the port that the gate names.
    by_port: Vec<u16>,
    warmup: Time,
    end: Time,
    /// What servers had done when the measured time began.
    before: Vec<(u16, machines::Share)>,
    events: u64,
    heard: Vec<Heard>,
    said: Vec<(u16, ToClient)>,
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
        folder: &Path,
    ) -> Result<Self, VirtualError> {
        let other = || VirtualError::OtherModel { scenario: scenario.name.clone(), expected: "chat" };
        let model = scenario.chat.as_ref().ok_or_else(other)?;
        if model.level == Level::Flow {
            let (scenario, what) = (scenario.name.clone(), "level flow");
            return Err(VirtualError::Unsupported { scenario, what });
        }
        let seconds = |seconds: f64| Time::from_nanos((seconds.max(0.0) * 1e9).round() as u64);
        let (warmup, end) = (seconds(warmup_s), seconds(warmup_s + scenario.duration_s));
        let seed = scenario.seed;
        let (spec, by_port) = cluster::spec(scenario, model, folder)?;
        let plan = cluster::plan(model, spec, strategy, seed, replication)?;
        let load = Load {
            costs: model.costs,
            chance: Streams::new(seed, replication, "chat: costs"),
            queue_max: model.queue_max,
            step_ns: end.as_nanos().div_ceil(STEPS),
        };
        let machines = Machines::new(plan, load, model.balance.as_str(), model.rebalance);
        let faults = Faults::new(scenario, model, &machines, replication)?;
        let people = People::new(model, seed, replication, &faults.extra_users());
        let mut run = Self {
            model: model.clone(),
            agenda: EventQueue::default(),
            people,
            machines,
            words: Words::new(Names::new(seed, replication)),
            faults,
            by_port,
            warmup,
            end,
            before: Vec::new(),
            events: 0,
            heard: Vec::new(),
            said: Vec::new(),
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
            return false;
        }
        self.events += 1;
        match event {
            Event::Wake(user) => self.people.wake(now, user, &mut self.agenda),
            Event::Machine(event) => self.machines.take(now, event, &mut self.agenda),
            Event::Late => self.people.give_up(now, &mut self.agenda),
            Event::Arrival => self.arrival(now),
            Event::Measure => self.measure(now),
            Event::Fault(index) => self.strike(now, index),
            Event::Undo(index) => self.undo(now, index),
        }
        self.settle(now);
        true
    }

    /// Events that were taken so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events that are planned.
    pub fn pending(&self) -> usize {
        self.agenda.len()
    }

    /// The cluster.
    pub fn machines(&mut self) -> &mut Machines {
        &mut self.machines
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
        for rule in self.model.links.clone() {
            self.machines.install(now, rule, &mut self.agenda);
        }
        self.machines.work(now, &mut self.agenda);
        self.people.measure_from(self.warmup);
        self.agenda.plan(self.warmup, Event::Measure);
        self.faults.plan(&mut self.agenda);
    }

    fn measure(&mut self, now: Time) {
        self.machines.count_up_time();
        self.before = self.machines.shares(now, now);
    }

    /// Everything that happens at this moment, one thing after the other.
    fn settle(&mut self, now: Time) {
        loop {
            if !self.people.deeds.is_empty() {
                self.carry_deeds(now);
            }
            self.listen(now);
            if self.people.deeds.is_empty() && !self.machines.go_on(now, &mut self.agenda) {
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
        let agenda = &mut self.agenda;
        for deed in deeds.drain(..) {
            let (server, session, request, ask) = match deed {
                Deed::Close { server, session } => {
                    self.machines.close(now, server, session, agenda);
                    continue;
                }
                Deed::Connect { server, session, request, ask } => {
                    if !self.machines.open(now, server, session, agenda) {
                        self.heard.push(Heard::Unreachable { session });
                        continue;
                    }
                    (server, session, request, ask)
                }
                Deed::Ask { server, session, request, ask } => (server, session, request, ask),
            };
            let bytes = self.words.write(session.slot(), request, ask);
            if !self.machines.message(now, server, session, bytes, agenda) {
                self.heard.push(Heard::Dropped { session, request });
            }
        }
        // What people do when they hear of it comes later.
        self.people.deeds = deeds;
    }

    /// People hear what servers have said.
    fn listen(&mut self, now: Time) {
        for heard in std::mem::take(&mut self.heard) {
            self.people.hear(now, heard, &mut self.agenda);
        }
        let mut said = self.machines.said(std::mem::take(&mut self.said));
        for (server, said) in said.drain(..) {
            let heard = match said {
                ToClient::Push { sessions, frame } => {
                    words::meant(&frame).map(|meant| Heard::Said { to: sessions, meant })
                }
                ToClient::Response { session, request, body } => {
                    let answer = self.answer(&body);
                    Some(Heard::Answer { session, request, answer })
                }
                ToClient::Kick { session, .. } => Some(Heard::Kicked { session }),
                ToClient::Shut => Some(Heard::Shut { server }),
                ToClient::Gone => Some(Heard::Gone { server }),
                // The tutorial says nothing to all clients at once.
                ToClient::Broadcast { .. } => None,
            };
            if let Some(heard) = heard {
                self.people.hear(now, heard, &mut self.agenda);
            }
        }
        self.said = said;
    }

    /// The gate names a port; it stands for a station.
    fn answer(&self, body: &[u8]) -> exchange::Answer {
        match words::answer(body) {
            exchange::Answer::Use(port) => match self.by_port.get(usize::from(port)) {
                Some(station) => exchange::Answer::Use(*station),
                None => exchange::Answer::Failed,
            },
            answer => answer,
        }
    }

    fn find_gates(&mut self) {
        let machines = &self.machines;
        let stations = (0..machines.len()).map(|station| station as u16);
        let gates =
            stations.filter(|at| machines.spec(*at).server_type.as_str() == "gate" && machines.is_open(*at));
        self.people.gates = gates.collect();
    }
}
