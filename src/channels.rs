//! Channels: groups of sessions that receive the same pushes. A chat room is a channel.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::ids::{ServerId, SessionId, SessionKey, Uid};
use crate::time::{Time, TwoSeconds};

/// The channels of one server, by name. A channel exists while it has members.
#[derive(Default, Debug)]
pub struct Channels {
    /// A hash map, sorted on demand: most accesses are by name, and a tree of a hundred thousand
    /// names would compare a dozen names for each.
    by_name: HashMap<Box<str>, Channel>,
    /// Members of all channels together.
    members: usize,
}

/// A session that receives a channel's pushes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Member {
    /// The member's uid.
    pub uid: Uid,
    /// The member's connection.
    pub session: SessionKey,
}

/// The members of a channel, grouped by frontend, so that a push costs one envelope for each
/// frontend and copies no list. Groups are in the order of their first members, members in the
/// order of joining. Clients show this order.
#[derive(Default, Debug)]
pub struct Channel {
    groups: Vec<Group>,
    by_uid: HashMap<Uid, SessionKey>,
    pushes: u64,
    pushes_lately: TwoSeconds,
}

#[derive(Debug)]
struct Group {
    frontend: ServerId,
    /// Shared with pushes in flight, and replaced at each change. An `Arc` slice is one allocation
    /// with its length next to the pointer.
    sessions: Arc<[SessionId]>,
    uids: Vec<Uid>,
}

impl Channels {
    /// Adds a member, and creates the channel for its first one. A channel contains a uid once: a
    /// later session replaces the earlier one. Returns the replaced session, if any.
    pub fn add(&mut self, channel: &str, member: Member) -> Option<SessionKey> {
        let known = match self.by_name.get_mut(channel) {
            Some(known) => known,
            None => self.by_name.entry(channel.into()).or_default(),
        };
        let before = known.len();
        let replaced = known.add(member);
        self.members += known.len() - before;
        replaced
    }

    /// Removes a member, and drops an empty channel. Returns false if it was not a member.
    pub fn leave(&mut self, channel: &str, uid: &Uid, session: &SessionKey) -> bool {
        let Some(known) = self.by_name.get_mut(channel) else { return false };
        let left = known.leave(uid, session);
        self.members -= usize::from(left);
        if known.is_empty() {
            self.by_name.remove(channel);
        }
        left
    }

    /// Removes a whole channel.
    pub fn remove(&mut self, channel: &str) -> Option<Channel> {
        let removed = self.by_name.remove(channel);
        self.members -= removed.as_ref().map_or(0, Channel::len);
        removed
    }

    /// Returns a channel that has members.
    pub fn get(&self, channel: &str) -> Option<&Channel> {
        self.by_name.get(channel)
    }

    /// Returns a channel that has members, mutable.
    pub fn get_mut(&mut self, channel: &str) -> Option<&mut Channel> {
        self.by_name.get_mut(channel)
    }

    /// Names and channels in no particular order, without the cost of sorting.
    pub fn unordered(&self) -> impl Iterator<Item = (&str, &Channel)> {
        self.by_name.iter().map(|(name, channel)| (&**name, channel))
    }

    /// Names and channels, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Channel)> {
        let mut channels: Vec<(&str, &Channel)> = self.unordered().collect();
        channels.sort_unstable_by_key(|(name, _)| *name);
        channels.into_iter()
    }

    /// The number of channels.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// The number of members of all channels.
    pub fn members(&self) -> usize {
        self.members
    }

    /// Whether no channel exists.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl Channel {
    /// Returns the session of a member.
    pub fn session_of(&self, uid: &str) -> Option<&SessionKey> {
        self.by_uid.get(uid)
    }

    /// The members' uids, by frontend and then in the order of joining.
    pub fn members(&self) -> impl Iterator<Item = &Uid> {
        self.groups.iter().flat_map(|group| &group.uids)
    }

    /// The members with their sessions. Adding them to another channel in this order keeps the
    /// order.
    pub fn with_sessions(&self) -> impl Iterator<Item = Member> {
        self.groups.iter().flat_map(|group| {
            group.uids.iter().zip(&*group.sessions).map(|(uid, session)| Member {
                uid: uid.clone(),
                session: SessionKey { frontend: group.frontend.clone(), session: *session },
            })
        })
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Whether the channel has no members.
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// The recipients of a push, by frontend.
    pub fn recipients(&self) -> impl Iterator<Item = (&ServerId, &Arc<[SessionId]>)> {
        self.groups.iter().map(|group| (&group.frontend, &group.sessions))
    }

    /// Counts a push to all members.
    pub fn note_push(&mut self, now: Time) {
        self.pushes += 1;
        *self.pushes_lately.at(now) += 1;
    }

    /// The number of pushes to all members since the channel is on this server.
    pub fn pushes(&self) -> u64 {
        self.pushes
    }

    /// Pushes of these in the last whole second.
    pub fn pushes_per_second(&self, now: Time) -> u32 {
        self.pushes_lately.last(now)
    }

    fn add(&mut self, member: Member) -> Option<SessionKey> {
        let before = self.by_uid.get(&member.uid).cloned();
        match &before {
            Some(session) if *session == member.session => return None,
            // The new session joins at the end, and may be on another frontend.
            Some(session) => drop(self.leave(&member.uid, session)),
            None => {}
        }
        let Member { uid, session } = member;
        let group = match self.groups.iter_mut().position(|group| group.frontend == session.frontend) {
            Some(at) => &mut self.groups[at],
            None => {
                let frontend = session.frontend.clone();
                self.groups.push(Group { frontend, sessions: Arc::default(), uids: Vec::new() });
                self.groups.last_mut().unwrap_or_else(|| unreachable!("a group was just pushed"))
            }
        };
        group.sessions = group.sessions.iter().copied().chain([session.session]).collect();
        group.uids.push(uid.clone());
        self.by_uid.insert(uid, session);
        before
    }

    fn leave(&mut self, uid: &Uid, session: &SessionKey) -> bool {
        if self.by_uid.get(uid) != Some(session) {
            return false;
        }
        self.by_uid.remove(uid);
        let Some(at) = self.groups.iter().position(|group| group.frontend == session.frontend) else {
            return false;
        };
        let group = &mut self.groups[at];
        if let Some(place) = group.uids.iter().position(|member| member == uid) {
            group.uids.remove(place);
            let (before, after) = (&group.sessions[..place], &group.sessions[place + 1..]);
            group.sessions = before.iter().chain(after).copied().collect();
        }
        if group.uids.is_empty() {
            self.groups.remove(at);
        }
        true
    }
}
