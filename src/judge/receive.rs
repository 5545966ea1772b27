//! A delivery that is not simply the next entry of its room's log.

use super::author::{Answer, Sent, UNSEEN};
use super::member::{Member, State};
use super::numbers::small;
use super::room::{ODD, Room};
use super::verdict::Breach;
use super::{Judge, Late, Missing};

/// A breach, and its description.
type Broken = (Breach, String);

/// Most late deliveries that are kept to look for witnesses: more would only add to the count of a
/// server that keeps no order.
const LATE_MAX: usize = 1000;

fn foreign<T>(why: impl Into<String>) -> Result<T, Broken> {
    Err((Breach::Foreign, why.into()))
}

impl Judge {
    /// A message arrived: the push names `from` as its sender, and carries `text`.
    pub fn received(&mut self, receiver: usize, from: &str, text: &str) {
        self.so_far.totals.delivered += 1;
        let taken = match parse(text).filter(|(sender, _)| *sender < self.members.len()) {
            Some((sender, number)) => self.take(receiver, sender, number, Some(from)),
            None => foreign("no member sends such a text"),
        };
        if let Err((breach, why)) = taken {
            let name = self.name(receiver);
            self.so_far.add(breach, || format!("{name} got {text:.40?} from {from:?}: {why}"));
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn delivered_oddly(&mut self, receiver: usize, sender: usize, number: u32) {
        if let Err((breach, why)) = self.take(receiver, sender, number, None) {
            let name = self.name(receiver);
            let whose = if sender < self.members.len() { self.name(sender) } else { "nobody".to_owned() };
            self.so_far.add(breach, || format!("{name} got message {number} of {whose}: {why}"));
        }
    }

    /// Takes a message in, or returns the breach.
    fn take(
        &mut self,
        receiver: usize,
        sender: usize,
        number: u32,
        from: Option<&str>,
    ) -> Result<(), Broken> {
        let Some(author) = self.authors.get(sender).filter(|author| (1..=author.last()).contains(&number))
        else {
            return foreign("it was not sent");
        };
        let (listener, speaker) = (&self.members[receiver], &self.members[sender]);
        if speaker.room != listener.room {
            return foreign(format!("it was sent in {}", self.rooms[speaker.room as usize].name));
        }
        if from.is_some_and(|from| *speaker.name != *from) {
            return foreign(format!("it was sent by {}", speaker.name));
        }
        let sent = author.get(number).copied();
        if let Some(Sent { to: Some((target, _)), .. }) = sent
            && target as usize != receiver
        {
            return foreign(format!("it was for {} alone", self.members[target as usize].name));
        }
        match (listener.state, sent) {
            (State::Leaving, _) => Ok(()),
            (State::Gone, _) => foreign("it is not in the room"),
            // It is forgotten: all members have passed it, apart from one that is just entering.
            (State::There, None) if listener.is_first => Ok(()),
            (State::There, None) => Err((Breach::Doubled, "it came before".to_owned())),
            (State::There, Some(sent)) => self.take_in(receiver, sender, number, sent),
        }
    }

    fn take_in(&mut self, receiver: usize, sender: usize, number: u32, sent: Sent) -> Result<(), Broken> {
        let stay = &self.members[receiver].stay;
        if sent.answer == Answer::Failed {
            return foreign("it was answered with an error");
        }
        let mut overtaken = false;
        if let Answer::Acknowledged(at) = sent.answer {
            if at < stay.entering {
                return foreign("it was acknowledged before this member asked to enter");
            }
            overtaken = at < self.horizon(receiver);
        }
        let stay = &mut self.members[receiver].stay;
        stay.horizon = stay.horizon.max(sent.at);
        if self.has_received(receiver, &sent) {
            return Err((Breach::Doubled, "it came before".to_owned()));
        }
        let disorder =
            if self.later_ones(sender, number, &sent).any(|later| self.has_received(receiver, later)) {
                Some("a later one of this sender came before")
            } else if overtaken {
                Some("one that was sent after its acknowledgement came before")
            } else {
                let missing = self.missing.get(&(small(receiver), small(sender), number));
                let is_lost = self.kept.is_some() && missing == Some(&Missing::Lost);
                is_lost.then_some("it came behind one that others got after it")
            };
        self.put(receiver, sender, number, &sent, disorder.is_some());
        disorder.map_or(Ok(()), |why| Err((Breach::Disordered, why.to_owned())))
    }

    /// Records that a member has received a message for the first time.
    fn put(&mut self, receiver: usize, sender: usize, number: u32, sent: &Sent, is_told: bool) {
        self.unmiss((small(receiver), small(sender), number));
        let place = match sent.to {
            Some(_) => {
                if let Some(sent) = self.authors[sender].get_mut(number) {
                    sent.to = Some((small(receiver), true));
                }
                return;
            }
            None if sent.place == UNSEEN => self.append(sender, number, sent),
            None => sent.place,
        };
        let member = &mut self.members[receiver];
        let until = member.behind_all();
        if self.kept.is_some() && place < until && !is_told && self.late.len() < LATE_MAX {
            self.late.push(Late { member: small(receiver), place, until });
        }
        if !member.is_first && place < member.position {
            return member.received.extend(place, place + 1);
        }
        if place != member.position {
            self.pass_over(receiver, place);
        }
        let member = &mut self.members[receiver];
        member.position = place + 1;
        member.is_first = false;
        member.is_plain = member.position >= member.end_before;
        self.cut(self.members[receiver].room as usize);
    }

    /// A member has received a message ahead of its position, so the entries between are missing;
    /// or, as its first one, a message before its position.
    fn pass_over(&mut self, receiver: usize, place: u64) {
        let member = &self.members[receiver];
        let room = &self.rooms[member.room as usize];
        let between = (member.position.max(room.base)..place).filter(|place| !member.has_received(*place));
        let missing: Vec<_> = between
            .filter_map(|place| room.at(place))
            .filter_map(|(sender, number)| {
                let sent = self.authors[sender as usize].get(number)?;
                let how = if member.is_due(sent) { Missing::Due(place + 1) } else { Missing::Free };
                (how != Missing::Free || self.kept.is_some())
                    .then_some(((small(receiver), sender, number), how))
            })
            .collect();
        missing.into_iter().for_each(|(key, how)| self.miss(key, how));
        // Brought up to date before the position jumps: the entries passed over do not count.
        self.horizon(receiver);
        let member = &mut self.members[receiver];
        member.close_run();
        (member.start, member.stay.horizon_at) = (place, place);
    }

    /// Appends a message to its room's log.
    fn append(&mut self, sender: usize, number: u32, sent: &Sent) -> u64 {
        let is_seen =
            |later: &Sent| later.place != UNSEEN || later.to.is_some_and(|(_, is_received)| is_received);
        // Acknowledged or overtaken before anyone received it: the order of each receipt must be
        // checked in full.
        let is_acknowledged = matches!(sent.answer, Answer::Acknowledged(_));
        let is_odd = is_acknowledged || self.later_ones(sender, number, sent).any(is_seen);
        let room = &mut self.rooms[self.members[sender].room as usize];
        let place = room.end();
        room.log.push_back((small(sender) | if is_odd { ODD } else { 0 }, number));
        if let Some(sent) = self.authors[sender].get_mut(number) {
            sent.place = place;
        }
        place
    }

    /// Later messages of the same sender on the same connection.
    fn later_ones(&self, sender: usize, number: u32, sent: &Sent) -> impl Iterator<Item = &Sent> {
        let (author, stay) = (&self.authors[sender], sent.stay);
        let later = (number + 1..=author.last()).map_while(|number| Some(author.get(number)));
        later.flatten().filter(move |later| later.stay == stay)
    }

    pub(super) fn has_received(&self, receiver: usize, sent: &Sent) -> bool {
        match sent.to {
            Some((target, is_received)) => is_received && target as usize == receiver,
            None => sent.place != UNSEEN && self.members[receiver].has_received(sent.place),
        }
    }

    /// The latest sending moment of all messages that a member has received in this stay.
    pub(super) fn horizon(&mut self, receiver: usize) -> u64 {
        let Self { rooms, members, authors, .. } = self;
        let Member { position, room, stay, .. } = &mut members[receiver];
        let room: &Room = &rooms[*room as usize];
        for place in stay.horizon_at.max(room.base)..*position {
            let sent = room.at(place).and_then(|(sender, number)| authors[sender as usize].get(number));
            stay.horizon = stay.horizon.max(sent.map_or(0, |sent| sent.at));
        }
        stay.horizon_at = *position;
        stay.horizon
    }
}

fn parse(text: &str) -> Option<(usize, u32)> {
    let (member, number) = text.split(' ').next()?.split_once(':')?;
    Some((member.parse().ok()?, number.parse().ok()?))
}
