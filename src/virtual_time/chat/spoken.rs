//! The world in bytes: encodes client actions as a Pomelo client does, and decodes what clients
//! receive.

use super::exchange::{ClientAction, Observation};
use super::servers::{Change, Servers};
use super::words::{Words, meant};
use crate::servers::Effect;
use crate::supervisor::Verb;
use crate::time::Time;
use crate::world::{ToClient, World};

impl Servers for World {
    fn carry(&mut self, now: Time, action: ClientAction, words: &mut Words) -> Option<Observation> {
        match action {
            ClientAction::Close { server, session } => self.close(now, server, session),
            ClientAction::Connect { server, session, .. } if !self.open(now, server, session) => {
                return Some(Observation::Unreachable { session });
            }
            ClientAction::Connect { server, session, request, ask }
            | ClientAction::Ask { server, session, request, ask } => {
                let bytes = words.write(session.slot(), request, ask);
                if !self.message(now, server, session, bytes) {
                    return Some(Observation::Dropped { session, request });
                }
            }
        }
        None
    }

    fn observe(&mut self, words: &Words, observed: &mut Vec<Observation>) {
        observed.extend(self.outgoing().filter_map(|(server, said)| match said {
            ToClient::Effect(Effect::Push { sessions, frame }) => {
                meant(&frame).map(|meant| Observation::Message { to: sessions, meant })
            }
            ToClient::Effect(Effect::Respond { session, request, body }) => {
                Some(Observation::Answer { session, request, answer: words.answer(&body) })
            }
            ToClient::Effect(Effect::Kick { session, .. } | Effect::Reject { session, .. }) => {
                Some(Observation::Kicked { session })
            }
            ToClient::Shut { .. } => Some(Observation::Shut { server }),
            ToClient::Gone => Some(Observation::Gone { server }),
            // The tutorial never broadcasts to all clients.
            ToClient::Effect(_) => None,
        }));
    }

    fn change(&mut self, now: Time, change: Change<'_>) -> bool {
        let (verb, station) = match change {
            Change::Start(spec) => return self.start(now, spec),
            Change::Stop { station, for_good: true } => (Verb::Remove, station),
            Change::Stop { station, .. } => (Verb::Stop, station),
            Change::Crash(station) => (Verb::Kill, station),
        };
        World::change(self, now, verb, station).is_ok()
    }

    fn world(&mut self) -> Option<&mut World> {
        Some(self)
    }
}
