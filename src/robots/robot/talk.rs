//! Sends a robot's messages, and lets it leave its room.

use super::{ABSENCE, NEVER, Next, Robot, SEND, Stage};
use crate::client::{ClientError, Connection};
use crate::robots::requests::Sent;
use crate::robots::shared::RunState;
use crate::time::Time;

impl Robot {
    /// Sends a message that is due, or queues it. A robot that is leaving by plan skips its
    /// messages.
    pub fn say(&mut self, shared: &mut RunState, intended: Time, now: Time) {
        match self.stage {
            Stage::In => {
                if let Err(error) = self.send(shared, intended, now) {
                    shared.tally.error(&format!("send: {error}"));
                }
            }
            Stage::Away(NEVER) => shared.tally.error("send: not logged in"),
            Stage::Leaving | Stage::Absent(_) => {}
            _ => self.waiting.push_back(intended),
        }
    }

    /// Call after every event: sends queued messages, fills the window, or leaves once everything
    /// is answered.
    pub(in crate::robots) fn go_on(&mut self, shared: &mut RunState, now: Time) -> Next {
        match self.stage {
            Stage::In if self.line.is_some() => {
                if let Err(error) = self.send_what_may(shared, now) {
                    shared.tally.error(&format!("send: {error}"));
                }
                Next::Stay
            }
            Stage::Leaving if self.requests.in_flight() == 0 => {
                self.line.iter_mut().for_each(Connection::close);
                // Keep the connection until its output is written.
                let line = self.line.take();
                self.out_of_room(shared);
                self.line = line;
                self.stage = Stage::Absent(if self.done { NEVER } else { now + ABSENCE });
                Next::Close
            }
            _ => Next::Stay,
        }
    }

    /// Drops the queued messages.
    pub(in crate::robots) fn give_up_waiting(&mut self, shared: &mut RunState) {
        shared.tally.errors("send: not logged in", std::mem::take(&mut self.waiting).len() as u64);
    }

    pub(super) fn abandon_requests(&mut self, shared: &mut RunState) {
        for sent in self.requests.drain() {
            shared.judge.given_up(self.member, sent.number);
        }
    }

    fn send_what_may(&mut self, shared: &mut RunState, now: Time) -> Result<(), ClientError> {
        while let Some(intended) = self.waiting.pop_front() {
            self.send(shared, intended, now)?;
        }
        while self.requests.in_flight() < shared.window_of(self.member) {
            self.send(shared, now, now)?;
        }
        Ok(())
    }

    fn send(&mut self, shared: &mut RunState, intended: Time, now: Time) -> Result<(), ClientError> {
        let Some(line) = &mut self.line else { return Ok(()) };
        let number = shared.write_message(self.member, self.room, intended, now);
        // A request that was not sent will not be answered.
        let unsent = |_: &ClientError| shared.judge.given_up(self.member, number);
        let id = line.request(SEND, &shared.message).inspect_err(unsent)?;
        self.requests.push(id, Sent { number, intended, deadline: now + shared.timeout });
        Ok(())
    }
}
