//! The events of a scenario: how they begin and end in a run.

use std::time::Duration;

use super::faults::Fault;
use super::servers::Change as ServerChange;
use super::{ChatRun, cluster};
use crate::ids::ServerId;
use crate::scenario::Change;
use crate::stats::Mark;
use crate::time::Time;
use crate::world::World;

impl ChatRun {
    /// Admits a person for the first time, if the current rate allows, and plans the next arrival.
    pub(super) fn arrival(&mut self, now: Time) {
        let faults = &mut self.faults;
        if faults.comes(now) {
            self.people.come(now, faults.came);
            self.people.plan(faults.came, &mut self.agenda);
            faults.came += 1;
        }
        if faults.came < self.model.users {
            faults.plan_arrival(now, &mut self.agenda);
        }
    }

    /// Begins an event of the scenario.
    pub(super) fn begin_event(&mut self, now: Time, index: u16) {
        let Fault { change, users, until, .. } = self.faults.planned[usize::from(index)].clone();
        let what = match change {
            Change::Add(id) => {
                let not = if self.start(now, &id) { "" } else { "not " };
                format!("{id} {not}added")
            }
            Change::Remove(id) => self.stop(now, &id, until.is_none()),
            Change::Crash(id) => {
                self.people.before_crash(now);
                if let Some(station) = self.servers.stations().find(id.as_str()) {
                    self.servers.change(now, ServerChange::Crash(station));
                }
                self.listen(now);
                self.people.note_inside(now);
                format!("{id} crashed")
            }
            Change::Slow(id, speed) => {
                self.set_speed(&id, speed);
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
                    self.people.invite(user, at, &mut self.agenda);
                }
                format!("{} users rush into room {}", hot.users, hot.room)
            }
            Change::Crowd(crowd) => format!("a crowd comes, {} times as many", crowd.factor),
        };
        self.note(now, what);
    }

    /// Ends an event of the scenario.
    pub(super) fn end_event(&mut self, now: Time, index: u16) {
        let Fault { change, users, .. } = self.faults.planned[usize::from(index)].clone();
        let what = match change {
            Change::Add(id) => self.stop(now, &id, true),
            Change::Remove(id) | Change::Crash(id) => {
                let was_there = self.servers.stations().find(id.as_str()).is_some();
                let is_back = was_there && self.start(now, &id);
                if is_back { format!("{id} back") } else { format!("{id} not back: it is up") }
            }
            Change::Slow(id, _) => {
                self.set_speed(&id, 1.0);
                format!("{id} at full speed")
            }
            Change::Link(rule) => {
                // Another event may have installed a rule of the same name and healed it already.
                if let Some(world) = self.servers.world() {
                    let _ = world.heal(now, Some(&rule.name));
                }
                format!("link rule {} gone", rule.name)
            }
            Change::HotRoom(hot) => {
                self.people.send_away(now, users, &mut self.agenda);
                format!("room {} cools down", hot.room)
            }
            Change::Crowd(_) => "the crowd is over".to_owned(),
        };
        self.note(now, what);
    }

    /// Starts a new server, or one that ran before. Returns false when it is already up.
    fn start(&mut self, now: Time, id: &ServerId) -> bool {
        let stations = self.servers.stations();
        let spec = match stations.find(id.as_str()) {
            Some(station) => stations.at(station).spec.clone(),
            None => cluster::server(id, stations.all().len() as u16),
        };
        self.servers.change(now, ServerChange::Start(&spec))
    }

    fn stop(&mut self, now: Time, id: &ServerId, for_good: bool) -> String {
        if let Some(station) = self.servers.stations().find(id.as_str()) {
            self.servers.change(now, ServerChange::Stop { station, for_good });
        }
        format!("{id} removed")
    }

    fn set_speed(&mut self, id: &ServerId, speed: f64) {
        if let Some(station) = self.servers.stations().find(id.as_str()) {
            self.servers.gauge(station).speed = speed;
        }
    }

    /// Records a mark, and samples misplaced rooms if the model does not rebalance them.
    fn note(&mut self, now: Time, what: String) {
        self.faults.marks.push(Mark { at_s: now.as_nanos() as f64 / 1e9, what });
        self.find_gates();
        if !self.model.rebalance {
            self.sample_misplaced();
        }
    }

    pub(super) fn sample_misplaced(&mut self) {
        let (orphaned, split) = self.servers.world().map_or((0, 0), World::misplaced);
        let most = &mut self.faults.misplaced;
        *most = (most.0.max(orphaned), most.1.max(split));
    }
}
