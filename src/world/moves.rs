//! The rooms that move when the list of servers changes, and the time that this takes.

use crate::envelope::{Envelope, Payload, Room};
use crate::time::Time;

/// The moves of rooms, over all changes of a list of servers.
#[derive(Clone, Copy, Default, Debug)]
pub struct Moved {
    /// The number of changes.
    pub changes: u64,
    /// Rooms present before each change, summed over the changes.
    pub rooms_before: u64,
    /// Rooms that moved.
    pub rooms: u64,
    /// Moved rooms that neither left a departing server nor reached a new one.
    pub unforced: u64,
    /// The size of the moved rooms as JSON, in bytes.
    pub bytes: u64,
    /// The duration of the longest change, in nanoseconds.
    pub longest_ns: u64,
}

/// Measures the changes of the balanced type's list.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves {
    pub(super) moved: Moved,
    /// When the oldest change in flight began.
    pub(super) since: Option<Time>,
    /// The newest server. None if the last change removed one.
    newest: Option<u16>,
    /// Rooms in the last release. Rooms adopted right after it came from a server that stays.
    released: usize,
}

impl Moves {
    /// Begins a change: a server joins the list, or one leaves it.
    pub(super) fn begin(&mut self, now: Time, comes: Option<u16>, rooms: u64) {
        self.moved.changes += 1;
        self.moved.rooms_before += rooms;
        self.newest = comes;
        self.since.get_or_insert(now);
    }

    /// Ends the changes in flight: every room is at its owner.
    pub(super) fn end(&mut self, now: Time) {
        if let Some(since) = self.since.take() {
            let took = now.as_nanos().saturating_sub(since.as_nanos());
            self.moved.longest_ns = self.moved.longest_ns.max(took);
        }
    }

    /// Inspects an envelope from the router to a server. `stays`: the server is on its type's list.
    pub(super) fn see(&mut self, to: u16, stays: bool, envelope: &Envelope) {
        match &envelope.payload {
            Payload::Release { rooms } => self.released = if stays { rooms.len() } else { 0 },
            Payload::Adopt { rooms } => {
                self.moved.rooms += rooms.len() as u64;
                self.moved.bytes += rooms.iter().map(written_bytes).sum::<u64>();
                // The router sends a release and its adoption in sequence, for the same rooms.
                if std::mem::take(&mut self.released) == rooms.len() && self.newest != Some(to) {
                    self.moved.unforced += rooms.len() as u64;
                }
            }
            _ => {}
        }
    }
}

/// The length of a room as JSON.
fn written_bytes(room: &Room) -> u64 {
    /// `{"channel":"","key":"","members":[]}`
    const ROOM: usize = 37;
    /// `{"uid":"","session":{"frontend":"","session":}},`
    const MEMBER: usize = 49;
    /// Digits of a session's number. A constant will do: its exact length says nothing about the
    /// cost.
    const NUMBER: usize = 12;
    let key = room.key.as_ref().map_or(0, |key| key.len());
    let member = |uid: usize, frontend: usize| MEMBER + NUMBER + uid + frontend;
    let members: usize =
        room.members.iter().map(|of| member(of.uid.as_str().len(), of.session.frontend.as_str().len())).sum();
    (ROOM + room.channel.len() + key + members) as u64
}
