//! The supervisor: decides how servers start, pause, stop, crash and come back. Pure: no socket,
//! clock or actor.
//!
//! It takes orders ([`add`](Supervisor::add), [`order`](Supervisor::order)), [facts](Fact) and the
//! time, and appends [decisions](Decision). A shell carries them out in order:
//! [`live`](crate::live) on actors and ports, [`World`](crate::world::World) on the state machines
//! alone. `phase.rs` draws the states of one server.

mod act;
mod life;
mod phase;

pub use act::{Act, Change, Decision, Fact, Refused, ServerState, Timeouts, Verb};

use self::life::Life;
use self::phase::Phase;
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::time::Time;

/// The lives of all servers of a cluster.
#[derive(Debug)]
pub struct Supervisor {
    timeouts: Timeouts,
    /// In the order of configuration, then of addition.
    lives: Vec<Life>,
}

impl Supervisor {
    /// Makes a supervisor without servers.
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, lives: Vec::new() }
    }

    /// Takes over a server that the shell started itself, together with the whole cluster.
    pub fn adopt(&mut self, now: Time, spec: &ServerSpec) {
        self.lives.push(Life::up(now, spec, self.timeouts));
    }

    /// Starts a new server, or one that is down, with this configuration.
    ///
    /// # Errors
    /// A server with that id exists and is not down.
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
    /// The server is unknown, or its state does not allow the order.
    pub fn order(
        &mut self,
        now: Time,
        verb: Verb,
        id: &ServerId,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refused> {
        let at = self.find(id).ok_or(Refused { state: None, wanted: "it is unknown" })?;
        self.lives[at].order(now, verb, out)?;
        self.remove_life(at);
        Ok(())
    }

    /// Takes a fact that the shell reports. A fact that is no longer awaited changes nothing.
    pub fn learn(&mut self, now: Time, id: &ServerId, fact: Fact, out: &mut Vec<Decision>) {
        if let Some(at) = self.find(id) {
            self.lives[at].learn(now, fact, out);
            self.remove_life(at);
        }
    }

    /// The time when [`tick`](Self::tick) has work to do, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        self.lives.iter().filter_map(|life| life.phase.deadline()).min()
    }

    /// Acts on passed deadlines: ends waits that timed out, and brings servers back.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Decision>) {
        // In reverse: `remove_life` removes the life at `at`, which shifts those after it.
        for at in (0..self.lives.len()).rev() {
            if self.lives[at].phase.deadline().is_some_and(|deadline| deadline <= now) {
                self.lives[at].expire(now, out);
                self.remove_life(at);
            }
        }
    }

    /// The state of a server. None if it is unknown or was removed.
    pub fn state(&self, id: &ServerId) -> Option<ServerState> {
        self.find(id).map(|at| self.lives[at].state())
    }

    /// The deadline of a server that comes up or goes down; otherwise none.
    pub fn deadline_of(&self, id: &ServerId) -> Option<Time> {
        self.find(id).and_then(|at| self.lives[at].phase.deadline())
    }

    /// Whether a server is neither coming up nor going down.
    pub fn is_settled(&self, id: &ServerId) -> bool {
        self.find(id).is_none_or(|at| self.lives[at].phase.is_settled())
    }

    fn find(&self, id: &ServerId) -> Option<usize> {
        self.lives.iter().position(|life| life.id == *id)
    }

    /// Drops the life of a removed server.
    fn remove_life(&mut self, at: usize) {
        if self.lives[at].phase == Phase::Over {
            self.lives.remove(at);
        }
    }
}
