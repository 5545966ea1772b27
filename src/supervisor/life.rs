//! The life of one server: its reaction to each order, fact and deadline. `phase.rs` draws its
//! states.

use std::time::Duration;

use super::act::{Act, Change, Decision, Fact, Refused, ServerState, Timeouts, Verb};
use super::phase::Phase;
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::servers::Delivery;
use crate::time::Time;

/// The first wait of a killed server with `auto-restart`. It doubles with each kill in a row.
const COMEBACK: Duration = Duration::from_millis(100);

/// The longest such wait. After a longer life, the waits begin again with the first.
const COMEBACK_MAX: Duration = Duration::from_secs(10);

/// How long the port of a server that has just ended may take to become free.
const PORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The interval between attempts to bind: the system does not report when a port becomes free.
const PORT_RETRY: Duration = Duration::from_millis(5);

/// The state of one server, and the goal of its present change.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) id: ServerId,
    is_frontend: bool,
    auto_restarts: bool,
    timeouts: Timeouts,
    pub(super) phase: Phase,
    goal: Goal,
    /// The reason that clients get at a stop.
    reason: &'static str,
    /// The last life ended by a kill.
    was_killed: bool,
    /// The time of its last creation.
    since: Time,
    was_up: bool,
    /// Kills in a row.
    kills: u32,
    /// The state before the server was added again, restored if the new life does not come up.
    before: Option<Box<Life>>,
}

/// The goal of a life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Goal {
    /// Come up, and then note this change.
    Up(Change),
    /// Go down, and then note this change.
    Down(Change),
    /// Go down and come up again.
    Restart,
    /// Be removed.
    Removal,
}

impl Life {
    /// Makes the life of a server that has never been up.
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

    /// Makes the life of a server that is up.
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

    /// Acts on a passed deadline.
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

    /// The state as observers see it.
    pub(super) fn state(&self) -> ServerState {
        self.phase.state(self.was_killed)
    }

    fn refused(&self, wanted: &'static str) -> Refused {
        Refused { state: Some(self.state()), wanted }
    }

    fn come_up(&mut self, now: Time, why: Change, out: &mut Vec<Decision>) {
        self.goal = Goal::Up(why);
        if self.is_frontend {
            // A new server's port has had no earlier owner here: if it is taken, another program
            // has it, and a retry would not help.
            let until = if self.was_up { now + PORT_TIMEOUT } else { now };
            self.phase = Phase::Binding { retry_at: None, until };
            self.act([Act::Bind], out);
        } else {
            self.start(now, out);
        }
    }

    fn start(&mut self, now: Time, out: &mut Vec<Decision>) {
        (self.phase, self.since) = (Phase::Starting, now);
        // Make the server before the router knows it: the router may send at once, and that must
        // not be lost.
        let hooks = [Act::Deliver(Delivery::Started), Act::Deliver(Delivery::AllStarted)];
        self.act([Act::Make, Act::Admit].into_iter().chain(hooks).chain([Act::Await(Fact::Told)]), out);
    }

    /// Lets the router choose the server, now that it has started and its port is open.
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
            // A paused server could not do its part of the stop.
            self.act([Act::Resume], out);
        }
        (self.goal, self.reason) = (goal, reason);
        if self.is_frontend {
            self.answer(now, [Act::Retire, Act::StopAccepting], out);
        } else {
            self.notify(now, [Act::Deliver(Delivery::Stopping)], out);
        }
    }

    /// Enters the next state of a stop: the awaited fact holds, or its wait has timed out.
    fn go_down(&mut self, now: Time, out: &mut Vec<Decision>) {
        match self.phase {
            Phase::Answering(_) if self.is_frontend => {
                let goodbye = [Act::Deliver(Delivery::GivingUp), Act::Deliver(Delivery::Stopping)];
                self.notify(now, goodbye, out);
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

    /// Enters the state in which no route chooses the server and it answers its requests in flight.
    fn answer(&mut self, now: Time, acts: impl IntoIterator<Item = Act>, out: &mut Vec<Decision>) {
        self.phase = Phase::Answering(now + self.timeouts.stop);
        self.act(acts.into_iter().chain([Act::Await(Fact::Idle)]), out);
    }

    /// Tells the server that it stops. It may still send messages in response.
    fn notify(&mut self, now: Time, acts: impl IntoIterator<Item = Act>, out: &mut Vec<Decision>) {
        self.phase = Phase::Telling(now + self.timeouts.stop);
        self.act(acts.into_iter().chain([Act::Await(Fact::Told)]), out);
    }

    /// Ends the server as it is. The router forgets it first, so that it discards the server's
    /// later output.
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
            // A server that has never been up leaves nothing to restore.
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
        self.act([Act::RemoveFromOrder], out);
    }

    fn act(&self, acts: impl IntoIterator<Item = Act>, out: &mut Vec<Decision>) {
        out.extend(acts.into_iter().map(|act| Decision { server: self.id.clone(), act }));
    }
}

/// Whether a killed server comes back by itself: Pomelo's `"auto-restart": "true"`.
fn auto_restarts(spec: &ServerSpec) -> bool {
    spec.extra.get("auto-restart").is_some_and(|value| value == true || value == "true")
}
