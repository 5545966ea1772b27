//! What comes of a job, and what it costs: as of the machines that get the same delivery.

use super::Flow;
use super::job::{Job, Then};
use crate::virtual_time::chat::exchange::Answer;
use crate::world::Sent;

impl Flow {
    /// What comes of a job, and what it makes the server send: as of the machines that get the same delivery.
    pub(super) fn do_job(&mut self, station: u16, job: Job, then: &mut Vec<Then>) -> Sent {
        let mut envelopes = 0;
        let (mut members, mut writes) = (0_u64, 0_u64);
        match job {
            Job::Nothing | Job::Closed { room: None } => {}
            Job::Entry(asker) => {
                envelopes = 1;
                then.push(Then::Locate(asker));
            }
            Job::Enter { asker, room } => {
                envelopes = 1;
                then.push(Then::Job(station, Job::Bound { asker, room }));
            }
            Job::Bound { asker, room } => {
                envelopes = 1;
                then.push(Then::ToRoom(room, Job::Add { asker, room }));
            }
            Job::Add { asker, room } => {
                // Those who are there hear of the newcomer; the router too, and then the newcomer's connector.
                let groups = self.rooms.groups(room);
                envelopes = groups.len() + 2;
                for (connector, clients) in groups.iter().copied() {
                    members += u64::from(clients);
                    then.push(Then::Job(connector, Job::Push { clients, meant: None }));
                }
                self.enter(asker, room);
                then.push(Then::Job(asker.connector, Job::Answered { asker, answer: Answer::Done }));
            }
            Job::Say { asker, room, meant } => {
                envelopes = 1;
                then.push(Then::ToRoom(room, Job::Send { asker, room, meant }));
            }
            Job::Send { asker, room, meant } => {
                let groups = self.rooms.groups(room);
                envelopes = groups.len() + 1;
                for (connector, clients) in groups.iter().copied() {
                    members += u64::from(clients);
                    then.push(Then::Job(connector, Job::Push { clients, meant: Some(meant) }));
                }
                then.push(Then::Job(asker.connector, Job::Answered { asker, answer: Answer::Done }));
            }
            Job::Located { asker, answer } | Job::Answered { asker, answer } => {
                then.push(Then::Answer(asker, answer));
            }
            Job::Push { clients, meant } => {
                writes = u64::from(clients);
                then.extend(meant.map(|meant| Then::Told { clients, meant }));
            }
            Job::Closed { room: Some(room) } => {
                envelopes = 1;
                then.push(Then::ToRoom(room, Job::Gone { connector: station, room }));
            }
            Job::Gone { connector, room } => {
                self.rooms.leave(room, connector, &mut self.chats);
                let groups = self.rooms.groups(room);
                envelopes = groups.len() + 1;
                for (connector, clients) in groups.iter().copied() {
                    members += u64::from(clients);
                    then.push(Then::Job(connector, Job::Push { clients, meant: None }));
                }
            }
        }
        Sent { envelopes: envelopes as u64, members, writes }
    }
}
