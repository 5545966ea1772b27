//! Which rooms move when the list of servers changes, and how long it takes.

use crate::envelope::{Envelope, Payload, Room};
use crate::time::Time;

/// What changes of the balanced type's list have moved.
#[derive(Clone, Debug, Default)]
pub(in crate::virtual_time::chat) struct Moves {
    /// Rooms that moved.
    pub(in crate::virtual_time::chat) rooms: u64,
    /// Of these, those that were neither on a server that went nor came to one that came.
    pub(in crate::virtual_time::chat) unforced: u64,
    /// What it takes to write them down, in bytes.
    pub(in crate::virtual_time::chat) bytes: u64,
    /// Rooms that there were, summed over the changes.
    pub(in crate::virtual_time::chat) rooms_before: u64,
    /// The longest time that a change took.
    pub(in crate::virtual_time::chat) longest_ns: u64,
    /// When the oldest change began that is not over.
    pub(in crate::virtual_time::chat) since: Option<Time>,
    /// The server that came last.
    newest: Option<u16>,
    /// How many changes there were.
    pub(in crate::virtual_time::chat) changes: u64,
    /// How many rooms the last release named: what is adopted right after it came from a server that stays.
    released: usize,
}

impl Moves {
    /// The list changes: a server comes, or one goes.
    pub(in crate::virtual_time::chat) fn begin(&mut self, now: Time, comes: Option<u16>, rooms: u64) {
        self.changes += 1;
        self.rooms_before += rooms;
        self.newest = comes;
        self.since.get_or_insert(now);
    }

    /// Every room is where it belongs.
    pub(in crate::virtual_time::chat) fn end(&mut self, now: Time) {
        if let Some(since) = self.since.take() {
            let took = now.as_nanos().saturating_sub(since.as_nanos());
            self.longest_ns = self.longest_ns.max(took);
        }
    }

    /// Looks at what the router says to a server. `stays`: it is on its type's list.
    pub(in crate::virtual_time::chat) fn see(&mut self, to: u16, stays: bool, envelope: &Envelope) {
        match &envelope.payload {
            Payload::Release { rooms } => self.released = if stays { rooms.len() } else { 0 },
            Payload::Adopt { rooms } => {
                self.rooms += rooms.len() as u64;
                self.bytes += rooms.iter().map(written_bytes).sum::<u64>();
                // The router says both one after the other, of the same rooms.
                if std::mem::take(&mut self.released) == rooms.len() && self.newest != Some(to) {
                    self.unforced += rooms.len() as u64;
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
