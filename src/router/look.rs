//! Who is where, for those who look: users by their uid, the key of a room, and a user who is sent away.

use std::sync::Arc;

use super::{Routed, Router};
use crate::envelope::Payload;
use crate::ids::{ServerId, ServerType, SessionKey, Uid};
use crate::time::Time;

/// Changes that are over and of which nobody has asked yet.
pub(super) const MOVES_MAX: usize = 64;

/// A change of a list that is over, and by which rooms went to other servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Whose list.
    pub server_type: ServerType,
    /// How many rooms went.
    pub rooms: u64,
    /// Their members.
    pub members: u64,
}

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
    /// The first users, in order of uid, of those in whose uid `search` occurs; and how many these are.
    pub fn users(&self, search: &str, limit: usize) -> (Vec<User>, usize) {
        let (found, total) = self.uids.find(search, limit);
        let user = |(uid, session): (&Uid, &SessionKey)| User {
            uid: uid.clone(),
            session: session.clone(),
            rooms: self
                .directory
                .places(session)
                .iter()
                .map(|place| (Arc::clone(&place.channel), place.server.clone()))
                .collect(),
        };
        (found.into_iter().map(user).collect(), total)
    }

    /// The key by which a session came into a room; none when it is not there, or the room goes by no key.
    pub fn key_of_room(&self, server: &ServerId, room: &str, member: &SessionKey) -> Option<Arc<str>> {
        let mut places = self.directory.places(member).iter();
        places.find(|place| place.server == *server && *place.channel == *room)?.key.clone()
    }

    /// Closes the session of a user, telling the client why. Gives the session; none when nobody has that uid.
    pub fn kick(&mut self, now: Time, uid: &Uid, reason: &str, out: &mut Vec<Routed>) -> Option<SessionKey> {
        self.now = now;
        let session = self.uids.get(uid).filter(|session| self.uids.holds(uid, session)).cloned()?;
        let kick = Payload::Kick { session: session.session, reason: reason.into() };
        self.tell(session.frontend.clone(), kick, out);
        Some(session)
    }

    /// The changes that have moved rooms and are over since this was asked last.
    pub fn take_moves(&mut self) -> Vec<Moved> {
        self.moves.drain(..).collect()
    }
}
