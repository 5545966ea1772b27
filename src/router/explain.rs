//! Where a key is, and why, by the current strategies, lists and weights.

use serde::{Deserialize, Serialize};

use super::Router;
use crate::ids::{ServerId, ServerType};
use crate::strategies::{PlacementChange, one_more, placement_change};

/// How the placement of a key of a type comes about.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPlacementChange {
    /// The key.
    pub key: String,
    /// The server that "one more" adds at the end.
    pub added: ServerId,
    /// Its server; `None` if each pick is a new choice, or if none was made yet.
    #[serde(flatten)]
    pub placement: PlacementChange,
}

impl Router {
    /// What becomes of a key of a type; none when nothing is known of the type.
    pub fn explain(&self, server_type: &ServerType, key: &str) -> Option<KeyPlacementChange> {
        let pool = self.pools.get(server_type)?;
        let servers = pool.candidates();
        let added = one_more(&servers);
        // A directory around a sticky strategy: its next choice is certain.
        let chooses = pool.spec().innermost().is_sticky();
        let placement = placement_change(pool.spec(), pool.strategy(), &servers, &added, key, chooses);
        Some(KeyPlacementChange { key: key.to_owned(), added: added.id, placement })
    }

    /// The server that has the room of a key of a type, with the number of its members. If rooms of
    /// that key were left behind on other servers, the server that owns the key counts.
    pub fn room_of(&self, server_type: &ServerType, key: &str) -> Option<(ServerId, usize)> {
        let mut of_key: Vec<(&ServerId, usize)> = self
            .rooms
            .sizes(server_type)
            .filter(|(_, of, ..)| of.as_deref() == Some(key))
            .filter_map(|(holder, _, _, members)| Some((holder.server()?, members)))
            .collect();
        let owner = self.pools.get(server_type)?.owner(key);
        of_key.sort_by_key(|(server, _)| Some(*server) != owner);
        of_key.first().map(|(server, members)| ((*server).clone(), *members))
    }
}
