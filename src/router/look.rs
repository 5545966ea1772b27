//! Where users are, for observers: users by their uid, and the key of a room.

use std::sync::Arc;

use super::Router;
use super::rooms::Place;
use crate::ids::{ServerId, SessionKey, Uid};

/// A user who is logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Who.
    pub uid: Uid,
    /// On which connection.
    pub session: SessionKey,
    /// The rooms that the session is in, each with its server.
    pub rooms: Vec<(Arc<str>, ServerId)>,
}

impl Router {
    /// The first users, in order of uid, of those in whose uid `search` occurs; and how many these
    /// are.
    pub fn users(&self, search: &str, limit: usize) -> (Vec<User>, usize) {
        let (found, total) = self.sessions.find(search, limit);
        // A room that waits for a server is shown where it was.
        let room = |place: &Place| (Arc::clone(&place.channel), place.holder.shown());
        let user = |(uid, session): (&Uid, &SessionKey)| User {
            uid: uid.clone(),
            session: session.clone(),
            rooms: self.rooms.places(session).iter().map(room).collect(),
        };
        (found.into_iter().map(user).collect(), total)
    }

    /// The key by which a session came into a room; none when it is not there, or the room goes by
    /// no key.
    pub fn key_of_room(&self, server: &ServerId, room: &str, member: &SessionKey) -> Option<Arc<str>> {
        self.rooms.place(server, room, member)?.key.clone()
    }
}
