//! What a delivery is that is not the next one of its room's log.

use super::verdict::Law;
use super::{AWAY, CUT_MIN, Judge, KEPT, Member, Missing, Room, Sent, UNSEEN, small, told};

impl Judge {
    /// A message came that is not the next one of the log.
    #[cold]
    #[inline(never)]
    pub(super) fn look_around(&mut self, receiver: usize, sender: usize, number: u32) {
        let as_told = |why: &'static str| move || told(receiver, sender, number, why);
        let was_sent = self.authors.get(sender).is_some_and(|author| (1..=author.last()).contains(&number));
        if !was_sent {
            return self.so_far.add(Law::Foreign, as_told("was never sent"));
        }
        let member = &mut self.members[receiver];
        let room = member.room;
        if self.members[sender].room != room {
            return self.so_far.add(Law::Foreign, as_told("was sent in another room"));
        }
        let member = &mut self.members[receiver];
        if member.position == AWAY {
            return;
        }
        if member.aside.contains(&(small(sender), number)) {
            return self.so_far.add(Law::Doubled, as_told("came before"));
        }
        member.aside.push((small(sender), number));
        self.settle(receiver, false);
        self.cut(room as usize);
    }

    /// Finds places for what came to a member and has none; in the end by `force`.
    pub(super) fn settle(&mut self, receiver: usize, force: bool) {
        while let Some((first, last)) = self.members[receiver].ends_of_aside() {
            let Member { position, start, room, aside, .. } = &self.members[receiver];
            let room = &self.rooms[*room as usize];
            let is_first = position == start;
            // Where each stands; what is forgotten stood before all the others.
            let place_of = |(sender, number): &(u32, u32)| match self.authors[*sender as usize].get(*number) {
                Some(sent) => Some(sent.place).filter(|place| *place != UNSEEN),
                None => Some(0),
            };
            let placed = (0..).zip(aside).find_map(|(at, message)| Some((at, place_of(message)?)));
            match placed {
                Some((0, _)) => self.take_aside(receiver, 0),
                Some((at, place)) if place < if is_first { room.base } else { *position } => {
                    self.take_aside(receiver, at)
                }
                // What came before it is just before it, as far as anybody knows.
                Some((at, place)) => (0..at).for_each(|behind| {
                    let (sender, number) = self.members[receiver].aside[behind];
                    self.insert(place + behind as u64, sender, number);
                }),
                None => {
                    let last = self.authors[last.0 as usize].get(last.1);
                    let is_behind_all = last.is_some_and(|sent| sent.stamp > room.grew);
                    let has_heard_all = !is_first && *position == room.end();
                    if !(force || is_behind_all || has_heard_all) {
                        return;
                    }
                    self.append(receiver, first);
                    self.take_aside(receiver, 0);
                }
            }
        }
    }

    /// Puts a message at the end of the log.
    fn append(&mut self, receiver: usize, (sender, number): (u32, u32)) {
        let Self { rooms, members, authors, missing, .. } = self;
        let (member, began) = (&members[receiver], members[sender as usize].since);
        let room = &mut rooms[member.room as usize];
        let author = &mut authors[sender as usize];
        let highest = author.get(author.highest).map_or(UNSEEN, |sent| sent.place);
        let has_heard_highest = (member.start..member.position).contains(&highest)
            && !missing.contains_key(&(small(receiver), sender, author.highest));
        let is_below = number < author.highest;
        let Some(sent) = author.get_mut(number) else { return };
        sent.place = room.end();
        room.log.push_back((sender, number));
        room.grew = self.stamp;
        if is_below && has_heard_highest && sent.stamp > began {
            sent.is_missed = true;
            missing.insert((small(receiver), sender, number), Missing::Come);
        }
        author.highest = author.highest.max(number);
    }

    /// Puts what one saw between messages that others have seen into the log, before theirs.
    fn insert(&mut self, place: u64, sender: u32, number: u32) {
        let Self { rooms, members, authors, missing, .. } = self;
        let room = &mut rooms[members[sender as usize].room as usize];
        let at = (place - room.base) as usize;
        for (sender, number) in room.log.range(at..) {
            if let Some(sent) = authors[*sender as usize].get_mut(*number) {
                sent.place += 1;
            }
        }
        room.log.insert(at, (sender, number));
        room.grew = self.stamp;
        let author = &mut authors[sender as usize];
        author.highest = author.highest.max(number);
        let Some(sent) = author.get_mut(number) else { return };
        sent.place = place;
        for index in &room.members {
            let member = &mut members[*index as usize];
            if member.position == AWAY || member.position <= place {
                continue;
            }
            // It has passed this without it.
            if member.position != member.start {
                sent.is_missed = true;
                missing.insert((*index, sender, number), member.misses(sent));
            }
            member.position += 1;
            member.start += u64::from(member.start >= place);
        }
    }

    /// Takes a delivery in whose message has a place, or had one.
    fn take_aside(&mut self, receiver: usize, at: usize) {
        let Self { rooms, members, authors, missing, so_far, .. } = self;
        let member = &mut members[receiver];
        let (sender, number) = member.aside.remove(at);
        let room = &rooms[member.room as usize];
        let is_first = member.position == member.start;
        let place = authors[sender as usize].get(number).map(|sent| sent.place);
        if is_first && place.is_none_or(|place| place < room.base) {
            // It was on its way to one who was just coming.
            return;
        }
        if let Some(place) = place.filter(|place| is_first || *place >= member.position) {
            let passed_over = member.position.min(place)..place;
            for (from, skipped) in passed_over.map(|at| room.log[(at - room.base) as usize]) {
                let Some(sent) = authors[from as usize].get_mut(skipped) else { continue };
                let missed = member.misses(sent);
                if missed == Missing::Due || !is_first {
                    sent.is_missed = true;
                    missing.insert((small(receiver), from, skipped), missed);
                }
            }
            if is_first {
                member.start = place;
            }
            member.position = place + 1;
            return;
        }
        let key = (small(receiver), sender, number);
        let is_before_first = place.is_some_and(|place| place < member.start);
        let is_late = missing.get(&key).map_or(is_before_first, |missing| *missing != Missing::Come);
        match authors[sender as usize].get_mut(number).filter(|_| is_late) {
            Some(sent) => {
                sent.is_missed = true;
                missing.insert(key, Missing::Come);
            }
            None => so_far.add(Law::Doubled, || told(receiver, sender as usize, number, "came before")),
        }
    }

    /// Cuts off what all members of a room have passed, now and then.
    fn cut(&mut self, room: usize) {
        let Room { log, base, cut_at, members, .. } = &mut self.rooms[room];
        if log.len() < *cut_at {
            return;
        }
        let end = *base + log.len() as u64;
        let slowest = members.iter().map(|member| self.members[*member as usize].position).min();
        let new_base = slowest.unwrap_or(AWAY).min(end - KEPT).max(*base);
        let passed = (new_base - *base) as usize;
        *base = new_base;
        for (sender, number) in log.drain(..passed) {
            self.authors[sender as usize].passed(number, new_base);
        }
        *cut_at = CUT_MIN.max(2 * log.len());
    }
}

impl Member {
    fn ends_of_aside(&self) -> Option<((u32, u32), (u32, u32))> {
        Some((*self.aside.first()?, *self.aside.last()?))
    }

    fn misses(&self, sent: &Sent) -> Missing {
        if sent.stamp > self.since { Missing::Due } else { Missing::Free }
    }
}
