//! How sessions end and how rooms move: the sequences that involve more than one part.
//!
//! A session ends in steps: see [`Sessions`](super::Sessions). Each of its rooms is told by a
//! message that follows everything the session sent there. When the last room has confirmed, the
//! uid is free.

use std::sync::Arc;

use super::rooms::{Key, Place};
use super::sessions::Outcome;
use super::{Router, load};
use crate::channels::Member;
use crate::envelope::{Destination, Envelope, Located, Payload, Room};
use crate::ids::{ServerId, ServerType, SessionKey, Uid};

impl Router {
    /// The session gives up its uid, which is free when every room has confirmed that the session
    /// is out.
    pub(super) fn unbind(&mut self, uid: &Uid, session: &SessionKey) {
        if !self.sessions.leave(uid, session) {
            return;
        }
        for place in self.rooms.places(session).to_vec() {
            self.tell_gone(session, &place);
        }
        self.free(uid, session);
    }

    /// Records a new member of a room.
    pub(super) fn joined(&mut self, from: &ServerId, channel: &Arc<str>, key: &Key, member: Member) {
        let Some(server_type) = self.fabric.type_of(from) else { return };
        let Member { uid, session } = member.clone();
        self.rooms.join(from, server_type, channel, key, member);
        if let Some((key, pool)) = key.as_ref().zip(self.pools.get_mut(server_type)) {
            pool.settle(from, key);
        }
        // The session ended while its entry was in flight, when the router did not know of this
        // room yet. Tell the room now.
        if !self.sessions.holds(&uid, &session) {
            self.tell_gone_from(from, channel, &session);
        }
    }

    /// Records that a member is out of a room.
    pub(super) fn left(&mut self, from: &ServerId, channel: &str, member: &Member) {
        let key = self.rooms.leave(from, channel, member);
        if let Some(key) = key.filter(|key| !self.rooms.has_key(from, key))
            && let Some(pool) = self.fabric.type_of(from).and_then(|of| self.pools.get_mut(of))
        {
            pool.unsettle(from, &key, self.fabric.now());
        }
        self.free(&member.uid, &member.session);
    }

    fn tell_gone_from(&mut self, server: &ServerId, channel: &str, session: &SessionKey) {
        if let Some(place) = self.rooms.place(server, channel, session).cloned() {
            self.tell_gone(session, &place);
        }
    }

    /// Tells the server that holds a room that a member is gone. The message follows everything
    /// that the member's frontend sent there, so it cannot overtake the member's own entry.
    fn tell_gone(&mut self, session: &SessionKey, place: &Place) {
        if self.is_stranded(place) {
            // The room has no server to tell. Its next owner will be told: see `move_rooms`.
            self.rooms.depart(session, place);
            return;
        }
        let to = match (place.holder.server(), self.rooms.type_of(&place.holder)) {
            (Some(server), _) if !self.rooms.follows(&place.key) => Destination::Server(server.clone()),
            (_, Some(server_type)) => {
                Destination::Route { server_type: server_type.clone(), key: place.key.clone() }
            }
            (_, None) => return,
        };
        let member = Member { uid: place.uid.clone(), session: session.clone() };
        let payload = Payload::Gone { channel: Arc::clone(&place.channel), key: place.key.clone(), member };
        self.carry(Envelope::new(session.frontend.clone(), to, payload));
    }

    /// Grants the uid of a departed session to the next claim, once no room has the session as a
    /// member. A room that has not confirmed could take the next session for the first, or announce
    /// the two in the wrong order. An ownerless room cannot confirm, and nobody can enter it
    /// either, so the uid does not wait for it.
    pub(super) fn free(&mut self, uid: &Uid, session: &SessionKey) {
        if !self.sessions.is_leaving(uid, session) {
            return;
        }
        let mut places = self.rooms.places(session).iter();
        if !places.any(|place| place.uid == *uid && !self.is_stranded(place)) {
            let outcome = self.sessions.free(uid, session);
            self.carry_out(outcome);
        }
    }

    /// Whether a room has no server: its own vanished or is stopping, and its type has no other.
    fn is_stranded(&self, place: &Place) -> bool {
        let has_servers = |of| self.pools.has_servers(of);
        self.rooms.follows(&place.key) && !self.rooms.type_of(&place.holder).is_some_and(has_servers)
    }

    pub(super) fn carry_out(&mut self, Outcome { bound_at, tell }: Outcome) {
        if let Some(frontend) = bound_at
            && let Some(pool) = self.fabric.type_of(&frontend).and_then(|of| self.pools.get_mut(of))
        {
            pool.confirm_assignment(&frontend);
        }
        tell.into_iter().for_each(|(to, payload)| self.fabric.send(to, payload));
    }

    /// Ends all sessions of a frontend that vanished. Their rooms are told at once. Their uids
    /// wait: a server may still carry out a request of that frontend and let a departed session
    /// enter a room.
    pub(super) fn lose_sessions(&mut self, frontend: &ServerId) {
        let sessions = self.sessions.lose(frontend);
        if sessions.is_empty() {
            return;
        }
        let (drain, servers) = (self.fabric.next_drain(), self.fabric.servers(None));
        let until = self.fabric.now() + self.request_timeout;
        self.sessions.release_after(drain, servers.clone(), until, sessions.clone());
        sessions.iter().for_each(|(uid, session)| self.unbind(uid, session));
        servers.into_iter().for_each(|id| self.fabric.send(id, Payload::Drain { change: drain }));
    }

    /// Frees the uids of lost sessions once no request can let these enter a room.
    pub(super) fn release(&mut self) {
        for (uid, session) in self.sessions.release(self.fabric.now()) {
            self.free(&uid, &session);
        }
    }

    /// A server has processed everything sent to it before this drain.
    pub(super) fn drained(&mut self, from: &ServerId, drain: u64) {
        self.pools.drained(from, Some(drain), &self.fabric);
        self.proceed();
        let load = |server: &Located| load(&self.sessions, &self.rooms, server);
        self.pools.swept(from, Some(drain), &self.fabric, &load);
        self.sessions.drained(from, Some(drain));
        self.release();
    }

    /// Gives a restarted server its rooms back, and tells it of members who left while it was down.
    pub(super) fn restore(&mut self, server: &ServerId) {
        let rooms = self.rooms.restore(server);
        self.fabric.send(server.clone(), Payload::Restored { rooms: rooms.clone() });
        for Room { channel, members, .. } in rooms {
            for Member { uid, session } in members {
                if !self.sessions.holds(&uid, &session) {
                    self.tell_gone_from(server, &channel, &session);
                }
            }
        }
    }

    /// Continues the changes whose servers have drained: moves the rooms that can move, then their
    /// buffered traffic.
    pub(super) fn proceed(&mut self) {
        for server_type in self.pools.proceed(&self.fabric) {
            self.move_rooms(&server_type);
            self.pools.end_changes(&server_type);
            self.release_held(&server_type);
        }
    }

    /// Moves rooms whose keys are settled to the servers that own the keys.
    pub(super) fn move_rooms(&mut self, server_type: &ServerType) {
        let now = self.fabric.now();
        let load = |server: &Located| load(&self.sessions, &self.rooms, server);
        let Some(pool) = self.pools.get_mut(server_type) else { return };
        let moves = self.rooms.to_move(server_type, |key| pool.new_owner(key, now, &load));
        for ((from, to), keys) in moves {
            let rooms = self.rooms.hand_over(&from, keys, &to, server_type);
            pool.moved(&to, &rooms);
            log::info!("rooms handed over from={from} to={to} rooms={}", rooms.len());
            if let Some(from) = from.server() {
                self.fabric.send(from.clone(), Payload::Release { rooms: rooms.clone() });
            }
            self.fabric.send(to.clone(), Payload::Adopt { rooms: rooms.clone() });
            // The last holder may have vanished, or restarted, before it was told of these
            // departures. The new owner is told first of all. Its confirmation frees the uids that
            // wait for this room.
            let is_there = |member: &Member| self.sessions.holds(&member.uid, &member.session);
            for gone in self.rooms.gone(&to, &rooms, is_there) {
                self.fabric.send(to.clone(), gone);
            }
        }
    }

    /// Carries the buffered envelopes of keys that are no longer between two servers.
    pub(super) fn release_held(&mut self, server_type: &ServerType) {
        let Some(pool) = self.pools.get_mut(server_type) else { return };
        pool.release_held(self.fabric.now()).into_iter().for_each(|envelope| self.carry(envelope));
    }
}
