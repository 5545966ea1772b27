//! A channel as a handler sees it: its members, and pushes to all of them.

use std::sync::Arc;

use serde::Serialize;

use super::codec::Codec;
use super::outbox::Outbox;
use super::snapshot::HostCounters;
use crate::channels::{Channel, Channels, Member};
use crate::config::ServerSpec;
use crate::envelope::{AppError, Destination, Payload, Recipients, Session};
use crate::ids::{SessionKey, Uid};
use crate::time::Time;

/// A channel of the server that runs this: Pomelo's channel, with `add`, `leave`, `members` and pushes to all of them.
pub struct ChannelHandle<'c> {
    pub(super) name: &'c str,
    pub(super) server: &'c ServerSpec,
    pub(super) session: Option<&'c Session>,
    pub(super) channels: &'c mut Channels,
    pub(super) codec: &'c Codec,
    pub(super) out: &'c mut Outbox,
    pub(super) counters: &'c mut HostCounters,
    pub(super) now: Time,
    pub(super) key: &'c Option<Arc<str>>,
}

impl ChannelHandle<'_> {
    /// Adds a session, which must be bound to that uid: else it is taken out again at once. A uid is in a channel once: a
    /// later session takes its place. When the session's connection ends it is taken out, whoever added it.
    ///
    /// The membership belongs to the key by which the message at hand was routed here: when another server gets that key,
    /// or this one is lost, the member goes there with the channel.
    pub fn add(&mut self, uid: Uid, session: SessionKey) {
        let mut member = Member { uid, session };
        // Names that came in a message's body are copies. Those of the session at hand are shared by all that know it.
        if let Some(at_hand) = self.session.filter(|at_hand| at_hand.key == member.session) {
            member.session = at_hand.key.clone();
            if let Some(uid) = at_hand.uid.as_ref().filter(|uid| **uid == member.uid) {
                member.uid = uid.clone();
            }
        }
        self.channels.add(self.name, member.clone());
        let (channel, key) = (self.name.into(), self.key.clone());
        self.out.send(&self.server.id, Destination::Router, Payload::Joined { channel, key, member });
    }

    /// Takes a session out; false when it was not in it.
    pub fn leave(&mut self, uid: &Uid, session: &SessionKey) -> bool {
        let left = self.channels.leave(self.name, uid, session);
        if left {
            let member = Member { uid: uid.clone(), session: session.clone() };
            let channel = self.name.into();
            self.out.send(&self.server.id, Destination::Router, Payload::Left { channel, member });
        }
        left
    }

    /// The members' uids: by frontend, then in the order in which they came.
    pub fn members(&self) -> impl Iterator<Item = &Uid> {
        self.channels.get(self.name).into_iter().flat_map(Channel::members)
    }

    /// The session of a member.
    pub fn session_of(&self, uid: &str) -> Option<&SessionKey> {
        self.channels.get(self.name)?.session_of(uid)
    }

    /// A push to all members; nothing when there is none.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn push(&mut self, route: &str, body: &impl Serialize) -> Result<(), AppError> {
        let Some(channel) = self.channels.get_mut(self.name) else { return Ok(()) };
        let frame = self.codec.encode_push(route, body)?;
        channel.note_push(self.now);
        // All groups are looked at before any is shared: a look at memory far away waits for no other, the count of an Arc's
        // owners does.
        self.counters.recipients +=
            channel.recipients().map(|(_, sessions)| sessions.len() as u64).sum::<u64>();
        for (frontend, sessions) in channel.recipients() {
            self.out.step_pushed(route, frontend.as_str(), Some(sessions.len()));
            let sessions = Recipients::Many(Arc::clone(sessions));
            let payload = Payload::Push { sessions, frame: frame.clone() };
            self.out.send(&self.server.id, Destination::Server(frontend.clone()), payload);
            self.counters.pushes += 1;
        }
        Ok(())
    }
}
