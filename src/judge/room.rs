//! A room: its members, and the log of its messages as they were first received.

use std::collections::{BTreeMap, VecDeque};

/// Marks a log entry for the long way: its order must be checked for each member that receives it.
pub(super) const ODD: u32 = 1 << 31;

#[derive(Clone, Default, Debug)]
pub(super) struct Room {
    pub(super) name: Box<str>,
    pub(super) members: Vec<u32>,
    pub(super) of_name: BTreeMap<Box<str>, u32>,
    /// Sender and number, in the order of first receipt.
    pub(super) log: VecDeque<(u32, u32)>,
    /// Place of the log's first entry, counted since the room began.
    pub(super) base: u64,
    /// The length at which the log is cut.
    pub(super) cut_at: usize,
}

impl Room {
    /// The place of the next message that is first received.
    pub(super) fn end(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    /// The message at a place, if the log still has it.
    pub(super) fn at(&self, place: u64) -> Option<(u32, u32)> {
        let at = usize::try_from(place.checked_sub(self.base)?).ok()?;
        self.log.get(at).map(|(sender, number)| (sender & !ODD, *number))
    }
}
