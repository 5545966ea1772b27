//! Channels: groups of sessions that hear the same pushes. A chat room is one.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::ids::{ServerId, SessionId, SessionKey, Uid};
use crate::time::{Time, TwoSeconds};

/// The channels of one server, by name. A channel exists while it has members.
#[derive(Default, Debug)]
pub struct Channels {
    /// Only looked up by name, or put into its order: a tree of a hundred thousand names costs a look at a dozen of them.
    by_name: HashMap<Box<str>, Channel>,
    /// Of all channels together.
    members: usize,
}

/// One who hears a channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Member {
    /// Who.
    pub uid: Uid,
    /// On which connection.
    pub session: SessionKey,
}

/// Members stand grouped by frontend, so that a push costs one envelope a frontend and copies no list. Groups
/// stand in the order of their first member, members in the order in which they joined: clients show this order.
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
    /// Shared with pushes on their way, and made anew when it changes: one piece of memory, whose length stands here.
    sessions: Arc<[SessionId]>,
    uids: Vec<Uid>,
}

impl Channels {
    /// Adds a member, and makes the channel if it is the first. A uid is in a channel once: a later session
    /// takes its place. Gives the session that had the place, if there was another.
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

    /// Takes a member out; drops the channel with its last one. False when it was not in it.
    pub fn leave(&mut self, channel: &str, uid: &Uid, session: &SessionKey) -> bool {
        let Some(known) = self.by_name.get_mut(channel) else { return false };
        let left = known.leave(uid, session);
        self.members -= usize::from(left);
        if known.is_empty() {
            self.by_name.remove(channel);
        }
        left
    }

    /// Takes a whole channel out.
    pub fn remove(&mut self, channel: &str) -> Option<Channel> {
        let removed = self.by_name.remove(channel);
        self.members -= removed.as_ref().map_or(0, Channel::len);
        removed
    }

    /// A channel that has members.
    pub fn get(&self, channel: &str) -> Option<&Channel> {
        self.by_name.get(channel)
    }

    /// The same, to note what is done with it.
    pub fn get_mut(&mut self, channel: &str) -> Option<&mut Channel> {
        self.by_name.get_mut(channel)
    }

    /// Names and channels in no order, without the price of one.
    pub fn unordered(&self) -> impl Iterator<Item = (&str, &Channel)> {
        self.by_name.iter().map(|(name, channel)| (&**name, channel))
    }

    /// Names and channels, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Channel)> {
        let mut channels: Vec<(&str, &Channel)> = self.unordered().collect();
        channels.sort_unstable_by_key(|(name, _)| *name);
        channels.into_iter()
    }

    /// Number of channels.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Members of all of them.
    pub fn members(&self) -> usize {
        self.members
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl Channel {
    /// The session of a member.
    pub fn session_of(&self, uid: &str) -> Option<&SessionKey> {
        self.by_uid.get(uid)
    }

    /// The members' uids: by frontend, then in the order in which they came.
    pub fn members(&self) -> impl Iterator<Item = &Uid> {
        self.groups.iter().flat_map(|group| &group.uids)
    }

    /// The same, with their sessions. Added to another channel in this order, they stand there as they do here.
    pub fn with_sessions(&self) -> impl Iterator<Item = Member> {
        self.groups.iter().flat_map(|group| {
            group.uids.iter().zip(&*group.sessions).map(|(uid, session)| Member {
                uid: uid.clone(),
                session: SessionKey { frontend: group.frontend.clone(), session: *session },
            })
        })
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// Who gets a push, by frontend.
    pub fn recipients(&self) -> impl Iterator<Item = (&ServerId, &Arc<[SessionId]>)> {
        self.groups.iter().map(|group| (&group.frontend, &group.sessions))
    }

    /// Something is pushed to all members.
    pub fn note_push(&mut self, now: Time) {
        self.pushes += 1;
        *self.pushes_lately.at(now) += 1;
    }

    /// Pushes to all members since the channel is here.
    pub fn pushes(&self) -> u64 {
        self.pushes
    }

    /// Of these, in the last whole second.
    pub fn pushes_per_second(&self, now: Time) -> u32 {
        self.pushes_lately.last(now)
    }

    fn add(&mut self, member: Member) -> Option<SessionKey> {
        let before = self.by_uid.get(&member.uid).cloned();
        match &before {
            Some(session) if *session == member.session => return None,
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
