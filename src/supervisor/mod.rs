//! The supervisor: decides how servers come up, hang, stop, crash and come back. Pure: no socket, clock or actor.
//!
//! It takes orders ([`add`](Supervisor::add), [`order`](Supervisor::order)), [facts](Fact) and the time, and appends
//! [decisions](Decision) that a shell carries out in order: [`live`](crate::live) on actors and ports,
//! [`World`](crate::world::World) on the machines alone. The states of one server are drawn in `phase.rs`.

mod act;
mod life;
mod phase;

pub use act::{Act, Change, Decision, Fact, Refused, ServerState, Timeouts, Verb};

use self::life::Life;
use self::phase::Phase;
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::time::Time;

/// See the module.
#[derive(Debug)]
pub struct Supervisor {
    timeouts: Timeouts,
    /// In the order in which they were configured and added.
    lives: Vec<Life>,
}

impl Supervisor {
    /// Knows no server yet.
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, lives: Vec::new() }
    }

    /// Takes over a server that the shell has started itself, with the whole cluster.
    pub fn adopt(&mut self, now: Time, spec: &ServerSpec) {
        self.lives.push(Life::up(now, spec, self.timeouts));
    }

    /// Starts a new server, or one that is down, as this describes it.
    ///
    /// # Errors
    /// A server of that id is there and not down.
    pub fn add(&mut self, now: Time, spec: &ServerSpec, out: &mut Vec<Decision>) -> Result<(), Refused> {
        let at = match self.find(&spec.id) {
            Some(at) => at,
            None => {
                self.lives.push(Life::new(spec, self.timeouts));
                self.lives.len() - 1
            }
        };
        self.lives[at].add(now, spec, out)
    }

    /// Changes one server.
    ///
    /// # Errors
    /// It is unknown, or in no state for this.
    pub fn order(
        &mut self,
        now: Time,
        verb: Verb,
        id: &ServerId,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refused> {
        let at = self.find(id).ok_or(Refused { state: None, wanted: "it is unknown" })?;
        self.lives[at].order(now, verb, out)?;
        self.bury(at);
        Ok(())
    }

    /// The shell reports that a fact holds. One that is not awaited any more changes nothing.
    pub fn learn(&mut self, now: Time, id: &ServerId, fact: Fact, out: &mut Vec<Decision>) {
        if let Some(at) = self.find(id) {
            self.lives[at].learn(now, fact, out);
            self.bury(at);
        }
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        self.lives.iter().filter_map(|life| life.phase.deadline()).min()
    }

    /// Time has passed: gives up what has taken too long, and brings servers back.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Decision>) {
        for at in (0..self.lives.len()).rev() {
            if self.lives[at].phase.deadline().is_some_and(|deadline| deadline <= now) {
                self.lives[at].expire(now, out);
                self.bury(at);
            }
        }
    }

    /// The state of a server; none of one that is unknown, or was removed.
    pub fn state(&self, id: &ServerId) -> Option<ServerState> {
        self.find(id).map(|at| self.lives[at].state())
    }

    /// The deadline of a server that comes up or goes down; none of one that does neither.
    pub fn deadline_of(&self, id: &ServerId) -> Option<Time> {
        self.find(id).and_then(|at| self.lives[at].phase.deadline())
    }

    /// Whether a server neither comes up nor goes down at the moment.
    pub fn is_settled(&self, id: &ServerId) -> bool {
        self.find(id).is_none_or(|at| self.lives[at].phase.is_settled())
    }

    fn find(&self, id: &ServerId) -> Option<usize> {
        self.lives.iter().position(|life| life.id == *id)
    }

    /// Drops a server that was removed.
    fn bury(&mut self, at: usize) {
        if self.lives[at].phase == Phase::Over {
            self.lives.remove(at);
        }
    }
}
