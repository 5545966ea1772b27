//! The rooms: each one's server, and its number of members on each connector.

use super::choice::Choice;
use crate::time::Time;
use crate::virtual_time::chat::words::Names;
use crate::world::Moved;

/// No server yet.
const NONE: u16 = u16::MAX;

/// Bytes of a hand-off: a room as JSON without its members, then one member including the digits of
/// its session's number.
const ROOM_BYTES: u64 = 37;
const MEMBER_BYTES: u64 = 61;
/// A name, and a uid, which is two names and a star.
const NAME_BYTES: u64 = 13;
const UID_BYTES: u64 = 27;

/// All rooms, numbered by rank from 0.
pub(super) struct Rooms {
    rooms: Vec<Room>,
    names: Names,
    name: Vec<u8>,
}

struct Room {
    owner: u16,
    members: u32,
    /// Members by connector, in the order of each connector's first member.
    groups: Vec<(u16, u32)>,
}

impl Rooms {
    pub(super) fn new(count: u32, names: Names) -> Self {
        let room = || Room { owner: NONE, members: 0, groups: Vec::new() };
        Self { rooms: (0..count).map(|_| room()).collect(), names, name: Vec::new() }
    }

    /// The server of a room; an ownerless room is assigned one now.
    pub(super) fn owner(&mut self, now: Time, room: u32, chats: &mut Choice) -> Option<u16> {
        let at = self.rooms.get_mut(room as usize)?;
        if at.owner == NONE {
            at.owner = chats.pick(now, name_of(&self.names, room, &mut self.name)).unwrap_or(NONE);
        }
        (at.owner != NONE).then_some(at.owner)
    }

    /// The recipients of a message to the room: connectors and their number of members.
    pub(super) fn groups(&self, room: u32) -> &[(u16, u32)] {
        self.rooms.get(room as usize).map_or(&[], |room| &room.groups)
    }

    pub(super) fn add(&mut self, room: u32, connector: u16, chats: &mut Choice) {
        let Some(at) = self.rooms.get_mut(room as usize) else { return };
        at.members += 1;
        match at.groups.iter_mut().find(|(of, _)| *of == connector) {
            Some((_, members)) => *members += 1,
            None => at.groups.push((connector, 1)),
        }
        chats.load(at.owner, 1);
        if at.members == 1 {
            chats.settle(name_of(&self.names, room, &mut self.name));
        }
    }

    pub(super) fn leave(&mut self, room: u32, connector: u16, chats: &mut Choice) {
        let Some(at) = self.rooms.get_mut(room as usize) else { return };
        let Some(place) = at.groups.iter().position(|(of, _)| *of == connector) else { return };
        at.members -= 1;
        at.groups[place].1 -= 1;
        if at.groups[place].1 == 0 {
            at.groups.remove(place);
        }
        chats.load(at.owner, -1);
        if at.members == 0 {
            chats.forget(name_of(&self.names, room, &mut self.name));
            at.owner = NONE;
        }
    }

    /// Moves rooms after a change of the server list. `came` is the added server; `id_bytes` is the
    /// mean length of a connector's id.
    pub(super) fn move_all(
        &mut self,
        now: Time,
        chats: &mut Choice,
        came: Option<u16>,
        id_bytes: u64,
    ) -> Moved {
        let mut moved = Moved::default();
        for (number, room) in (0..).zip(&mut self.rooms) {
            if room.members == 0 {
                room.owner = NONE;
                continue;
            }
            moved.rooms_before += 1;
            let before = room.owner;
            let name = name_of(&self.names, number, &mut self.name);
            let Some(after) = chats.pick(now, name) else { continue };
            if after == before {
                continue;
            }
            chats.settle(name);
            let members = i32::try_from(room.members).unwrap_or(i32::MAX);
            chats.load(before, -members);
            chats.load(after, members);
            room.owner = after;
            moved.rooms += 1;
            moved.unforced += u64::from(chats.lists(before) && came != Some(after));
            let member = MEMBER_BYTES + UID_BYTES + id_bytes;
            moved.bytes += ROOM_BYTES + 2 * NAME_BYTES + member * u64::from(room.members);
        }
        moved
    }
}

fn name_of<'a>(names: &Names, room: u32, name: &'a mut Vec<u8>) -> &'a str {
    name.clear();
    names.write_room(room, name);
    // Names are ASCII letters and digits.
    std::str::from_utf8(name).unwrap_or_default()
}
