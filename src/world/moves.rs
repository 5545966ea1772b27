//! Which rooms move when the list of servers changes, and how long it takes.

use crate::envelope::{Envelope, Payload, Room};
use crate::time::Time;

/// What changes of a list of servers have moved.
#[derive(Clone, Copy, Default, Debug)]
pub struct Moved {
    /// How many changes there were.
    pub changes: u64,
    /// Rooms that there were, summed over the changes.
    pub rooms_before: u64,
    /// Rooms that moved.
    pub rooms: u64,
    /// Of these, those that were neither on a server that went nor came to one that came.
    pub unforced: u64,
    /// What it takes to write them down, in bytes.
    pub bytes: u64,
    /// The longest time that a change took.
    pub longest_ns: u64,
}

/// Watches the changes of the balanced type's list.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves {
    pub(super) moved: Moved,
    /// When the oldest change began that is not over.
    pub(super) since: Option<Time>,
    /// The server that came last.
    newest: Option<u16>,
    /// How many rooms the last release named: what is adopted right after it came from a server that stays.
    released: usize,
}

impl Moves {
    /// The list changes: a server comes, or one goes.
    pub(super) fn begin(&mut self, now: Time, comes: Option<u16>, rooms: u64) {
        self.moved.changes += 1;
        self.moved.rooms_before += rooms;
        self.newest = comes;
        self.since.get_or_insert(now);
    }

    /// Every room is where it belongs.
    pub(super) fn end(&mut self, now: Time) {
        if let Some(since) = self.since.take() {
            let took = now.as_nanos().saturating_sub(since.as_nanos());
            self.moved.longest_ns = self.moved.longest_ns.max(took);
        }
    }

    /// Looks at what the router says to a server. `stays`: it is on its type's list.
    pub(super) fn see(&mut self, to: u16, stays: bool, envelope: &Envelope) {
        match &envelope.payload {
            Payload::Release { rooms } => self.released = if stays { rooms.len() } else { 0 },
            Payload::Adopt { rooms } => {
                self.moved.rooms += rooms.len() as u64;
                self.moved.bytes += rooms.iter().map(written_bytes).sum::<u64>();
                // The router says both one after the other, of the same rooms.
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
    /// Digits of a session's number; its exact length says nothing about the cost.
    const NUMBER: usize = 12;
    let key = room.key.as_ref().map_or(0, |key| key.len());
    let member = |uid: usize, frontend: usize| MEMBER + NUMBER + uid + frontend;
    let members: usize =
        room.members.iter().map(|of| member(of.uid.as_str().len(), of.session.frontend.as_str().len())).sum();
    (ROOM + room.channel.len() + key + members) as u64
}
