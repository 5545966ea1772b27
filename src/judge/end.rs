//! The verdict: the breaches so far, and those that result if nothing more arrives.

use std::collections::BTreeSet;

use super::author::{Answer, UNSEEN};
use super::member::State;
use super::numbers::small;
use super::verdict::{Breach, Verdict};
use super::{Judge, Missing};

impl Judge {
    /// The breaches if nothing more arrives. It may be called earlier, too: missing messages may
    /// still arrive.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = self.so_far.clone();
        let sent = self.authors.iter().flat_map(|author| author.all());
        let is_open = |answer| matches!(answer, Answer::Open | Answer::GivenUp);
        verdict.totals.open = sent.filter(|(_, sent)| is_open(sent.answer)).count() as u64;
        for (place, room) in self.rooms.iter().enumerate() {
            let unseen = self.unseen(place);
            let present: BTreeSet<u32> =
                room.members.iter().copied().filter(|mate| self.is_in(*mate as usize)).collect();
            for mate in &room.members {
                self.judge_requests(*mate as usize, &mut verdict);
                self.judge_picture(*mate, &present, &mut verdict);
                for (sender, number) in self.unreceived(*mate as usize, &unseen) {
                    self.judge_loss(*mate, sender, number, &mut verdict);
                }
            }
        }
        for ((receiver, sender, number), missing) in &self.missing {
            let is_lost = match missing {
                Missing::Due(_) | Missing::Free => false,
                Missing::Lost => true,
                Missing::Doubtful(until) => {
                    let sent = self.authors[*sender as usize].get(*number);
                    sent.is_some_and(|sent| self.is_lost(*receiver, sent.place, *until))
                }
            };
            if is_lost {
                self.judge_loss(*receiver, *sender, *number, &mut verdict);
            }
        }
        // Looked at only now: whether one order was broken may depend on answers that came later.
        self.late
            .iter()
            .filter(|late| self.is_disordered(late))
            .for_each(|late| self.report(late, &mut verdict));
        verdict
    }

    fn judge_requests(&self, who: usize, verdict: &mut Verdict) {
        let member = &self.members[who];
        if member.state != State::There {
            return;
        }
        if member.stay.entered.is_none() {
            verdict.add(Breach::Unanswered, || format!("{} asked to enter", self.name(who)));
        }
        for (number, sent) in self.authors[who].all() {
            if sent.answer == Answer::Open && sent.at > member.stay.entering {
                verdict.add(Breach::Unanswered, || format!("message {number} of {}", self.name(who)));
            }
        }
    }

    fn judge_loss(&self, receiver: u32, sender: u32, number: u32, verdict: &mut Verdict) {
        let Some(sent) = self.authors[sender as usize].get(number) else { return };
        if let Answer::Acknowledged(acknowledged) = sent.answer {
            verdict.add(Breach::Lost, || {
                let (from, who) = (self.name(sender as usize), self.name(receiver as usize));
                let at = sent.at;
                format!("message {number} of {from} did not reach {who}: sent at {at}, acknowledged at {acknowledged}")
            });
        }
    }

    /// Messages of a room's members that no recipient has received, as sender and number.
    pub(super) fn unseen(&self, room: usize) -> Vec<(u32, u32)> {
        let mut unseen = Vec::new();
        for sender in &self.rooms[room].members {
            for (number, sent) in self.authors[*sender as usize].all() {
                if sent.place == UNSEEN && sent.to.is_none_or(|(_, is_received)| !is_received) {
                    unseen.push((*sender, number));
                }
            }
        }
        unseen
    }

    /// Messages that should have reached a member that is present and have not, as sender and
    /// number.
    pub(super) fn unreceived(&self, who: usize, unseen: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let member = &self.members[who];
        if member.state != State::There {
            return Vec::new();
        }
        let receiver = small(who);
        let skipped = self.missing.range((receiver, 0, 0)..=(receiver, u32::MAX, u32::MAX));
        let skipped = skipped.filter(|(_, missing)| matches!(missing, Missing::Due(_)));
        let skipped = skipped.map(|((_, sender, number), _)| (*sender, *number));
        let room = &self.rooms[member.room as usize];
        let tail = (member.position.max(room.base)..room.end()).filter(|place| !member.has_received(*place));
        let tail = tail.filter_map(|place| room.at(place));
        let is_due = |(sender, number): &(u32, u32)| {
            let sent = self.authors[*sender as usize].get(*number);
            sent.is_some_and(|sent| {
                sent.to.is_none_or(|(target, _)| target == receiver) && member.is_due(sent)
            })
        };
        skipped.chain(tail.chain(unseen.iter().copied()).filter(is_due)).collect()
    }
}
