//! The same invariants, word by word over the whole list of events: slow, and as plain as possible.

use pomelo_sim::judge::{Judge, To};
use proptest::prelude::*;

const ROOMS: [&str; 2] = ["attic", "lobby"];
const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const USERS: usize = ROOMS.len() * NAMES.len();

/// One event: who are numbers below [`USERS`], numbers of messages are near those that there are.
#[derive(Clone, Debug)]
pub enum Event {
    Entering(usize),
    /// With those who are there, but for one whose bit differs.
    Entered(usize, usize),
    Gone(usize),
    /// To all, or to a member of the room.
    Attempted(usize, Option<usize>),
    Acknowledged(usize, usize),
    Failed(usize, usize),
    /// The receiver, the sender, which of its messages counted from the last, and who is named.
    Delivered(usize, usize, usize, Option<usize>),
    /// A message comes to all who are in the room.
    DeliveredToAll(usize, usize),
    Added(usize, usize),
    Removed(usize, usize),
}

pub fn event() -> impl Strategy<Value = Event> {
    // Mostly one room and small numbers, so that events meet.
    let user = || prop_oneof![4 => 0..NAMES.len(), 1 => 0..USERS];
    let name = || 0..NAMES.len();
    let recent = || prop_oneof![6 => Just(0usize), 2 => 0..3usize, 1 => 0..6usize];
    prop_oneof![
        3 => user().prop_map(Event::Entering),
        4 => (user(), prop_oneof![6 => Just(NAMES.len()), 1 => name()])
            .prop_map(|(who, but)| Event::Entered(who, but)),
        1 => user().prop_map(Event::Gone),
        6 => (user(), prop::option::weighted(0.2, name())).prop_map(|(who, to)| Event::Attempted(who, to)),
        5 => (user(), recent()).prop_map(|(who, back)| Event::Acknowledged(who, back)),
        1 => (user(), recent()).prop_map(|(who, back)| Event::Failed(who, back)),
        4 => (user(), user(), recent(), prop::option::weighted(0.05, name()))
            .prop_map(|(to, from, back, named)| Event::Delivered(to, from, back, named)),
        6 => (user(), recent()).prop_map(|(from, back)| Event::DeliveredToAll(from, back)),
        2 => (user(), name()).prop_map(|(to, name)| Event::Added(to, name)),
        1 => (user(), name()).prop_map(|(to, name)| Event::Removed(to, name)),
    ]
}

/// What happened, with whole names and numbers.
#[derive(Clone, PartialEq, Debug)]
enum Fact {
    Entering(usize),
    Entered(usize, Vec<usize>),
    Gone(usize),
    Attempted(usize, u32, Option<usize>),
    Answered(usize, u32, bool),
    Delivered(usize, usize, u32, usize),
    Added(usize, usize),
    Removed(usize, usize),
}

/// The list of what happened; the place in it is the moment.
#[derive(Default)]
pub struct Naive {
    facts: Vec<Fact>,
}

/// From when to when a user had a connection, and since when it had entered.
struct Stay {
    entering: usize,
    entered: Option<usize>,
    gone: usize,
}

struct Sent {
    at: usize,
    user: usize,
    number: u32,
    to: Option<usize>,
}

fn id(judge: &mut Judge, user: usize) -> usize {
    // The model does not depend on the order in which the judge meets them.
    judge.member(ROOMS[1 - user / NAMES.len()], NAMES[user % NAMES.len()])
}

fn same_room(user: usize, other: usize) -> bool {
    user / NAMES.len() == other / NAMES.len()
}

fn mate(user: usize, name: usize) -> usize {
    user / NAMES.len() * NAMES.len() + name
}

impl Naive {
    /// Does an event to the judge, and writes it down.
    pub fn record(&mut self, judge: &mut Judge, event: Event) {
        let ids: Vec<usize> = (0..USERS).map(|user| id(judge, user)).collect();
        let last = |user: usize| self.sent().iter().filter(|sent| sent.user == user).count() as u32;
        match event {
            Event::Entering(who) => {
                judge.entering(ids[who]);
                self.facts.push(Fact::Entering(who));
            }
            Event::Entered(who, but) => {
                let there = |user: usize| {
                    user == who
                        || self.stay_at(user, self.facts.len()).is_some_and(|stay| stay.entered.is_some())
                };
                let users: Vec<usize> = (0..NAMES.len())
                    .map(|name| (name, mate(who, name)))
                    .filter(|(name, user)| there(*user) != (*name == but))
                    .map(|(_, user)| user)
                    .collect();
                if judge.entered(ids[who]) {
                    judge.sees(ids[who], users.iter().map(|user| NAMES[user % NAMES.len()]));
                }
                self.facts.push(Fact::Entered(who, users));
            }
            Event::Gone(who) => {
                judge.gone(ids[who]);
                self.facts.push(Fact::Gone(who));
            }
            Event::Attempted(who, to) => {
                let to = to.map(|name| mate(who, name));
                let number = judge.sending(ids[who], to.map_or(To::All, |to| To::One(ids[to])));
                self.facts.push(Fact::Attempted(who, number, to));
            }
            Event::Acknowledged(who, back) => {
                let number = (last(who) + 1).saturating_sub(back as u32 + 1);
                judge.acknowledged(ids[who], number);
                self.facts.push(Fact::Answered(who, number, true));
            }
            Event::Failed(who, back) => {
                let number = (last(who) + 1).saturating_sub(back as u32 + 1);
                judge.failed(ids[who], number, 504);
                self.facts.push(Fact::Answered(who, number, false));
            }
            Event::Delivered(to, from, back, named) => {
                let number = (last(from) + 1).saturating_sub(back as u32 + 1);
                self.deliver(judge, &ids, to, from, number, named.unwrap_or(from % NAMES.len()));
            }
            Event::DeliveredToAll(from, back) => {
                let number = (last(from) + 1).saturating_sub(back as u32 + 1);
                for to in (0..NAMES.len()).map(|name| mate(from, name)) {
                    if self.stay_at(to, self.facts.len()).is_some() {
                        self.deliver(judge, &ids, to, from, number, from % NAMES.len());
                    }
                }
            }
            Event::Added(to, name) => {
                judge.added(ids[to], NAMES[name]);
                self.facts.push(Fact::Added(to, mate(to, name)));
            }
            Event::Removed(to, name) => {
                judge.removed(ids[to], NAMES[name]);
                self.facts.push(Fact::Removed(to, mate(to, name)));
            }
        }
    }

    fn deliver(
        &mut self,
        judge: &mut Judge,
        ids: &[usize],
        to: usize,
        from: usize,
        number: u32,
        named: usize,
    ) {
        judge.received(ids[to], NAMES[named], &format!("{} and more", Judge::text(ids[from], number)));
        self.facts.push(Fact::Delivered(to, from, number, named));
    }

    fn sent(&self) -> Vec<Sent> {
        let facts = self.facts.iter().enumerate();
        let sent = facts.filter_map(|(at, fact)| match fact {
            Fact::Attempted(user, number, to) => Some(Sent { at, user: *user, number: *number, to: *to }),
            _ => None,
        });
        sent.collect()
    }

    fn stays(&self, user: usize) -> Vec<Stay> {
        let mut stays: Vec<Stay> = Vec::new();
        let end = self.facts.len();
        for (at, fact) in self.facts.iter().enumerate() {
            let open = stays.last_mut().filter(|stay| stay.gone == end);
            match (fact, open) {
                (Fact::Entering(who) | Fact::Gone(who), Some(stay)) if *who == user => stay.gone = at,
                (Fact::Entered(who, _), Some(stay)) if *who == user && stay.entered.is_none() => {
                    stay.entered = Some(at);
                }
                _ => {}
            }
            if *fact == Fact::Entering(user) {
                stays.push(Stay { entering: at, entered: None, gone: end });
            }
        }
        stays
    }

    /// The connection that a user has just before a moment.
    fn stay_at(&self, user: usize, at: usize) -> Option<Stay> {
        let end = self.facts.len();
        let mut stays = self.stays(user);
        stays.retain(|stay| stay.entering < at && (stay.gone >= at || stay.gone == end));
        let mut stay = stays.pop()?;
        stay.entered = stay.entered.filter(|entered| *entered < at);
        Some(stay)
    }

    /// Whether a user's connection, just before a moment, is the one that it sent a message on.
    fn asks_on_it(&self, sent: &Sent, at: usize) -> bool {
        self.stay_at(sent.user, at).is_some_and(|stay| {
            let first = self.stays(sent.user)[0].entering == stay.entering;
            stay.entering < sent.at || (first && sent.at < at)
        })
    }

    /// The first answer to a message, before a moment: when, and whether without an error.
    fn answer(&self, sent: &Sent, before: usize) -> Option<(usize, bool)> {
        self.facts[..before].iter().enumerate().find_map(|(at, fact)| match fact {
            Fact::Answered(user, number, well)
                if (*user, *number) == (sent.user, sent.number)
                    && at > sent.at
                    && self.asks_on_it(sent, at) =>
            {
                Some((at, *well))
            }
            _ => None,
        })
    }

    /// The moments at which a message came to somebody in good order: known, for them, and there to
    /// get it.
    fn arrivals(&self, sent: &Sent, to: usize) -> Vec<usize> {
        let facts = self.facts.iter().enumerate();
        let arrivals = facts.filter(|(at, fact)| match fact {
            Fact::Delivered(receiver, from, number, named) => {
                (*receiver, *from, *number) == (to, sent.user, sent.number)
                    && !self.intrudes(*at, *named, to, from, *number)
            }
            _ => false,
        });
        arrivals.map(|(at, _)| at).collect()
    }

    fn intrudes(&self, at: usize, named: usize, to: usize, from: &usize, number: u32) -> bool {
        let sent = self.sent();
        let sent = sent.iter().find(|sent| (sent.user, sent.number) == (*from, number) && sent.at < at);
        let (Some(sent), Some(stay)) = (sent, self.stay_at(to, at)) else { return true };
        let old = self.answer(sent, at).is_some_and(|(answered, well)| well && answered < stay.entering);
        !same_room(*from, to)
            || named != from % NAMES.len()
            || sent.to.is_some_and(|target| target != to)
            || old
    }

    /// How often each law is broken, in the order of the verdict's fields.
    pub fn judge(&self) -> [u64; 6] {
        let (doubled, disordered, intruding) = self.deliveries();
        let (answers_doubled, answers_unasked) = self.answers();
        [
            self.lost(),
            doubled + answers_doubled,
            disordered,
            self.unanswered(),
            intruding + answers_unasked,
            self.ghosts(),
        ]
    }

    fn deliveries(&self) -> (u64, u64, u64) {
        let sent = self.sent();
        let (mut doubled, mut disordered, mut intruding) = (0, 0, 0);
        for (at, fact) in self.facts.iter().enumerate() {
            let Fact::Delivered(to, from, number, named) = fact else { continue };
            if self.intrudes(at, *named, *to, from, *number) {
                intruding += 1;
                continue;
            }
            let message = sent.iter().find(|sent| (sent.user, sent.number) == (*from, *number)).unwrap();
            if self.arrivals(message, *to).iter().any(|earlier| *earlier < at) {
                doubled += 1;
                continue;
            }
            let connection = |sent: &Sent| self.stay_at(sent.user, sent.at).map(|stay| stay.entering);
            let first_stay = |sent: &Sent| {
                // Messages before the first connection count as sent on it.
                connection(sent)
                    .or_else(|| {
                        self.stays(sent.user)
                            .iter()
                            .rev()
                            .find(|stay| stay.entering < sent.at)
                            .map(|stay| stay.entering)
                    })
                    .or_else(|| self.stays(sent.user).first().map(|stay| stay.entering))
            };
            let overtaken_by_own = sent.iter().any(|later| {
                (later.user, later.number > *number) == (*from, true)
                    && first_stay(later) == first_stay(message)
                    && self.arrivals(later, *to).iter().any(|earlier| *earlier < at)
            });
            let acknowledged = self.answer(message, at).filter(|(_, well)| *well).map(|(at, _)| at);
            let stay = self.stay_at(*to, at).unwrap();
            let overtaken = acknowledged.is_some_and(|acknowledged| {
                sent.iter().any(|later| {
                    later.at > acknowledged
                        && self
                            .arrivals(later, *to)
                            .iter()
                            .any(|earlier| *earlier < at && *earlier > stay.entering)
                })
            });
            disordered += u64::from(overtaken_by_own || overtaken);
        }
        (doubled, disordered, intruding)
    }

    fn answers(&self) -> (u64, u64) {
        let sent = self.sent();
        let (mut doubled, mut unasked) = (0, 0);
        for (at, fact) in self.facts.iter().enumerate() {
            match fact {
                Fact::Answered(user, number, _) => {
                    let message =
                        sent.iter().find(|sent| (sent.user, sent.number) == (*user, *number) && sent.at < at);
                    match message {
                        None => unasked += 1,
                        Some(message) if !self.asks_on_it(message, at) => unasked += 1,
                        Some(message) => doubled += u64::from(self.answer(message, at).is_some()),
                    }
                }
                Fact::Entered(user, _) => {
                    let waits = self.stay_at(*user, at).is_some_and(|stay| stay.entered.is_none());
                    doubled += u64::from(!waits);
                }
                _ => {}
            }
        }
        (doubled, unasked)
    }

    fn unanswered(&self) -> u64 {
        let end = self.facts.len();
        let mut count = 0;
        for user in 0..USERS {
            let Some(stay) = self.stay_at(user, end) else { continue };
            count += u64::from(stay.entered.is_none());
            let open = |sent: &&Sent| {
                sent.user == user && sent.at > stay.entering && self.answer(sent, end).is_none()
            };
            count += self.sent().iter().filter(open).count() as u64;
        }
        count
    }

    fn lost(&self) -> u64 {
        let (end, sent) = (self.facts.len(), self.sent());
        let mut lost = 0;
        for message in &sent {
            let Some((acknowledged, true)) = self.answer(message, end) else { continue };
            for to in (0..NAMES.len()).map(|name| mate(message.user, name)) {
                let for_it = message.to.is_none_or(|target| target == to);
                if !for_it || !self.arrivals(message, to).is_empty() {
                    continue;
                }
                let stay = self.stays(to).into_iter().rev().find(|stay| stay.entering < message.at);
                let Some(stay) = stay.filter(|stay| stay.entered.is_some_and(|entered| entered < message.at))
                else {
                    continue;
                };
                let came = |other: &Sent| {
                    self.arrivals(other, to).iter().any(|at| *at > stay.entering && *at < stay.gone)
                };
                let something_later = sent.iter().any(|later| {
                    let later_of_same = later.user == message.user && later.number > message.number;
                    (later_of_same || later.at > acknowledged) && came(later)
                });
                lost += u64::from(stay.gone == end || something_later);
            }
        }
        lost
    }

    fn ghosts(&self) -> u64 {
        let end = self.facts.len();
        let mut count = 0;
        let present = |user: usize| self.stay_at(user, end).is_some_and(|stay| stay.entered.is_some());
        for user in 0..USERS {
            let mut picture: Vec<usize> = Vec::new();
            for (at, fact) in self.facts.iter().enumerate() {
                let stay = self.stay_at(user, at);
                let entered = stay.as_ref().is_some_and(|stay| stay.entered.is_some());
                match fact {
                    Fact::Entering(who) | Fact::Gone(who) if *who == user => picture.clear(),
                    Fact::Entered(who, users) if *who == user && stay.is_some() && !entered => {
                        picture = users.clone();
                    }
                    Fact::Added(to, whom) if *to == user => {
                        if entered && !picture.contains(whom) {
                            picture.push(*whom);
                        } else {
                            count += 1;
                        }
                    }
                    Fact::Removed(to, whom) if *to == user => {
                        let seen = picture.len();
                        picture.retain(|other| other != whom);
                        count += u64::from(picture.len() == seen);
                    }
                    _ => {}
                }
            }
            if present(user) {
                let wrong = |other: &usize| picture.contains(other) != present(*other);
                count += (0..NAMES.len()).map(|name| mate(user, name)).filter(wrong).count() as u64;
            }
        }
        count
    }
}
