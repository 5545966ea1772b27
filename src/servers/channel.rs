//! A channel as handlers use it: its members, and pushes to all of them.

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

/// A channel on the server that runs the handler. Like Pomelo's channel, it offers `add`, `leave`,
/// `members` and pushes to all members.
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
    /// Adds a session. It must be bound to `uid`, or the router removes it at once. A channel
    /// contains a uid once: a later session replaces the earlier one. The router removes the
    /// session when its connection ends, whichever server added it.
    ///
    /// The membership belongs to the key that routed the current message here. When another server
    /// takes over that key, or this server is lost, the member moves there with the channel.
    pub fn add(&mut self, uid: Uid, session: SessionKey) {
        let mut member = Member { uid, session };
        // Names from a message body are fresh copies. The current session's names are shared by all
        // parts that know it, so keep those and free the copies.
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

    /// Removes a session. Returns false if it was not a member.
    pub fn leave(&mut self, uid: &Uid, session: &SessionKey) -> bool {
        let left = self.channels.leave(self.name, uid, session);
        if left {
            let member = Member { uid: uid.clone(), session: session.clone() };
            let channel = self.name.into();
            self.out.send(&self.server.id, Destination::Router, Payload::Left { channel, member });
        }
        left
    }

    /// The members' uids, by frontend and then in the order of joining.
    pub fn members(&self) -> impl Iterator<Item = &Uid> {
        self.channels.get(self.name).into_iter().flat_map(Channel::members)
    }

    /// Returns the session of a member.
    pub fn session_of(&self, uid: &str) -> Option<&SessionKey> {
        self.channels.get(self.name)?.session_of(uid)
    }

    /// Pushes to all members. Does nothing if the channel is empty.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn push(&mut self, route: &str, body: &impl Serialize) -> Result<(), AppError> {
        let Some(channel) = self.channels.get_mut(self.name) else { return Ok(()) };
        let frame = self.codec.encode_push(route, body)?;
        channel.note_push(self.now);
        // Read all group sizes before sharing any group: reads of distant memory overlap, but each
        // increment of an `Arc`'s count waits for its own.
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
