//! Presence: the members that each member sees in its room.

use std::collections::BTreeSet;

use super::Judge;
use super::member::{Member, State};
use super::verdict::{Breach, Verdict};

impl Judge {
    /// A member that has just entered got the list of those present.
    pub fn sees<'a>(&mut self, who: usize, users: impl IntoIterator<Item = &'a str>) {
        if self.is_in(who) {
            self.members[who].stay.picture.get_or_insert_default();
        }
        users.into_iter().for_each(|user| self.appears(who, user, "the users of its login"));
    }

    /// An `onAdd` arrived.
    pub fn added(&mut self, receiver: usize, user: &str) {
        self.appears(receiver, user, "onAdd");
    }

    /// An `onLeave` arrived.
    pub fn removed(&mut self, receiver: usize, user: &str) {
        let whom = self.known(receiver, user);
        let picture = self.members[receiver].stay.picture.as_mut();
        if !whom.zip(picture).is_some_and(|(whom, picture)| picture.remove(&whom)) {
            let name = self.name(receiver);
            self.so_far
                .add(Breach::Ghosts, || format!("{name} got onLeave of {user:?}, which was not present"));
        }
    }

    /// A user appears in a member's picture.
    fn appears(&mut self, receiver: usize, user: &str, where_from: &str) {
        let whom = self.known(receiver, user);
        let Member { state, stay, .. } = &mut self.members[receiver];
        let why = match (whom, &mut stay.picture) {
            (None, _) => "whom nobody knows",
            (_, None) if *state != State::There => "although it has gone itself",
            (_, None) => "before it was told that it has entered",
            (Some(whom), Some(picture)) => {
                if picture.insert(whom) {
                    return;
                }
                "which was present"
            }
        };
        let name = self.name(receiver);
        self.so_far.add(Breach::Ghosts, || format!("{name} got {user:?} by {where_from}, {why}"));
    }

    /// The member with that name in the same room.
    fn known(&self, mate: usize, name: &str) -> Option<u32> {
        self.rooms[self.members[mate].room as usize].of_name.get(name).copied()
    }

    pub(super) fn judge_picture(&self, who: u32, present: &BTreeSet<u32>, verdict: &mut Verdict) {
        let Some(picture) = &self.members[who as usize].stay.picture else { return };
        let name = |who: &u32| self.name(*who as usize);
        for ghost in picture.difference(present) {
            verdict.add(Breach::Ghosts, || format!("{} sees {}, which has left", name(&who), name(ghost)));
        }
        for unseen in present.difference(picture) {
            verdict.add(Breach::Ghosts, || {
                format!("{} does not see {}, which is present", name(&who), name(unseen))
            });
        }
    }
}
