//! The people: each is away, on the way in, in its room and talking, or cut off. What they do to servers and hear of them
//! is in `exchange.rs`; of servers they know no more than that.

mod crowd;
mod flights;
mod login;
mod person;
mod talk;

use self::crowd::{Chance, rooms_of};
use self::flights::{Flight, Flights, What};
use self::person::{IS_COUNTED, IS_EXTRA, NEVER, Person, Place};
use super::agenda::{Agenda, Event};
use super::exchange::{Deed, Heard};
use super::tally::{Loss, Tally};
use crate::ids::SessionId;
use crate::scenario::ChatModel;
use crate::time::Time;

/// See the module.
pub(super) struct People {
    model: ChatModel,
    chance: Chance,
    rows: Vec<Person>,
    /// The number of each one's connection; 0: it has none. Beside the rows, since every push looks at many of them.
    connections: Vec<u32>,
    flights: Flights,
    last_connection: u32,
    /// When the next request is given up, if an event is planned for it.
    late_at: Time,
    /// From when on things count.
    measured_from: Time,
    /// The gates that take clients, as stations.
    pub(super) gates: Vec<u16>,
    /// What people have done, for the servers to hear.
    pub(super) deeds: Vec<Deed>,
    pub(super) tally: Tally,
    /// How many are in.
    pub(super) inside: u32,
    recovery: Recovery,
}

/// How long it took from a crash until as many were in as before.
#[derive(Clone, Copy, Debug, Default)]
struct Recovery {
    /// When, and how many.
    since: Option<(Time, u32)>,
    longest_ns: Option<u64>,
}

impl People {
    /// Nobody is there yet. `extra` come for hot rooms: how many to which room.
    pub(super) fn new(model: &ChatModel, seed: u64, replication: u32, extra: &[(u32, u32)]) -> Self {
        let mut rows: Vec<Person> =
            rooms_of(model, seed, replication).into_iter().map(|room| Person::new(room, 0)).collect();
        for (users, room) in extra {
            rows.extend((0..*users).map(|_| Person::new(*room, IS_EXTRA)));
        }
        Self {
            connections: vec![0; rows.len()],
            rows,
            model: model.clone(),
            chance: Chance::new(seed, replication),
            flights: Flights::default(),
            last_connection: 0,
            late_at: NEVER,
            measured_from: NEVER,
            gates: Vec::new(),
            deeds: Vec::new(),
            tally: Tally::default(),
            inside: 0,
            recovery: Recovery::default(),
        }
    }

    /// From that moment on things count, and nothing that was before.
    pub(super) fn measure_from(&mut self, moment: Time) {
        self.measured_from = moment;
        self.tally = Tally::default();
    }

    /// Something that was planned for somebody is due, unless it is out of date.
    pub(super) fn wake(&mut self, now: Time, user: u32, agenda: &mut Agenda) {
        let person = &mut self.rows[user as usize];
        if person.planned != now {
            return;
        }
        person.planned = NEVER;
        if person.place == Place::Away {
            if person.step <= now {
                self.come(now, user);
            }
        } else if person.leave <= now {
            self.want_to_leave(now, user);
        } else {
            let (step, talk) = (person.step, person.talk);
            if talk <= now {
                self.talk(now, user);
            }
            if step <= now {
                self.step(now, user);
            }
        }
        self.plan(user, agenda);
    }

    /// Something has happened to somebody.
    pub(super) fn hear(&mut self, now: Time, heard: Heard, agenda: &mut Agenda) {
        match heard {
            Heard::Said { to, meant } => self.hear_said(now, to.as_slice(), meant),
            Heard::Told { clients, meant } => self.hear_told(now, u64::from(clients), meant),
            Heard::Answer { session, request, answer } => {
                let Some(user) = self.user_of(session) else { return };
                let Some(flight) = self.flights.get(request, user) else { return };
                self.flights.end(&mut self.rows[user as usize].flights, request);
                match flight.what {
                    What::Say => self.said(now, &flight, answer),
                    What::Entry | What::Enter => self.let_in(now, user, &flight, answer),
                    What::Late => {}
                }
                self.leave_if_done(now, user);
                self.plan(user, agenda);
            }
            Heard::Unreachable { session } => {
                let Some(user) = self.user_of(session) else { return };
                self.cut_off(user);
                self.try_again(now, user);
                self.plan(user, agenda);
            }
            Heard::Dropped { session, request } => {
                let Some(user) = self.user_of(session) else { return };
                let Some(flight) = self.flights.get(u64::from(request), user) else { return };
                if flight.what == What::Say {
                    self.lose(&flight, Loss::QueueFull);
                    self.flights.end(&mut self.rows[user as usize].flights, u64::from(request));
                    self.leave_if_done(now, user);
                    self.plan(user, agenda);
                }
            }
            Heard::Kicked { session } => {
                if let Some(user) = self.user_of(session) {
                    self.kicked(now, user, agenda);
                }
            }
            Heard::Shut { server } => {
                for user in self.connected_to(server) {
                    self.hang_up(user);
                    self.kicked(now, user, agenda);
                }
            }
            Heard::Gone { server } => {
                for user in self.connected_to(server) {
                    self.connection_lost(now, user, agenda);
                }
            }
        }
    }

    /// A server is about to crash: from now on it is counted how long it takes until as many are in as before.
    pub(super) fn before_crash(&mut self, now: Time) {
        self.recovery.since.get_or_insert((now, self.inside));
    }

    /// Gives up the requests that are too late by now.
    pub(super) fn give_up(&mut self, now: Time, agenda: &mut Agenda) {
        if self.late_at > now {
            return;
        }
        self.late_at = NEVER;
        while let Some((request, flight)) = self.flights.next_late(now) {
            let user = flight.user;
            match flight.what {
                What::Say => {
                    self.flights.give_up(request);
                    self.lose(&flight, Loss::Timeout);
                    self.leave_if_done(now, user);
                }
                _ => {
                    self.hang_up(user);
                    self.try_again(now, user);
                }
            }
            self.plan(user, agenda);
        }
        self.watch_deadlines(agenda);
    }

    /// How many attempts are under way that count.
    pub(super) fn in_flight(&self) -> u64 {
        let messages = self.flights.all().filter(|flight| flight.what == What::Say && flight.is_counted);
        let logins = self.rows.iter().filter(|row| row.is_logging_in() && row.has(IS_COUNTED));
        (messages.count() + logins.count()) as u64
    }

    /// The longest time in seconds from a crash until as many were in as before; to `end` when they never were.
    pub(super) fn recovery_s(&self, end: Time) -> Option<f64> {
        let open = self.recovery.since.map(|(since, _)| end.as_nanos().saturating_sub(since.as_nanos()));
        open.max(self.recovery.longest_ns).map(|nanos| nanos as f64 / 1e9)
    }

    /// Everybody who came for a hot room leaves: those extra users with these numbers.
    pub(super) fn send_away(&mut self, now: Time, users: std::ops::Range<u32>, agenda: &mut Agenda) {
        for user in users {
            let person = &mut self.rows[user as usize];
            match person.place {
                Place::Away => person.step = NEVER,
                _ => person.leave = now,
            }
            self.plan(user, agenda);
        }
    }

    /// Somebody comes at that moment.
    pub(super) fn invite(&mut self, user: u32, at: Time, agenda: &mut Agenda) {
        self.rows[user as usize].step = at;
        self.plan(user, agenda);
    }

    /// How many there are, those for hot rooms included.
    pub(super) fn len(&self) -> u32 {
        self.rows.len() as u32
    }

    fn is_counted(&self, now: Time) -> bool {
        now >= self.measured_from
    }

    fn user_of(&self, session: SessionId) -> Option<u32> {
        let is_there = self.connections.get(session.slot() as usize) == Some(&session.serial());
        is_there.then(|| session.slot())
    }

    fn session_of(&self, user: u32) -> SessionId {
        SessionId::new(self.connections[user as usize], user)
    }

    fn connected_to(&self, server: u16) -> Vec<u32> {
        let rows = self.rows.iter().zip(&self.connections).zip(0..);
        let connected = rows.filter(|((row, connection), _)| **connection != 0 && row.server == server);
        connected.map(|(_, user)| user).collect()
    }

    /// Plans what somebody does next, if it is not planned yet.
    pub(super) fn plan(&mut self, user: u32, agenda: &mut Agenda) {
        self.watch_deadlines(agenda);
        let person = &mut self.rows[user as usize];
        let next = person.next();
        if next == NEVER || next == person.planned {
            person.planned = next;
            return;
        }
        let next = next.max(agenda.now());
        person.planned = next;
        agenda.plan(next, Event::Wake(user));
    }

    /// A request is on its way: it is given up in time.
    fn ask(&mut self, now: Time, user: u32, what: What, is_counted: bool) -> u32 {
        let deadline = crowd::after(now, self.model.timeout_s);
        let first = &mut self.rows[user as usize].flights;
        self.flights.add(first, (user, what), now, deadline, is_counted)
    }

    fn watch_deadlines(&mut self, agenda: &mut Agenda) {
        if self.late_at == NEVER
            && let Some(deadline) = self.flights.deadline()
        {
            self.late_at = deadline.max(agenda.now());
            agenda.plan(deadline, Event::Late);
        }
    }

    fn lose(&mut self, flight: &Flight, loss: Loss) {
        if flight.is_counted {
            self.tally.lose(loss);
        }
    }

    /// As many may be in as before a crash.
    pub(super) fn note_inside(&mut self, now: Time) {
        if let Some((since, before)) = self.recovery.since
            && self.inside >= before
        {
            let took = now.as_nanos().saturating_sub(since.as_nanos());
            self.recovery.longest_ns = self.recovery.longest_ns.max(Some(took));
            self.recovery.since = None;
        }
    }
}
