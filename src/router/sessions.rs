//! Sessions as the router knows them: their uids, and the rooms that they are in.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::directory::{Key, Place};
use super::uids::taken;
use super::{Claim, Claimed, GRANTED, Routed, Router};
use crate::channels::Member;
use crate::envelope::{Destination, Envelope, Payload, Recipients, Room};
use crate::ids::{ServerId, SessionKey, Uid};
use crate::time::Time;
use crate::trace::TraceId;
use crate::wire::PushFrame;

/// Sessions of a frontend that has vanished.
pub(super) struct Burial {
    number: u64,
    /// Servers that may still do what the frontend had asked of them.
    waiting: BTreeSet<ServerId>,
    /// When it is too late for that.
    pub(super) until: Time,
    sessions: Vec<(Uid, SessionKey)>,
}

impl Router {
    pub(super) fn bind(&mut self, uid: Uid, claim: Claim, out: &mut Vec<Routed>) {
        let (asker, call, frontend) = (claim.asker.clone(), claim.call, claim.session.frontend.clone());
        match self.uids.bind(uid, claim) {
            Claimed::Granted => {
                self.keep_promise(&frontend);
                self.answer(asker, call, Ok(Bytes::from_static(GRANTED)), out);
            }
            Claimed::Refused(error) => {
                self.counters.binds_refused += 1;
                self.answer(asker, call, Err(error), out);
            }
            Claimed::Waits(holder) => holder.into_iter().for_each(|holder| self.supplant(holder, out)),
        }
    }

    /// The session gives its uid up. It is free when every room has heard that it is gone.
    pub(super) fn unbind(&mut self, uid: &Uid, session: &SessionKey, out: &mut Vec<Routed>) {
        if !self.uids.leave(uid, session) {
            return;
        }
        for place in self.directory.places(session).to_vec() {
            self.tell_gone(session, place, out);
        }
        self.free(uid, session, out);
    }

    /// A frontend has vanished, and with it all its sessions. Their rooms hear so at once. Their uids are free when all that
    /// the frontend has asked of others before is done or too late: else a room could be entered by one who is gone, after
    /// the next one who has the uid.
    pub(super) fn lose_sessions(&mut self, frontend: &ServerId, out: &mut Vec<Routed>) {
        let sessions = self.uids.lost(frontend);
        if sessions.is_empty() {
            return;
        }
        self.last_change += 1;
        let number = self.last_change;
        let waiting: BTreeSet<ServerId> = self.homes.keys().cloned().collect();
        self.dying.extend(sessions.iter().map(|(_, session)| session.clone()));
        let until = self.now + self.request_timeout;
        self.burials.push(Burial { number, waiting: waiting.clone(), until, sessions: sessions.clone() });
        for (uid, session) in sessions {
            self.unbind(&uid, &session, out);
        }
        for server in waiting {
            self.tell(server, Payload::Drain { change: number }, out);
        }
    }

    /// A server has done what a frontend that has vanished had asked of it; or has vanished too.
    pub(super) fn is_done_with_the_dead(&mut self, server: &ServerId, number: Option<u64>) {
        for burial in &mut self.burials {
            if number.is_none_or(|number| number == burial.number) {
                burial.waiting.remove(server);
            }
        }
    }

    /// Frees the uids of those who are gone for good.
    pub(super) fn bury(&mut self, out: &mut Vec<Routed>) {
        let now = self.now;
        let is_over = |burial: &mut Burial| burial.waiting.is_empty() || burial.until <= now;
        let over: Vec<Burial> = self.burials.extract_if(.., is_over).collect();
        for (uid, session) in over.into_iter().flat_map(|burial| burial.sessions) {
            self.dying.remove(&session);
            self.free(&uid, &session, out);
        }
    }

    /// A room has a new member. One whose session has given up its uid meanwhile must leave again.
    pub(super) fn joined(
        &mut self,
        from: ServerId,
        channel: Arc<str>,
        key: Key,
        member: Member,
        out: &mut Vec<Routed>,
    ) {
        let Member { uid, session } = member.clone();
        self.directory.join(from.clone(), Arc::clone(&channel), key.clone(), member);
        self.settle(&from, key.as_ref());
        if !self.uids.holds(&uid, &session) {
            self.tell_gone(&session, Place { server: from, channel, key, uid }, out);
        }
    }

    /// A room has a member no more.
    pub(super) fn left(&mut self, server: &ServerId, channel: &str, member: &Member, out: &mut Vec<Routed>) {
        let key = self.directory.leave(server, channel, member);
        self.unsettle(server, key.as_ref());
        self.ghosts.remove(&member.session);
        self.free(&member.uid, &member.session, out);
    }

    /// Tells the server that holds a room that a member is gone: behind all that the member's frontend has sent there.
    pub(super) fn tell_gone(&mut self, session: &SessionKey, place: Place, out: &mut Vec<Routed>) {
        if self.is_stranded(&place) {
            // Whoever takes the room over will be told, even if the same session has come back to its uid by then.
            self.ghosts.insert(session.clone());
            return;
        }
        let Place { server, channel, key, uid } = place;
        let Some(server_type) = self.type_of(&server).or_else(|| self.orphans.get(&server)).cloned() else {
            return;
        };
        let member = Member { uid, session: session.clone() };
        let to = match &key {
            Some(key) if !self.rooms_stay => Destination::Route { server_type, key: Some(Arc::clone(key)) },
            _ => Destination::Server(server),
        };
        let payload = Payload::Gone { channel, key, member };
        self.carry(Envelope::new(session.frontend.clone(), to, payload), out);
    }

    /// Members that are gone, of which the server that held the room may never have heard.
    pub(super) fn tell_again(&mut self, rooms: &[Room], server: &ServerId, out: &mut Vec<Routed>) {
        for Room { channel, key, members } in rooms {
            for member in members {
                let is_there = self.uids.holds(&member.uid, &member.session);
                if is_there && !self.ghosts.contains(&member.session) {
                    continue;
                }
                let gone =
                    Payload::Gone { channel: channel.clone(), key: key.clone(), member: member.clone() };
                self.tell(server.clone(), gone, out);
            }
        }
    }

    pub(super) fn push_to_uids(
        &mut self,
        (from, trace): (&ServerId, Option<TraceId>),
        uids: Vec<Uid>,
        frame: &PushFrame,
        out: &mut Vec<Routed>,
    ) {
        for uid in uids {
            let Some(SessionKey { frontend, session }) = self.uids.get(&uid).cloned() else {
                self.counters.uids_unknown += 1;
                continue;
            };
            let payload = Payload::Push { sessions: Recipients::One(session), frame: frame.clone() };
            self.deliver(from.clone(), frontend, (payload, trace), out);
        }
    }

    /// Gives a uid to whoever waits for it, once its session is in no room any more.
    pub(super) fn free(&mut self, uid: &Uid, session: &SessionKey, out: &mut Vec<Routed>) {
        if !self.uids.is_leaving(uid, session) || self.dying.contains(session) {
            return;
        }
        let mut places = self.directory.places(session).iter();
        if places.any(|place| place.uid == *uid && !self.is_stranded(place)) {
            return;
        }
        let freed = self.uids.unbind(uid, session);
        if let Some(claim) = freed.granted {
            self.keep_promise(&claim.session.frontend);
            self.answer(claim.asker, claim.call, Ok(Bytes::from_static(GRANTED)), out);
        }
        for claim in freed.refused {
            self.counters.binds_refused += 1;
            self.answer(claim.asker, claim.call, Err(taken(uid)), out);
        }
        if let Some(holder) = freed.kicked {
            self.supplant(holder, out);
        }
    }

    /// Whether a room belongs to nobody: its server has vanished, or is about to stop, and there is no other. Nobody can
    /// enter it meanwhile.
    fn is_stranded(&self, place: &Place) -> bool {
        let server_type = self.type_of(&place.server).or_else(|| self.orphans.get(&place.server));
        place.key.is_some() && !self.rooms_stay && !server_type.is_some_and(|of| self.has_servers(of))
    }

    /// Kicks a session whose uid another one claims.
    fn supplant(&mut self, holder: SessionKey, out: &mut Vec<Routed>) {
        self.counters.supplanted += 1;
        let kick = Payload::Kick { session: holder.session, reason: "logged in elsewhere".into() };
        self.tell(holder.frontend, kick, out);
    }
}
