//! What a scenario lets happen: servers that come, go, crash and slow down, links that fail, rooms that grow hot, crowds.

use std::time::Duration;

use super::exchange::{Change as ServerChange, Servers};
use super::{ChatRun, Event, cluster};
use crate::random::{Random, Streams};
use crate::router::LinkRule;
use crate::scenario::{Change, ChatModel, Crowd, Scenario};
use crate::stats::Mark;
use crate::time::Time;
use crate::virtual_time::{EventQueue, VirtualError};
use crate::world::World;

/// See the module.
pub(super) struct Faults {
    planned: Vec<Fault>,
    /// Arrivals at the highest rate, of which some are left out while it is lower.
    arrivals: Random,
    /// First logins a second, without crowds.
    rate: f64,
    rate_max: f64,
    /// How many have come.
    came: u32,
    pub(super) marks: Vec<Mark>,
    /// The most rooms that were orphaned, and that were split, when somebody looked.
    pub(super) misplaced: (u64, u64),
}

/// An event of the scenario.
struct Fault {
    at: Time,
    until: Option<Time>,
    change: Change,
    /// A hot room's users.
    users: std::ops::Range<u32>,
}

impl Faults {
    /// # Errors
    /// An event names a server that is not there, or has not exactly one change.
    pub(super) fn new(
        scenario: &Scenario,
        model: &ChatModel,
        servers: &dyn Servers,
        replication: u32,
    ) -> Result<Self, VirtualError> {
        let mut users = model.users;
        let mut added = Vec::new();
        let mut planned = Vec::with_capacity(scenario.events.len());
        for (index, event) in scenario.events.iter().enumerate() {
            let wrong = |reason| VirtualError::Event { index, reason };
            let change = event.change().ok_or_else(|| wrong("expected exactly one change".to_owned()))?;
            let (mut first, moment) =
                (users, |seconds: f64| Time::from_nanos((seconds * 1e9).round() as u64));
            match &change {
                Change::Add(id) if servers.stations().find(id.as_str()).is_some() => {
                    return Err(wrong(format!("add: there is a server {id} already")));
                }
                Change::Add(id) => added.push(id.clone()),
                Change::Remove(id) | Change::Crash(id) | Change::Slow(id, _) => {
                    if servers.stations().find(id.as_str()).is_none() && !added.contains(id) {
                        return Err(wrong(format!("no server {id}")));
                    }
                }
                Change::HotRoom(hot) => users = users.saturating_add(hot.users),
                Change::Crowd(_) if model.logins_per_s.is_none() => {
                    return Err(wrong("crowd: expected a rate of logins, logins_per_s".to_owned()));
                }
                Change::Crowd(_) | Change::Link(_) => {}
            }
            let change = match change {
                Change::Link(rule) if rule.name.is_empty() => {
                    Change::Link(LinkRule { name: format!("event {index}"), ..rule })
                }
                change => change,
            };
            if !matches!(change, Change::HotRoom(_)) {
                first = users;
            }
            let until = event.for_s.map(|seconds| moment(event.at_s + seconds));
            planned.push(Fault { at: moment(event.at_s), until, change, users: first..users });
        }
        let rate = model.logins_per_s.unwrap_or(0.0);
        let crowds = planned.iter().filter_map(|fault| match fault.change {
            Change::Crowd(crowd) => Some(crowd.factor.max(1.0)),
            _ => None,
        });
        Ok(Self {
            rate,
            rate_max: rate * crowds.product::<f64>(),
            arrivals: Streams::new(scenario.seed, replication, "chat: first logins").at(0, 0),
            planned,
            came: 0,
            marks: Vec::new(),
            misplaced: (0, 0),
        })
    }

    /// How many users come besides the model's, and to which room.
    pub(super) fn extra_users(&self) -> Vec<(u32, u32)> {
        let hot = self.planned.iter().filter_map(|fault| match fault.change {
            Change::HotRoom(hot) => Some((hot.users, hot.room.saturating_sub(1))),
            _ => None,
        });
        hot.collect()
    }

    pub(super) fn plan(&mut self, agenda: &mut EventQueue<Event>) {
        for (index, fault) in (0..).zip(&self.planned) {
            agenda.plan(fault.at, Event::Fault(index));
            if let Some(until) = fault.until {
                agenda.plan(until, Event::Undo(index));
            }
        }
        self.plan_arrival(Time::START, agenda);
    }

    fn plan_arrival(&mut self, now: Time, agenda: &mut EventQueue<Event>) {
        if self.rate_max > 0.0 {
            let gap = self.arrivals.exponential() / self.rate_max;
            agenda.plan(now + Duration::from_secs_f64(gap), Event::Arrival);
        }
    }

    /// By what the rate of logins is multiplied now.
    fn crowding(&self, now: Time) -> f64 {
        let factor = |fault: &Fault| match fault.change {
            Change::Crowd(crowd) if fault.at <= now && fault.until.is_none_or(|until| now < until) => {
                grown(crowd, now.since(fault.at).as_secs_f64())
            }
            _ => 1.0,
        };
        self.planned.iter().map(factor).product()
    }
}

/// How much a crowd has grown: from 1 to its factor on a logistic curve whose steep part is the ramp.
fn grown(crowd: Crowd, seconds: f64) -> f64 {
    if seconds >= crowd.ramp_s {
        return crowd.factor;
    }
    // Ten standard logistic units over the ramp: it begins and ends within a hundredth of the whole.
    let part = 1.0 / (1.0 + (-10.0 * (seconds / crowd.ramp_s - 0.5)).exp());
    1.0 + (crowd.factor - 1.0) * part
}

impl ChatRun {
    /// Somebody may come for the first time.
    pub(super) fn arrival(&mut self, now: Time) {
        let faults = &mut self.faults;
        let comes = faults.rate * faults.crowding(now) / faults.rate_max;
        if faults.arrivals.chance(comes) {
            self.people.come(now, faults.came);
            self.people.plan(faults.came, &mut self.agenda);
            faults.came += 1;
        }
        if faults.came < self.model.users {
            faults.plan_arrival(now, &mut self.agenda);
        }
    }

    /// An event of the scenario happens.
    pub(super) fn strike(&mut self, now: Time, index: u16) {
        let fault = &self.faults.planned[usize::from(index)];
        let (change, users, is_undone) = (fault.change.clone(), fault.users.clone(), fault.until.is_some());
        let agenda = &mut self.agenda;
        let what = match change {
            Change::Add(id) => {
                let known = self.servers.stations().find(id.as_str());
                let new = || cluster::server(&id, self.servers.stations().all().len() as u16);
                let spec = known.map_or_else(new, |station| self.servers.stations().at(station).spec.clone());
                if self.servers.change(now, ServerChange::Start(&spec), agenda) {
                    format!("{id} added")
                } else {
                    format!("{id} not added")
                }
            }
            Change::Remove(id) => {
                if let Some(station) = self.servers.stations().find(id.as_str()) {
                    let stop = ServerChange::Stop { station, for_good: !is_undone };
                    self.servers.change(now, stop, agenda);
                }
                format!("{id} removed")
            }
            Change::Crash(id) => {
                self.people.before_crash(now);
                if let Some(station) = self.servers.stations().find(id.as_str()) {
                    self.servers.change(now, ServerChange::Crash(station), agenda);
                }
                self.listen(now);
                self.people.note_inside(now);
                format!("{id} crashed")
            }
            Change::Slow(id, speed) => {
                if let Some(station) = self.servers.stations().find(id.as_str()) {
                    self.servers.stations_mut().at_mut(station).speed = speed;
                }
                format!("{id} at speed {speed}")
            }
            Change::Link(rule) => {
                let name = rule.name.clone();
                if let Some(world) = self.servers.world() {
                    world.install(now, rule);
                }
                format!("link rule {name}")
            }
            Change::HotRoom(hot) => {
                let count = f64::from(hot.users.max(1));
                for (number, user) in (0_u32..).zip(users) {
                    let at = now + Duration::from_secs_f64(hot.over_s * f64::from(number) / count);
                    self.people.invite(user, at, agenda);
                }
                format!("{} users rush into room {}", hot.users, hot.room)
            }
            Change::Crowd(crowd) => format!("a crowd comes, {} times as many", crowd.factor),
        };
        self.note(now, what);
    }

    /// An event of the scenario is undone.
    pub(super) fn undo(&mut self, now: Time, index: u16) {
        let fault = &self.faults.planned[usize::from(index)];
        let (change, users) = (fault.change.clone(), fault.users.clone());
        let agenda = &mut self.agenda;
        let what = match change {
            Change::Add(id) => {
                if let Some(station) = self.servers.stations().find(id.as_str()) {
                    let stop = ServerChange::Stop { station, for_good: true };
                    self.servers.change(now, stop, agenda);
                }
                format!("{id} removed")
            }
            Change::Remove(id) | Change::Crash(id) => {
                let stations = self.servers.stations();
                let spec = stations.find(id.as_str()).map(|station| stations.at(station).spec.clone());
                let start = |spec| self.servers.change(now, ServerChange::Start(&spec), agenda);
                let started = spec.is_some_and(start);
                if started { format!("{id} back") } else { format!("{id} not back: it is up") }
            }
            Change::Slow(id, _) => {
                if let Some(station) = self.servers.stations().find(id.as_str()) {
                    self.servers.stations_mut().at_mut(station).speed = 1.0;
                }
                format!("{id} at full speed")
            }
            Change::Link(rule) => {
                // Another event may have installed a rule of that name, and healed it.
                if let Some(world) = self.servers.world() {
                    let _ = world.heal(now, Some(&rule.name));
                }
                format!("link rule {} gone", rule.name)
            }
            Change::HotRoom(hot) => {
                self.people.send_away(now, users, agenda);
                format!("room {} cools down", hot.room)
            }
            Change::Crowd(_) => "the crowd is over".to_owned(),
        };
        self.note(now, what);
    }

    /// Writes down what has happened, and looks where rooms are that nobody moves.
    fn note(&mut self, now: Time, what: String) {
        self.faults.marks.push(Mark { at_s: now.as_nanos() as f64 / 1e9, what });
        self.find_gates();
        if !self.model.rebalance {
            self.look_for_misplaced();
        }
    }

    pub(super) fn look_for_misplaced(&mut self) {
        let (orphaned, split) = self.servers.world().map_or((0, 0), World::misplaced);
        let most = &mut self.faults.misplaced;
        *most = (most.0.max(orphaned), most.1.max(split));
    }
}
