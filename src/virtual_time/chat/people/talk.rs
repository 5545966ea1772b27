//! When people send messages, and how each message ends.

use super::People;
use super::crowd::{after, later};
use super::flights::{Flight, RequestKind};
use super::person::{IS_RECONNECTING, NEVER, Place};
use crate::ids::SessionId;
use crate::time::Time;
use crate::virtual_time::chat::exchange::{Answer, Ask, ClientAction};
use crate::virtual_time::chat::tally::Loss;

/// Longest message: the bound of a body.
const SAY_BYTES_MAX: f64 = 65_536.0;

impl People {
    pub(super) fn begin_to_talk(&mut self, now: Time, user: u32) {
        if let Some(on) = self.model.talk.on_s {
            let person = &mut self.rows[user as usize];
            let mut turns = self.chance.turns.at(u64::from(user), u64::from(person.meant) << 1 | 1);
            person.talkative = later(now, on, &mut turns);
        }
        self.set_talk(now, user);
    }

    /// Draws the time of the next message after `now`: a gap of plain time, or of talkative time if
    /// the user alternates.
    fn set_talk(&mut self, now: Time, user: u32) {
        let talk = self.model.talk;
        let person = &mut self.rows[user as usize];
        if talk.per_s <= 0.0 {
            person.talk = NEVER;
            return;
        }
        let number = u64::from(person.meant);
        let mut gap = self.chance.talk.at(u64::from(user), number).exponential() / talk.per_s;
        let (mut at, Some((on, off))) = (now, talk.on_s.zip(talk.off_s)) else {
            person.talk = after(now, gap);
            return;
        };
        let mut turns = self.chance.turns.at(u64::from(user), number << 1);
        loop {
            let left = person.talkative.since(at).as_secs_f64();
            if gap <= left || person.talkative == NEVER {
                person.talk = after(at, gap);
                return;
            }
            gap -= left;
            at = later(person.talkative.max(at), off, &mut turns);
            person.talkative = later(at, on, &mut turns);
        }
    }

    /// A message is due. A user logging in for the first time does not send it; a user that was cut
    /// off loses it.
    pub(super) fn talk(&mut self, now: Time, user: u32) {
        let person = &mut self.rows[user as usize];
        let number = u64::from(person.meant);
        person.meant = person.meant.wrapping_add(1);
        let is_counted = now >= self.measured_from;
        let (place, room, server) = (person.place, person.room, person.server);
        let is_cut_off = person.has(IS_RECONNECTING) && person.is_logging_in();
        self.set_talk(now, user);
        if is_counted && (place == Place::In || is_cut_off) {
            self.tally.attempted += 1;
            self.tally.messages += 1;
        }
        if place != Place::In {
            if is_counted && is_cut_off {
                self.tally.lose(Loss::ConnectionLost);
            }
            return;
        }
        let request = self.ask(now, user, RequestKind::Say, is_counted);
        let distribution = self.model.payload_bytes;
        let bytes =
            distribution.draw(&mut self.chance.payload.at(u64::from(user), number)).min(SAY_BYTES_MAX) as u32;
        let session = self.session_of(user);
        let ask = Ask::Say { room, meant: now, bytes };
        self.actions.push(ClientAction::Ask { server, session, request, ask });
    }

    /// Counts the answer to a message.
    pub(super) fn answered(&mut self, now: Time, flight: &Flight, answer: Answer) {
        if !flight.is_counted {
            return;
        }
        match answer {
            Answer::Done | Answer::Use(_) => {
                self.tally.done += 1;
                self.tally.send.record(now.since(flight.meant));
            }
            Answer::Refused => self.tally.lose(Loss::Refused),
            Answer::Failed => self.tally.lose(Loss::Error),
        }
    }

    /// Counts a push to the sessions that are still connected.
    pub(super) fn count_recipients(&mut self, now: Time, sessions: &[SessionId], meant: Time) {
        if meant < self.measured_from {
            return;
        }
        let is_there =
            |session: &&SessionId| self.connections.get(session.slot() as usize) == Some(&session.serial());
        self.count_deliveries(now, sessions.iter().filter(is_there).count() as u64, meant);
    }

    /// Counts a push to this many clients.
    pub(super) fn count_deliveries(&mut self, now: Time, count: u64, meant: Time) {
        if count > 0 && meant >= self.measured_from {
            self.tally.deliveries += count;
            self.tally.deliver.record_many(now.since(meant), count);
        }
    }
}
