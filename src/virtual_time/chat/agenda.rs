//! Planned events of people, servers and faults, in order of time.

use crate::virtual_time::EventQueue;
use crate::world::WorldEvent;

/// The planned events of a run.
pub(super) type Agenda = EventQueue<Event>;

/// A planned event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// A person acts.
    Wake(u32),
    /// Requests reach their timeout.
    Late,
    /// A person may arrive for the first time.
    Arrival,
    /// A server or a link has work to do.
    World(WorldEvent),
    /// The measured time begins.
    Measure,
    /// An event of the scenario begins.
    Fault(u16),
    /// An event of the scenario ends.
    Undo(u16),
}

/// There are millions of them, and the queue moves them often.
const _: () = assert!(size_of::<Event>() <= 8);
