//! Requests in flight, found by id, by user, and by deadline.

use std::collections::VecDeque;

use slab::Slab;

use crate::time::Time;

/// No request.
pub(super) const NONE: u32 = u32::MAX;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestKind {
    /// Asks a gate for a connector.
    Entry,
    /// Enters a room.
    Enter,
    /// Sends a message.
    Say,
    /// Timed out, but its answer may still come.
    Late,
}

/// A request in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) user: u32,
    /// The next request of the same user.
    next: u32,
    pub(super) meant: Time,
    pub(super) kind: RequestKind,
    /// Whether it began in the measured time.
    pub(super) is_counted: bool,
    /// Distinguishes it from earlier requests in the same slot.
    turn: u32,
}

/// All requests in flight. A request's id is its slot here, counted from 1.
#[derive(Debug, Default)]
pub(super) struct Flights {
    places: Slab<Flight>,
    last_turn: u32,
    /// In order of time: deadline, slot, and the slot's turn.
    deadlines: VecDeque<(Time, u32, u32)>,
}

impl Flights {
    /// Adds a request at the head of the user's list, which begins at `first`.
    pub(super) fn add(
        &mut self,
        first: &mut u32,
        (user, kind): (u32, RequestKind),
        meant: Time,
        deadline: Time,
        is_counted: bool,
    ) -> u32 {
        let turn = self.last_turn.wrapping_add(1);
        self.last_turn = turn;
        let flight = Flight { user, next: *first, meant, kind, is_counted, turn };
        let place = self.places.insert(flight) as u32;
        *first = place;
        self.deadlines.push_back((deadline, place, turn));
        place + 1
    }

    /// The request of that id, if it belongs to this user.
    pub(super) fn get(&self, request: u64, user: u32) -> Option<Flight> {
        let place = usize::try_from(request.checked_sub(1)?).ok()?;
        self.places.get(place).filter(|flight| flight.user == user).copied()
    }

    /// The user's requests, in the list that begins at `first`.
    pub(super) fn starting_at(&self, first: u32) -> impl Iterator<Item = Flight> {
        let mut next = first;
        std::iter::from_fn(move || {
            let flight = *self.places.get(next as usize)?;
            next = flight.next;
            Some(flight)
        })
    }

    /// Removes a request from the user's list.
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

    /// Removes all requests of the user.
    pub(super) fn end_all(&mut self, first: &mut u32) {
        while *first != NONE {
            self.end(first, u64::from(*first) + 1);
        }
    }

    /// Marks a request as timed out.
    pub(super) fn give_up(&mut self, request: u64) {
        self.places[(request - 1) as usize].kind = RequestKind::Late;
    }

    /// The next request past its deadline, with its id.
    pub(super) fn next_late(&mut self, now: Time) -> Option<(u64, Flight)> {
        while let Some((deadline, place, turn)) = self.deadlines.front().copied() {
            let flight = self.places.get(place as usize).copied();
            let flight = flight.filter(|flight| flight.turn == turn && flight.kind != RequestKind::Late);
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

    /// The earliest deadline.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.deadlines.front().map(|(deadline, _, _)| *deadline)
    }

    /// All requests that still wait for their answer.
    pub(super) fn all(&self) -> impl Iterator<Item = &Flight> {
        self.places.iter().map(|(_, flight)| flight).filter(|flight| flight.kind != RequestKind::Late)
    }
}
