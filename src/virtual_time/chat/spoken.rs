//! The machines as people meet them: deeds become the bytes that a Pomelo client sends, bytes what people hear.

use super::exchange::{Answer, Deed, Heard, Moved, Servers, Share};
use super::words::{self, Words};
use super::{Event, MachineEvent, Machines, ToClient};
use crate::config::ServerSpec;
use crate::router::LinkRule;
use crate::stats::ServerSeries;
use crate::time::Time;
use crate::virtual_time::EventQueue;

/// See the module.
pub(super) struct Spoken {
    machines: Machines,
    words: Words,
    /// The stations of frontends, by the port that the gate names.
    by_port: Vec<u16>,
    said: Vec<(u16, ToClient)>,
    /// What is known at once, before the machines say anything.
    heard: Vec<Heard>,
}

impl Spoken {
    pub(super) fn new(machines: Machines, words: Words, by_port: Vec<u16>) -> Self {
        Self { machines, words, by_port, said: Vec::new(), heard: Vec::new() }
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
        let (server, session, request, ask) = match deed {
            Deed::Close { server, session } => return self.machines.close(now, server, session, agenda),
            Deed::Connect { server, session, request, ask } => {
                if !self.machines.open(now, server, session, agenda) {
                    self.heard.push(Heard::Unreachable { session });
                    return;
                }
                (server, session, request, ask)
            }
            Deed::Ask { server, session, request, ask } => (server, session, request, ask),
        };
        let bytes = self.words.write(session.slot(), request, ask);
        if !self.machines.message(now, server, session, bytes, agenda) {
            self.heard.push(Heard::Dropped { session, request });
        }
    }

    fn hear(&mut self, heard: &mut Vec<Heard>) {
        heard.append(&mut self.heard);
        let mut said = self.machines.said(std::mem::take(&mut self.said));
        for (server, said) in said.drain(..) {
            heard.extend(match said {
                ToClient::Push { sessions, frame } => {
                    words::meant(&frame).map(|meant| Heard::Said { to: sessions, meant })
                }
                ToClient::Response { session, request, body } => {
                    Some(Heard::Answer { session, request, answer: self.answer(&body) })
                }
                ToClient::Kick { session, .. } => Some(Heard::Kicked { session }),
                ToClient::Shut => Some(Heard::Shut { server }),
                ToClient::Gone => Some(Heard::Gone { server }),
                // The tutorial says nothing to all clients at once.
                ToClient::Broadcast { .. } => None,
            });
        }
        self.said = said;
    }

    fn take(&mut self, now: Time, event: MachineEvent, agenda: &mut EventQueue<Event>) {
        self.machines.take(now, event, agenda);
    }

    fn go_on(&mut self, now: Time, agenda: &mut EventQueue<Event>) -> bool {
        self.machines.go_on(now, agenda)
    }

    fn work(&mut self, now: Time, agenda: &mut EventQueue<Event>) {
        self.machines.work(now, agenda);
    }

    fn start(&mut self, now: Time, spec: &ServerSpec, agenda: &mut EventQueue<Event>) -> bool {
        self.machines.start(now, spec, agenda)
    }

    fn stop(&mut self, now: Time, station: u16, for_good: bool, agenda: &mut EventQueue<Event>) {
        self.machines.stop(now, station, for_good, agenda);
    }

    fn crash(&mut self, now: Time, station: u16, agenda: &mut EventQueue<Event>) {
        self.machines.crash(now, station, agenda);
    }

    fn set_speed(&mut self, station: u16, speed: f64) {
        self.machines.set_speed(station, speed);
    }

    fn install(&mut self, now: Time, rule: LinkRule, agenda: &mut EventQueue<Event>) {
        self.machines.install(now, rule, agenda);
    }

    fn heal(&mut self, now: Time, name: &str, agenda: &mut EventQueue<Event>) {
        // Another event may have installed a rule of that name, and healed it.
        let _ = self.machines.heal(now, name, agenda);
    }

    fn station(&self, id: &str) -> Option<u16> {
        self.machines.station(id)
    }

    fn spec(&self, station: u16) -> &ServerSpec {
        self.machines.spec(station)
    }

    fn len(&self) -> usize {
        self.machines.len()
    }

    fn is_open(&self, station: u16) -> bool {
        self.machines.is_open(station)
    }

    fn shares(&mut self, now: Time, since: Time) -> Vec<(u16, Share)> {
        self.machines.shares(now, since)
    }

    fn count_up_time(&mut self) {
        self.machines.count_up_time();
    }

    fn series(&mut self, end: Time) -> Vec<ServerSeries> {
        self.machines.series(end)
    }

    fn moved(&mut self, end: Time) -> Moved {
        self.machines.moved(end)
    }

    fn misplaced(&mut self) -> (u64, u64) {
        self.machines.misplaced()
    }

    fn machines(&mut self) -> Option<&mut Machines> {
        Some(&mut self.machines)
    }
}
