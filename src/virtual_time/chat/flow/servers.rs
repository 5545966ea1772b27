//! A flow as people and events see it.

use super::Flow;
use super::job::{Asker, Job};
use crate::config::ServerSpec;
use crate::strategies::Candidate;
use crate::time::Time;
use crate::virtual_time::chat::exchange::{ClientAction, Observation};
use crate::virtual_time::chat::servers::{Change, Servers};
use crate::virtual_time::chat::words::Words;
use crate::world::{Gauge, Moved, Stations, Timed, Work, World, WorldEvent};

impl Timed for Flow {
    fn take(&mut self, now: Time, event: WorldEvent) {
        // A flow has no ticks, no links and no supervisor.
        if let WorldEvent::Done { station, turn } = event {
            self.finish(now, station, turn);
        }
    }

    fn stations(&mut self) -> &mut Stations {
        &mut self.stations
    }

    fn gauge(&mut self, station: u16) -> &mut Gauge {
        &mut self.lanes[usize::from(station)].queue.gauge
    }

    fn moved(&mut self, _: Time) -> Moved {
        self.moved
    }
}

impl Servers for Flow {
    fn carry(&mut self, now: Time, action: ClientAction, _: &mut Words) -> Option<Observation> {
        if self.stations.is_free() {
            return self.carry_free(now, action);
        }
        match action {
            ClientAction::Close { server, session } => {
                self.close(now, server, session);
                None
            }
            ClientAction::Connect { server, session, .. } if !self.open(server, session) => {
                Some(Observation::Unreachable { session })
            }
            ClientAction::Connect { server, session, request, ask } => {
                self.arrive(now, server, Job::Nothing);
                self.ask(now, Asker { connector: server, session, request }, ask)
            }
            ClientAction::Ask { server, session, request, ask } => {
                self.ask(now, Asker { connector: server, session, request }, ask)
            }
        }
    }

    fn observe(&mut self, _: &Words, observed: &mut Vec<Observation>) {
        observed.append(&mut self.observed);
    }

    fn change(&mut self, now: Time, change: Change<'_>) -> bool {
        match change {
            Change::Start(spec) => self.start(now, spec),
            Change::Stop { station, .. } => self.stop(now, station),
            Change::Crash(station) => self.crash(now, station),
        }
    }

    fn world(&mut self) -> Option<&mut World> {
        None
    }
}

impl Flow {
    fn start(&mut self, now: Time, spec: &ServerSpec) -> bool {
        let known = self.stations.find(spec.id.as_str());
        let station = known.unwrap_or_else(|| self.add_station(spec.clone()));
        if self.stations.at(station).is_up() {
            return false;
        }
        self.put(now, station);
        self.list_changes(now, Some(station), station);
        true
    }

    fn stop(&mut self, now: Time, station: u16) -> bool {
        let (at, lane) = (self.stations.at_mut(station), &mut self.lanes[usize::from(station)]);
        if !at.is_up() || lane.is_stopping {
            return false;
        }
        (at.is_open, lane.is_stopping) = (false, true);
        if at.spec.frontend {
            self.observed.push(Observation::Shut { server: station });
        }
        self.list_changes(now, None, station);
        self.end_if_done(now, station);
        true
    }

    fn crash(&mut self, now: Time, station: u16) -> bool {
        let at = self.stations.at(station);
        if !at.is_up() {
            return false;
        }
        let (was_listed, is_connector) =
            (!self.lanes[usize::from(station)].is_stopping, at.work == Work::Connector);
        self.end(now, station);
        if was_listed {
            self.list_changes(now, None, station);
        }
        if is_connector {
            self.observed.push(Observation::Gone { server: station });
            // Each lost client is reported to its room's server.
            for user in 0..self.clients.len() {
                let client = &mut self.clients[user];
                if client.connector == station
                    && let Some(room) = client.room.take()
                {
                    client.connection = 0;
                    let room = room.get() - 1;
                    self.send_to_room(now, room, Job::Gone { connector: station, room });
                }
            }
        }
        true
    }

    /// Ends a stopping server that is idle and has no connections.
    pub(super) fn end_if_done(&mut self, now: Time, station: u16) {
        let lane = &self.lanes[usize::from(station)];
        if lane.is_stopping && lane.queue.is_idle() && self.stations.at(station).connections == 0 {
            self.end(now, station);
        }
    }

    /// Takes a server down and drops its work.
    fn end(&mut self, now: Time, station: u16) {
        let lane = &mut self.lanes[usize::from(station)];
        lane.queue.clear(now);
        lane.effects.clear();
        lane.is_stopping = false;
        self.stations.at_mut(station).end(now);
    }

    pub(super) fn rebuild(&mut self) {
        self.connectors.rebuild(&self.listed(Work::Connector));
        self.chats.rebuild(&self.listed(Work::Chat));
    }

    /// The listed servers of a type.
    fn listed(&self, work: Work) -> Vec<(u16, Candidate)> {
        let stations = (0..).zip(self.stations.all().iter().zip(&self.lanes));
        let listed = stations.filter(|(_, (at, lane))| at.work == work && at.is_up() && !lane.is_stopping);
        let candidate = |spec: &ServerSpec| Candidate { id: spec.id.clone(), weight: spec.weight };
        listed.map(|(station, (at, _))| (station, candidate(&at.spec))).collect()
    }

    /// Rebuilds the lists after a server came or before it goes, and moves the rooms.
    fn list_changes(&mut self, now: Time, came: Option<u16>, station: u16) {
        self.rebuild();
        let (at, is_balanced) = (self.stations.at(station), self.stations.is_balanced(station));
        self.moved.changes += u64::from(is_balanced);
        if at.work != Work::Chat {
            return;
        }
        let ids = self.stations.all().iter().filter(|at| at.work == Work::Connector);
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
