//! The planned events of a scenario: servers that join, leave, crash and slow down, links that
//! fail, hot rooms and crowds.

use std::time::Duration;

use super::agenda::{Agenda, Event};
use crate::random::{Random, Streams};
use crate::router::LinkRule;
use crate::scenario::{Change, ChatModel, Crowd, Scenario};
use crate::stats::Mark;
use crate::time::Time;
use crate::virtual_time::VirtualError;
use crate::world::Stations;

/// The events of a scenario, and what they have caused so far.
pub(super) struct Faults {
    pub(super) planned: Vec<Fault>,
    /// Arrivals at the highest rate, thinned out while the rate is lower.
    arrivals: Random,
    /// First logins per second, without crowds.
    rate: f64,
    rate_max: f64,
    /// People that have arrived.
    pub(super) came: u32,
    pub(super) marks: Vec<Mark>,
    /// The most rooms seen ownerless, and the most seen split, at any sample.
    pub(super) misplaced: (u64, u64),
}

/// An event of the scenario.
#[derive(Clone)]
pub(super) struct Fault {
    at: Time,
    pub(super) until: Option<Time>,
    pub(super) change: Change,
    /// The users of a hot room.
    pub(super) users: std::ops::Range<u32>,
}

impl Faults {
    /// # Errors
    /// An event names an unknown server, or is not exactly one change.
    pub(super) fn new(
        scenario: &Scenario,
        model: &ChatModel,
        stations: &Stations,
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
                Change::Add(id) if stations.find(id.as_str()).is_some() => {
                    return Err(wrong(format!("add: server {id} already exists")));
                }
                Change::Add(id) => added.push(id.clone()),
                Change::Remove(id) | Change::Crash(id) | Change::Slow(id, _) => {
                    if stations.find(id.as_str()).is_none() && !added.contains(id) {
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

    /// Users beyond the model's: how many for which room.
    pub(super) fn extra_users(&self) -> Vec<(u32, u32)> {
        let hot = self.planned.iter().filter_map(|fault| match fault.change {
            Change::HotRoom(hot) => Some((hot.users, hot.room.saturating_sub(1))),
            _ => None,
        });
        hot.collect()
    }

    pub(super) fn plan(&mut self, agenda: &mut Agenda) {
        for (index, fault) in (0..).zip(&self.planned) {
            agenda.plan(fault.at, Event::Fault(index));
            if let Some(until) = fault.until {
                agenda.plan(until, Event::Undo(index));
            }
        }
        self.plan_arrival(Time::START, agenda);
    }

    pub(super) fn plan_arrival(&mut self, now: Time, agenda: &mut Agenda) {
        if self.rate_max > 0.0 {
            let gap = self.arrivals.exponential() / self.rate_max;
            agenda.plan(now + Duration::from_secs_f64(gap), Event::Arrival);
        }
    }

    /// Whether an arrival drawn at the highest rate is kept at the current rate.
    pub(super) fn comes(&mut self, now: Time) -> bool {
        let share = self.rate * self.crowding(now) / self.rate_max;
        self.arrivals.chance(share)
    }

    /// The factor on the rate of logins at this moment.
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

/// Growth of a crowd: from 1 to its factor on a logistic curve whose steep part is the ramp.
fn grown(crowd: Crowd, seconds: f64) -> f64 {
    if seconds >= crowd.ramp_s {
        return crowd.factor;
    }
    // Ten standard logistic units over the ramp: it begins and ends within a hundredth of the
    // whole.
    let part = 1.0 / (1.0 + (-10.0 * (seconds / crowd.ramp_s - 0.5)).exp());
    1.0 + (crowd.factor - 1.0) * part
}
