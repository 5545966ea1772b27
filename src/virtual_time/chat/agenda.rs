//! What is planned for people, servers and faults, in order of time.

use crate::virtual_time::EventQueue;
use crate::world::WorldEvent;

/// See the module.
pub(super) type Agenda = EventQueue<Event>;

/// Something that is planned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// Somebody does something.
    Wake(u32),
    /// Requests are too late.
    Late,
    /// Somebody may come for the first time.
    Arrival,
    /// Something goes on in a server or on a link.
    World(WorldEvent),
    /// The measured time begins.
    Measure,
    /// A scenario's event.
    Fault(u16),
    /// It is undone.
    Undo(u16),
}

/// There are millions of them, and the queue moves them often.
const _: () = assert!(size_of::<Event>() <= 8);
