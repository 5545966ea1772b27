//! A server's part in what happens to rooms: members that are gone, and rooms that come from or go to other servers.

use std::sync::Arc;

use bytes::Bytes;

use super::clients::Client;
use super::{Host, Origin, Work};
use crate::channels::Member;
use crate::envelope::{Destination, InvokeKind, Payload, Room};
use crate::ids::{SessionId, SessionKey, Uid};
use crate::servers::ServerLogic;
use crate::servers::outbox::Outbox;
use crate::servers::reply::Reply;
use crate::time::Time;

/// A uid that a session has given up, and the calls that are still under way for the two.
pub(super) struct Leaving {
    pub(super) uid: Uid,
    pub(super) calls: usize,
}

/// A change of the list of servers that waits for messages up to a number.
pub(super) struct Drain {
    change: u64,
    up_to: u64,
}

impl<L: ServerLogic> Host<L> {
    /// A member is gone: those who are left in the channel hear of it from the logic.
    pub(super) fn gone(
        &mut self,
        now: Time,
        channel: Arc<str>,
        key: Option<Arc<str>>,
        member: Member,
        out: &mut Outbox,
    ) {
        if self.channels.leave(&channel, &member.uid, &member.session) {
            let deadline = now + self.setup.request_timeout;
            self.last_work += 1;
            let work = key.map(|key| Work { number: self.last_work, key });
            let origin = Origin::Server {
                server: self.id().clone(),
                call: None,
                kind: InvokeKind::Remote,
                route: Arc::clone(&channel),
                session: None,
                work,
                since: now,
                trail: None,
            };
            let (name, uid) = (Arc::clone(&channel), member.uid.clone());
            self.run(now, deadline, origin, None, out, move |logic, _, cx| {
                logic.member_gone(cx, &name, &uid);
                Reply::Done(Ok(Bytes::new()))
            });
        }
        // Also of one who was not there: the router may have it so from before, and waits for this.
        out.send(self.id(), Destination::Router, Payload::Left { channel, member });
    }

    /// Answers when all that came by a key before this is done with.
    pub(super) fn drain(&mut self, change: u64, out: &mut Outbox) {
        self.drains.push(Drain { change, up_to: self.last_work });
        self.end_drains(out);
    }

    pub(super) fn end_drains(&mut self, out: &mut Outbox) {
        let calls = &self.calls;
        let server = &self.setup.spec.id;
        self.drains.retain(|Drain { change, up_to }| {
            let waits = calls.hold_work(*up_to);
            if !waits {
                out.send(server, Destination::Router, Payload::Drained { change: *change });
            }
            waits
        });
    }

    pub(super) fn release_rooms(&mut self, rooms: &[Room]) {
        for Room { channel, members, .. } in rooms {
            for Member { uid, session } in members {
                self.channels.leave(channel, uid, session);
            }
        }
    }

    pub(super) fn adopt(&mut self, rooms: Vec<Room>) {
        for Room { channel, members, .. } in rooms {
            for member in members {
                self.channels.add(&channel, member);
            }
        }
    }

    /// A call that was under way for a client has come to its end.
    pub(super) fn call_done(&mut self, session: SessionId, binding: u32, out: &mut Outbox) {
        if let Some(client) = self.clients.get_mut(&session)
            && client.end_call(binding)
        {
            return;
        }
        if let Some(Leaving { uid, calls }) = self.leaving.remove(&(session, binding)) {
            self.leave_when_done(session, (binding, calls.saturating_sub(1)), uid, out);
        }
    }

    /// Gives a uid back that a session has given up, when nothing is under way any more for the two: a call that enters a room
    /// must not be carried out after the leave.
    pub(super) fn leave_when_done(
        &mut self,
        session: SessionId,
        (binding, calls): (u32, usize),
        uid: Uid,
        out: &mut Outbox,
    ) {
        if calls > 0 {
            self.leaving.insert((session, binding), Leaving { uid, calls });
            return;
        }
        let session = SessionKey { frontend: self.id().clone(), session };
        out.send(self.id(), Destination::Router, Payload::Unbind { session, uid });
    }

    /// Gives a uid back that a session has given up, if that is not done yet: it wants it again.
    pub(super) fn leave_at_once(&mut self, session: SessionId, uid: &Uid, out: &mut Outbox) {
        if self.clients.get(&session).is_none_or(Client::is_on_its_first_binding) {
            return;
        }
        let of_session =
            |(of, _): &(SessionId, u32), leaving: &mut Leaving| *of == session && leaving.uid == *uid;
        for _ in self.leaving.extract_if(of_session) {
            let session = SessionKey { frontend: self.setup.spec.id.clone(), session };
            out.send(&self.setup.spec.id, Destination::Router, Payload::Unbind { session, uid: uid.clone() });
        }
    }
}
