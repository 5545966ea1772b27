//! Queries for users by uid, and for the key of a room.

use std::sync::Arc;

use super::Router;
use super::rooms::Place;
use crate::ids::{ServerId, SessionKey, Uid};

/// A user that is logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The uid.
    pub uid: Uid,
    /// The session that holds it.
    pub session: SessionKey,
    /// The rooms that the session is in, each with its server.
    pub rooms: Vec<(Arc<str>, ServerId)>,
}

impl Router {
    /// The first users whose uid contains `search`, by uid, and their total number.
    pub fn users(&self, search: &str, limit: usize) -> (Vec<User>, usize) {
        let (found, total) = self.sessions.find(search, limit);
        // An ownerless room is shown on its last server.
        let room = |place: &Place| (Arc::clone(&place.channel), place.holder.shown());
        let user = |(uid, session): (&Uid, &SessionKey)| User {
            uid: uid.clone(),
            session: session.clone(),
            rooms: self.rooms.places(session).iter().map(room).collect(),
        };
        (found.into_iter().map(user).collect(), total)
    }

    /// The key that led a session into a room; `None` if the session is not in it, or if the room
    /// has no key.
    pub fn key_of_room(&self, server: &ServerId, room: &str, member: &SessionKey) -> Option<Arc<str>> {
        self.rooms.place(server, room, member)?.key.clone()
    }
}
