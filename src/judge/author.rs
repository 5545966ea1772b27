//! A member as a sender: its messages, and the state of each.

use std::collections::{BTreeMap, VecDeque};

use super::numbers::small;

/// The place of a message that is in no log.
pub(super) const UNSEEN: u64 = u64::MAX;

/// A member as a sender.
#[derive(Clone, Default, Debug)]
pub(super) struct Author {
    /// Messages that were dropped from the front of `sent`.
    pub(super) dropped: u32,
    pub(super) sent: VecDeque<Sent>,
    /// Dropped messages that still matter: not answered, not received, or missing to a member.
    pub(super) open: BTreeMap<u32, Sent>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at: u64,
    pub(super) place: u64,
    /// The only recipient, if there is one, and whether it has received the message.
    pub(super) to: Option<(u32, bool)>,
    pub(super) stay: u32,
    pub(super) answer: Answer,
    /// Number of members that miss it.
    pub(super) missed_by: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Open,
    Acknowledged(u64),
    /// With an error that says that it was not carried out.
    Failed,
    /// With an error that says that the outcome is unknown.
    Unknown,
    /// Nobody waits for the answer any more.
    GivenUp,
}

impl Author {
    /// The number of the last message sent.
    pub(super) fn last(&self) -> u32 {
        self.dropped + small(self.sent.len())
    }

    /// A message that is not forgotten.
    pub(super) fn get(&self, number: u32) -> Option<&Sent> {
        match number.checked_sub(self.dropped + 1) {
            Some(at) => self.sent.get(at as usize),
            None => self.open.get(&number),
        }
    }

    /// The same, mutable.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Sent> {
        match number.checked_sub(self.dropped + 1) {
            Some(at) => self.sent.get_mut(at as usize),
            None => self.open.get_mut(&number),
        }
    }

    /// Every message that is not forgotten, with its number.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Sent)> {
        let open = self.open.iter().map(|(number, sent)| (*number, sent));
        open.chain((self.dropped + 1..).zip(&self.sent))
    }
}
