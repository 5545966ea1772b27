//! Requests under way: found by their ids, by their users, and by when they are too late.

use std::collections::VecDeque;

use slab::Slab;

use crate::time::Time;

/// No request.
pub(super) const NONE: u32 = u32::MAX;

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// A connector.
    Entry,
    /// A room.
    Enter,
    /// A message.
    Say,
    /// It is too late, and its answer may still come.
    Late,
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) user: u32,
    /// The next one of its user.
    next: u32,
    pub(super) meant: Time,
    pub(super) what: What,
    /// Whether it is of the measured time.
    pub(super) is_counted: bool,
    /// Tells it from others that have had its place.
    turn: u32,
}

/// See the module. A request's id is its place here, counted from 1.
#[derive(Debug, Default)]
pub(super) struct Flights {
    places: Slab<Flight>,
    last_turn: u32,
    /// In order of time: when a request is too late, its place, and the turn of the place.
    deadlines: VecDeque<(Time, u32, u32)>,
}

impl Flights {
    /// Takes a place for a request of a user whose first one is `first`.
    pub(super) fn add(
        &mut self,
        first: &mut u32,
        (user, what): (u32, What),
        meant: Time,
        deadline: Time,
        is_counted: bool,
    ) -> u32 {
        let turn = self.last_turn.wrapping_add(1);
        self.last_turn = turn;
        let flight = Flight { user, next: *first, meant, what, is_counted, turn };
        let place = self.places.insert(flight) as u32;
        *first = place;
        self.deadlines.push_back((deadline, place, turn));
        place + 1
    }

    /// The request of that id, if it is this user's.
    pub(super) fn get(&self, request: u64, user: u32) -> Option<Flight> {
        let place = usize::try_from(request.checked_sub(1)?).ok()?;
        self.places.get(place).filter(|flight| flight.user == user).copied()
    }

    /// The user's first requests, up to the last.
    pub(super) fn of(&self, first: u32) -> impl Iterator<Item = Flight> {
        let mut next = first;
        std::iter::from_fn(move || {
            let flight = *self.places.get(next as usize)?;
            next = flight.next;
            Some(flight)
        })
    }

    /// A request of the user is over.
    pub(super) fn end(&mut self, first: &mut u32, request: u64) {
        let place = (request - 1) as u32;
        let after = self.places.remove(place as usize).next;
        if *first == place {
            *first = after;
        } else {
            let mut at = *first;
            while at != NONE && self.places[at as usize].next != place {
                at = self.places[at as usize].next;
            }
            if at != NONE {
                self.places[at as usize].next = after;
            }
        }
    }

    /// All requests of the user are over.
    pub(super) fn end_all(&mut self, first: &mut u32) {
        while *first != NONE {
            self.end(first, u64::from(*first) + 1);
        }
    }

    /// Nobody waits for this answer any more.
    pub(super) fn give_up(&mut self, request: u64) {
        self.places[(request - 1) as usize].what = What::Late;
    }

    /// The next request that is too late by now: its id and what it is.
    pub(super) fn next_late(&mut self, now: Time) -> Option<(u64, Flight)> {
        while let Some((deadline, place, turn)) = self.deadlines.front().copied() {
            let flight = self.places.get(place as usize).copied();
            let flight = flight.filter(|flight| flight.turn == turn && flight.what != What::Late);
            if flight.is_some() && deadline > now {
                return None;
            }
            self.deadlines.pop_front();
            if let Some(flight) = flight {
                return Some((u64::from(place) + 1, flight));
            }
        }
        None
    }

    /// When the first of those that wait is too late.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.deadlines.front().map(|(deadline, _, _)| *deadline)
    }

    /// All that are under way.
    pub(super) fn all(&self) -> impl Iterator<Item = &Flight> {
        self.places.iter().map(|(_, flight)| flight).filter(|flight| flight.what != What::Late)
    }
}
