//! A cluster as its people and a scenario's events meet it: the router and servers that serve live, or a
//! flow of work without messages.

use super::exchange::{Deed, Heard};
use super::words::Words;
use crate::config::ServerSpec;
use crate::time::Time;
use crate::world::{Timed, World};

/// See the module.
pub(super) trait Servers: Timed {
    /// A client does something. Gives what it hears at once.
    fn carry(&mut self, now: Time, deed: Deed, words: &mut Words) -> Option<Heard>;

    /// Adds what clients have heard since the last look, in order.
    fn hear(&mut self, words: &Words, heard: &mut Vec<Heard>);

    /// A server starts, stops or crashes. False when it is in no state for that.
    fn change(&mut self, now: Time, change: Change<'_>) -> bool;

    /// The world of router and servers, if there is one.
    fn world(&mut self) -> Option<&mut World>;
}

/// What happens to a server.
pub(super) enum Change<'a> {
    /// It starts: a new one, at the end of its type's list, or one that was there before.
    Start(&'a ServerSpec),
    /// It is told to stop in good order. `for_good`: should it come back, it stands at the end of its
    /// type's list, else in its old place.
    Stop { station: u16, for_good: bool },
    /// It vanishes, with all that it has not finished.
    Crash(u16),
}
