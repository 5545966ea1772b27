//! Observations of the world.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::audit::{RouterView, Violation, audit};
use crate::ids::ServerId;
use crate::servers::{Server, ServerSnapshot};

impl World {
    /// Returns a server that is up.
    pub fn server(&self, station: u16) -> Option<&dyn Server> {
        self.slots[usize::from(station)].server.as_deref()
    }

    /// The servers that are up.
    fn servers(&self) -> impl Iterator<Item = (u16, &dyn Server)> {
        let stations = (0..).zip(&self.slots);
        stations.filter_map(|(station, slot)| Some((station, slot.server.as_deref()?)))
    }

    /// The snapshots of all servers that are up.
    pub fn snapshots(&self) -> Vec<ServerSnapshot> {
        self.servers().map(|(_, server)| server.snapshot()).collect()
    }

    /// Whether a server has finished the supervisor's last delivery: its start or its goodbye.
    pub fn has_done_as_told(&self, station: u16) -> bool {
        let slot = &self.slots[usize::from(station)];
        slot.told > 0 && slot.done >= slot.told
    }

    /// Whether decisions of the supervisor are still to be carried out.
    pub fn is_deciding(&self) -> bool {
        !self.decisions.is_empty()
    }

    /// Returns the invariants of the cluster that are violated now.
    pub fn audit(&mut self) -> BTreeSet<Violation> {
        let held: BTreeMap<_, _> = self
            .servers()
            .map(|(station, server)| {
                let spec = &self.stations.at(station).spec;
                (spec.id.clone(), (spec.server_type.clone(), server.holdings()))
            })
            .collect();
        audit(
            &held,
            &RouterView::of(&mut self.router),
            self.rooms_move,
            self.blueprint.options().roles.room_setting,
        )
    }

    /// Counts the rooms whose messages go to a server that does not have them, and the rooms that
    /// are on more than one server.
    pub fn misplaced(&mut self) -> (u64, u64) {
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
