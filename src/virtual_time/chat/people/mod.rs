//! The people: each is away, logging in, talking in its room, or cut off. They know the servers
//! only through the messages in `exchange.rs`.

mod crowd;
mod flights;
mod login;
mod person;
mod talk;

use self::crowd::{Chance, rooms_of};
use self::flights::{Flight, Flights, RequestKind};
use self::person::{IS_COUNTED, IS_EXTRA, NEVER, Person, Place};
use super::agenda::{Agenda, Event};
use super::exchange::{ClientAction, Observation};
use super::tally::{Loss, Tally};
use crate::ids::SessionId;
use crate::scenario::ChatModel;
use crate::time::Time;

/// A population of users.
pub(super) struct People {
    model: ChatModel,
    chance: Chance,
    rows: Vec<Person>,
    /// Number of each user's connection; 0 means none. Apart from the rows, because every push
    /// reads many of them.
    connections: Vec<u32>,
    flights: Flights,
    last_connection: u32,
    /// Deadline of the planned timeout event; `NEVER` if none is planned.
    late_at: Time,
    /// Start of the measured time.
    measured_from: Time,
    /// The gates that accept clients, by server index.
    pub(super) gates: Vec<u16>,
    /// Client actions not yet delivered to the servers.
    pub(super) actions: Vec<ClientAction>,
    pub(super) tally: Tally,
    /// Users in their rooms.
    pub(super) inside: u32,
    recovery: Recovery,
}

/// Recovery after a crash: the time until as many users are in their rooms as before.
#[derive(Clone, Copy, Debug, Default)]
struct Recovery {
    /// Time of the crash, and the users in their rooms then.
    since: Option<(Time, u32)>,
    longest_ns: Option<u64>,
}

impl People {
    /// A population with nobody present. `extra` lists users for hot rooms: how many for which
    /// room.
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
            actions: Vec::new(),
            tally: Tally::default(),
            inside: 0,
            recovery: Recovery::default(),
        }
    }

    /// Starts the measured time and discards all counts from before.
    pub(super) fn measure_from(&mut self, moment: Time) {
        self.measured_from = moment;
        self.tally = Tally::default();
    }

    /// Carries out what is due for a user, unless the event is outdated.
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

    /// Handles what a client observes.
    pub(super) fn observe(&mut self, now: Time, observed: Observation, agenda: &mut Agenda) {
        match observed {
            Observation::Message { to, meant } => self.count_recipients(now, to.as_slice(), meant),
            Observation::Messages { clients, meant } => self.count_deliveries(now, u64::from(clients), meant),
            Observation::Answer { session, request, answer } => {
                let Some(user) = self.user_of(session) else { return };
                let Some(flight) = self.flights.get(request, user) else { return };
                self.flights.end(&mut self.rows[user as usize].flights, request);
                match flight.kind {
                    RequestKind::Say => self.answered(now, &flight, answer),
                    RequestKind::Entry | RequestKind::Enter => self.let_in(now, user, &flight, answer),
                    RequestKind::Late => {}
                }
                self.leave_if_done(now, user);
                self.plan(user, agenda);
            }
            Observation::Unreachable { session } => {
                let Some(user) = self.user_of(session) else { return };
                self.cut_off(user);
                self.try_again(now, user);
                self.plan(user, agenda);
            }
            Observation::Dropped { session, request } => {
                let Some(user) = self.user_of(session) else { return };
                let Some(flight) = self.flights.get(u64::from(request), user) else { return };
                if flight.kind == RequestKind::Say {
                    self.lose(&flight, Loss::QueueFull);
                    self.flights.end(&mut self.rows[user as usize].flights, u64::from(request));
                    self.leave_if_done(now, user);
                    self.plan(user, agenda);
                }
            }
            Observation::Kicked { session } => {
                if let Some(user) = self.user_of(session) {
                    self.kicked(now, user, agenda);
                }
            }
            Observation::Shut { server } => {
                for user in self.connected_to(server) {
                    self.hang_up(user);
                    self.kicked(now, user, agenda);
                }
            }
            Observation::Gone { server } => {
                for user in self.connected_to(server) {
                    self.connection_lost(now, user, agenda);
                }
            }
        }
    }

    /// Called before a crash: starts measuring the time until as many users are in their rooms as
    /// now.
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
            match flight.kind {
                RequestKind::Say => {
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

    /// Counted attempts still in flight.
    pub(super) fn in_flight(&self) -> u64 {
        let messages =
            self.flights.all().filter(|flight| flight.kind == RequestKind::Say && flight.is_counted);
        let logins = self.rows.iter().filter(|row| row.is_logging_in() && row.has(IS_COUNTED));
        (messages.count() + logins.count()) as u64
    }

    /// The longest recovery in seconds; a recovery that is still open counts up to `end`.
    pub(super) fn recovery_s(&self, end: Time) -> Option<f64> {
        let open = self.recovery.since.map(|(since, _)| end.as_nanos().saturating_sub(since.as_nanos()));
        open.max(self.recovery.longest_ns).map(|nanos| nanos as f64 / 1e9)
    }

    /// Sends the extra users of a hot room away, by number.
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

    /// Plans the arrival of a user.
    pub(super) fn invite(&mut self, user: u32, at: Time, agenda: &mut Agenda) {
        self.rows[user as usize].step = at;
        self.plan(user, agenda);
    }

    /// Number of users, including those for hot rooms.
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

    /// Plans the user's next action, unless it is planned already.
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

    /// Registers a request with its deadline.
    fn ask(&mut self, now: Time, user: u32, kind: RequestKind, is_counted: bool) -> u32 {
        let deadline = crowd::after(now, self.model.timeout_s);
        let first = &mut self.rows[user as usize].flights;
        self.flights.add(first, (user, kind), now, deadline, is_counted)
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

    /// Ends the recovery if as many users are in their rooms as before the crash.
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
