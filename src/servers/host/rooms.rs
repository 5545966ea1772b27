//! A server's part in room changes: departed members, and rooms that arrive from or leave for other
//! servers.

use std::sync::Arc;

use bytes::Bytes;

use super::Host;
use super::calls::Origin;
use crate::channels::Member;
use crate::envelope::{Destination, InvokeKind, Payload, Room};
use crate::servers::ServerLogic;
use crate::servers::outbox::Outbox;
use crate::servers::reply::Reply;

impl<L: ServerLogic> Host<L> {
    /// Removes a departed member. The logic tells the remaining members.
    pub(super) fn gone(
        &mut self,
        channel: Arc<str>,
        key: Option<Arc<str>>,
        member: Member,
        out: &mut Outbox,
    ) {
        if self.channels.leave(&channel, &member.uid, &member.session) {
            let deadline = self.now + self.setup.request_timeout;
            let origin = Origin::Server {
                server: self.id().clone(),
                call: None,
                kind: InvokeKind::Remote,
                route: Arc::clone(&channel),
                session: None,
                work: self.calls.number(key),
                since: self.now,
                trail: None,
            };
            let (name, uid) = (Arc::clone(&channel), member.uid.clone());
            self.run(deadline, origin, None, out, move |logic, _, cx| {
                logic.member_gone(cx, &name, &uid);
                Reply::Done(Ok(Bytes::new()))
            });
        }
        // Also send this for a member that was not here: the router may still list it, and waits
        // for this.
        out.send(self.id(), Destination::Router, Payload::Left { channel, member });
    }

    /// Tells the router about each drain that waits for nothing any more.
    pub(super) fn end_drains(&mut self, out: &mut Outbox) {
        let server = &self.setup.spec.id;
        self.calls.end_drains(|change| out.send(server, Destination::Router, Payload::Drained { change }));
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
}
