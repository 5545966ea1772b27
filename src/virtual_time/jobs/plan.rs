//! A scenario's numbers, checked and in nanoseconds, and its events, by server index.

use std::collections::BTreeSet;

use crate::ids::ServerId;
use crate::random::Random;
use crate::scenario::{Change, QueueModel, QueueServer, QueueServers, Scenario};
use crate::time::Time;
use crate::virtual_time::error::VirtualError;
use crate::virtual_time::rate::{Arrivals, Rate};

/// Bound on the servers of a run.
const SERVERS_MAX: usize = 100_000;

/// Everything that happens in a run besides jobs.
pub(super) struct Plan {
    /// Start of the measured time, and its end, which is also the end of the run.
    pub(super) measured: Time,
    pub(super) end: Time,
    /// All servers that ever exist in the run.
    pub(super) servers: Vec<QueueServer>,
    /// How many of them, from the first, exist at the start.
    pub(super) at_first: usize,
    /// In order of time.
    pub(super) steps: Vec<Step>,
    rate: Rate,
}

/// An action at a planned moment.
pub(super) struct Step {
    pub(super) at: Time,
    pub(super) act: Action,
    pub(super) what: String,
}

/// An action on the cluster, by server index.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Action {
    /// Joins the list, at its end.
    Join(u32),
    /// Leaves the list and finishes what it has.
    Leave(u32),
    /// Leaves the list and loses what it has.
    Crash(u32),
    /// Runs at this multiple of its initial speed.
    Speed(u32, f64),
    /// The rate of arrivals changes. Nothing to do here: the arrivals know their crowds.
    Crowd,
}

impl Plan {
    pub(super) fn of(scenario: &Scenario, warmup_s: f64) -> Result<(Self, &QueueModel), VirtualError> {
        let model = scenario.queue.as_ref().ok_or(VirtualError::Model { expected: "queue" })?;
        let number = |field, value: f64, range: std::ops::RangeInclusive<f64>, expected| {
            let fits = range.contains(&value);
            if fits { Ok(()) } else { Err(VirtualError::Number { field, expected, got: value }) }
        };
        number("duration_s", scenario.duration_s, 1e-9..=1e9, "seconds above 0, at most 10^9")?;
        number("warmup_s", warmup_s, 0.0..=1e9, "seconds from 0 to 10^9")?;
        let arrivals = &model.arrivals;
        let end_s = warmup_s + scenario.duration_s;
        let rate = "queue.arrivals.rate_per_s";
        number(rate, arrivals.rate_per_s, f64::MIN_POSITIVE..=1e9, "a number above 0, at most 10^9")?;
        number("queue.arrivals.wave", arrivals.wave, 0.0..=1.0, "a number from 0 to 1")?;
        let period = "queue.arrivals.wave_period_s";
        if arrivals.wave > 0.0 {
            number(
                period,
                arrivals.wave_period_s,
                end_s / 1e6..=f64::MAX,
                "at least a millionth of the run",
            )?;
        }
        number("queue.service_ms.mean", model.service_ms.mean, 0.0..=1e15, "milliseconds from 0 to 10^15")?;
        let keys = model.keys.map_or(1, |keys| keys.count);
        number("queue.keys.count", f64::from(keys), 1.0..=1e8, "a number from 1 to 10^8")?;
        let mut plan = Self {
            measured: moment(warmup_s),
            end: moment(end_s),
            servers: expanded(&model.servers)?,
            at_first: 0,
            steps: Vec::new(),
            rate: Rate::new(arrivals.rate_per_s).wave(arrivals.wave, arrivals.wave_period_s),
        };
        plan.at_first = plan.servers.len();
        plan.take_events(scenario)?;
        Ok((plan, model))
    }

    /// The arrivals of jobs.
    pub(super) fn arrivals(&self, model: &QueueModel, random: Random) -> Arrivals {
        Arrivals::new(self.rate.clone(), model.arrivals.gaps, random)
    }

    /// Whether any server joins or leaves the list.
    pub(super) fn changes_list(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step.act, Action::Speed(..) | Action::Crowd))
    }

    /// Turns the scenario's events into steps. At the same moment, ends of events come last.
    fn take_events(&mut self, scenario: &Scenario) -> Result<(), VirtualError> {
        let mut undone = Vec::new();
        for (index, event) in scenario.events.iter().enumerate() {
            let wrong = |reason: &str| VirtualError::Event { index, reason: reason.to_owned() };
            let fits = |value: f64| (0.0..=1e9).contains(&value);
            if !fits(event.at_s) || !event.for_s.is_none_or(fits) {
                return Err(wrong("expected at_s and for_s from 0 to 10^9 seconds"));
            }
            let change = event.change().ok_or_else(|| wrong("expected exactly one change"))?;
            let known = |id: &ServerId, plan: &Self| {
                plan.index(id).ok_or_else(|| wrong(&format!("no server is called {id}")))
            };
            let (act, what, back, over) = match change {
                Change::Add(id) => {
                    let server = self.index(&id).unwrap_or_else(|| self.new_server(&id));
                    let what = (format!("{id} added"), format!("{id} removed"));
                    (Action::Join(server), what.0, Action::Leave(server), what.1)
                }
                Change::Remove(id) => {
                    let server = known(&id, self)?;
                    (
                        Action::Leave(server),
                        format!("{id} removed"),
                        Action::Join(server),
                        format!("{id} back"),
                    )
                }
                Change::Crash(id) => {
                    let server = known(&id, self)?;
                    (
                        Action::Crash(server),
                        format!("{id} crashed"),
                        Action::Join(server),
                        format!("{id} back"),
                    )
                }
                Change::Slow(id, speed) if speed > 0.0 && speed.is_finite() => {
                    let server = known(&id, self)?;
                    let what = (format!("{id} at speed {speed}"), format!("{id} at full speed"));
                    (Action::Speed(server, speed), what.0, Action::Speed(server, 1.0), what.1)
                }
                Change::Slow(..) => return Err(wrong("expected a speed above 0")),
                Change::Crowd(crowd) if fits(crowd.factor) && fits(crowd.ramp_s) => {
                    self.rate.crowd(crowd, event.at_s, event.for_s);
                    let what = format!("crowd: {} times the rate", crowd.factor);
                    (Action::Crowd, what, Action::Crowd, "crowd over".to_owned())
                }
                Change::Crowd(_) => return Err(wrong("expected factor and ramp_s from 0 to 10^9")),
                Change::Link(_) | Change::HotRoom(_) => return Err(wrong("is for the chat model only")),
            };
            self.steps.push(Step { at: moment(event.at_s), act, what });
            if let Some(for_s) = event.for_s {
                undone.push(Step { at: moment(event.at_s + for_s), act: back, what: over });
            }
        }
        self.steps.extend(undone);
        self.steps.sort_by_key(|step| step.at);
        self.steps.retain(|step| step.at < self.end);
        Ok(())
    }

    fn index(&self, id: &ServerId) -> Option<u32> {
        let index = self.servers.iter().position(|server| server.id.as_ref() == Some(id));
        index.map(|index| index as u32)
    }

    /// An added server equals the scenario's first one, apart from its id.
    fn new_server(&mut self, id: &ServerId) -> u32 {
        let like = self.servers.first().cloned().unwrap_or_default();
        self.servers.push(QueueServer { id: Some(id.clone()), ..like });
        self.servers.len() as u32 - 1
    }
}

/// The moment this many seconds after the start.
fn moment(seconds: f64) -> Time {
    Time::from_nanos((seconds * 1e9).round() as u64)
}

/// Lists the servers one by one, each with its id.
fn expanded(servers: &QueueServers) -> Result<Vec<QueueServer>, VirtualError> {
    let count = servers.count();
    if count > SERVERS_MAX as u64 {
        let got = usize::try_from(count).unwrap_or(usize::MAX);
        return Err(VirtualError::TooManyServers { most: SERVERS_MAX, got });
    }
    let servers = servers.expanded();
    let mut seen = BTreeSet::new();
    for server in &servers {
        for (field, value) in [
            ("queue.servers[].workers", f64::from(server.workers)),
            ("queue.servers[].speed", server.speed),
            ("queue.servers[].weight", server.weight),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(VirtualError::Number { field, expected: "a number above 0", got: value });
            }
        }
        if let Some(id) = server.id.clone().filter(|id| !seen.insert(id.clone())) {
            return Err(VirtualError::Twice(id));
        }
    }
    Ok(servers)
}
