//! Effects and costs of a job, equal to those of the machines for the same delivery.

use super::Flow;
use super::job::{Job, JobEffect};
use crate::virtual_time::chat::exchange::Answer;
use crate::world::Sent;

impl Flow {
    /// Carries out a job: appends its effects and returns what it sends, as the machines would for
    /// the same delivery.
    pub(super) fn do_job(&mut self, station: u16, job: Job, effects: &mut Vec<JobEffect>) -> Sent {
        let mut envelopes = 0;
        let (mut members, mut writes) = (0_u64, 0_u64);
        match job {
            Job::Nothing | Job::Closed { room: None } => {}
            Job::Entry(asker) => {
                envelopes = 1;
                effects.push(JobEffect::Locate(asker));
            }
            Job::Enter { asker, room } => {
                envelopes = 1;
                effects.push(JobEffect::Job(station, Job::Bound { asker, room }));
            }
            Job::Bound { asker, room } => {
                envelopes = 1;
                effects.push(JobEffect::ToRoom(room, Job::Add { asker, room }));
            }
            Job::Add { asker, room } => {
                // The members hear of the newcomer, then the router, then the newcomer's connector.
                let groups = self.rooms.groups(room);
                envelopes = groups.len() + 2;
                for (connector, clients) in groups.iter().copied() {
                    members += u64::from(clients);
                    effects.push(JobEffect::Job(connector, Job::Push { clients, meant: None }));
                }
                self.enter(asker, room);
                effects.push(JobEffect::Job(asker.connector, Job::Answered { asker, answer: Answer::Done }));
            }
            Job::Say { asker, room, meant } => {
                envelopes = 1;
                effects.push(JobEffect::ToRoom(room, Job::Send { asker, room, meant }));
            }
            Job::Send { asker, room, meant } => {
                let groups = self.rooms.groups(room);
                envelopes = groups.len() + 1;
                for (connector, clients) in groups.iter().copied() {
                    members += u64::from(clients);
                    effects.push(JobEffect::Job(connector, Job::Push { clients, meant: Some(meant) }));
                }
                effects.push(JobEffect::Job(asker.connector, Job::Answered { asker, answer: Answer::Done }));
            }
            Job::Located { asker, answer } | Job::Answered { asker, answer } => {
                effects.push(JobEffect::Answer(asker, answer));
            }
            Job::Push { clients, meant } => {
                writes = u64::from(clients);
                effects.extend(meant.map(|meant| JobEffect::Messages { clients, meant }));
            }
            Job::Closed { room: Some(room) } => {
                envelopes = 1;
                effects.push(JobEffect::ToRoom(room, Job::Gone { connector: station, room }));
            }
            Job::Gone { connector, room } => {
                self.rooms.leave(room, connector, &mut self.chats);
                let groups = self.rooms.groups(room);
                envelopes = groups.len() + 1;
                for (connector, clients) in groups.iter().copied() {
                    members += u64::from(clients);
                    effects.push(JobEffect::Job(connector, Job::Push { clients, meant: None }));
                }
            }
        }
        Sent { envelopes: envelopes as u64, members, writes }
    }
}
