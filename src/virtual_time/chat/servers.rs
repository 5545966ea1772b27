//! The servers as people and events see them: the live router and server logic, or a flow of work
//! without messages.

use super::exchange::{ClientAction, Observation};
use super::words::Words;
use crate::config::ServerSpec;
use crate::time::Time;
use crate::world::{Timed, World};

/// A cluster under simulation.
pub(super) trait Servers: Timed {
    /// Carries out a client action. Returns what the client observes at once.
    fn carry(&mut self, now: Time, action: ClientAction, words: &mut Words) -> Option<Observation>;

    /// Appends what clients have observed since the last call, in order.
    fn observe(&mut self, words: &Words, observed: &mut Vec<Observation>);

    /// Starts, stops or crashes a server. Returns false when its state does not allow that.
    fn change(&mut self, now: Time, change: Change<'_>) -> bool;

    /// The router and its servers; `None` at level `flow`.
    fn world(&mut self) -> Option<&mut World>;
}

/// A change of a server.
pub(super) enum Change<'a> {
    /// Starts a new server at the end of its type's list, or one that ran before.
    Start(&'a ServerSpec),
    /// Stops in good order. If it ever returns, `for_good` puts it at the end of its type's list;
    /// otherwise it gets its old place.
    Stop { station: u16, for_good: bool },
    /// Crashes, and loses all unfinished work.
    Crash(u16),
}
