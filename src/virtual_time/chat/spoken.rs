//! The world as people meet it: deeds become the bytes that a Pomelo client sends, bytes what people hear.

use super::Event;
use super::exchange::{Answer, Change, Deed, Heard, Servers};
use super::words::{self, Words};
use crate::supervisor::Verb;
use crate::time::Time;
use crate::virtual_time::EventQueue;
use crate::world::{Moved, Stations, ToClient, World, WorldEvent};

/// See the module.
pub(super) struct Spoken {
    world: World,
    words: Words,
    /// The stations of frontends, by the port that the gate names.
    by_port: Vec<u16>,
    said: Vec<(u16, ToClient)>,
    /// What is known at once, before the world says anything.
    heard: Vec<Heard>,
}

impl Spoken {
    pub(super) fn new(world: World, words: Words, by_port: Vec<u16>) -> Self {
        Self { world, words, by_port, said: Vec::new(), heard: Vec::new() }
    }

    /// Plans what the world has planned.
    fn plan(&mut self, agenda: &mut EventQueue<Event>) {
        self.world.planned().for_each(|(at, event)| agenda.plan(at, Event::World(event)));
    }

    /// The gate names a port; it stands for a station.
    fn answer(&self, body: &[u8]) -> Answer {
        match words::answer(body) {
            Answer::Use(port) => {
                self.by_port.get(usize::from(port)).map_or(Answer::Failed, |station| Answer::Use(*station))
            }
            answer => answer,
        }
    }
}

impl Servers for Spoken {
    fn carry(&mut self, now: Time, deed: Deed, agenda: &mut EventQueue<Event>) {
        match deed {
            Deed::Close { server, session } => self.world.close(now, server, session),
            Deed::Connect { server, session, .. } if !self.world.open(now, server, session) => {
                self.heard.push(Heard::Unreachable { session });
            }
            Deed::Connect { server, session, request, ask } | Deed::Ask { server, session, request, ask } => {
                let bytes = self.words.write(session.slot(), request, ask);
                if !self.world.message(now, server, session, bytes) {
                    self.heard.push(Heard::Dropped { session, request });
                }
            }
        }
        self.plan(agenda);
    }

    fn hear(&mut self, heard: &mut Vec<Heard>) {
        heard.append(&mut self.heard);
        let mut said = self.world.said(std::mem::take(&mut self.said));
        for (server, said) in said.drain(..) {
            heard.extend(match said {
                ToClient::Push { sessions, frame } => {
                    words::meant(&frame).map(|meant| Heard::Said { to: sessions, meant })
                }
                ToClient::Response { session, request, body } => {
                    Some(Heard::Answer { session, request, answer: self.answer(&body) })
                }
                ToClient::Kick { session, .. } | ToClient::Reject { session, .. } => {
                    Some(Heard::Kicked { session })
                }
                ToClient::Shut { .. } => Some(Heard::Shut { server }),
                ToClient::Gone => Some(Heard::Gone { server }),
                // The tutorial says nothing to all clients at once.
                ToClient::Broadcast { .. } => None,
            });
        }
        self.said = said;
    }

    fn take(&mut self, now: Time, event: WorldEvent, agenda: &mut EventQueue<Event>) {
        self.world.take(now, event);
        self.plan(agenda);
    }

    fn go_on(&mut self, now: Time, agenda: &mut EventQueue<Event>) -> bool {
        let went_on = self.world.go_on(now);
        self.plan(agenda);
        went_on
    }

    fn work(&mut self, now: Time, agenda: &mut EventQueue<Event>) {
        self.world.work(now);
        self.plan(agenda);
    }

    fn change(&mut self, now: Time, change: Change<'_>, agenda: &mut EventQueue<Event>) -> bool {
        let done = match change {
            Change::Start(spec) => self.world.start(now, spec),
            Change::Stop { station, for_good: true } => self.world.change(now, Verb::Remove, station).is_ok(),
            Change::Stop { station, .. } => self.world.change(now, Verb::Stop, station).is_ok(),
            Change::Crash(station) => self.world.change(now, Verb::Kill, station).is_ok(),
        };
        self.plan(agenda);
        done
    }

    fn stations(&self) -> &Stations {
        &self.world.stations
    }

    fn stations_mut(&mut self) -> &mut Stations {
        &mut self.world.stations
    }

    fn moved(&mut self, end: Time) -> Moved {
        self.world.moved(end)
    }

    fn world(&mut self) -> Option<&mut World> {
        Some(&mut self.world)
    }
}
