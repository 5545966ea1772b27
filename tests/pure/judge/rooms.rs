//! Random rooms on a server that makes no mistake, as calls of the judge; and the same with one
//! mistake.

use std::collections::VecDeque;

use pomelo_sim::random::Random;

use super::stream::Call;

#[derive(Clone, Copy, PartialEq)]
enum Stay {
    Away,
    /// The server has let it in; the answer is not on its way yet.
    Entering,
    Answered,
    /// It has the answer.
    Entered,
}

struct Rooms<'a> {
    chance: &'a mut Random,
    churn: bool,
    room_of: Vec<usize>,
    stays: Vec<Stay>,
    /// What each has sent that the server has not looked at.
    to_server: Vec<VecDeque<u32>>,
    /// Messages in flight to each member.
    to_member: Vec<VecDeque<Call>>,
    sent: Vec<u32>,
    calls: Vec<Call>,
}

/// The room of each member, and its actions and messages over this many steps, until all is quiet.
pub fn random(chance: &mut Random, steps: usize, churn: bool) -> (Vec<usize>, Vec<Call>) {
    let members = 1 + chance.index(8);
    let count = 1 + chance.index(3);
    let room_of: Vec<usize> = (0..members).map(|_| chance.index(count)).collect();
    let mut rooms = Rooms {
        chance,
        churn,
        room_of,
        stays: vec![Stay::Away; members],
        to_server: vec![VecDeque::new(); members],
        to_member: vec![VecDeque::new(); members],
        sent: vec![0; members],
        calls: Vec::new(),
    };
    for member in 0..members {
        if !churn {
            rooms.stays[member] = Stay::Entered;
            rooms.calls.extend([Call::Entering(member), Call::Entered(member)]);
        }
    }
    for _ in 0..steps {
        let member = rooms.chance.index(members);
        rooms.step(member);
    }
    for member in 0..members {
        while rooms.serve(member) {}
        rooms.answer_login(member);
    }
    for member in 0..members {
        while rooms.receive(member) {}
    }
    (rooms.room_of, rooms.calls)
}

impl Rooms<'_> {
    fn step(&mut self, member: usize) {
        match (self.stays[member], self.chance.index(40)) {
            (Stay::Away, _) => {
                self.stays[member] = Stay::Entering;
                self.calls.push(Call::Entering(member));
            }
            (Stay::Entering, 0..10) => self.answer_login(member),
            (Stay::Entered, 0) if self.churn => self.leave(member),
            (Stay::Entered, 1..10) => self.send(member),
            (_, 10..20) => assert!(self.serve(member) || self.to_server[member].is_empty()),
            _ => assert!(self.receive(member) || self.to_member[member].is_empty()),
        }
    }

    fn answer_login(&mut self, member: usize) {
        if self.stays[member] == Stay::Entering {
            self.stays[member] = Stay::Answered;
            self.to_member[member].push_back(Call::Entered(member));
        }
    }

    fn send(&mut self, member: usize) {
        self.sent[member] += 1;
        self.to_server[member].push_back(self.sent[member]);
        self.calls.push(Call::Sending(member));
    }

    fn leave(&mut self, member: usize) {
        self.calls.push(Call::Left(member));
        while self.chance.chance(0.5) && self.serve(member) {}
        // It may hear the end, or a part of it.
        while self.chance.chance(0.5) && self.receive(member) {}
        self.stays[member] = Stay::Away;
        self.to_server[member].clear();
        self.to_member[member].clear();
    }

    /// The server looks at one message of a member: does it, refuses it, or fails behind it or
    /// halfway.
    fn serve(&mut self, sender: usize) -> bool {
        let Some(number) = self.to_server[sender].pop_front() else { return false };
        let fate = self.chance.index(20);
        for receiver in 0..self.stays.len() {
            let is_there =
                self.stays[receiver] != Stay::Away && self.room_of[receiver] == self.room_of[sender];
            if is_there && fate != 0 && (fate != 1 || self.churn || self.chance.chance(0.5)) {
                self.to_member[receiver].push_back(Call::Delivered(receiver, sender, number));
            }
        }
        let answer = if fate < 3 { Call::Failed(sender, number) } else { Call::Acknowledged(sender, number) };
        self.to_member[sender].push_back(answer);
        true
    }

    fn receive(&mut self, member: usize) -> bool {
        let Some(call) = self.to_member[member].pop_front() else { return false };
        if matches!(call, Call::Entered(_)) {
            self.stays[member] = Stay::Entered;
        }
        self.calls.push(call);
        true
    }
}

/// A delivery of a message that was sent when its receiver was there, and that must have come in
/// this order.
#[derive(Clone, Copy, PartialEq)]
struct Due {
    at: usize,
    receiver: usize,
    message: (usize, u32),
    /// When the stay began in which it came.
    entered: usize,
}

/// The same calls with one defect each: a message dropped, doubled, and two swapped. Only where it
/// can be known.
pub fn defects(chance: &mut Random, calls: &[Call]) -> Vec<(String, Vec<Call>)> {
    let due = due(calls);
    let mut found = Vec::new();
    let mut pick = |what: &str, from: Vec<Vec<Call>>| {
        if !from.is_empty() {
            let spoilt = from[chance.index(from.len())].clone();
            let at = calls.iter().zip(&spoilt).take_while(|(right, wrong)| right == wrong).count();
            found.push((format!("{what} at call {at}"), spoilt));
        }
    };
    let others_got = |one: &Due, until: usize| {
        let is_it = |other: &&Due| other.receiver != one.receiver && other.message == one.message;
        due.iter().take_while(|other| other.at < until).any(|other| is_it(&other))
    };
    let next = |one: &Due| due.iter().find(|next| next.at > one.at && next.receiver == one.receiver).copied();

    let is_done = |one: &Due| calls.contains(&Call::Acknowledged(one.message.0, one.message.1));
    let must_come = due.iter().filter(|one| {
        let left = calls.iter().skip(one.at).position(|call| *call == Call::Left(one.receiver));
        let left = left.map_or(calls.len(), |after| one.at + after);
        let heard_later = next(one).is_some_and(|next| {
            next.entered == one.entered && others_got(one, left) && others_got(&next, left)
        });
        is_done(one) && (left == calls.len() || heard_later)
    });
    let dropped = must_come.map(|one| [&calls[..one.at], &calls[one.at + 1..]].concat());
    pick("a loss", dropped.collect());

    let doubled = due.iter().map(|one| [&calls[..=one.at], &calls[one.at..]].concat());
    pick("a double", doubled.collect());

    let swapped = due.iter().filter_map(|one| {
        let next = next(one).filter(|next| next.entered == one.entered)?;
        let next = Some(next).filter(|next| is_done(one) && is_done(next))?;
        let in_one_stay = |other: &&Due| {
            let both = |last: &Due| {
                last.message == next.message
                    && last.receiver == other.receiver
                    && last.entered == other.entered
            };
            other.receiver != one.receiver && other.message == one.message && due.iter().any(both)
        };
        due.iter().find(in_one_stay)?;
        let mut calls = calls.to_vec();
        calls.swap(one.at, next.at);
        Some(calls)
    });
    pick("a swap", swapped.collect());
    found
}

fn due(calls: &[Call]) -> Vec<Due> {
    let members = calls.len();
    let mut entered = vec![None; members];
    let mut sent = std::collections::BTreeMap::new();
    let mut numbers = vec![0; members];
    let mut due = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        match *call {
            Call::Entered(member) => entered[member] = Some(at),
            Call::Left(member) => entered[member] = None,
            Call::Sending(member) => {
                numbers[member] += 1;
                sent.insert((member, numbers[member]), at);
            }
            Call::Delivered(receiver, sender, number) => {
                if let Some(entered) = entered[receiver].filter(|entered| *entered < sent[&(sender, number)])
                {
                    due.push(Due { at, receiver, message: (sender, number), entered });
                }
            }
            _ => {}
        }
    }
    due
}
