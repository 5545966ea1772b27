//! How people log in, reconnect after a lost connection, and leave.

use std::time::Duration;

use super::People;
use super::crowd::{after, later};
use super::flights::{Flight, NONE, RequestKind};
use super::person::{IS_COUNTED, IS_EXTRA, IS_RECONNECTING, NEVER, Place};
use crate::time::Time;
use crate::virtual_time::chat::agenda::Agenda;
use crate::virtual_time::chat::exchange::{Answer, Ask, ClientAction};
use crate::virtual_time::chat::tally::Loss;

/// The shortest time between two visits. Without it, a person whose visits last no time would retry
/// for ever at one moment.
const AWAY_MIN: Duration = Duration::from_millis(1);

impl People {
    /// Begins a visit. Its end and its messages are due whatever the servers do.
    pub(in crate::virtual_time::chat) fn come(&mut self, now: Time, user: u32) {
        let person = &mut self.rows[user as usize];
        person.visits = person.visits.saturating_add(1);
        let visit = u64::from(person.visits);
        let mut stay = self.chance.stay.at(u64::from(user), visit);
        let stays = if person.has(IS_EXTRA) { None } else { self.model.session_s };
        person.leave = stays.map_or(NEVER, |stay_s| later(now, stay_s, &mut stay));
        self.begin_to_talk(now, user);
        self.begin_login(now, user, false);
        self.attempt(now, user);
    }

    /// Ends a pause: the next attempt, or the discovery that the connection is lost.
    pub(super) fn step(&mut self, now: Time, user: u32) {
        match self.rows[user as usize].place {
            Place::Pausing => self.attempt(now, user),
            Place::Lost => self.try_again(now, user),
            _ => {}
        }
    }

    fn begin_login(&mut self, now: Time, user: u32, is_reconnecting: bool) {
        let is_counted = self.is_counted(now);
        let person = &mut self.rows[user as usize];
        (person.tries, person.pause_ms) = (0, 0.0);
        person.set(IS_RECONNECTING, is_reconnecting);
        person.set(IS_COUNTED, is_counted);
        self.tally.attempted += u64::from(is_counted);
    }

    /// Asks a gate for a connector.
    fn attempt(&mut self, now: Time, user: u32) {
        let is_counted = self.is_counted(now);
        let person = &mut self.rows[user as usize];
        person.tries = person.tries.saturating_add(1);
        if is_counted {
            self.tally.attempt(now);
            self.tally.retries += u64::from(person.tries > 1);
        }
        if self.gates.is_empty() {
            return self.try_again(now, user);
        }
        let gate = self.gates[user as usize % self.gates.len()];
        self.connect(now, user, gate, Place::Asking);
    }

    fn connect(&mut self, now: Time, user: u32, server: u16, place: Place) {
        self.last_connection += 1;
        self.connections[user as usize] = self.last_connection;
        let person = &mut self.rows[user as usize];
        (person.server, person.place, person.step) = (server, place, NEVER);
        let (what, ask) = match place {
            Place::Asking => (RequestKind::Entry, Ask::Entry),
            _ => (RequestKind::Enter, Ask::Enter { room: person.room }),
        };
        let is_counted = self.is_counted(now);
        let request = self.ask(now, user, what, is_counted);
        let session = self.session_of(user);
        self.actions.push(ClientAction::Connect { server, session, request, ask });
    }

    /// Handles the answer of a gate or a connector.
    pub(super) fn let_in(&mut self, now: Time, user: u32, flight: &Flight, answer: Answer) {
        let took = now.since(flight.meant);
        match (flight.kind, answer) {
            (RequestKind::Entry, Answer::Use(connector)) => {
                if flight.is_counted {
                    self.tally.gate.record(took);
                }
                self.hang_up(user);
                self.connect(now, user, connector, Place::Entering);
            }
            (RequestKind::Enter, Answer::Done) => {
                if flight.is_counted {
                    self.tally.enter.record(took);
                }
                let person = &mut self.rows[user as usize];
                person.place = Place::In;
                self.tally.done += u64::from(person.has(IS_COUNTED));
                if person.has(IS_RECONNECTING) && now >= self.measured_from {
                    self.tally.reconnects += 1;
                }
                self.inside += 1;
                self.note_inside(now);
            }
            _ => {
                self.hang_up(user);
                self.try_again(now, user);
            }
        }
    }

    /// After a failed login or a noticed loss: plans another attempt after a pause, or gives up.
    pub(super) fn try_again(&mut self, now: Time, user: u32) {
        let retry = self.model.reconnect.retry;
        let person = &mut self.rows[user as usize];
        if u32::from(person.tries) >= retry.attempts_max {
            return self.give_up_login(now, user);
        }
        let failed = u32::from(person.tries) + u32::from(person.has(IS_RECONNECTING));
        let mut random = self.chance.retry.at(u64::from(user), now.as_nanos());
        let pause = retry.pause_ms(failed.max(1), f64::from(person.pause_ms), &mut random);
        person.pause_ms = pause as f32;
        (person.place, person.step) = (Place::Pausing, after(now, pause / 1e3));
    }

    fn give_up_login(&mut self, now: Time, user: u32) {
        if self.rows[user as usize].has(IS_COUNTED) {
            self.tally.lose(Loss::GaveUp);
        }
        self.go_away(now, user);
    }

    /// Ends the visit and plans the next one.
    fn go_away(&mut self, now: Time, user: u32) {
        let person = &mut self.rows[user as usize];
        let mut away = self.chance.away.at(u64::from(user), u64::from(person.visits));
        let back = later(now, self.model.away_s, &mut away).max(now + AWAY_MIN);
        person.step = if person.has(IS_EXTRA) { NEVER } else { back };
        person.place = Place::Away;
        (person.leave, person.talk) = (NEVER, NEVER);
        person.set(IS_COUNTED, false);
    }

    /// Leaves: once its messages are answered, or at once when it is not in its room.
    pub(super) fn want_to_leave(&mut self, now: Time, user: u32) {
        let person = &mut self.rows[user as usize];
        if person.place == Place::In {
            (person.place, person.leave) = (Place::Leaving, NEVER);
            self.leave_if_done(now, user);
            return;
        }
        if self.connections[user as usize] != 0 {
            self.hang_up(user);
        }
        self.give_up_login(now, user);
    }

    pub(super) fn leave_if_done(&mut self, now: Time, user: u32) {
        let person = &self.rows[user as usize];
        if person.place == Place::Leaving
            && self.flights.starting_at(person.flights).all(|flight| flight.kind == RequestKind::Late)
        {
            self.hang_up(user);
            self.inside -= 1;
            self.go_away(now, user);
        }
    }

    /// Closes the connection.
    pub(super) fn hang_up(&mut self, user: u32) {
        let (server, session) = (self.rows[user as usize].server, self.session_of(user));
        self.actions.push(ClientAction::Close { server, session });
        self.cut_off(user);
    }

    /// Drops the connection; its unanswered messages are lost.
    pub(super) fn cut_off(&mut self, user: u32) {
        self.connections[user as usize] = 0;
        let first = self.rows[user as usize].flights;
        if first == NONE {
            return;
        }
        let lost = self
            .flights
            .starting_at(first)
            .filter(|flight| flight.kind == RequestKind::Say && flight.is_counted)
            .count();
        (0..lost).for_each(|_| self.tally.lose(Loss::ConnectionLost));
        self.flights.end_all(&mut self.rows[user as usize].flights);
    }

    /// Handles a close that the server announced.
    pub(super) fn kicked(&mut self, now: Time, user: u32, agenda: &mut Agenda) {
        if now >= self.measured_from {
            self.tally.kicked += 1;
        }
        if self.fall_out(now, user) {
            self.try_again(now, user);
        }
        self.plan(user, agenda);
    }

    /// Loses the connection without noticing yet.
    pub(super) fn connection_lost(&mut self, now: Time, user: u32, agenda: &mut Agenda) {
        if self.fall_out(now, user) {
            let person = &mut self.rows[user as usize];
            let mut notice = self.chance.notice.at(u64::from(user), now.as_nanos());
            let at = later(now, self.model.reconnect.detect_s, &mut notice);
            (person.place, person.step) = (Place::Lost, at);
        }
        self.plan(user, agenda);
    }

    /// Drops the connection. A person that was in has to log in again. Returns false when it was
    /// about to leave anyway.
    fn fall_out(&mut self, now: Time, user: u32) -> bool {
        self.cut_off(user);
        match self.rows[user as usize].place {
            Place::In => {
                self.inside -= 1;
                self.begin_login(now, user, true);
                true
            }
            Place::Leaving => {
                self.inside -= 1;
                self.go_away(now, user);
                false
            }
            _ => true,
        }
    }
}
