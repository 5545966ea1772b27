//! What people do to servers, and what they hear of them: all that the two know of each other.
//!
//! People are simulated by themselves, servers by whoever keeps to [`Servers`]: the machines that serve live, or a flow of
//! work without messages.

use super::{Event, MachineEvent, Machines};
use crate::config::ServerSpec;
use crate::envelope::Recipients;
use crate::ids::SessionId;
use crate::router::LinkRule;
use crate::stats::ServerSeries;
use crate::time::Time;
use crate::virtual_time::EventQueue;

/// A cluster, as its people and a scenario's events meet it. Servers are stations, numbered from 0 in the order of the
/// configuration and then of coming.
pub(super) trait Servers {
    /// A client does something.
    fn carry(&mut self, now: Time, deed: Deed, agenda: &mut EventQueue<Event>);

    /// What clients have heard since the last look, in order, into an empty list.
    fn hear(&mut self, heard: &mut Vec<Heard>);

    /// Something that was planned is due.
    fn take(&mut self, now: Time, event: MachineEvent, agenda: &mut EventQueue<Event>);

    /// Does the next thing that costs nothing. False when there is none.
    fn go_on(&mut self, now: Time, agenda: &mut EventQueue<Event>) -> bool;

    /// From now on things cost what they cost; until then everything happens at once.
    fn work(&mut self, now: Time, agenda: &mut EventQueue<Event>);

    /// Starts a server: a new one, at the end of its type's list, or one that was there before. False when it is up.
    fn start(&mut self, now: Time, spec: &ServerSpec, agenda: &mut EventQueue<Event>) -> bool;

    /// Tells a server to stop in good order. `for_good`: should it come back, it stands at the end of its type's list, else
    /// in its old place.
    fn stop(&mut self, now: Time, station: u16, for_good: bool, agenda: &mut EventQueue<Event>);

    /// Lets a server vanish, with all that it has in hand.
    fn crash(&mut self, now: Time, station: u16, agenda: &mut EventQueue<Event>);

    /// Another speed for a server: at 0.25 everything takes four times as long, from the next delivery on.
    fn set_speed(&mut self, station: u16, speed: f64);

    /// Installs a rule of the links.
    fn install(&mut self, now: Time, rule: LinkRule, agenda: &mut EventQueue<Event>);

    /// Takes a rule of the links away, if there is one of that name.
    fn heal(&mut self, now: Time, name: &str, agenda: &mut EventQueue<Event>);

    /// The station of a server.
    fn station(&self, id: &str) -> Option<u16>;

    /// A server as it was configured.
    fn spec(&self, station: u16) -> &ServerSpec;

    /// How many stations there are, up or not.
    fn len(&self) -> usize;

    /// Whether a server takes clients.
    fn is_open(&self, station: u16) -> bool;

    /// What each server of the balanced type has done so far; how long it was up counts from `since` on.
    fn shares(&mut self, now: Time, since: Time) -> Vec<(u16, Share)>;

    /// How long servers were up counts from now on.
    fn count_up_time(&mut self);

    /// The load of each server of the balanced type, up to `end`.
    fn series(&mut self, end: Time) -> Vec<ServerSeries>;

    /// What changes of the balanced type's list have moved, up to `end`.
    fn moved(&mut self, end: Time) -> Moved;

    /// Rooms whose messages go to a server that does not have them, and rooms that are on more than one server.
    fn misplaced(&mut self) -> (u64, u64);

    /// The machines, if it is they.
    fn machines(&mut self) -> Option<&mut Machines>;
}

/// What a server did from one moment to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Integrals of being busy and of deliveries in hand, in nanoseconds.
    pub(super) integrals: (u128, u128),
    /// How long it was up, in nanoseconds.
    pub(super) up_ns: u64,
}

/// What changes of a list of servers have moved.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Moved {
    /// How many changes there were.
    pub(super) changes: u64,
    /// Rooms that there were, summed over the changes.
    pub(super) rooms_before: u64,
    /// Rooms that moved.
    pub(super) rooms: u64,
    /// Of these, those that were neither on a server that went nor came to one that came.
    pub(super) unforced: u64,
    /// What it takes to write them down, in bytes.
    pub(super) bytes: u64,
    /// The longest time that a change took.
    pub(super) longest_ns: u64,
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
