//! The judgement of a ledger: of each message that comes, and in the end of those that did not.

use std::collections::BTreeSet;

use super::verdict::{Law, Verdict};
use super::{Answer, Heard, Ledger, Member, MemberId, Sent, Stay, To};

/// A law that was broken, and how.
type Broken = (Law, String);

fn intruding<T>(why: impl Into<String>) -> Result<T, Broken> {
    Err((Law::Intruding, why.into()))
}

impl Ledger {
    /// Takes a message in, or says what is wrong with it.
    pub(super) fn hear(&mut self, receiver: MemberId, from: &str, text: &str) -> Result<(), Broken> {
        let Some((sender, number)) = parse(text) else { return intruding("nobody sends such a text") };
        let Some(author) = self.members.get(sender.0 as usize) else {
            return intruding("nobody sends such a text");
        };
        let listener = &self.members[receiver.0 as usize];
        let Some(sent) = author.message(number) else { return intruding("it was not sent") };
        if author.room != listener.room {
            return intruding(format!("it was sent in {}", self.rooms[author.room].name));
        }
        if *author.name != *from {
            return intruding(format!("it was sent by {}", author.name));
        }
        if let To::One(target) = sent.to
            && target != receiver
        {
            return intruding(format!("it was for {} alone", self.members[target.0 as usize].name));
        }
        let Some(stay) = listener.stays.last().filter(|stay| !stay.gone) else {
            return intruding("it is not in the room");
        };
        let acknowledged = match sent.answer {
            Answer::Acknowledged(at) => Some(at),
            _ => None,
        };
        if acknowledged.is_some_and(|at| at < stay.entering) {
            return intruding("it was acknowledged before this member asked to enter");
        }
        let overtaken = acknowledged.is_some_and(|at| at < stay.horizon);
        let (at, last_of_stay) = (sent.at, author.last_of_stay(sent.stay));
        self.take_in(receiver, sender, number, at, overtaken, last_of_stay)
    }

    fn take_in(
        &mut self,
        receiver: MemberId,
        sender: MemberId,
        number: u64,
        sent_at: u64,
        overtaken: bool,
        last_of_stay: u64,
    ) -> Result<(), Broken> {
        let Member { stays, heard, .. } = self.at(receiver);
        let place = u32::try_from(stays.len()).unwrap_or(u32::MAX).saturating_sub(1);
        if let Some(stay) = stays.last_mut() {
            stay.horizon = stay.horizon.max(sent_at);
        }
        let Heard { numbers, highest } = heard.entry(sender).or_default();
        if !numbers.insert(number) {
            return Err((Law::Doubled, "it came before".to_owned()));
        }
        match highest.last_mut() {
            Some((stay, highest)) if *stay == place => *highest = number.max(*highest),
            _ => highest.push((place, number)),
        }
        if numbers.any_in(number + 1..=last_of_stay) {
            return Err((Law::Disordered, "a later one of this sender came before".to_owned()));
        }
        if overtaken {
            let why = "one that was sent after its acknowledgement came before";
            return Err((Law::Disordered, why.to_owned()));
        }
        Ok(())
    }

    /// What was broken, now that nothing more will come.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = self.so_far.clone();
        let open = self.members.iter().flat_map(|member| &member.sent);
        verdict.totals.open = open.filter(|sent| sent.answer == Answer::Open).count() as u64;
        for room in &self.rooms {
            let mates: Vec<MemberId> = room.members.values().copied().collect();
            let present: BTreeSet<MemberId> =
                mates.iter().copied().filter(|mate| self.is_in(*mate)).collect();
            for mate in &mates {
                self.judge_requests(*mate, &mut verdict);
                self.judge_picture(*mate, &present, &mut verdict);
                mates.iter().for_each(|sender| self.judge_losses(*mate, *sender, &mut verdict));
            }
        }
        verdict
    }

    fn judge_requests(&self, who: MemberId, verdict: &mut Verdict) {
        let member = &self.members[who.0 as usize];
        let Some(stay) = member.stays.last().filter(|stay| !stay.gone) else { return };
        if stay.entered.is_none() {
            verdict.add(Law::Unanswered, || format!("{} asked to enter", self.name(who)));
        }
        for number in stay.first..=member.sent.len() as u64 {
            if member.message(number).is_some_and(|sent| sent.answer == Answer::Open) {
                verdict.add(Law::Unanswered, || format!("message {number} of {}", self.name(who)));
            }
        }
    }

    fn judge_picture(&self, who: MemberId, present: &BTreeSet<MemberId>, verdict: &mut Verdict) {
        let Some(stay) = self.members[who.0 as usize].stays.last().filter(|_| present.contains(&who)) else {
            return;
        };
        for ghost in stay.picture.difference(present) {
            let example = || format!("{} sees {}, who has gone", self.name(who), self.name(*ghost));
            verdict.add(Law::Ghosts, example);
        }
        for unseen in present.difference(&stay.picture) {
            let example = || format!("{} does not see {}, who is there", self.name(who), self.name(*unseen));
            verdict.add(Law::Ghosts, example);
        }
    }

    fn judge_losses(&self, who: MemberId, from: MemberId, verdict: &mut Verdict) {
        let (listener, author) = (&self.members[who.0 as usize], &self.members[from.0 as usize]);
        let nothing = Heard::default();
        let heard = listener.heard.get(&from).unwrap_or(&nothing);
        for number in heard.numbers.missing(author.sent.len() as u64) {
            let Some(Sent { at, to, answer: Answer::Acknowledged(acknowledged), .. }) =
                author.message(number)
            else {
                continue;
            };
            if matches!(to, To::One(target) if *target != who) {
                continue;
            }
            // The stay that had begun when it was sent, if it is the one that it must have come to.
            let place = listener.stays.partition_point(|stay| stay.entering < *at);
            let Some(stay) = listener.stays[..place].last() else { continue };
            let highest = heard.highest.iter().rev().find(|(of, _)| *of as usize == place - 1);
            if stay.must_hear(*at, *acknowledged, number, highest.map_or(0, |(_, number)| *number)) {
                verdict.add(Law::Lost, || {
                    let (from, who) = (self.name(from), self.name(who));
                    format!(
                        "message {number} of {from} did not reach {who}: sent at {at}, acknowledged at {acknowledged}"
                    )
                });
            }
        }
    }
}

impl Stay {
    /// Whether a message that was sent at this moment and acknowledged at that must have come on this connection.
    fn must_hear(&self, sent: u64, acknowledged: u64, number: u64, highest: u64) -> bool {
        let had_entered = self.entered.is_some_and(|entered| entered < sent);
        // One who has gone may miss the end, but not what came before something that it heard.
        had_entered && (!self.gone || acknowledged < self.horizon || number < highest)
    }
}

impl Member {
    fn message(&self, number: u64) -> Option<&Sent> {
        self.sent.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// The last number that was sent on a connection.
    fn last_of_stay(&self, stay: u32) -> u64 {
        self.stays.get(stay as usize + 1).map_or(self.sent.len() as u64, |next| next.first - 1)
    }
}

fn parse(text: &str) -> Option<(MemberId, u64)> {
    let (member, number) = text.split(' ').next()?.split_once(':')?;
    Some((MemberId(member.parse().ok()?), number.parse().ok()?))
}
