//! A flow as its people and a scenario's events meet it.

use super::job::Job;
use super::{Deed, Event, Flow, Heard, MachineEvent};
use crate::config::ServerSpec;
use crate::router::LinkRule;
use crate::stats::ServerSeries;
use crate::strategies::Candidate;
use crate::time::Time;
use crate::virtual_time::EventQueue;
use crate::virtual_time::chat::Machines;
use crate::virtual_time::chat::exchange::{Moved, Servers, Share};
use crate::virtual_time::chat::work::Work;

impl Servers for Flow {
    fn carry(&mut self, now: Time, deed: Deed, agenda: &mut EventQueue<Event>) {
        if self.is_free {
            return self.carry_free(now, deed);
        }
        match deed {
            Deed::Close { server, session } => self.close(now, server, session, agenda),
            Deed::Connect { server, session, request, ask } => {
                if !self.open(server, session) {
                    return self.heard.push(Heard::Unreachable { session });
                }
                self.arrive(now, server, Job::Nothing, agenda);
                self.ask(now, super::Asker { connector: server, session, request }, ask, agenda);
            }
            Deed::Ask { server, session, request, ask } => {
                self.ask(now, super::Asker { connector: server, session, request }, ask, agenda);
            }
        }
    }

    fn hear(&mut self, heard: &mut Vec<Heard>) {
        heard.append(&mut self.heard);
    }

    fn take(&mut self, now: Time, event: MachineEvent, agenda: &mut EventQueue<Event>) {
        // It has no ticks, no links, and needs no second look at a server that stops.
        if let MachineEvent::Done { station, life } = event {
            self.finish(now, station, life, agenda);
        }
    }

    fn go_on(&mut self, now: Time, agenda: &mut EventQueue<Event>) -> bool {
        let Some((station, life)) = self.done.pop_front() else { return false };
        self.finish(now, station, life, agenda);
        true
    }

    fn work(&mut self, _: Time, _: &mut EventQueue<Event>) {
        self.is_free = false;
    }

    fn start(&mut self, now: Time, spec: &ServerSpec, _: &mut EventQueue<Event>) -> bool {
        let station = match self.by_id.get(&spec.id) {
            Some(station) if self.stations[usize::from(*station)].is_up => return false,
            Some(station) => *station,
            None => self.add_station(spec.clone()),
        };
        let at = &mut self.stations[usize::from(station)];
        (at.is_up, at.is_open, at.up_since) = (true, true, now);
        self.list_changes(now, Some(station), station);
        true
    }

    fn stop(&mut self, now: Time, station: u16, _: bool, _: &mut EventQueue<Event>) {
        let at = &mut self.stations[usize::from(station)];
        if !at.is_up || at.is_stopping {
            return;
        }
        (at.is_open, at.is_stopping) = (false, true);
        if at.spec.frontend {
            self.heard.push(Heard::Shut { server: station });
        }
        self.list_changes(now, None, station);
        self.end_if_done(now, station);
    }

    fn crash(&mut self, now: Time, station: u16, agenda: &mut EventQueue<Event>) {
        let at = &mut self.stations[usize::from(station)];
        if !at.is_up {
            return;
        }
        let (was_listed, is_connector) = (!at.is_stopping, at.work == Work::Connector);
        at.end(now);
        if was_listed {
            self.list_changes(now, None, station);
        }
        if is_connector {
            self.heard.push(Heard::Gone { server: station });
            // The rooms hear of each that was lost.
            for user in 0..self.clients.len() {
                let client = &mut self.clients[user];
                if client.connector == station
                    && let Some(room) = client.room.take()
                {
                    client.connection = 0;
                    let room = room.get() - 1;
                    self.send_to_room(now, room, Job::Gone { connector: station, room }, agenda);
                }
            }
        }
    }

    fn set_speed(&mut self, station: u16, speed: f64) {
        self.stations[usize::from(station)].speed = speed;
    }

    // A scenario with rules of links is refused.
    fn install(&mut self, _: Time, _: LinkRule, _: &mut EventQueue<Event>) {}

    fn heal(&mut self, _: Time, _: &str, _: &mut EventQueue<Event>) {}

    fn station(&self, id: &str) -> Option<u16> {
        self.by_id.get(id).copied()
    }

    fn spec(&self, station: u16) -> &ServerSpec {
        &self.stations[usize::from(station)].spec
    }

    fn len(&self) -> usize {
        self.stations.len()
    }

    fn is_open(&self, station: u16) -> bool {
        self.stations[usize::from(station)].is_open
    }

    fn shares(&mut self, now: Time, since: Time) -> Vec<(u16, Share)> {
        let stations = self.stations.iter_mut().enumerate();
        let shares = stations.filter_map(|(station, at)| {
            let up_ns = at.up_ns(now, since);
            let integrals = at.series.as_mut()?.integrals(now);
            Some((station as u16, Share { integrals, up_ns }))
        });
        shares.collect()
    }

    fn count_up_time(&mut self) {
        self.stations.iter_mut().for_each(|at| at.up_before_ns = 0);
    }

    fn series(&mut self, end: Time) -> Vec<ServerSeries> {
        let series = self.stations.iter_mut().filter_map(|at| {
            let (id, server_type) = (at.spec.id.clone(), at.spec.server_type.clone());
            Some(at.series.take()?.finish(end, id, server_type, 1))
        });
        series.collect()
    }

    fn moved(&mut self, _: Time) -> Moved {
        self.moved
    }

    // Rooms move with the list.
    fn misplaced(&mut self) -> (u64, u64) {
        (0, 0)
    }

    fn machines(&mut self) -> Option<&mut Machines> {
        None
    }
}

impl Flow {
    /// A server that stops ends when it has nothing to do and nobody is connected to it.
    pub(super) fn end_if_done(&mut self, now: Time, station: u16) {
        let at = &mut self.stations[usize::from(station)];
        if at.is_stopping && !at.is_busy && at.queue.is_empty() && at.connections == 0 {
            at.end(now);
        }
    }

    pub(super) fn rebuild(&mut self) {
        self.connectors.rebuild(&self.listed(Work::Connector));
        self.chats.rebuild(&self.listed(Work::Chat));
    }

    /// The stations of a type that are on its list.
    fn listed(&self, work: Work) -> Vec<(u16, Candidate)> {
        let stations = self.stations.iter().enumerate();
        let listed = stations.filter(|(_, at)| at.work == work && at.is_up && !at.is_stopping);
        let candidate = |spec: &ServerSpec| Candidate { id: spec.id.clone(), weight: spec.weight };
        listed.map(|(station, at)| (station as u16, candidate(&at.spec))).collect()
    }

    /// A server has come or is about to go.
    fn list_changes(&mut self, now: Time, came: Option<u16>, station: u16) {
        self.rebuild();
        let at = &self.stations[usize::from(station)];
        let is_balanced = at.spec.server_type.as_str() == self.balanced;
        self.moved.changes += u64::from(is_balanced);
        if at.work != Work::Chat {
            return;
        }
        let ids = self.stations.iter().filter(|at| at.work == Work::Connector);
        let (bytes, count) =
            ids.fold((0, 0), |(bytes, count), at| (bytes + at.spec.id.as_str().len() as u64, count + 1));
        let moved = self.rooms.move_all(now, &mut self.chats, came, bytes / count.max(1));
        if is_balanced {
            self.moved.rooms_before += moved.rooms_before;
            self.moved.rooms += moved.rooms;
            self.moved.unforced += moved.unforced;
            self.moved.bytes += moved.bytes;
        }
    }
}
