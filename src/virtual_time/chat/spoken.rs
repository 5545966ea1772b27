//! The world as people meet it: deeds become the bytes that a Pomelo client sends, bytes what people hear.

use super::exchange::{Deed, Heard};
use super::servers::{Change, Servers};
use super::words::{Words, meant};
use crate::servers::Effect;
use crate::supervisor::Verb;
use crate::time::Time;
use crate::world::{ToClient, World};

impl Servers for World {
    fn carry(&mut self, now: Time, deed: Deed, words: &mut Words) -> Option<Heard> {
        match deed {
            Deed::Close { server, session } => self.close(now, server, session),
            Deed::Connect { server, session, .. } if !self.open(now, server, session) => {
                return Some(Heard::Unreachable { session });
            }
            Deed::Connect { server, session, request, ask } | Deed::Ask { server, session, request, ask } => {
                let bytes = words.write(session.slot(), request, ask);
                if !self.message(now, server, session, bytes) {
                    return Some(Heard::Dropped { session, request });
                }
            }
        }
        None
    }

    fn hear(&mut self, words: &Words, heard: &mut Vec<Heard>) {
        heard.extend(self.said().filter_map(|(server, said)| match said {
            ToClient::Effect(Effect::Push { sessions, frame }) => {
                meant(&frame).map(|meant| Heard::Said { to: sessions, meant })
            }
            ToClient::Effect(Effect::Respond { session, request, body }) => {
                Some(Heard::Answer { session, request, answer: words.answer(&body) })
            }
            ToClient::Effect(Effect::Kick { session, .. } | Effect::Reject { session, .. }) => {
                Some(Heard::Kicked { session })
            }
            ToClient::Shut { .. } => Some(Heard::Shut { server }),
            ToClient::Gone => Some(Heard::Gone { server }),
            // The tutorial says nothing to all clients at once.
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
