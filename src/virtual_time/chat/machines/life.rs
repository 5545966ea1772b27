//! How servers come, stop in good order, vanish and come back; and what is told of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::station::{Station, Stopping};
use super::{MachineEvent, Machines, ToClient};
use crate::audit::{RouterView, Violation, audit};
use crate::config::ServerSpec;
use crate::ids::ServerId;
use crate::servers::{Delivery, ServerSnapshot};
use crate::stats::{LoadSeries, ServerSeries};
use crate::time::Time;
use crate::virtual_time::EventQueue;
use crate::virtual_time::chat::exchange::{Moved, Share};

/// How often it is looked how far a server is that stops, as of live ones.
const POLL: Duration = Duration::from_millis(5);

/// How long a server that stops may take to answer what is under way.
const ANSWERING_MAX: Duration = Duration::from_secs(1);

/// How long it may take to hand over what it holds; what has not gone by then is rebuilt, as after a crash.
const HANDING_OVER_MAX: Duration = Duration::from_secs(5);

impl Machines {
    /// Starts a server: a new one, at the end of its type's list, or one that was there before.
    pub fn start<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        spec: &ServerSpec,
        agenda: &mut EventQueue<E>,
    ) -> bool {
        self.generations += 1;
        let Some(planned) = self.blueprint.server(spec, self.generations) else { return false };
        let station = match self.by_id.get(&spec.id) {
            Some(station) if self.is_up(*station) => return false,
            Some(station) => *station,
            None => self.add_station(spec.clone()),
        };
        if self.router.admit(spec).is_err() {
            return false;
        }
        let at = &mut self.stations[usize::from(station)];
        (at.server, at.up_since, at.life) = (Some((planned.make)()), now, at.life.wrapping_add(1));
        for delivery in [Delivery::Started, Delivery::AllStarted] {
            self.at_once(now, station, delivery, agenda);
        }
        self.stations[usize::from(station)].is_open = true;
        self.list_changes(now, station, true);
        self.order(now, agenda, |router, now, out| router.join(now, spec, out));
        true
    }

    /// Tells a server to stop in good order. It ends when nothing of it is left. `for_good`: should it come back, it stands at
    /// the end of its type's list, else in its old place.
    pub fn stop<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        for_good: bool,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &mut self.stations[usize::from(station)];
        if at.server.is_none() || at.stopping.is_some() {
            return;
        }
        at.is_open = false;
        at.is_struck = for_good;
        at.stopping = Some(Stopping::Answering(now + ANSWERING_MAX));
        let (id, is_frontend) = (at.spec.id.clone(), at.spec.frontend);
        if !is_frontend {
            self.arrive(now, station, Delivery::Stopping, agenda);
        }
        self.list_changes(now, station, false);
        self.order(now, agenda, |router, now, out| router.retire(now, &id, out));
        agenda.plan(now + POLL, MachineEvent::Stop(station).into());
    }

    /// Lets a server vanish, with all that it has in hand.
    pub fn crash<E: From<MachineEvent>>(&mut self, now: Time, station: u16, agenda: &mut EventQueue<E>) {
        let at = &mut self.stations[usize::from(station)];
        if at.server.is_none() {
            return;
        }
        let was_listed = at.stopping.is_none();
        let (id, is_frontend) = (at.spec.id.clone(), at.spec.frontend);
        if was_listed {
            self.list_changes(now, station, false);
        }
        let at = &mut self.stations[usize::from(station)];
        at.up_before_ns += now.as_nanos().saturating_sub(at.up_since.as_nanos());
        at.clear();
        at.note(now);
        self.order(now, agenda, |router, now, out| router.forget(now, &id, out));
        if is_frontend {
            self.said.push((station, ToClient::Gone));
        }
    }

    pub(super) fn go_on_stopping<E: From<MachineEvent>>(
        &mut self,
        now: Time,
        station: u16,
        agenda: &mut EventQueue<E>,
    ) {
        let at = &self.stations[usize::from(station)];
        let (Some(stopping), Some(server)) = (at.stopping, &at.server) else { return };
        let seen = server.snapshot();
        let is_idle = !at.is_busy && at.queue.is_empty() && seen.calls_pending == 0;
        match stopping {
            Stopping::Answering(until) if is_idle || now >= until => {
                let is_frontend = at.spec.frontend;
                self.stations[usize::from(station)].stopping =
                    Some(Stopping::HandingOver(now + HANDING_OVER_MAX));
                if is_frontend {
                    for delivery in [Delivery::GivingUp, Delivery::Stopping] {
                        self.arrive(now, station, delivery, agenda);
                    }
                    self.said.push((station, ToClient::Shut));
                }
            }
            Stopping::HandingOver(until) => {
                let is_over = is_idle && seen.sessions == 0 && self.router.is_empty_handed(&at.spec.id);
                if is_over || now >= until {
                    let (id, is_struck) = (at.spec.id.clone(), at.is_struck);
                    self.crash(now, station, agenda);
                    if is_struck {
                        self.router.strike(&id);
                    }
                    return;
                }
            }
            Stopping::Answering(_) => {}
        }
        agenda.plan(now + POLL, MachineEvent::Stop(station).into());
    }

    pub(super) fn add_station(&mut self, spec: ServerSpec) -> u16 {
        let series = spec.server_type.as_str() == self.balanced;
        let series = series.then(|| LoadSeries::new(self.load.step_ns));
        // The number of servers is bounded by those who configure them.
        let station = u16::try_from(self.stations.len()).unwrap_or(u16::MAX);
        self.by_id.insert(spec.id.clone(), station);
        self.stations.push(Station::new(spec, series));
        station
    }

    /// The balanced type's list is about to change.
    fn list_changes(&mut self, now: Time, station: u16, comes: bool) {
        if self.is_balanced(station) {
            let rooms = self.stations.iter().filter(|at| at.spec.server_type.as_str() == self.balanced);
            let rooms = rooms.filter_map(|at| Some(at.server.as_ref()?.snapshot().channels as u64)).sum();
            self.moves.begin(now, comes.then_some(station), rooms);
        }
    }

    fn is_balanced(&self, station: u16) -> bool {
        self.stations[usize::from(station)].spec.server_type.as_str() == self.balanced
    }

    /// What each server of the balanced type has done so far.
    pub(in crate::virtual_time::chat) fn shares(&mut self, now: Time, since: Time) -> Vec<(u16, Share)> {
        let stations = self.stations.iter_mut().enumerate();
        let shares = stations.filter_map(|(station, at)| {
            let up_ns = at.up_ns(now, since);
            let integrals = at.series.as_mut()?.integrals(now);
            Some((station as u16, Share { integrals, up_ns }))
        });
        shares.collect()
    }

    /// How long servers were up counts from now on.
    pub(in crate::virtual_time::chat) fn count_up_time(&mut self) {
        self.stations.iter_mut().for_each(|at| at.up_before_ns = 0);
    }

    /// The load of each server of the balanced type, up to `end`.
    pub(in crate::virtual_time::chat) fn series(&mut self, end: Time) -> Vec<ServerSeries> {
        let stations = self.stations.iter_mut();
        let series = stations.filter_map(|at| {
            let (id, server_type) = (at.spec.id.clone(), at.spec.server_type.clone());
            Some(at.series.take()?.finish(end, id, server_type, 1))
        });
        series.collect()
    }

    /// What changes of the balanced type's list have moved, up to `end`.
    pub(in crate::virtual_time::chat) fn moved(&mut self, end: Time) -> Moved {
        self.moves.end(end);
        self.moves.moved
    }

    /// Every server's account of itself, of those that are up.
    pub fn snapshots(&self) -> Vec<ServerSnapshot> {
        self.stations.iter().filter_map(|at| Some(at.server.as_ref()?.snapshot())).collect()
    }

    /// What does not hold of the cluster at this moment.
    pub fn audit(&mut self) -> BTreeSet<Violation> {
        let held = self.stations.iter().filter_map(|at| {
            let holdings = at.server.as_ref()?.holdings();
            Some((at.spec.id.clone(), (at.spec.server_type.clone(), holdings)))
        });
        let held: BTreeMap<_, _> = held.collect();
        audit(&held, &RouterView::of(&mut self.router), self.rooms_move)
    }

    /// Rooms whose messages go to a server that does not have them, and rooms that are on more than one server.
    pub(in crate::virtual_time::chat) fn misplaced(&mut self) -> (u64, u64) {
        let view = RouterView::of(&mut self.router);
        let mut places: BTreeMap<&str, BTreeSet<&ServerId>> = BTreeMap::new();
        let mut orphaned: BTreeSet<&str> = BTreeSet::new();
        for (server, rooms) in &view.rooms {
            for (room, owner) in rooms {
                places.entry(&room.channel).or_default().insert(server);
                if room.key.is_some() && owner.as_ref() != Some(server) {
                    orphaned.insert(&room.channel);
                }
            }
        }
        let split = places.values().filter(|servers| servers.len() > 1).count();
        (orphaned.len() as u64, split as u64)
    }
}
