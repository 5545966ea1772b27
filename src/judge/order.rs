//! The one order of a room, derived from its members' deliveries; and which entries can be
//! forgotten.

use super::author::{Answer, Author, Sent, UNSEEN};
use super::member::{Member, State};
use super::numbers::small;
use super::room::{ODD, Room};
use super::verdict::{Breach, Verdict};
use super::{Judge, Late, Missing};

/// Entries are kept for undecided cases only while the log has at most this many times the entries
/// that it keeps anyway.
const HELD: usize = 64;

impl Judge {
    /// Whether a member received one place before another.
    fn received_before(&self, who: u32, first: u64, second: u64) -> bool {
        let member = &self.members[who as usize];
        if !(member.has_received(first) && member.has_received(second)) {
            return false;
        }
        let late = |place: u64| {
            self.late.iter().enumerate().rfind(|(_, late)| late.member == who && late.place == place)
        };
        match (late(first), late(second)) {
            (Some((first, _)), Some((second, _))) => first < second,
            (Some((_, late)), None) => second >= late.until,
            (None, Some((_, late))) => first < late.until,
            (None, None) => first < second,
        }
    }

    /// Whether another member received `place` before one of `others` that this member received
    /// too, all of them acknowledged.
    fn has_witness(&self, who: u32, place: u64, others: impl Iterator<Item = u64>) -> bool {
        let room = &self.rooms[self.members[who as usize].room as usize];
        let is_done = |place: u64| {
            let sent = room.at(place).and_then(|(sender, number)| self.authors[sender as usize].get(number));
            matches!(sent, Some(Sent { answer: Answer::Acknowledged(_), .. }))
        };
        is_done(place)
            && others.filter(|other| *other != place && is_done(*other)).any(|other| {
                let is_witness = |mate: &&u32| **mate != who && self.received_before(**mate, place, other);
                self.members[who as usize].has_received(other)
                    && room.members.iter().any(|mate| is_witness(&mate))
            })
    }

    /// Whether a member received a message after another one that others received after it.
    pub(super) fn is_disordered(&self, Late { member, place, until }: &Late) -> bool {
        let room = &self.rooms[self.members[*member as usize].room as usize];
        let before =
            (room.base.max(*place)..*until).filter(|other| self.received_before(*member, *other, *place));
        self.has_witness(*member, *place, before)
    }

    pub(super) fn report(&self, Late { member, place, .. }: &Late, verdict: &mut Verdict) {
        let room = &self.rooms[self.members[*member as usize].room as usize];
        let (sender, number) = room.at(*place).unwrap_or_default();
        let (name, whose) = (self.name(*member as usize), self.name(sender as usize));
        let why = "it came behind one that others got after it";
        verdict.add(Breach::Disordered, || format!("{name} got message {number} of {whose}: {why}"));
    }

    /// Whether a member that left has missed a place that others received before a message that it
    /// received.
    pub(super) fn is_lost(&self, who: u32, place: u64, until: u64) -> bool {
        let room = &self.rooms[self.members[who as usize].room as usize];
        self.has_witness(who, place, room.base..until)
    }

    /// Cuts off the entries that all members of a room have passed, whenever the log is long
    /// enough.
    pub(super) fn cut(&mut self, room: usize) {
        let Room { log, base, members, cut_at, .. } = &self.rooms[room];
        let Some(kept) = self.kept.filter(|_| log.len() >= *cut_at) else { return };
        let there = members.iter().map(|member| &self.members[*member as usize]);
        let slowest = there.filter(|member| member.state == State::There).map(|member| member.position).min();
        let end = base + log.len() as u64;
        let new_base = slowest.unwrap_or(UNSEEN).min(end - kept as u64).max(*base);
        // Cases that depend on the order of entries are decided once all members have passed them,
        // but they do not keep a log for ever.
        let held = match self.undecided(room, new_base) {
            None => new_base,
            Some(place) if self.undecided(room, place).is_none() => place,
            Some(_) => *base,
        };
        let new_base = held.max(new_base.min(end.saturating_sub((HELD * kept) as u64)));
        let goes = |late: &Late| late.place < new_base && self.room_of(late.member) == room;
        let decided: Vec<Late> = self.late.iter().copied().filter(goes).collect();
        let mut so_far = std::mem::take(&mut self.so_far);
        decided
            .iter()
            .filter(|late| self.is_disordered(late))
            .for_each(|late| self.report(late, &mut so_far));
        self.so_far = so_far;
        self.decide_missing(room, new_base);
        let Self { late, members, .. } = self;
        late.retain(|late| late.place >= new_base || members[late.member as usize].room as usize != room);
        let Room { log, base, cut_at, .. } = &mut self.rooms[room];
        let passed = (new_base - *base) as usize;
        *base = new_base;
        for (sender, number) in log.drain(..passed) {
            self.authors[(sender & !ODD) as usize].passed(number, new_base);
        }
        *cut_at = (4 * kept).max(2 * log.len());
    }

    /// The first place below `base` that is undecided: whether it was received in order, or is
    /// lost.
    fn undecided(&self, room: usize, base: u64) -> Option<u64> {
        let late = self.late.iter().filter(|late| self.room_of(late.member) == room);
        let late = late.map(|late| (late.place, late.until));
        let doubtful =
            self.missing.iter().filter_map(|((receiver, sender, number), missing)| match missing {
                Missing::Due(until) | Missing::Doubtful(until) if self.room_of(*receiver) == room => {
                    Some((self.authors[*sender as usize].get(*number)?.place, *until))
                }
                _ => None,
            });
        let still_there = self.rooms[room].base..base;
        let is_undecided = |place: u64, until: u64| {
            still_there.contains(&place) && (until > base || (place..until).any(|at| self.is_open(room, at)))
        };
        late.chain(doubtful)
            .filter(|(place, until)| is_undecided(*place, *until))
            .map(|(place, _)| place)
            .min()
    }

    /// Whether the message at a place may still be answered.
    fn is_open(&self, room: usize, place: u64) -> bool {
        self.rooms[room].at(place).is_some_and(|(sender, number)| {
            let Member { state, stay, .. } = &self.members[sender as usize];
            let sent = self.authors[sender as usize].get(number);
            sent.is_some_and(|sent| {
                sent.answer == Answer::Open && *state == State::There && sent.stay == stay.number
            })
        })
    }

    fn room_of(&self, member: u32) -> usize {
        self.members[member as usize].room as usize
    }

    /// Decides the missing messages below a place.
    fn decide_missing(&mut self, room: usize, new_base: u64) {
        let place =
            |(_, sender, number): (u32, u32, u32)| Some(self.authors[sender as usize].get(number)?.place);
        let goes = |key: (u32, u32, u32)| {
            self.room_of(key.0) == room && place(key).is_some_and(|place| place < new_base)
        };
        let until = |key: (u32, u32, u32), missing| match missing {
            Missing::Due(until) | Missing::Doubtful(until) => Some((key, until)),
            Missing::Free | Missing::Lost => None,
        };
        let all = self.missing.iter().filter(|(key, _)| goes(**key));
        let all: Vec<_> = all.filter_map(|(key, missing)| until(*key, *missing)).collect();
        for (key, until) in all {
            let place = self.authors[key.1 as usize].get(key.2).map_or(UNSEEN, |sent| sent.place);
            if self.is_lost(key.0, place, until) {
                self.miss(key, Missing::Lost);
            } else if matches!(self.missing[&key], Missing::Doubtful(_)) {
                self.unmiss(key);
            }
        }
    }

    /// Records that a message is missing to one member.
    pub(super) fn miss(&mut self, key: (u32, u32, u32), how: Missing) {
        if self.missing.insert(key, how).is_none()
            && let Some(sent) = self.authors[key.1 as usize].get_mut(key.2)
        {
            sent.missed_by += 1;
        }
    }

    /// Records that it is not missing any more.
    pub(super) fn unmiss(&mut self, key: (u32, u32, u32)) {
        if self.missing.remove(&key).is_some() {
            if let Some(sent) = self.authors[key.1 as usize].get_mut(key.2) {
                sent.missed_by -= 1;
            }
            self.forget(key.1 as usize, key.2);
        }
    }

    /// Forgets a dropped message, if nothing can happen to it any more.
    pub(super) fn forget(&mut self, who: usize, number: u32) {
        let base = self.rooms[self.members[who].room as usize].base;
        self.authors[who].forget(number, base);
    }

    /// A member leaves: its missing messages are decided, or become doubtful.
    pub(super) fn settle(&mut self, who: usize) {
        let receiver = small(who);
        let mine = self.missing.range((receiver, 0, 0)..=(receiver, u32::MAX, u32::MAX));
        let free: Vec<_> = mine.filter(|(_, how)| **how == Missing::Free).map(|(key, _)| *key).collect();
        // Messages that it may have missed do not count as missing once it leaves.
        free.into_iter().for_each(|key| self.unmiss(key));
        let horizon = self.horizon(who);
        let unreceived = self.unreceived(who, &self.unseen(self.members[who].room as usize));
        for (sender, number) in unreceived {
            let key = (receiver, sender, number);
            let Some(sent) = self.authors[sender as usize].get(number) else { continue };
            let is_overtaken = matches!(sent.answer, Answer::Acknowledged(at) if at < horizon);
            let mut later = (number + 1..=self.authors[sender as usize].last())
                .filter_map(|later| self.authors[sender as usize].get(later));
            let kept = if is_overtaken || later.any(|later| self.has_received(who, later)) {
                Some(Missing::Lost)
            } else {
                let is_placed = self.kept.is_some() && sent.place != UNSEEN;
                is_placed.then_some(Missing::Doubtful(self.members[who].position))
            };
            match kept {
                Some(kept) => self.miss(key, kept),
                None => self.unmiss(key),
            }
        }
    }
}

impl Author {
    /// All members have passed a message: it and the ones before it are dropped. Those that are not
    /// over are kept in `open`.
    fn passed(&mut self, number: u32, base: u64) {
        while self.dropped < number
            && let Some(sent) = self.sent.pop_front()
        {
            self.dropped += 1;
            if !sent.is_over(base) {
                self.open.insert(self.dropped, sent);
            }
        }
        self.forget(number, base);
    }

    fn forget(&mut self, number: u32, base: u64) {
        if self.open.get(&number).is_some_and(|sent| sent.is_over(base)) {
            self.open.remove(&number);
        }
    }
}

impl Sent {
    fn is_over(&self, base: u64) -> bool {
        self.place < base && self.answer != Answer::Open && self.missed_by == 0
    }
}
