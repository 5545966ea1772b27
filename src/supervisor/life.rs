//! The life of one server: what it does at each order, fact and deadline. Its states are drawn in
//! `phase.rs`.

use std::time::Duration;

use super::act::{Act, Change, Decision, Fact, Refused, ServerState, Timeouts, Verb};
use super::phase::Phase;
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::servers::Delivery;
use crate::time::Time;

/// The first wait before a server with `auto-restart` that was killed comes back; it doubles with each kill in a row.
const COMEBACK: Duration = Duration::from_millis(100);

/// The longest such wait. A server that was up for longer starts anew with the first.
const COMEBACK_MAX: Duration = Duration::from_secs(10);

/// How long the port of a server that has just ended may take to be free again.
const PORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The system does not say when a port is free: it is tried this often.
const PORT_RETRY: Duration = Duration::from_millis(5);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) id: ServerId,
    is_frontend: bool,
    auto_restarts: bool,
    timeouts: Timeouts,
    pub(super) phase: Phase,
    goal: Goal,
    /// What clients are told at a stop.
    reason: &'static str,
    /// The last life ended by a kill.
    was_killed: bool,
    /// When it was made last.
    since: Time,
    was_up: bool,
    /// Kills in a row.
    kills: u32,
    /// What it was before it was added anew: if it does not come up, it is that again.
    before: Option<Box<Life>>,
}

/// Where a life is going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Goal {
    /// To be up; the change to note then.
    Up(Change),
    /// To be down; the change to note then.
    Down(Change),
    /// To be down, and up again.
    Restart,
    /// To be removed.
    Removal,
}

impl Life {
    /// One that has never been up.
    pub(super) fn new(spec: &ServerSpec, timeouts: Timeouts) -> Self {
        Self {
            id: spec.id.clone(),
            is_frontend: spec.frontend,
            auto_restarts: auto_restarts(spec),
            timeouts,
            phase: Phase::Down { back_at: None },
            goal: Goal::Removal,
            reason: "",
            was_killed: false,
            since: Time::START,
            was_up: false,
            kills: 0,
            before: None,
        }
    }

    /// One that is up.
    pub(super) fn up(now: Time, spec: &ServerSpec, timeouts: Timeouts) -> Self {
        let goal = Goal::Up(Change::Added);
        Self { phase: Phase::Up, goal, since: now, was_up: true, ..Self::new(spec, timeouts) }
    }

    pub(super) fn add(
        &mut self,
        now: Time,
        spec: &ServerSpec,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refused> {
        if !matches!(self.phase, Phase::Down { .. }) {
            return Err(self.refused("it is there already"));
        }
        self.before = self.was_up.then(|| Box::new(self.clone()));
        (self.is_frontend, self.auto_restarts) = (spec.frontend, auto_restarts(spec));
        self.come_up(now, Change::Added, out);
        Ok(())
    }

    pub(super) fn order(&mut self, now: Time, verb: Verb, out: &mut Vec<Decision>) -> Result<(), Refused> {
        let is_down = matches!(self.phase, Phase::Down { .. });
        let is_up = matches!(self.phase, Phase::Up | Phase::Paused);
        match verb {
            Verb::Kill if self.phase.has_server() => self.end(true, Goal::Down(Change::Killed), out),
            Verb::Stop if is_up => self.stop(now, "server stopped", Goal::Down(Change::Stopped), out),
            Verb::Restart if is_up => self.stop(now, "server restarts", Goal::Restart, out),
            Verb::Remove if is_up => self.stop(now, "server removed", Goal::Removal, out),
            Verb::Restart if is_down => self.come_up(now, Change::Restarted, out),
            Verb::Remove if is_down => self.remove(true, out),
            Verb::Remove | Verb::Restart => return Err(self.refused("it is coming up or going down")),
            Verb::Pause if self.phase == Phase::Up => {
                self.phase = Phase::Paused;
                self.act([Act::Pause, Act::Note(Change::Paused)], out);
            }
            Verb::Resume if self.phase == Phase::Paused => {
                self.phase = Phase::Up;
                self.act([Act::Resume, Act::Note(Change::Resumed)], out);
            }
            Verb::Pause if is_up => return Err(self.refused("only a running server can be paused")),
            Verb::Resume => return Err(self.refused("only a paused server can be resumed")),
            Verb::Kill | Verb::Stop | Verb::Pause => return Err(self.refused("it is not up")),
        }
        Ok(())
    }

    pub(super) fn learn(&mut self, now: Time, fact: Fact, out: &mut Vec<Decision>) {
        match (self.phase, fact) {
            (Phase::Binding { .. }, Fact::Bound) => self.start(now, out),
            (Phase::Binding { until, .. }, Fact::PortTaken) if now < until => {
                self.phase = Phase::Binding { retry_at: Some(now + PORT_RETRY), until };
            }
            (Phase::Binding { .. }, Fact::PortTaken | Fact::Failed) => self.ended(now, out),
            (Phase::Starting | Phase::Opening, Fact::Failed) => self.end(false, self.goal, out),
            (Phase::Starting, Fact::Told) if self.is_frontend => {
                self.phase = Phase::Opening;
                self.act([Act::Open], out);
            }
            (Phase::Starting, Fact::Told) | (Phase::Opening, Fact::Open) => self.is_up(out),
            (Phase::Answering(_), Fact::Idle)
            | (Phase::Telling(_), Fact::Told)
            | (Phase::Closing(_), Fact::Unconnected)
            | (Phase::HandingOver(_), Fact::EmptyHanded) => self.go_down(now, out),
            (Phase::Ending, Fact::Ended) => self.ended(now, out),
            _ => {}
        }
    }

    /// The deadline has come.
    pub(super) fn expire(&mut self, now: Time, out: &mut Vec<Decision>) {
        match self.phase {
            Phase::Down { .. } => self.come_up(now, Change::CameBack, out),
            Phase::Binding { until, .. } => {
                self.phase = Phase::Binding { retry_at: None, until };
                self.act([Act::Bind], out);
            }
            _ => self.go_down(now, out),
        }
    }

    /// As observers see it.
    pub(super) fn state(&self) -> ServerState {
        self.phase.state(self.was_killed)
    }

    fn refused(&self, wanted: &'static str) -> Refused {
        Refused { state: Some(self.state()), wanted }
    }

    fn come_up(&mut self, now: Time, why: Change, out: &mut Vec<Decision>) {
        self.goal = Goal::Up(why);
        if self.is_frontend {
            // Nobody has had its port before: if it is taken, then by another program.
            let until = if self.was_up { now + PORT_TIMEOUT } else { now };
            self.phase = Phase::Binding { retry_at: None, until };
            self.act([Act::Bind], out);
        } else {
            self.start(now, out);
        }
    }

    fn start(&mut self, now: Time, out: &mut Vec<Decision>) {
        (self.phase, self.since) = (Phase::Starting, now);
        // Made before the router knows it: what the router tells it at once must not be lost.
        let hooks = [Act::Deliver(Delivery::Started), Act::Deliver(Delivery::AllStarted)];
        self.act([Act::Make, Act::Admit].into_iter().chain(hooks).chain([Act::Await(Fact::Told)]), out);
    }

    /// It has started, and its port is open: now the router may choose it.
    fn is_up(&mut self, out: &mut Vec<Decision>) {
        (self.phase, self.was_up, self.before) = (Phase::Up, true, None);
        self.act([Act::Join], out);
        if let Goal::Up(why) = self.goal {
            self.act([Act::Note(why)], out);
        }
    }

    /// Begins a stop.
    fn stop(&mut self, now: Time, reason: &'static str, goal: Goal, out: &mut Vec<Decision>) {
        if self.phase == Phase::Paused {
            self.act([Act::Resume], out);
        }
        (self.goal, self.reason) = (goal, reason);
        if self.is_frontend {
            self.answer(now, [Act::Retire, Act::StopAccepting], out);
        } else {
            self.tell(now, [Act::Deliver(Delivery::Stopping)], out);
        }
    }

    /// The next state of a stop: what the present one waited for holds, or has taken too long.
    fn go_down(&mut self, now: Time, out: &mut Vec<Decision>) {
        match self.phase {
            Phase::Answering(_) if self.is_frontend => {
                let goodbye = [Act::Deliver(Delivery::GivingUp), Act::Deliver(Delivery::Stopping)];
                self.tell(now, goodbye, out);
            }
            Phase::Telling(_) if self.is_frontend => {
                self.phase = Phase::Closing(now + self.timeouts.stop);
                self.act([Act::Shut(self.reason), Act::Await(Fact::Unconnected)], out);
            }
            Phase::Telling(_) => self.answer(now, [Act::Retire], out),
            Phase::Answering(_) | Phase::Closing(_) => {
                self.phase = Phase::HandingOver(now + self.timeouts.hand_over);
                self.act([Act::Await(Fact::EmptyHanded)], out);
            }
            _ => self.end(false, self.goal, out),
        }
    }

    /// Nobody chooses it from now on; it answers what is in flight.
    fn answer(&mut self, now: Time, acts: impl IntoIterator<Item = Act>, out: &mut Vec<Decision>) {
        self.phase = Phase::Answering(now + self.timeouts.stop);
        self.act(acts.into_iter().chain([Act::Await(Fact::Idle)]), out);
    }

    /// It is told that it stops, and may say something to that.
    fn tell(&mut self, now: Time, acts: impl IntoIterator<Item = Act>, out: &mut Vec<Decision>) {
        self.phase = Phase::Telling(now + self.timeouts.stop);
        self.act(acts.into_iter().chain([Act::Await(Fact::Told)]), out);
    }

    /// It ends as it is. The router hears it first: what the server still says then comes from the dead.
    fn end(&mut self, is_kill: bool, goal: Goal, out: &mut Vec<Decision>) {
        (self.phase, self.goal, self.was_killed) = (Phase::Ending, goal, is_kill);
        self.act([Act::Forget, Act::End, Act::Await(Fact::Ended)], out);
    }

    fn ended(&mut self, now: Time, out: &mut Vec<Decision>) {
        self.phase = Phase::Down { back_at: None };
        match self.goal {
            Goal::Down(change) => {
                self.act([Act::Note(change)], out);
                if change == Change::Killed && self.auto_restarts {
                    self.phase = Phase::Down { back_at: Some(self.comeback(now)) };
                }
            }
            Goal::Restart => self.come_up(now, Change::Restarted, out),
            Goal::Removal => self.remove(true, out),
            // One that has never been up leaves nothing.
            Goal::Up(_) if !self.was_up => self.remove(false, out),
            Goal::Up(_) => {
                if let Some(before) = self.before.take() {
                    *self = *before;
                }
            }
        }
    }

    fn comeback(&mut self, now: Time) -> Time {
        if now.since(self.since) > COMEBACK_MAX {
            self.kills = 0;
        }
        self.kills += 1;
        now + COMEBACK.saturating_mul(1 << (self.kills - 1).min(10)).min(COMEBACK_MAX)
    }

    fn remove(&mut self, is_noted: bool, out: &mut Vec<Decision>) {
        self.phase = Phase::Over;
        if is_noted {
            self.act([Act::Note(Change::Removed)], out);
        }
        self.act([Act::Strike], out);
    }

    fn act(&self, acts: impl IntoIterator<Item = Act>, out: &mut Vec<Decision>) {
        out.extend(acts.into_iter().map(|act| Decision { server: self.id.clone(), act }));
    }
}

/// Pomelo's `"auto-restart": "true"`: a server that was killed comes back by itself.
fn auto_restarts(spec: &ServerSpec) -> bool {
    spec.extra.get("auto-restart").is_some_and(|value| value == true || value == "true")
}
