//! What people do to servers, and what they hear of them: all that the two know of each other.
//!
//! People are simulated by themselves, servers behind [`Servers`]: the router and servers that serve live, or a
//! flow of work without messages.

use super::Event;
use crate::config::ServerSpec;
use crate::envelope::Recipients;
use crate::ids::SessionId;
use crate::time::Time;
use crate::virtual_time::EventQueue;
use crate::world::{Moved, Stations, World, WorldEvent};

/// A cluster, as its people and a scenario's events meet it.
pub(super) trait Servers {
    /// A client does something.
    fn carry(&mut self, now: Time, deed: Deed, agenda: &mut EventQueue<Event>);

    /// What clients have heard since the last look, in order, into an empty list.
    fn hear(&mut self, heard: &mut Vec<Heard>);

    /// Something that was planned is due.
    fn take(&mut self, now: Time, event: WorldEvent, agenda: &mut EventQueue<Event>);

    /// Does the next thing that costs nothing. False when there is none.
    fn go_on(&mut self, now: Time, agenda: &mut EventQueue<Event>) -> bool;

    /// From now on things cost what they cost; until then everything happens at once.
    fn work(&mut self, now: Time, agenda: &mut EventQueue<Event>);

    /// A server starts, stops or crashes. False when it is in no state for that.
    fn change(&mut self, now: Time, change: Change<'_>, agenda: &mut EventQueue<Event>) -> bool;

    /// The servers by number.
    fn stations(&self) -> &Stations;

    /// The same, to be changed.
    fn stations_mut(&mut self) -> &mut Stations;

    /// What changes of the balanced type's list have moved, up to `end`.
    fn moved(&mut self, end: Time) -> Moved;

    /// The world of router and servers, if there is one.
    fn world(&mut self) -> Option<&mut World>;
}

/// What happens to a server.
pub(super) enum Change<'a> {
    /// It starts: a new one, at the end of its type's list, or one that was there before.
    Start(&'a ServerSpec),
    /// It is told to stop in good order. `for_good`: should it come back, it stands at the end of its type's list, else in
    /// its old place.
    Stop { station: u16, for_good: bool },
    /// It vanishes, with all that it has in hand.
    Crash(u16),
}

/// Something that a client does. The slot of a session is the number of its user.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// It connects to a server and asks.
    Connect { server: u16, session: SessionId, request: u32, ask: Ask },
    /// It asks on the connection that it has.
    Ask { server: u16, session: SessionId, request: u32, ask: Ask },
    /// It ends its connection.
    Close { server: u16, session: SessionId },
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// Of a gate: which connector to use.
    Entry,
    /// Of a connector: to enter its room.
    Enter { room: u32 },
    /// To say something to everybody in its room: when it was meant to be said, and how long it is.
    Say { room: u32, meant: Time, bytes: u32 },
}

/// Something that happens to clients.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// A request is answered.
    Answer { session: SessionId, request: u64, answer: Answer },
    /// The server takes no more clients, or is not there.
    Unreachable { session: SessionId },
    /// A message found no room before its server; nobody tells its sender.
    Dropped { session: SessionId, request: u32 },
    /// These hear what was meant to be said at that moment.
    Said { to: Recipients, meant: Time },
    /// So many hear what was meant to be said at that moment.
    Told { clients: u32, meant: Time },
    /// A server ends one's connection.
    Kicked { session: SessionId },
    /// A server ends everybody's connection.
    Shut { server: u16 },
    /// A server has vanished.
    Gone { server: u16 },
}

/// An answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It is done.
    Done,
    /// This is the connector to use.
    Use(u16),
    /// The server is busy: 503.
    Refused,
    /// Anything else.
    Failed,
}
